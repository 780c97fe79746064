//! The file of a log looked at without changing it: for who wants to know what is wrong with it before it is opened.

use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Row};

use super::check_version;
use crate::event_log::append::LogError;
use crate::event_log::sealing::MasterKey;

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite/log");

/// How the tables in a file stand to this version of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// They are its own.
    Known,
    /// An older version made them: they are brought up to date when the log is opened.
    Older,
    /// They have something that this version does not know.
    Foreign,
}

/// What was found in the file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The version of SQLite that this program is linked with.
    pub sqlite: String,
    /// Why that version must not be used; nothing when it may.
    pub unsound: Option<String>,
    /// What the database's own quick check finds; nothing when the file is sound.
    pub damage: Option<String>,
    /// How its tables stand to this program.
    pub tables: Tables,
    /// Whether the log was written under the key at hand; nothing when that cannot be told.
    pub key_fits: Option<bool>,
}

/// Looks at the file at `path`. The caller sees to it that no other process has it open.
///
/// # Errors
/// When it is not there, or no database.
pub async fn inspect(path: &Path, key: Option<&MasterKey>) -> Result<Inspection, LogError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let (sqlite,): (String,) = sqlx::query_as("select sqlite_version()").fetch_one(&mut connection).await?;
    let (checked,): (String,) = sqlx::query_as("pragma quick_check(1)").fetch_one(&mut connection).await?;
    let tables = tables(&mut connection).await?;
    let written_under: Option<(Vec<u8>,)> =
        sqlx::query_as("select value from log_properties where name = 'master_key_check'")
            .fetch_optional(&mut connection)
            .await
            .unwrap_or_default();
    connection.close().await?;
    Ok(Inspection {
        unsound: check_version(&sqlite).err().map(|error| error.to_string()),
        sqlite,
        damage: (checked != "ok").then_some(checked),
        tables,
        key_fits: key.zip(written_under).map(|(key, (check,))| key.check_value().as_slice() == check),
    })
}

async fn tables(connection: &mut SqliteConnection) -> Result<Tables, LogError> {
    let rows = match sqlx::query("select version, checksum from _sqlx_migrations order by version")
        .fetch_all(connection)
        .await
    {
        Ok(rows) => rows,
        Err(sqlx::Error::Database(_)) => return Ok(Tables::Foreign),
        Err(error) => return Err(error.into()),
    };
    let mut known = MIGRATIONS.iter();
    for row in &rows {
        let (version, checksum): (i64, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
        let fits = known.next().is_some_and(|one| one.version == version && *one.checksum == *checksum);
        if !fits {
            return Ok(Tables::Foreign);
        }
    }
    Ok(if known.next().is_none() { Tables::Known } else { Tables::Older })
}
