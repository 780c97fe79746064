//! The file of a log looked at without changing it: for who wants to know what is wrong with it before it is opened.

use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Row};

use super::check_version;
use crate::event_log::append::LogError;
use crate::event_log::inspection::{Inspection, Tables};
use crate::event_log::sealing::MasterKey;

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite/log");

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
        database: format!("SQLite {sqlite}"),
        damage: (checked != "ok").then_some(checked),
        tables: Some(tables),
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
