//! The database of a log looked at without changing it: for who wants to know what is wrong with it before it is opened.

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::OLDEST_SERVER;
use super::migrations::{self, MIGRATIONS};
use crate::event_log::append::LogError;
use crate::event_log::inspection::{Inspection, Tables};
use crate::event_log::sealing::MasterKey;

/// Looks at the database at `url`.
///
/// # Errors
/// When it cannot be reached.
pub async fn inspect_server(url: &str, key: Option<&MasterKey>) -> Result<Inspection, LogError> {
    let options: PgConnectOptions = url.parse()?;
    let mut connection = PgConnection::connect_with(&options).await?;
    let (version, number, fsync): (String, i32, String) = sqlx::query_as(
        "select current_setting('server_version'), current_setting('server_version_num')::integer, current_setting('fsync')",
    )
    .fetch_one(&mut connection)
    .await?;
    let unsound = if number < OLDEST_SERVER {
        Some(format!("PostgreSQL {version} is too old; 15 is the oldest that will do"))
    } else if fsync != "on" {
        Some(format!("the server runs with fsync = {fsync}: a crash of its machine can lose what was acknowledged"))
    } else {
        None
    };
    let tables = tables(&mut connection).await?;
    let written_under: Option<(Vec<u8>,)> =
        sqlx::query_as("select value from chatbotx_log.log_properties where name = 'master_key_check'")
            .fetch_optional(&mut connection)
            .await
            .unwrap_or_default();
    connection.close().await?;
    Ok(Inspection {
        database: format!("PostgreSQL {version}"),
        unsound,
        // The server checks its own pages (data_checksums, pg_amcheck); nothing of that can be asked over a connection.
        damage: None,
        tables,
        key_fits: key.zip(written_under).map(|(key, (check,))| key.check_value().as_slice() == check),
    })
}

async fn tables(connection: &mut PgConnection) -> Result<Option<Tables>, LogError> {
    if !migrations::is_made(connection).await? {
        return Ok(None);
    }
    let applied = migrations::applied(connection).await?;
    let is_known = |(version, checksum): (&i64, &Vec<u8>)| {
        MIGRATIONS.iter().any(|known| known.version == *version && *known.checksum == **checksum)
    };
    Ok(Some(if !applied.iter().all(is_known) {
        Tables::Foreign
    } else if applied.len() == MIGRATIONS.iter().count() {
        Tables::Known
    } else {
        Tables::Older
    }))
}
