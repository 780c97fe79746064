//! The log on SQLite: one writer connection with `synchronous=FULL`, some that only read, write-ahead logging.

mod checkpoints;
mod copy;
mod inspect;
mod read;
mod write;
mod writer;

use std::path::Path;
use std::time::Duration;

use aggregates::claim::ClaimKind;
use aggregates::ids::{TokenId, WorkspaceId};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, Executor};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::append::{AppendUnit, LogError, StoredEvent, StoredOutcome};
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

/// The log in a SQLite file.
pub struct SqliteLog {
    writer: Mutex<Writer>,
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
        let mut writer = SqliteConnection::connect_with(&options).await?;
        let (version,): (String,) = sqlx::query_as("select sqlite_version()").fetch_one(&mut writer).await?;
        check_version(&version)?;
        inspect::MIGRATIONS
            .run_direct(None, &mut writer, false)
            .await
            .map_err(|error| LogError::Damaged(format!("its tables cannot be brought up to date: {error}")))?;
        let options = options.create_if_missing(false);
        let readers =
            SqlitePoolOptions::new().max_connections(READERS).connect_with(options.clone().read_only(true)).await?;
        Ok(Self { writer: Mutex::new(Writer::new(options, writer)), readers })
    }
}

fn check_version(version: &str) -> Result<(), LogError> {
    let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    if numbers.as_slice() < OLDEST_SOUND_VERSION.as_slice() {
        return Err(LogError::Damaged(format!("SQLite {version} can corrupt a log; 3.51.3 or later is needed")));
    }
    Ok(())
}

impl LogStore for SqliteLog {
    fn append<'a>(
        &'a self,
        units: &'a [&'a AppendUnit],
        now: i64,
        _: WhenHeld,
    ) -> BoxFuture<'a, Result<BatchAnswers, LogError>> {
        async move {
            let mut writer = self.writer.lock().await;
            let done = write::append(writer.connection().await?, units, now).await;
            writer.settled(done)
        }
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
        // Appends wait for the writer; a statement that was given up is over before the next one begins.
        async move {
            drop(self.writer.lock().await);
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
        async move {
            let mut reader = self.readers.acquire().await?;
            let call = (workspace, scope.to_owned(), key_hash);
            Ok(write::read_outcomes(&mut reader, vec![call], now).await?.into_values().next())
        }
        .boxed()
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
        async move {
            let mut writer = self.writer.lock().await;
            let done = write::keep_snapshot(writer.connection().await?, workspace, stream, &snapshot).await;
            writer.settled(done)
        }
        .boxed()
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
        async move {
            let mut writer = self.writer.lock().await;
            let done = write::forget_outcomes(writer.connection().await?, now).await;
            writer.settled(done)
        }
        .boxed()
    }

    fn keep_token_uses<'a>(&'a self, uses: &'a [(WorkspaceId, TokenId, i64)]) -> BoxFuture<'a, Result<(), LogError>> {
        async move {
            let mut writer = self.writer.lock().await;
            let done = write::keep_token_uses(writer.connection().await?, uses).await;
            writer.settled(done)
        }
        .boxed()
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
        async move {
            let mut writer = self.writer.lock().await;
            let done = checkpoints::keep(writer.connection().await?, checkpoints).await;
            writer.settled(done)
        }
        .boxed()
    }

    fn property<'a>(&'a self, name: &'a str, value: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, LogError>> {
        async move {
            let mut writer = self.writer.lock().await;
            let done = write::property(writer.connection().await?, name, value).await;
            writer.settled(done)
        }
        .boxed()
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
        async move {
            let connection = self.writer.lock().await.another().await?;
            Ok(Box::new(SqliteCopy::begin(connection).await?) as Box<dyn LogCopy>)
        }
        .boxed()
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
            if let Some(mut writer) = self.writer.lock().await.close() {
                // Best effort: an unfinished checkpoint only makes the next start read more of the write-ahead log.
                let _unfinished = writer.execute("pragma wal_checkpoint(truncate)").await;
                let _closed = writer.close().await;
            }
        }
        .boxed()
    }
}
