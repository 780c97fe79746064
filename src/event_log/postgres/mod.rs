//! The log on PostgreSQL 15 or later, shared by any number of processes.
//!
//! Nothing here leaves anything in a session: no session-level lock or setting, no temporary table, no `LISTEN`. So it works behind a
//! pooler in transaction mode.

mod append;
#[cfg(test)]
mod append_tests;
mod connections;
mod copy;
mod inspect;
mod keep;
mod leases;
mod migrations;
mod others;
mod read;
mod remembered;
mod rows;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aggregates::claim::ClaimKind;
use aggregates::ids::{TokenId, WorkspaceId};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use self::connections::Connections;
use self::copy::PostgresCopy;
use self::others::Others;
use self::remembered::Remembered;
use super::append::{AppendUnit, LogError, StoredEvent, StoredOutcome, Units, is_away};
use super::batch::Head;
use super::copying::{KeptOutcome, LogCopy};
use super::merkle::{Hash, Node};
use super::store::{
    BatchAnswers, EventRange, Heard, Lease, LogStore, ReactionCheckpoint, Snapshot, StoredClaim, Traces, WhenHeld,
};

pub use inspect::inspect_server;

/// The oldest server that is tested, as `server_version_num` says it.
const OLDEST_SERVER: i32 = 150_000;
/// Connections that append: one for all workspaces, the others for those that another process is writing to.
const WRITERS: u32 = 5;
/// Connections that read.
const READERS: u32 = 8;
/// How long a call waits for a connection, also while the server is away.
const ACQUIRE: Duration = Duration::from_secs(5);
/// A connection that rested longer is looked at before it is used: the server may have gone away meanwhile.
const RESTED: Duration = Duration::from_secs(1);
/// How often a batch is tried on another connection when its own turns out to be broken before the commit.
const TRIES: u32 = 3;
/// The log in a PostgreSQL database.
pub struct PostgresLog {
    writers: Connections,
    readers: Connections,
    /// Where hints are listened for; nowhere through a pooler: it would pass them on to whoever uses that connection next.
    listen: Option<PgConnectOptions>,
    others: Arc<Others>,
    remembered: Remembered,
}

/// Whether statements are kept prepared in the connections to a URL: not where `statement-cache-capacity=0` says so, as it must behind
/// a pooler in transaction mode that does not keep the names of statements apart.
#[must_use]
pub fn keeps_statements(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    !query.split('&').any(|option| option == "statement-cache-capacity=0")
}

impl PostgresLog {
    /// Connects, makes the tables when there are none, and brings them up to date. URLs are as PostgreSQL's own tools take them; hints
    /// of other processes are listened for at `listen_url`, or at `url` when there is none.
    ///
    /// # Errors
    /// When the server cannot be reached, is older than 15, does not keep what it confirms (`fsync = off`), or the role may not make
    /// the tables.
    pub async fn open(url: &str, listen_url: Option<&str>) -> Result<Self, LogError> {
        let options = |url: &str| Ok::<_, sqlx::Error>(url.parse::<PgConnectOptions>()?.application_name("chatbotx"));
        let keeps = keeps_statements(url);
        let listen = listen_url.or(keeps.then_some(url)).map(options).transpose()?;
        let options = options(url)?;
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE)
                .test_before_acquire(false)
                .before_acquire(|connection, rested| {
                    async move {
                        if rested.idle_for > RESTED {
                            connection.ping().await?;
                        }
                        Ok(true)
                    }
                    .boxed()
                })
                .connect_lazy_with(options.clone())
        };
        let connections = |number| Connections { pool: pool(number), keeps };
        let log = Self {
            writers: connections(WRITERS),
            readers: connections(READERS),
            listen,
            others: Others::new(),
            remembered: Remembered::new(),
        };
        migrations::run(&log.writers.pool).await?;
        tokio::spawn(Arc::clone(&log.others).send(log.readers.clone()));
        Ok(log)
    }

    /// Appends, on another connection when one turns out to be broken before anything can have been committed.
    async fn append_somewhere(
        &self,
        units: &[&AppendUnit],
        now: i64,
        held: WhenHeld,
    ) -> Result<BatchAnswers, LogError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut connection = self.writers.pool.acquire().await?;
            match append::append(&mut connection, self.writers.keeps, &self.remembered, units, now, held).await {
                Err(LogError::Database(error)) if is_away(&error) => {
                    connection.close_on_drop();
                    if tries == TRIES {
                        return Err(LogError::Database(error));
                    }
                    tracing::warn!(%error, "a connection of the log broke before the commit; trying another one");
                }
                Err(LogError::CommitUnknown(error)) => {
                    connection.close_on_drop();
                    return Err(LogError::CommitUnknown(error));
                }
                done => return done,
            }
        }
    }
}

impl Drop for PostgresLog {
    fn drop(&mut self) {
        self.others.stop();
    }
}

impl LogStore for PostgresLog {
    fn append(&self, units: Units, now: i64, held: WhenHeld) -> BoxFuture<'_, Result<BatchAnswers, LogError>> {
        async move { self.append_somewhere(&units.iter().collect::<Vec<_>>(), now, held).await }.boxed()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn is_reachable(&self) -> bool {
        self.others.is_server_there()
    }

    fn tell_others(&self, heads: &[(WorkspaceId, u64)]) {
        self.others.tell(heads);
    }

    fn hear_others(&self, heard: Heard) -> BoxFuture<'static, ()> {
        Arc::clone(&self.others).hear(self.readers.clone(), self.listen.clone(), heard).boxed()
    }

    fn settle<'a>(&'a self, workspaces: &'a [WorkspaceId]) -> BoxFuture<'a, Result<(), LogError>> {
        async move {
            let mut transaction = self.writers.pool.begin_with(append::BEGIN).await?;
            // Whoever appends holds the lock until it is known whether it committed, also when its connection is lost. A statement that
            // was sent on such a connection and has not begun yet meets another fence than it names.
            sqlx::query(
                "with locked as (
                    select workspace from chatbotx_log.heads where workspace = any($1) order by workspace for update
                )
                update chatbotx_log.heads h set fence = h.fence + 1 from locked l where h.workspace = l.workspace",
            )
            .persistent(self.writers.keeps)
            .bind(workspaces.iter().map(|workspace| workspace.0).collect::<Vec<_>>())
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            Ok(())
        }
        .boxed()
    }

    fn workspaces(&self) -> BoxFuture<'_, Result<Vec<WorkspaceId>, LogError>> {
        read::workspaces(&self.readers).boxed()
    }

    fn traces(&self) -> BoxFuture<'_, Result<Traces, LogError>> {
        read::traces(&self.readers).boxed()
    }

    fn head(&self, workspace: WorkspaceId) -> BoxFuture<'_, Result<Head, LogError>> {
        read::head(&self.readers, workspace).boxed()
    }

    fn events(
        &self,
        workspace: WorkspaceId,
        range: EventRange,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, LogError>> {
        read::events(&self.readers, workspace, range, limit).boxed()
    }

    fn sequences<'a>(
        &'a self,
        workspace: WorkspaceId,
        streams: &'a [Uuid],
    ) -> BoxFuture<'a, Result<Vec<u64>, LogError>> {
        read::sequences(&self.readers, workspace, streams).boxed()
    }

    fn claim_owner(
        &self,
        workspace: WorkspaceId,
        kind: ClaimKind,
        hash: Hash,
    ) -> BoxFuture<'_, Result<Option<(Uuid, u64)>, LogError>> {
        read::claim_owner(&self.readers, workspace, kind, hash).boxed()
    }

    fn claim_owner_anywhere(
        &self,
        kind: ClaimKind,
        hash: Hash,
    ) -> BoxFuture<'_, Result<Option<(WorkspaceId, Uuid)>, LogError>> {
        read::claim_owner_anywhere(&self.readers, kind, hash).boxed()
    }

    fn subject_keys<'a>(
        &'a self,
        workspace: WorkspaceId,
        subjects: &'a [Uuid],
    ) -> BoxFuture<'a, Result<Vec<(Uuid, Vec<u8>)>, LogError>> {
        read::subject_keys(&self.readers, workspace, subjects).boxed()
    }

    fn outcome<'a>(
        &'a self,
        workspace: WorkspaceId,
        scope: &'a str,
        key_hash: Hash,
        now: i64,
    ) -> BoxFuture<'a, Result<Option<StoredOutcome>, LogError>> {
        read::outcome(&self.readers, workspace, scope, key_hash, now).boxed()
    }

    fn snapshot(&self, workspace: WorkspaceId, stream: Uuid) -> BoxFuture<'_, Result<Option<Snapshot>, LogError>> {
        read::snapshot(&self.readers, workspace, stream).boxed()
    }

    fn keep_snapshot(
        &self,
        workspace: WorkspaceId,
        stream: Uuid,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<(), LogError>> {
        async move { keep::snapshot(&self.readers, workspace, stream, &snapshot).await }.boxed()
    }

    fn claims(
        &self,
        workspace: WorkspaceId,
        after: Option<(String, Hash)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredClaim>, LogError>> {
        read::claims(&self.readers, workspace, after, limit).boxed()
    }

    fn nodes(
        &self,
        workspace: WorkspaceId,
        level: u8,
        first: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Node>, LogError>> {
        read::nodes(&self.readers, workspace, level, first, limit).boxed()
    }

    fn forget_outcomes(&self, now: i64) -> BoxFuture<'_, Result<u64, LogError>> {
        keep::forget_outcomes(&self.readers, now).boxed()
    }

    fn keep_token_uses<'a>(&'a self, uses: &'a [(WorkspaceId, TokenId, i64)]) -> BoxFuture<'a, Result<(), LogError>> {
        keep::token_uses_on(&self.readers, uses).boxed()
    }

    fn token_uses(&self, workspace: WorkspaceId) -> BoxFuture<'_, Result<Vec<(TokenId, i64)>, LogError>> {
        read::token_uses(&self.readers, workspace).boxed()
    }

    fn reaction_checkpoints<'a>(
        &'a self,
        reaction: &'a str,
    ) -> BoxFuture<'a, Result<Vec<(WorkspaceId, u64)>, LogError>> {
        read::reaction_checkpoints(&self.readers, reaction).boxed()
    }

    fn keep_reaction_checkpoints<'a>(
        &'a self,
        checkpoints: &'a [ReactionCheckpoint],
    ) -> BoxFuture<'a, Result<(), LogError>> {
        keep::reaction_checkpoints_on(&self.readers, checkpoints).boxed()
    }

    fn property<'a>(&'a self, name: &'a str, value: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, LogError>> {
        keep::property(&self.readers, name, value).boxed()
    }

    fn hold_leases<'a>(
        &'a self,
        purpose: &'static str,
        workspaces: &'a [WorkspaceId],
        time: Duration,
    ) -> BoxFuture<'a, Result<Vec<Lease>, LogError>> {
        leases::hold(&self.readers, purpose, self.others.process(), workspaces, time).boxed()
    }

    fn release_leases<'a>(&'a self, purpose: &'static str) -> BoxFuture<'a, Result<(), LogError>> {
        leases::release(&self.readers, purpose, self.others.process()).boxed()
    }

    fn kept_property<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, LogError>> {
        read::kept_property(&self.readers, name).boxed()
    }

    fn subject_keys_after(
        &self,
        workspace: WorkspaceId,
        after: Uuid,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(Uuid, Vec<u8>)>, LogError>> {
        read::subject_keys_after(&self.readers, workspace, after, limit).boxed()
    }

    fn outcomes_after(
        &self,
        workspace: WorkspaceId,
        after: (String, Hash),
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<KeptOutcome>, LogError>> {
        read::outcomes_after(&self.readers, workspace, after, limit).boxed()
    }

    fn begin_copy(&self) -> BoxFuture<'_, Result<Box<dyn LogCopy>, LogError>> {
        async move {
            let connection = self.writers.pool.acquire().await?.detach();
            let copy = PostgresCopy::begin(connection, self.writers.keeps).await?;
            Ok(Box::new(copy) as Box<dyn LogCopy>)
        }
        .boxed()
    }

    fn copy_to<'a>(&'a self, _: &'a Path) -> BoxFuture<'a, Result<(), LogError>> {
        async { Err(LogError::Damaged("a PostgreSQL database is copied with pg_dump".to_owned())) }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            self.others.stop();
            self.writers.pool.close().await;
            self.readers.pool.close().await;
        }
        .boxed()
    }
}
