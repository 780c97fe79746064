//! How far the read tables of a workspace have come, and the hash of the event they have come to: tables whose hash is not that
//! of the log belong to another log (a restored backup) and are to be thrown away.

use std::collections::{BTreeMap, BTreeSet};

use aggregates::ids::WorkspaceId;

use crate::cell::decode;
use crate::database::{Arguments, Connection, Database, Error, Row, is_locked};
use crate::sql::Sql;

/// The group of tables that moves together.
pub const GROUP: &str = "workspace_tables";

/// The version of what the tables hold. Raised whenever the same events would fold into other rows; older files are then rebuilt.
pub const VERSION: u32 = 3;

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
    // Where folding has only just begun, PostgreSQL holds a row already, to be locked.
    read(connection, Sql::new(" and position > 0")).await
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
    rows.iter().map(from_row).collect()
}

fn from_row(row: &Row) -> Result<Checkpoint, Error> {
    let hash = row.value(2)?.bytes().map_err(Error::Decode)?;
    let leaf_hash = hash.try_into().map_err(|_| Error::Decode("a leaf hash has 32 bytes".into()))?;
    Ok(Checkpoint { workspace: decode(row, 0)?, position: decode(row, 1)?, leaf_hash })
}

/// Whether a checkpoint of another version stands among the tables.
pub async fn other_version(connection: &mut Connection) -> Result<Option<u64>, Error> {
    let sql = Sql::new("select version from checkpoints where projection_group = ").bind(&GROUP.to_owned());
    sql.push(" and version <> ").bind(&u64::from(VERSION)).push(" limit 1").value(connection).await
}

/// What to do when another process holds the checkpoints of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Wait until it has folded its page.
    Wait,
    /// Give up.
    Leave,
}

/// Why checkpoints could not be held.
pub enum NotHeld {
    /// Another process holds one of them.
    Busy,
    /// The tables are of another version.
    OtherVersion(u64),
    /// The database failed.
    Database(Error),
}

impl From<Error> for NotHeld {
    fn from(error: Error) -> Self {
        if is_locked(&error) { Self::Busy } else { Self::Database(error) }
    }
}

/// The checkpoints of `workspaces`, held until the transaction ends: nobody else folds into their tables meanwhile. SQLite's write
/// transaction does that by itself.
pub async fn hold(
    connection: &mut Connection,
    workspaces: &BTreeSet<WorkspaceId>,
    held: Held,
) -> Result<BTreeMap<WorkspaceId, Checkpoint>, NotHeld> {
    let mut places = BTreeMap::new();
    if connection.database() == Database::Sqlite {
        for workspace in workspaces {
            places.insert(*workspace, of(connection, *workspace).await?);
        }
        return Ok(places);
    }
    let mut rows = lock(connection, workspaces, held).await?;
    if rows.len() < workspaces.len() {
        begin(connection, workspaces).await?;
        rows = lock(connection, workspaces, held).await?;
    }
    for row in &rows {
        let version: u64 = decode(row, 3)?;
        if version != u64::from(VERSION) {
            return Err(NotHeld::OtherVersion(version));
        }
        let place = from_row(row)?;
        places.insert(place.workspace, place);
    }
    Ok(places)
}

fn texts(workspaces: impl IntoIterator<Item = WorkspaceId>) -> Vec<String> {
    workspaces.into_iter().map(|workspace| workspace.to_string()).collect()
}

/// In the order of their ids, so that two processes with two workspaces never wait for each other.
async fn lock(connection: &mut Connection, workspaces: &BTreeSet<WorkspaceId>, held: Held) -> Result<Vec<Row>, Error> {
    let mut arguments = Arguments::new(Database::Postgres);
    arguments.add(GROUP.to_owned())?;
    arguments.add_array(texts(workspaces.iter().copied()))?;
    let text = "select workspace, position, leaf_hash, version from checkpoints
        where projection_group = $1 and workspace = any($2) order by workspace for update";
    let nowait = if held == Held::Leave { " nowait" } else { "" };
    connection.fetch(format!("{text}{nowait}"), arguments).await
}

/// Puts in the rows that are missing, so that there is something to lock.
async fn begin(connection: &mut Connection, workspaces: &BTreeSet<WorkspaceId>) -> Result<(), Error> {
    let mut arguments = Arguments::new(Database::Postgres);
    arguments.add(GROUP.to_owned())?;
    arguments.add_array(texts(workspaces.iter().copied()))?;
    arguments.add(i64::from(VERSION))?;
    arguments.add(vec![0_u8; 32])?;
    let text = "insert into checkpoints (projection_group, workspace, version, position, leaf_hash)
        select $1, w, $3, 0, $4 from unnest($2::text[]) w order by w on conflict do nothing";
    connection.execute(text.to_owned(), arguments).await
}

/// Moves them.
pub async fn set(connection: &mut Connection, checkpoints: &[&Checkpoint]) -> Result<(), Error> {
    let position = |checkpoint: &Checkpoint| i64::try_from(checkpoint.position).unwrap_or(i64::MAX);
    let insert = "insert into checkpoints (projection_group, workspace, version, position, leaf_hash)";
    let update = "on conflict (projection_group, workspace) do update
        set version = excluded.version, position = excluded.position, leaf_hash = excluded.leaf_hash";
    match connection.database() {
        Database::Sqlite => {
            for checkpoint in checkpoints {
                let mut arguments = Arguments::new(Database::Sqlite);
                arguments.add(GROUP.to_owned())?;
                arguments.add(checkpoint.workspace.to_string())?;
                arguments.add(i64::from(VERSION))?;
                arguments.add(position(checkpoint))?;
                arguments.add(checkpoint.leaf_hash.to_vec())?;
                connection.execute(format!("{insert} values ($1, $2, $3, $4, $5) {update}"), arguments).await?;
            }
            Ok(())
        }
        Database::Postgres if checkpoints.is_empty() => Ok(()),
        Database::Postgres => {
            let mut arguments = Arguments::new(Database::Postgres);
            arguments.add(GROUP.to_owned())?;
            arguments.add(i64::from(VERSION))?;
            arguments.add_array(texts(checkpoints.iter().map(|checkpoint| checkpoint.workspace)))?;
            arguments.add_array(checkpoints.iter().map(|checkpoint| position(checkpoint)).collect::<Vec<_>>())?;
            arguments.add_array(checkpoints.iter().map(|end| end.leaf_hash.to_vec()).collect::<Vec<_>>())?;
            let rows = "select $1, w, $2, p, h from unnest($3::text[], $4::bigint[], $5::bytea[]) e (w, p, h)";
            connection.execute(format!("{insert} {rows} {update}"), arguments).await
        }
    }
}
