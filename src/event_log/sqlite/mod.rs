//! The log on SQLite: one writer connection with `synchronous=FULL` on a thread of its own, some that only read, write-ahead logging.

mod checkpoints;
mod copy;
mod inspect;
mod keep;
mod read;
mod write;
mod writer;

use std::path::Path;
use std::time::Duration;

use aggregates::claim::ClaimKind;
use aggregates::ids::{TokenId, WorkspaceId};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use uuid::Uuid;

use super::append::{LogError, StoredEvent, StoredOutcome, Units};
use super::batch::Head;
use super::copying::{KeptOutcome, LogCopy};
use super::merkle::{Hash, Node};
use super::store::{
    BatchAnswers, EventRange, Heard, Lease, LogStore, ReactionCheckpoint, Snapshot, StoredClaim, Traces, WhenHeld,
};
use copy::SqliteCopy;
use writer::Writer;

pub use inspect::inspect;

/// The oldest SQLite without the write-ahead-log reset bug (<https://sqlite.org/wal.html>, "WAL-reset bug").
const OLDEST_SOUND_VERSION: [u32; 3] = [3, 51, 3];
/// Connections that only read. SQLite readers are threads: more than a few do not help on one machine.
const READERS: u32 = 4;

/// Rows that a reader's thread reads before somebody takes them: it is woken once for so many.
const READ_AHEAD: usize = 512;

/// The log in a SQLite file.
pub struct SqliteLog {
    writer: Writer,
    readers: SqlitePool,
}

impl SqliteLog {
    /// Opens the file, makes it when there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be opened, or SQLite is older than the first sound version.
    pub async fn open(path: &Path) -> Result<Self, LogError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(false)
            .statement_cache_capacity(256);
        let mut first = SqliteConnection::connect_with(&options).await?;
        let (version,): (String,) = sqlx::query_as("select sqlite_version()").fetch_one(&mut first).await?;
        check_version(&version)?;
        inspect::MIGRATIONS
            .run_direct(None, &mut first, false)
            .await
            .map_err(|error| LogError::Damaged(format!("its tables cannot be brought up to date: {error}")))?;
        let writer = Writer::start(path.to_owned())?;
        let options = options.create_if_missing(false).read_only(true).row_buffer_size(READ_AHEAD);
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_with(options).await?;
        first.close().await?;
        Ok(Self { writer, readers })
    }
}

fn in_transaction(
    connection: &mut rusqlite::Connection,
    work: impl FnOnce(&rusqlite::Connection) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    work(&transaction)?;
    Ok(transaction.commit()?)
}

fn check_version(version: &str) -> Result<(), LogError> {
    let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    if numbers.as_slice() < OLDEST_SOUND_VERSION.as_slice() {
        return Err(LogError::Damaged(format!("SQLite {version} can corrupt a log; 3.51.3 or later is needed")));
    }
    Ok(())
}

impl LogStore for SqliteLog {
    fn append(&self, units: Units, now: i64, _: WhenHeld) -> BoxFuture<'_, Result<BatchAnswers, LogError>> {
        self.writer
            .run(move |connection| {
                let done = write::append(connection, &units, now);
                // Before it is answered: whoever asked takes the units apart then.
                drop(units);
                done
            })
            .boxed()
    }

    fn is_shared(&self) -> bool {
        // One process holds the data folder.
        false
    }

    fn is_reachable(&self) -> bool {
        true
    }

    fn tell_others(&self, _: &[(WorkspaceId, u64)]) {}

    fn hear_others(&self, _: Heard) -> BoxFuture<'static, ()> {
        std::future::ready(()).boxed()
    }

    fn settle<'a>(&'a self, _: &'a [WorkspaceId]) -> BoxFuture<'a, Result<(), LogError>> {
        // One after another: when this is done, so is what was asked for before.
        self.writer.run(|_| Ok(())).boxed()
    }

    fn workspaces(&self) -> BoxFuture<'_, Result<Vec<WorkspaceId>, LogError>> {
        read::workspaces(&self.readers).boxed()
    }

    fn traces(&self) -> BoxFuture<'_, Result<Traces, LogError>> {
        read::traces(&self.readers).boxed()
    }

    fn head(&self, workspace: WorkspaceId) -> BoxFuture<'_, Result<Head, LogError>> {
        async move { read::head(&mut *self.readers.acquire().await?, workspace).await }.boxed()
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
        self.writer.run(move |connection| keep::snapshot(connection, workspace, stream, &snapshot)).boxed()
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
        self.writer.run(move |connection| keep::forget_outcomes(connection, now)).boxed()
    }

    fn keep_token_uses<'a>(&'a self, uses: &'a [(WorkspaceId, TokenId, i64)]) -> BoxFuture<'a, Result<(), LogError>> {
        let uses = uses.to_vec();
        self.writer.run(move |connection| in_transaction(connection, |all| keep::token_uses(all, &uses))).boxed()
    }

    fn token_uses(&self, workspace: WorkspaceId) -> BoxFuture<'_, Result<Vec<(TokenId, i64)>, LogError>> {
        read::token_uses(&self.readers, workspace).boxed()
    }

    fn reaction_checkpoints<'a>(
        &'a self,
        reaction: &'a str,
    ) -> BoxFuture<'a, Result<Vec<(WorkspaceId, u64)>, LogError>> {
        checkpoints::all(&self.readers, reaction).boxed()
    }

    fn keep_reaction_checkpoints<'a>(
        &'a self,
        checkpoints: &'a [ReactionCheckpoint],
    ) -> BoxFuture<'a, Result<(), LogError>> {
        let checkpoints = checkpoints.to_vec();
        self.writer
            .run(move |connection| in_transaction(connection, |all| checkpoints::move_on(all, &checkpoints)))
            .boxed()
    }

    fn property<'a>(&'a self, name: &'a str, value: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, LogError>> {
        let (name, value) = (name.to_owned(), value.to_vec());
        self.writer.run(move |connection| keep::property(connection, &name, &value)).boxed()
    }

    fn hold_leases<'a>(
        &'a self,
        _: &'static str,
        workspaces: &'a [WorkspaceId],
        _: Duration,
    ) -> BoxFuture<'a, Result<Vec<Lease>, LogError>> {
        // Whoever holds the data folder holds them all.
        let leases = workspaces.iter().map(|workspace| Lease { workspace: *workspace, fence: None }).collect();
        std::future::ready(Ok(leases)).boxed()
    }

    fn release_leases<'a>(&'a self, _: &'static str) -> BoxFuture<'a, Result<(), LogError>> {
        std::future::ready(Ok(())).boxed()
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
        let begun = self.writer.another().and_then(SqliteCopy::begin);
        std::future::ready(begun.map(|copy| Box::new(copy) as Box<dyn LogCopy>)).boxed()
    }

    fn copy_to<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, Result<(), LogError>> {
        async move {
            let target = path.to_str().ok_or_else(|| LogError::Damaged("the copy's path is not UTF-8".to_owned()))?;
            sqlx::query("vacuum into $1").bind(target).execute(&self.readers).await?;
            Ok(())
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            self.readers.close().await;
            self.writer.close().await;
        }
        .boxed()
    }
}
