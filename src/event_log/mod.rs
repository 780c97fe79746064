//! The event log: append-only, one gapless sequence of positions per workspace, every event a leaf of a Merkle tree, personal data
//! sealed; and what is as durable as the log: claims, idempotency keys, contacts' keys, snapshots.
//!
//! [`EventLog`] is the door. Below it stands a [`store::LogStore`], the part that differs between databases.

pub mod append;
mod appender;
pub mod batch;
#[cfg(test)]
mod contract_tests;
pub mod copying;
mod decoding;
pub mod event_stream;
mod inspection;
pub mod merkle;
mod postgres;
pub mod sealing;
mod sqlite;
pub mod store;
pub mod verify;
mod verify_last;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use aggregates::Event;
use aggregates::claim::Claim;
use aggregates::ids::WorkspaceId;
use aggregates::metadata::Metadata;
use quick_cache::sync::Cache;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Clock;
use append::{AppendUnit, LogEntry, LogError, NewEvent, StoredEvent, WrappedKey};
use appender::{AppendAnswer, Appender};
use decoding::decode_one;
use event_stream::EventStream;
pub use inspection::{Inspection, Tables};
use postgres::PostgresLog;
pub use postgres::{inspect_server, keeps_statements};
use sealing::{Context, MasterKey, SubjectKey};
use sqlite::SqliteLog;
pub use sqlite::inspect;
use store::{EventRange, LogStore, Snapshot};

/// How many contacts' keys are kept in memory.
const KEYS_IN_MEMORY: usize = 100_000;

/// The property that tells under which master key a log was written.
pub(crate) const MASTER_KEY_CHECK: &str = "master_key_check";

/// Contacts' keys.
type Keys = HashMap<Uuid, Arc<SubjectKey>>;

/// The event log of one installation.
pub struct EventLog {
    store: Arc<dyn LogStore>,
    master: Arc<MasterKey>,
    stream: Arc<EventStream>,
    appender: Appender,
    keys: Cache<(WorkspaceId, Uuid), Arc<SubjectKey>>,
}

impl EventLog {
    /// Opens the log in a SQLite file.
    ///
    /// # Errors
    /// When the file cannot be opened or brought up to date; [`LogError::OtherMasterKey`] when it was written under another key: what is
    /// sealed could not be opened, and what is claimed not be found.
    pub async fn open_sqlite(path: &Path, master: Arc<MasterKey>, clock: Arc<dyn Clock>) -> Result<Self, LogError> {
        Self::checked(Arc::new(SqliteLog::open(path).await?), master, clock).await
    }

    /// Closes the store again when it was written under another key.
    async fn checked(
        store: Arc<dyn LogStore>,
        master: Arc<MasterKey>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LogError> {
        let check = master.check_value();
        if store.property(MASTER_KEY_CHECK, &check).await? != check {
            store.close().await;
            return Err(LogError::OtherMasterKey);
        }
        Ok(Self::over(store, master, clock))
    }

    /// Opens the log in a PostgreSQL database, at a URL as PostgreSQL's own tools take it. Hints of other processes are listened for at
    /// `listen_url`, a connection without a pooler in between, or at `url` when there is none. `master` gives the key, and is told
    /// whether the log has been written to under one before.
    ///
    /// # Errors
    /// As [`Self::open_sqlite`]; what `master` says.
    pub async fn open_postgres<E: From<LogError>>(
        url: &str,
        listen_url: Option<&str>,
        master: impl FnOnce(bool) -> Result<MasterKey, E>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, E> {
        let store: Arc<dyn LogStore> = Arc::new(PostgresLog::open(url, listen_url).await?);
        let known = store.kept_property(MASTER_KEY_CHECK).await?.is_some();
        match master(known) {
            Ok(master) => Ok(Self::checked(store, Arc::new(master), clock).await?),
            Err(error) => {
                store.close().await;
                Err(error)
            }
        }
    }

    /// A log over any store.
    #[must_use]
    pub fn over(store: Arc<dyn LogStore>, master: Arc<MasterKey>, clock: Arc<dyn Clock>) -> Self {
        Self::with_keys_in_memory(store, master, clock, KEYS_IN_MEMORY)
    }

    fn with_keys_in_memory(
        store: Arc<dyn LogStore>,
        master: Arc<MasterKey>,
        clock: Arc<dyn Clock>,
        keys_in_memory: usize,
    ) -> Self {
        let stream = Arc::new(EventStream::default());
        let heard = Arc::downgrade(&stream);
        tokio::spawn(store.hear_others(Box::new(move |workspace, position| {
            if let Some(stream) = heard.upgrade() {
                stream.note(workspace, position);
            }
        })));
        let appender = Appender::start(Arc::clone(&store), Arc::clone(&stream), clock);
        Self { store, master, stream, appender, keys: Cache::new(keys_in_memory) }
    }

    /// The database below.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn LogStore> {
        &self.store
    }

    /// The key above all others.
    #[must_use]
    pub fn master(&self) -> &Arc<MasterKey> {
        &self.master
    }

    /// What has just been committed.
    #[must_use]
    pub fn stream(&self) -> &Arc<EventStream> {
        &self.stream
    }

    /// Appends a unit; answers when it is on disk, or refused.
    ///
    /// # Errors
    /// What the database said, or that too much waits.
    pub async fn append(&self, unit: AppendUnit) -> AppendAnswer {
        self.appender.append(unit).await
    }

    /// When the log could last not be written, unless a later write succeeded.
    #[must_use]
    pub fn failed_at(&self) -> Option<tokio::time::Instant> {
        self.appender.failed_at()
    }

    /// The position of the last event of a workspace, 0 without events.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn head(&self, workspace: WorkspaceId) -> Result<u64, LogError> {
        if !self.store.is_shared()
            && let Some(position) = self.stream.last_position(workspace)
        {
            // This process is the only one that writes: what it saw last is the head.
            return Ok(position);
        }
        let head = self.store.head(workspace).await?.frontier.size();
        // Whoever waits for the tables to reach it waits for a follower that may not have heard of it yet.
        self.stream.note(workspace, head);
        Ok(head)
    }

    /// Who holds a claim in a workspace.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn claim_owner(&self, workspace: WorkspaceId, claim: &Claim) -> Result<Option<Uuid>, LogError> {
        Ok(self.claim_holder(workspace, claim).await?.map(|(owner, _)| owner))
    }

    /// The same with the position of the event that took the claim.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn claim_holder(&self, workspace: WorkspaceId, claim: &Claim) -> Result<Option<(Uuid, u64)>, LogError> {
        self.store.claim_owner(workspace, claim.kind, self.master.hash_claim(claim)).await
    }

    /// Who holds a claim on a token's digest or an account's address, in whichever workspace.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn claim_owner_anywhere(&self, claim: &Claim) -> Result<Option<(WorkspaceId, Uuid)>, LogError> {
        self.store.claim_owner_anywhere(claim.kind, self.master.hash_claim(claim)).await
    }

    /// Events after `position`, at most `limit`: from memory when they are still there, else from the database. Fewer than
    /// `limit` are all up to every position that was heard of before, the answer of [`Self::head`] among them.
    ///
    /// # Errors
    /// When the database cannot be read, or an event cannot.
    pub async fn entries_after(
        &self,
        workspace: WorkspaceId,
        position: u64,
        limit: usize,
    ) -> Result<Vec<LogEntry>, LogError> {
        match self.stream.after(workspace, position, limit) {
            Some(entries) => Ok(entries),
            None => self.entries(workspace, EventRange::After(position), limit).await,
        }
    }

    /// Events of a range, read from the database and unsealed.
    ///
    /// # Errors
    /// When the database cannot be read, or an event cannot.
    pub async fn entries(
        &self,
        workspace: WorkspaceId,
        range: EventRange,
        limit: usize,
    ) -> Result<Vec<LogEntry>, LogError> {
        let stored = self.store.events(workspace, range, limit).await?;
        self.decode(workspace, stored).await
    }

    /// Reads and unseals stored events of one workspace.
    ///
    /// # Errors
    /// When a sealed value does not open, or an event is not what its name promises.
    pub async fn decode(&self, workspace: WorkspaceId, stored: Vec<StoredEvent>) -> Result<Vec<LogEntry>, LogError> {
        let mut subjects: Vec<Uuid> = stored.iter().filter_map(|event| event.subject).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let keys = self.subject_keys(workspace, &subjects).await?;
        let mut before = None;
        stored.into_iter().map(|event| decode_one(event, &keys, &mut before)).collect()
    }

    /// The keys of contacts; those without one are left out. What the cache has forgotten meanwhile is not missing for that.
    async fn subject_keys(&self, workspace: WorkspaceId, subjects: &[Uuid]) -> Result<Keys, LogError> {
        let mut keys = Keys::with_capacity(subjects.len());
        let mut missing = Vec::new();
        for subject in subjects {
            match self.keys.get(&(workspace, *subject)) {
                Some(key) => drop(keys.insert(*subject, key)),
                None => missing.push(*subject),
            }
        }
        if !missing.is_empty() {
            for (subject, wrapped) in self.store.subject_keys(workspace, &missing).await? {
                let key = Arc::new(self.master.unwrap_subject_key(workspace, subject, &wrapped)?);
                self.keys.insert((workspace, subject), Arc::clone(&key));
                keys.insert(subject, key);
            }
        }
        Ok(keys)
    }

    /// The key of a contact; nothing when there is none (yet, or any more).
    ///
    /// # Errors
    /// When the database cannot be read, or the key does not open.
    pub async fn subject_key(
        &self,
        workspace: WorkspaceId,
        subject: Uuid,
    ) -> Result<Option<Arc<SubjectKey>>, LogError> {
        Ok(self.subject_keys(workspace, &[subject]).await?.remove(&subject))
    }

    /// A new key for a contact that begins, and what is stored of it. It is kept in memory only by [`Self::remember_key`], once it is
    /// on disk.
    ///
    /// # Errors
    /// When the cipher fails.
    pub fn new_subject_key(
        &self,
        workspace: WorkspaceId,
        subject: Uuid,
    ) -> Result<(Arc<SubjectKey>, WrappedKey), LogError> {
        let (key, wrapped) = self.master.new_subject_key(workspace, subject)?;
        Ok((Arc::new(key), WrappedKey { subject, wrapped }))
    }

    /// Keeps a contact's key in memory.
    pub fn remember_key(&self, workspace: WorkspaceId, subject: Uuid, key: Arc<SubjectKey>) {
        self.keys.insert((workspace, subject), key);
    }

    /// Makes the stored form of an event, sealed with the key of its subject.
    ///
    /// # Errors
    /// When personal data has no key to be sealed with: the person was forgotten.
    pub fn seal(
        &self,
        workspace: WorkspaceId,
        stream_id: Uuid,
        event: &Event,
        metadata: &Metadata,
        key: Option<&SubjectKey>,
    ) -> Result<NewEvent, LogError> {
        let id = aggregates::ids::EventId(Uuid::now_v7());
        let damaged = |error: serde_json::Error| LogError::Damaged(format!("an event has no JSON form: {error}"));
        let mut document = event.to_json().map_err(damaged)?;
        if sealing::is_personal(&document) {
            let key = key.ok_or_else(|| LogError::Damaged("personal data without a key".to_owned()))?;
            let context = Context { workspace, stream: stream_id, document: id.0, name: event.name() };
            sealing::seal(&mut document, key, context)?;
        }
        Ok(NewEvent {
            stream_type: event.stream_type(),
            stream_id,
            id,
            name: event.name(),
            version: aggregates::event::VERSION,
            subject: event.subject(stream_id).map(Uuid::from),
            payload: serde_json::to_vec(&document).map_err(damaged)?,
            metadata: serde_json::to_vec(metadata).map_err(damaged)?,
        })
    }

    /// Keeps a snapshot of an aggregate, sealed.
    ///
    /// # Errors
    /// When it cannot be sealed or written.
    pub async fn keep_snapshot(
        &self,
        workspace: WorkspaceId,
        stream: Uuid,
        subject: Option<Uuid>,
        (version, sequence): (u32, u64),
        mut state: Value,
    ) -> Result<(), LogError> {
        if sealing::is_personal(&state) {
            let key = match subject {
                Some(subject) => self.subject_key(workspace, subject).await?,
                None => None,
            };
            let Some(key) = key else { return Ok(()) };
            sealing::seal(&mut state, &key, Context { workspace, stream, document: stream, name: "snapshot" })?;
        }
        let snapshot = Snapshot { version, sequence, state: state.to_string().into_bytes() };
        self.store.keep_snapshot(workspace, stream, snapshot).await
    }

    /// A kept snapshot of a version, unsealed: the last event's sequence in it, and the state. One that cannot be read is as good as none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn snapshot(
        &self,
        workspace: WorkspaceId,
        stream: Uuid,
        subject: Option<Uuid>,
        version: u32,
    ) -> Result<Option<(u64, Value)>, LogError> {
        let Some(snapshot) = self.store.snapshot(workspace, stream).await?.filter(|kept| kept.version == version)
        else {
            return Ok(None);
        };
        let key = match subject {
            Some(subject) => self.subject_key(workspace, subject).await?,
            None => None,
        };
        let Ok(mut state) = serde_json::from_slice::<Value>(&snapshot.state) else { return Ok(None) };
        let context = Context { workspace, stream, document: stream, name: "snapshot" };
        if sealing::unseal(&mut state, key.as_deref(), context).is_err() {
            return Ok(None);
        }
        Ok(Some((snapshot.sequence, state)))
    }
}
