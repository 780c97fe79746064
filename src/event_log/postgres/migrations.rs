//! The log's tables made and brought up to date, by one process at a time, in one transaction.
//!
//! The driver's own migrator takes a lock of the session and gives its statements names: neither works behind a pooler.

use std::collections::BTreeMap;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Executor, Row};

use super::OLDEST_SERVER;
use crate::event_log::append::LogError;

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres/log");

/// Held by whoever brings the tables up to date: the letters of the product's name, which no other program takes.
const LOCK: &str = "select pg_advisory_xact_lock(x'00436861745862'::bit(56)::bigint)";

const SCHEMA: &str = "create schema if not exists chatbotx_log;
    create table if not exists chatbotx_log._migrations (
        version bigint not null primary key,
        description text not null,
        made_at timestamptz not null default now(),
        checksum bytea not null
    )";

/// Looks at the server, then makes what is missing.
pub(super) async fn run(pool: &PgPool) -> Result<(), LogError> {
    let mut transaction = pool.begin().await?;
    look(&mut transaction).await?;
    transaction.execute(sqlx::raw_sql(LOCK)).await?;
    let refused = |error| LogError::Damaged(format!("the log's tables cannot be brought up to date: {error}"));
    if !is_made(&mut transaction).await? {
        transaction.execute(sqlx::raw_sql(SCHEMA)).await.map_err(refused)?;
    }
    let applied = applied(&mut transaction).await?;
    for (version, checksum) in &applied {
        if !MIGRATIONS.iter().any(|known| known.version == *version && *known.checksum == **checksum) {
            let what = "the log's tables are not known to this version of the program: a newer one has changed them";
            return Err(LogError::Damaged(what.to_owned()));
        }
    }
    for migration in MIGRATIONS.iter().filter(|migration| !applied.contains_key(&migration.version)) {
        transaction.execute(sqlx::raw_sql(migration.sql.clone())).await.map_err(refused)?;
        sqlx::query("insert into chatbotx_log._migrations (version, description, checksum) values ($1, $2, $3)")
            .persistent(false)
            .bind(migration.version)
            .bind(migration.description.as_ref())
            .bind(migration.checksum.as_ref())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn look(connection: &mut PgConnection) -> Result<(), LogError> {
    let row = sqlx::query("select current_setting('server_version_num')::integer, current_setting('fsync')")
        .persistent(false)
        .fetch_one(connection)
        .await?;
    let (version, fsync): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
    if version < OLDEST_SERVER {
        let what = format!("the server is PostgreSQL {}; 15 is the oldest that will do", version / 10_000);
        return Err(LogError::Damaged(what));
    }
    if fsync != "on" {
        tracing::error!(%fsync, "PostgreSQL runs without fsync: a crash of its machine can lose what was acknowledged");
    }
    Ok(())
}

/// Whether there is a log in the database. Asked first: a role that may use the schema need not be one that may make it.
pub(super) async fn is_made(connection: &mut PgConnection) -> Result<bool, LogError> {
    let row = sqlx::query("select to_regclass('chatbotx_log._migrations') is not null")
        .persistent(false)
        .fetch_one(connection)
        .await?;
    Ok(row.try_get(0)?)
}

/// The migrations that were made, with their checksums.
pub(super) async fn applied(connection: &mut PgConnection) -> Result<BTreeMap<i64, Vec<u8>>, LogError> {
    let rows = sqlx::query("select version, checksum from chatbotx_log._migrations")
        .persistent(false)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
