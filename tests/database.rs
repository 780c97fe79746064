//! Which database the stories run on: SQLite in their folder, or PostgreSQL when `CHATBOTX_TEST_DATABASE` is `postgres`. The stories are
//! the same.

use std::path::Path;

use chatbotx::app::OpenOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

/// Whether this run is on PostgreSQL.
pub fn is_postgres() -> bool {
    match std::env::var("CHATBOTX_TEST_DATABASE").as_deref() {
        Err(_) | Ok("sqlite") => false,
        Ok("postgres") => true,
        Ok(other) => panic!("CHATBOTX_TEST_DATABASE is {other}: sqlite or postgres"),
    }
}

/// The URL of the server; `variable` names the way to it.
fn server(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

/// The server itself, on which databases are made.
fn direct() -> PgConnectOptions {
    server("CHATBOTX_TEST_POSTGRES")
        .expect("CHATBOTX_TEST_POSTGRES is not set: `eval \"$(./tests/postgres start)\"` starts a server and sets it")
        .parse()
        .expect("a URL of PostgreSQL")
}

/// The database that belongs to a folder; temporary folders have names of their own.
fn name(folder: &Path) -> String {
    let name = folder.file_name().expect("a name").to_string_lossy();
    format!("story_{}", name.bytes().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// The URL of a new database on the server, whatever this run is on.
pub async fn fresh(folder: &Path) -> String {
    let name = name(folder);
    let mut connection = PgConnection::connect_with(&direct()).await.expect("the server of the tests");
    connection.execute(AssertSqlSafe(format!("create database {name}"))).await.expect("made");
    connection.close().await.expect("closed");
    direct().database(&name).to_url_lossy().to_string()
}

/// How a program is opened whose data folder is `folder`. On PostgreSQL its database is made when it is not there.
pub async fn options(folder: &Path) -> OpenOptions {
    let options = OpenOptions::in_folder(folder);
    if !is_postgres() {
        return options;
    }
    let name = name(folder);
    let mut connection = PgConnection::connect_with(&direct()).await.expect("the server of the tests");
    let made = connection.execute(AssertSqlSafe(format!("create database {name}"))).await;
    // 42P04: it is there already.
    let code = made.err().and_then(|error| {
        error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(std::borrow::Cow::into_owned)
    });
    assert!(matches!(code.as_deref(), None | Some("42P04")), "{code:?}");
    connection.close().await.expect("closed");
    let direct_url = direct().database(&name).to_url_lossy().to_string();
    match server("CHATBOTX_TEST_POOLER") {
        None => OpenOptions { database_url: Some(direct_url), ..options },
        Some(pooler) => {
            let pooler: PgConnectOptions = pooler.parse().expect("a URL of PostgreSQL");
            // Names of statements are not kept apart by the pooler of the tests.
            let url = pooler.database(&name).statement_cache_capacity(0).to_url_lossy().to_string();
            OpenOptions { database_url: Some(url), database_listen_url: Some(direct_url), ..options }
        }
    }
}

/// Removes the folder's database.
pub fn remove(folder: &Path) {
    if is_postgres() {
        remove_fresh(folder);
    }
}

/// The same for one that [`fresh`] has made.
pub fn remove_fresh(folder: &Path) {
    let statement = format!("drop database if exists {} with (force)", name(folder));
    let removing = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut connection = PgConnection::connect_with(&direct()).await.expect("the server of the tests");
            // One that stays only takes room until the server's folder goes.
            let _kept = connection.execute(AssertSqlSafe(statement)).await;
        });
    });
    let _ended = removing.join();
}

/// Takes the read tables away from a program that has ended.
pub async fn drop_read_tables(folder: &Path) {
    if is_postgres() {
        let mut connection = connected(folder).await;
        let schema = format!("drop schema {}_{} cascade", projections::SCHEMA, projections::VERSION);
        connection.execute(AssertSqlSafe(schema)).await.expect("dropped");
        return;
    }
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("views")) {
            std::fs::remove_file(path).expect("removed");
        }
    }
}

/// Everything that the log of a program that has ended has stored, as bytes, under names.
pub async fn stored(folder: &Path) -> Vec<(String, Vec<u8>)> {
    if !is_postgres() {
        let names = ["events.db", "events.db-wal"];
        return names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::fs::read(folder.join(name)).ok()?)))
            .collect();
    }
    let mut connection = connected(folder).await;
    let columns: Vec<(String, String, bool)> = sqlx::query_as(
        "select table_name::text, column_name::text, data_type = 'bytea' from information_schema.columns
         where table_schema = 'chatbotx_log' order by 1, 2",
    )
    .fetch_all(&mut connection)
    .await
    .expect("columns");
    let mut stored = Vec::new();
    for (table, column, is_bytes) in columns {
        let value = if is_bytes { column.clone() } else { format!("convert_to({column}::text, 'UTF8')") };
        let sql = format!("select coalesce(string_agg({value}, ' '::bytea), '') from chatbotx_log.{table}");
        let (bytes,): (Vec<u8>,) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut connection).await.expect("bytes");
        stored.push((format!("{table}.{column}"), bytes));
    }
    stored
}

async fn connected(folder: &Path) -> PgConnection {
    PgConnection::connect_with(&direct().database(&name(folder))).await.expect("the story's database")
}

/// Keeps the read tables from following, until the connection is dropped.
pub async fn hold_read_tables(folder: &Path) -> Box<dyn std::any::Any> {
    if is_postgres() {
        let mut connection = connected(folder).await;
        let (schema, version) = (projections::SCHEMA, projections::VERSION);
        let hold = format!("begin; select 1 from {schema}_{version}.checkpoints for update");
        connection.execute(sqlx::raw_sql(AssertSqlSafe(hold))).await.expect("held");
        return Box::new(connection);
    }
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("views.db"));
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("the read tables");
    connection.execute("begin immediate").await.expect("held");
    Box::new(connection)
}
