//! PostgreSQL under test: a database for each folder, on the server that the environment names.

use std::path::Path;
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use super::Subject;
use crate::event_log::postgres::PostgresLog;
use crate::event_log::store::LogStore;

pub(super) struct Postgres;

/// The server of the tests.
///
/// # Panics
/// Without one: what only one database was tried with does not count as tested.
pub(super) fn server() -> PgConnectOptions {
    std::env::var("CHATBOTX_TEST_POSTGRES")
        .expect("CHATBOTX_TEST_POSTGRES is not set: `eval \"$(./tests/postgres start)\"` starts a server and sets it")
        .parse()
        .expect("a URL of PostgreSQL")
}

/// The database that belongs to a folder; temporary folders have names of their own.
pub(super) fn database(folder: &Path) -> String {
    let name = folder.file_name().expect("a name").to_string_lossy();
    let plain: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("contract_{plain}")
}

/// The URL of the folder's database, which is made when it is not there.
pub(in crate::event_log) async fn url(folder: &Path) -> String {
    let name = database(folder);
    let mut connection = PgConnection::connect_with(&server()).await.expect("the server of the tests");
    let made = connection.execute(AssertSqlSafe(format!("create database {name}"))).await;
    // 42P04: it is there already.
    let code = made.err().map(|error| {
        error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned()
    });
    assert!(matches!(code.as_deref(), None | Some("42P04")), "{code:?}");
    connection.close().await.expect("closed");
    server().database(&name).to_url_lossy().to_string()
}

/// How the log gets to the folder's database: through a pooler, when the environment names one, and its own listener past it.
async fn ways(folder: &Path) -> (String, Option<String>) {
    let direct = url(folder).await;
    let Ok(pooler) = std::env::var("CHATBOTX_TEST_POOLER") else { return (direct, None) };
    let pooler: PgConnectOptions = pooler.parse().expect("a URL of PostgreSQL");
    // The pooler of the tests does not keep the names of statements apart.
    let pooled = pooler.database(&database(folder)).statement_cache_capacity(0).to_url_lossy().to_string();
    (pooled, Some(direct))
}

/// What SQLite's functions are called here.
const DIALECT: [(&str, &str); 9] = [
    (
        "cast(replace(cast(payload as text), 'VIP', 'VAP') as blob)",
        "convert_to(replace(convert_from(payload, 'UTF8'), 'VIP', 'VAP'), 'UTF8')",
    ),
    ("cast('{}' as blob)", "'\\x7b7d'::bytea"),
    ("zeroblob(32)", "decode(repeat('00', 32), 'hex')"),
    ("zeroblob(64)", "decode(repeat('00', 64), 'hex')"),
    ("zeroblob(96)", "decode(repeat('00', 96), 'hex')"),
    ("x'00'", "'\\x00'::bytea"),
    ("x'7b7d'", "'\\x7b7d'::bytea"),
    ("randomblob(16)", "gen_random_uuid()"),
    ("randomblob(32)", "sha256(gen_random_uuid()::text::bytea)"),
];

impl Subject for Postgres {
    async fn open(folder: &Path) -> Arc<dyn LogStore> {
        let (url, listen_url) = ways(folder).await;
        Arc::new(PostgresLog::open(&url, listen_url.as_deref()).await.expect("opened"))
    }

    async fn tamper(folder: &Path, sql: &str) -> Result<(), sqlx::Error> {
        let mut sql = DIALECT.iter().fold(sql.to_owned(), |sql, (theirs, ours)| sql.replace(theirs, ours));
        for trigger in ["events_are_never_updated", "events_are_never_deleted"] {
            sql = sql.replace(&format!("drop trigger {trigger}"), &format!("drop trigger {trigger} on events"));
        }
        let options = server().database(&database(folder)).options([("search_path", "chatbotx_log")]);
        let mut connection = PgConnection::connect_with(&options).await.expect("opened");
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
        connection.close().await
    }
}
