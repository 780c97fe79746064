//! Rows of the shape of our log, without what makes them a log: the bare INSERTs write them into tables that our own migrations made.

use std::time::SystemTime;

use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use uuid::Uuid;

use super::commands::{AddTag, CONTACTS, Commands};
use crate::ours::new_database;
use crate::{Outcome, Settings};

const POSTGRES_TABLES: &str = include_str!("../../../../migrations/postgres/log/0001_log.sql");
const SQLITE_TABLES: &str = include_str!("../../../../migrations/sqlite/log/0001_event_log.sql");

/// The rows of one side, over all its turns.
pub struct Rows {
    workspace: Uuid,
    commands: Commands,
}

/// One event, as our log would keep it.
pub struct Row {
    /// The same in every row.
    pub workspace: Uuid,
    /// From 1, without a gap.
    pub position: i64,
    /// `contact`.
    pub stream_type: &'static str,
    /// The contact, which is the subject as well.
    pub stream_id: Uuid,
    /// From 1 in each stream.
    pub sequence: i64,
    /// Of its own.
    pub event_id: Uuid,
    /// As ours is called.
    pub event_type: &'static str,
    /// 1.
    pub event_version: i32,
    /// As ours is, unsealed.
    pub payload: Vec<u8>,
    /// As ours is.
    pub metadata: Vec<u8>,
    /// Microseconds since the epoch.
    pub recorded_at: i64,
    /// As long as a hash; nobody checks this one.
    pub leaf_hash: Vec<u8>,
}

impl Default for Rows {
    fn default() -> Self {
        Self { workspace: Uuid::now_v7(), commands: Commands::default() }
    }
}

impl Rows {
    /// The next one.
    pub fn take(&self) -> Outcome<Row> {
        let command = self.commands.take();
        let call = Uuid::now_v7().to_string();
        let metadata = json!({
            "actor": {"kind": "local", "id": "local"}, "operation": "add_contact_tags", "requestId": call, "correlationId": call,
        });
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let AddTag { contact, number } = command;
        Ok(Row {
            workspace: self.workspace,
            position: i64::try_from(number)? + 1,
            stream_type: "contact",
            stream_id: contact,
            sequence: i64::try_from(number / CONTACTS)? + 1,
            event_id: Uuid::now_v7(),
            event_type: "ContactTagsAdded",
            event_version: 1,
            payload: serde_json::to_vec(&json!({"type": "ContactTagsAdded", "tags": [command.tag()]}))?,
            metadata: serde_json::to_vec(&metadata)?,
            recorded_at: i64::try_from(now.as_micros())?,
            leaf_hash: [Uuid::now_v7().into_bytes(), contact.into_bytes()].concat(),
        })
    }
}

/// Makes a database with the tables of our log on the server of the run; gives its URL.
pub async fn on_postgres(settings: &Settings, name: &str) -> Outcome<String> {
    let url = new_database(settings, name).await?;
    let mut connection = PgConnection::connect(&url).await?;
    connection.execute("create schema chatbotx_log").await?;
    connection.execute(AssertSqlSafe(POSTGRES_TABLES)).await?;
    connection.close().await?;
    Ok(url)
}

/// Makes a file with the tables of our log; gives a connection that flushes every commit.
pub async fn on_sqlite(settings: &Settings, name: &str) -> Outcome<SqliteConnection> {
    let mut connection = SqliteConnectOptions::new()
        .filename(super::new_file(settings, name)?)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .connect()
        .await?;
    connection.execute(AssertSqlSafe(SQLITE_TABLES)).await?;
    Ok(connection)
}
