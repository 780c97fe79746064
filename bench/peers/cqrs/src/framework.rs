//! `CqrsFramework` over postgres-es and over sqlite-es: a command loads its contact's events, decides and commits.

use std::sync::Arc;

use cqrs_es::CqrsFramework;
use cqrs_es::persist::{PersistedEventRepository, PersistedEventStore};
use postgres_es::postgres_cqrs;
use sqlite_es::sqlite_cqrs;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::callers::measure;
use crate::commands::Commands;
use crate::contact::{AddTags, Contact, metadata};
use crate::latencies::Measured;
use crate::{Outcome, Turn};

/// Those of sqlite-es' own `default_sqlite_pool`.
const SQLITE_CONNECTIONS: u32 = 10;

/// postgres-es' own tables.
const POSTGRES_EVENTS: &str = "create table events (
    aggregate_type text not null,
    aggregate_id text not null,
    sequence bigint check (sequence >= 0) not null,
    event_type text not null,
    event_version text not null,
    payload json not null,
    metadata json not null,
    primary key (aggregate_type, aggregate_id, sequence)
)";
/// sqlite-es' own.
const SQLITE_EVENTS: &str = "create table events (
    aggregate_type text not null,
    aggregate_id text not null,
    sequence integer check (sequence >= 0) not null,
    event_type text not null,
    event_version text not null,
    payload text not null,
    metadata text not null,
    primary key (aggregate_type, aggregate_id, sequence)
) strict";

/// postgres-es.
pub struct Postgres {
    url: String,
    most_connections: usize,
    commands: Arc<Commands>,
}

impl Postgres {
    /// Makes its table.
    pub async fn open(url: &str, most_connections: usize) -> Outcome<Self> {
        let pool = PgPoolOptions::new().max_connections(1).connect(url).await?;
        sqlx::query(POSTGRES_EVENTS).execute(&pool).await?;
        pool.close().await;
        Ok(Self { url: url.to_owned(), most_connections, commands: Arc::default() })
    }

    /// A turn, with a connection for each caller, up to the most; they are closed afterwards.
    pub async fn measure(&self, turn: Turn) -> Outcome<Measured> {
        let connections = u32::try_from(turn.callers.min(self.most_connections))?;
        let options = PgPoolOptions::new().max_connections(connections).min_connections(connections);
        let pool = options.connect(&self.url).await?;
        let measured = through(postgres_cqrs(pool.clone(), Vec::new(), ()), &self.commands, turn).await;
        pool.close().await;
        measured
    }
}

/// sqlite-es.
pub struct Sqlite {
    options: SqliteConnectOptions,
    commands: Arc<Commands>,
}

impl Sqlite {
    /// Makes its file and its table. The options are those of `default_sqlite_pool`, which has `synchronous` at NORMAL.
    pub async fn open(file: &str, synchronous: SqliteSynchronous) -> Outcome<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        sqlx::query(SQLITE_EVENTS).execute(&pool).await?;
        pool.close().await;
        Ok(Self { options, commands: Arc::default() })
    }

    /// A turn.
    pub async fn measure(&self, turn: Turn) -> Outcome<Measured> {
        let pool =
            SqlitePoolOptions::new().max_connections(SQLITE_CONNECTIONS).connect_with(self.options.clone()).await?;
        let measured = through(sqlite_cqrs(pool.clone(), Vec::new(), ()), &self.commands, turn).await;
        pool.close().await;
        measured
    }
}

type Framework<R> = CqrsFramework<Contact, PersistedEventStore<R, Contact>>;

async fn through<R>(framework: Framework<R>, commands: &Arc<Commands>, turn: Turn) -> Outcome<Measured>
where
    R: PersistedEventRepository + Send + Sync + 'static,
{
    let (framework, commands) = (Arc::new(framework), Arc::clone(commands));
    measure(turn.callers, turn.seconds, move || {
        let (framework, command) = (Arc::clone(&framework), commands.take());
        async move {
            let tags = AddTags(vec![command.tag()]);
            Ok(framework.execute_with_metadata(&command.contact.to_string(), tags, metadata()).await?)
        }
    })
    .await
}
