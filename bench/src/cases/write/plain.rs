//! What many applications do instead: one INSERT for each call, in a transaction of its own.

use std::sync::Arc;

use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::Mutex;

use super::callers::measure;
use super::rows::{self, Rows};
use crate::latencies::Measured;
use crate::{Outcome, Settings};

/// More connections than this an application does not hold, however many its callers are.
const MOST_CONNECTIONS: usize = 100;

const INTO_POSTGRES: &str = "insert into chatbotx_log.events (workspace, position, stream_type, stream_id, sequence, event_id, event_type,
    event_version, subject, payload, metadata, recorded_at, leaf_hash) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
const INTO_SQLITE: &str =
    "insert into events (workspace, position, stream_type, stream_id, sequence, event_id, event_type,
    event_version, subject, payload, metadata, recorded_at, leaf_hash) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// An INSERT with its values. The two databases' queries are two types.
macro_rules! insert {
    ($sql:expr, $row:expr) => {
        sqlx::query($sql)
            .bind($row.workspace)
            .bind($row.position)
            .bind($row.stream_type)
            .bind($row.stream_id)
            .bind($row.sequence)
            .bind($row.event_id)
            .bind($row.event_type)
            .bind($row.event_version)
            .bind($row.stream_id)
            .bind($row.payload)
            .bind($row.metadata)
            .bind($row.recorded_at)
            .bind($row.leaf_hash)
    };
}

/// On PostgreSQL, through a pool.
pub struct OnPostgres {
    url: String,
    rows: Arc<Rows>,
}

impl OnPostgres {
    /// Makes its database.
    pub async fn open(settings: &Settings) -> Outcome<Self> {
        Ok(Self { url: rows::on_postgres(settings, "write_plain").await?, rows: Arc::default() })
    }

    /// A turn, with a connection for each caller, up to 100; they are closed afterwards.
    pub async fn measure(&self, callers: usize, seconds: f64) -> Outcome<Measured> {
        let connections = u32::try_from(callers.min(MOST_CONNECTIONS))?;
        let options = PgPoolOptions::new().max_connections(connections).min_connections(connections);
        let pool = options.test_before_acquire(false).connect(&self.url).await?;
        let (used, rows) = (pool.clone(), Arc::clone(&self.rows));
        let measured = measure(callers, seconds, move || {
            let (pool, row) = (used.clone(), rows.take());
            async move {
                let row = row?;
                insert!(INTO_POSTGRES, row).execute(&pool).await?;
                Ok(())
            }
        })
        .await;
        pool.close().await;
        measured
    }
}

/// On SQLite, which has one writer at a time: callers wait for the connection rather than for the lock of the file.
pub struct OnSqlite {
    writer: Arc<Mutex<SqliteConnection>>,
    rows: Arc<Rows>,
}

impl OnSqlite {
    /// Makes its file.
    pub async fn open(settings: &Settings) -> Outcome<Self> {
        let writer = rows::on_sqlite(settings, "write_plain").await?;
        Ok(Self { writer: Arc::new(Mutex::new(writer)), rows: Arc::default() })
    }

    /// A turn.
    pub async fn measure(&self, callers: usize, seconds: f64) -> Outcome<Measured> {
        let (writer, rows) = (Arc::clone(&self.writer), Arc::clone(&self.rows));
        measure(callers, seconds, move || {
            let (writer, row) = (Arc::clone(&writer), rows.take());
            async move {
                let row = row?;
                insert!(INTO_SQLITE, row).execute(&mut *writer.lock().await).await?;
                Ok(())
            }
        })
        .await
    }
}
