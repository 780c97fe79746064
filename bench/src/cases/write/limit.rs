//! What the database takes at most: one writer that inserts 256 rows in each transaction and decides, hashes and answers nothing.

use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, PgConnection, QueryBuilder, Sqlite};

use super::rows::{self, Row, Rows};
use crate::latencies::Measured;
use crate::{Outcome, Settings};

/// Rows in each transaction.
pub const ROWS: usize = 256;

const INTO_POSTGRES: &str = "insert into chatbotx_log.events (workspace, position, stream_type, stream_id, sequence, event_id, event_type,
    event_version, subject, payload, metadata, recorded_at, leaf_hash)
    select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::bigint[], $6::uuid[], $7::text[], $8::integer[], $9::uuid[],
        $10::bytea[], $11::bytea[], $12::bigint[], $13::bytea[])";
const INTO_SQLITE: &str =
    "insert into events (workspace, position, stream_type, stream_id, sequence, event_id, event_type, event_version,
    subject, payload, metadata, recorded_at, leaf_hash) ";

/// The writer.
pub struct Limit {
    rows: Rows,
    writer: Writer,
}

enum Writer {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Limit {
    /// On PostgreSQL.
    pub async fn on_postgres(settings: &Settings) -> Outcome<Self> {
        let url = rows::on_postgres(settings, "write_limit").await?;
        Ok(Self { rows: Rows::default(), writer: Writer::Postgres(PgConnection::connect(&url).await?) })
    }

    /// On SQLite.
    pub async fn on_sqlite(settings: &Settings) -> Outcome<Self> {
        let writer = rows::on_sqlite(settings, "write_limit").await?;
        Ok(Self { rows: Rows::default(), writer: Writer::Sqlite(writer) })
    }

    /// A turn: rows in a second, and the times of whole transactions.
    pub async fn measure(&mut self, seconds: f64) -> Outcome<Measured> {
        let (began, length) = (Instant::now(), Duration::from_secs_f64(seconds));
        let mut times = Vec::new();
        while began.elapsed() < length {
            let rows: Outcome<Vec<Row>> = (0..ROWS).map(|_| self.rows.take()).collect();
            let sent = Instant::now();
            match &mut self.writer {
                Writer::Postgres(connection) => into_postgres(connection, &rows?).await?,
                Writer::Sqlite(connection) => into_sqlite(connection, rows?).await?,
            }
            times.push(sent.elapsed());
        }
        let transactions = Measured::of(began.elapsed(), times);
        Ok(Measured { per_second: transactions.per_second * ROWS as f64, ..transactions })
    }
}

async fn into_postgres(connection: &mut PgConnection, rows: &[Row]) -> Outcome<()> {
    sqlx::query(INTO_POSTGRES)
        .bind(rows.iter().map(|row| row.workspace).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.position).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.stream_type).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.stream_id).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.sequence).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.event_id).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.event_type).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.event_version).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.stream_id).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.payload.as_slice()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.metadata.as_slice()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.recorded_at).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.leaf_hash.as_slice()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn into_sqlite(connection: &mut SqliteConnection, rows: Vec<Row>) -> Outcome<()> {
    let mut query = QueryBuilder::<Sqlite>::new(INTO_SQLITE);
    query.push_values(rows, |mut values, row| {
        values
            .push_bind(row.workspace)
            .push_bind(row.position)
            .push_bind(row.stream_type)
            .push_bind(row.stream_id)
            .push_bind(row.sequence)
            .push_bind(row.event_id)
            .push_bind(row.event_type)
            .push_bind(row.event_version)
            .push_bind(row.stream_id)
            .push_bind(row.payload)
            .push_bind(row.metadata)
            .push_bind(row.recorded_at)
            .push_bind(row.leaf_hash);
    });
    query.build().execute(connection).await?;
    Ok(())
}
