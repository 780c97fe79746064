//! How far the read tables of a workspace have come, and the hash of the event they have come to: tables whose hash is not that
//! of the log belong to another log (a restored backup) and are to be thrown away.

use aggregates::ids::WorkspaceId;
use sqlx::Executor as _;

use crate::cell::decode;
use crate::database::{Connection, Error};
use crate::sql::Sql;

/// The group of tables that moves together.
pub const GROUP: &str = "workspace_tables";

/// The version of what the tables hold. Raised whenever the same events would fold into other rows; older files are then rebuilt.
pub const VERSION: u32 = 2;

/// How far the tables of a workspace have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The position of the last event folded; 0 before the first.
    pub position: u64,
    /// The leaf hash of that event; zeros before the first.
    pub leaf_hash: [u8; 32],
}

impl Checkpoint {
    /// Before the first event.
    #[must_use]
    pub const fn zero(workspace: WorkspaceId) -> Self {
        Self { workspace, position: 0, leaf_hash: [0; 32] }
    }
}

/// All of them, by workspace.
pub async fn all(connection: &mut Connection) -> Result<Vec<Checkpoint>, Error> {
    read(connection, Sql::new("")).await
}

/// That of one workspace.
pub async fn of(connection: &mut Connection, workspace: WorkspaceId) -> Result<Checkpoint, Error> {
    let found = read(connection, Sql::new(" and workspace = ").bind(&workspace)).await?;
    Ok(found.into_iter().next().unwrap_or(Checkpoint::zero(workspace)))
}

async fn read(connection: &mut Connection, and: Sql) -> Result<Vec<Checkpoint>, Error> {
    let sql = Sql::new("select workspace, position, leaf_hash from checkpoints where projection_group = ")
        .bind(&GROUP.to_owned())
        .append(and)
        .push(" order by workspace");
    let rows = sql.raw(connection).await?;
    rows.iter()
        .map(|row| {
            let hash: Vec<u8> = sqlx::Row::try_get(row, 2)?;
            let leaf_hash = hash.try_into().map_err(|_| Error::Decode("a leaf hash has 32 bytes".into()))?;
            Ok(Checkpoint { workspace: decode(row, 0)?, position: decode(row, 1)?, leaf_hash })
        })
        .collect()
}

/// Whether a checkpoint of another version stands in the file.
pub async fn other_version(connection: &mut Connection) -> Result<Option<u64>, Error> {
    let sql = Sql::new("select version from checkpoints where projection_group = ").bind(&GROUP.to_owned());
    sql.push(" and version <> ").bind(&u64::from(VERSION)).push(" limit 1").value(connection).await
}

/// Moves one.
pub async fn set(connection: &mut Connection, checkpoint: &Checkpoint) -> Result<(), Error> {
    let query = sqlx::query(
        "insert into checkpoints (projection_group, workspace, version, position, leaf_hash) values ($1, $2, $3, $4, $5)
         on conflict (projection_group, workspace) do update
         set version = excluded.version, position = excluded.position, leaf_hash = excluded.leaf_hash",
    )
    .bind(GROUP)
    .bind(checkpoint.workspace.to_string())
    .bind(i64::from(VERSION))
    .bind(i64::try_from(checkpoint.position).unwrap_or(i64::MAX))
    .bind(checkpoint.leaf_hash.to_vec());
    connection.execute(query).await.map(|_| ())
}
