//! What goes into the log and what comes out: the unit of append, its answer, its refusals, a stored event.

use std::ops::{Deref, Range};
use std::sync::Arc;

use aggregates::Recorded;
use aggregates::claim::ClaimKind;
use aggregates::ids::{EventId, WorkspaceId};
use aggregates::metadata::Metadata;
use aggregates::stream::StreamType;
use uuid::Uuid;

use super::merkle::Hash;

/// The largest payload of one event, in bytes. A message's text is far below; files never stand in events.
pub const MAX_PAYLOAD_BYTES: usize = 256 * 1024;

/// An event that is to be appended: bytes, as they will be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The kind of the stream.
    pub stream_type: StreamType,
    /// The stream.
    pub stream_id: Uuid,
    /// The event's own id.
    pub id: EventId,
    /// Its stored name.
    pub name: &'static str,
    /// The version of its form.
    pub version: u16,
    /// The contact whom it is about.
    pub subject: Option<Uuid>,
    /// A JSON document with personal data sealed.
    pub payload: Vec<u8>,
    /// A JSON document.
    pub metadata: Vec<u8>,
}

/// What a stream must look like for an append to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is.
    Any,
    /// Its last event has this sequence; 0 = it has none.
    Sequence(u64),
}

/// A claim that an event takes or gives back, under its keyed hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimWrite {
    /// The kind.
    pub kind: ClaimKind,
    /// The keyed hash of the value.
    pub hash: Hash,
    /// Who takes it; nothing = it is released.
    pub owner: Option<Uuid>,
    /// Which event of the unit does it, from 0.
    pub event: usize,
}

/// A contact's key, wrapped by the master key, made with the contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// The contact.
    pub subject: Uuid,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
}

/// What is kept of a call, so that repeating it has no second effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyWrite {
    /// Token and operation.
    pub scope: String,
    /// The keyed hash of the caller's key.
    pub key_hash: Hash,
    /// SHA-256 of the input.
    pub fingerprint: Hash,
    /// Ids and the changed set as JSON; no personal data.
    pub outcome: Vec<u8>,
    /// How long it is kept, in microseconds.
    pub kept_us: i64,
}

/// The epoch of a lease under which something is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// What the lease is for.
    pub purpose: &'static str,
    /// Its epoch when it was taken.
    pub epoch: u64,
}

/// Events that are appended together or not at all.
#[derive(Clone, Debug)]
pub struct AppendUnit {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The events, in order; none = only the conditions are checked and the key is kept.
    pub events: Vec<NewEvent>,
    /// What the streams that are written must look like.
    pub expected: Vec<(StreamType, Uuid, Expected)>,
    /// Streams that were only read, with the sequence that was seen.
    pub preconditions: Vec<(StreamType, Uuid, u64)>,
    /// Claims taken and released, in order.
    pub claims: Vec<ClaimWrite>,
    /// Keys of contacts that begin here.
    pub keys: Vec<WrappedKey>,
    /// What is kept of the call.
    pub idempotency: Option<IdempotencyWrite>,
    /// The lease under which it is appended.
    pub fence: Option<Fence>,
    /// The events again, in their types, for those who listen: they need not decode them.
    pub decoded: Vec<(aggregates::Event, Arc<Metadata>)>,
}

impl AppendUnit {
    /// About how many bytes it adds to the log.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.events.iter().map(|event| event.payload.len() + event.metadata.len() + 200).sum()
    }
}

/// Units that go into one transaction. Shared, so that a thread of the database's can have them, too.
#[derive(Clone, Debug)]
pub struct Units {
    all: Arc<Vec<AppendUnit>>,
    part: Range<usize>,
}

impl Units {
    /// The first and the second half.
    #[must_use]
    pub fn halves(&self) -> [Self; 2] {
        let middle = self.part.start + self.part.len() / 2;
        [self.part.start..middle, middle..self.part.end].map(|part| Self { all: Arc::clone(&self.all), part })
    }

    /// The units themselves; without a copy when nobody else has them any more.
    #[must_use]
    pub fn into_vec(self) -> Vec<AppendUnit> {
        let all = Arc::try_unwrap(self.all).unwrap_or_else(|shared| shared.to_vec());
        if self.part.len() == all.len() { all } else { all[self.part].to_vec() }
    }
}

impl From<Vec<AppendUnit>> for Units {
    fn from(units: Vec<AppendUnit>) -> Self {
        Self { part: 0..units.len(), all: Arc::new(units) }
    }
}

impl Deref for Units {
    type Target = [AppendUnit];

    fn deref(&self) -> &[AppendUnit] {
        self.all.get(self.part.clone()).unwrap_or_default()
    }
}

/// Where an appended unit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The position of its last event; without events, the head that was met.
    pub position: u64,
    /// Each event's position, sequence, time in microseconds, leaf hash.
    pub events: Vec<Placed>,
}

/// Where one event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// In the workspace.
    pub position: u64,
    /// In the stream.
    pub sequence: u64,
    /// In microseconds since the epoch.
    pub recorded_at: i64,
    /// Its leaf in the Merkle tree.
    pub leaf_hash: Hash,
}

/// The answer that an earlier call left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOutcome {
    /// The input's fingerprint.
    pub fingerprint: Hash,
    /// Ids and the changed set as JSON.
    pub outcome: Vec<u8>,
    /// The position of the last event that it wrote, or of the head that it met.
    pub position: u64,
    /// Whether it wrote events.
    pub changed: bool,
}

/// Why one unit of a batch was not appended. The others are not touched by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The idempotency key was used: this is the outcome of then.
    #[error("the idempotency key has an outcome already")]
    Repeated(StoredOutcome),
    /// A stream is not as expected: load it again and decide again.
    #[error("a stream has moved on")]
    Conflict {
        /// The stream.
        stream_id: Uuid,
    },
    /// Somebody else holds a claim.
    #[error("a claim is held by another stream")]
    ClaimTaken {
        /// The kind.
        kind: ClaimKind,
        /// Who holds it.
        owner: Uuid,
    },
    /// Another process is writing to the workspace at this moment: nothing was decided. Only the appender sees it, and tries again.
    #[error("another process is writing to the workspace")]
    Held,
    /// The lease under which it was to be appended has passed to another process.
    #[error("another process has taken over")]
    Fenced,
    /// The payload of an event is over [`MAX_PAYLOAD_BYTES`].
    #[error("an event is larger than {MAX_PAYLOAD_BYTES} bytes")]
    TooLarge,
}

/// Why nothing of a batch was appended, or why something could not be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// The database said no; nothing was written.
    #[error("the event log's database failed: {0}")]
    Database(Arc<sqlx::Error>),
    /// The answer to the commit was lost: it may be written or not.
    #[error("the event log's database did not confirm a commit: {0}")]
    CommitUnknown(Arc<sqlx::Error>),
    /// What is stored cannot be read as what it should be.
    #[error("the event log is damaged: {0}")]
    Damaged(String),
    /// The log was written under another master key.
    #[error("the log was written under another master key than the one at hand")]
    OtherMasterKey,
    /// An event of a newer version of the program.
    #[error(transparent)]
    Decode(#[from] aggregates::DecodeError),
    /// Another process has been writing to the workspace for longer than an append waits; nothing was written.
    #[error("another process holds the workspace's log for too long")]
    Held,
    /// Too much waits to be written.
    #[error("too many writes are waiting")]
    Busy,
    /// The program is ending.
    #[error("the event log is closed")]
    Closed,
}

/// Whether a database cannot be reached at this moment, rather than says no: an error of the transport, no free connection in time, or
/// class 08 (connection exception) or 57P (operator intervention: it starts, stops or recovers) of
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
#[must_use]
pub fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P") || code == "25P03")
        }
        _ => false,
    }
}

impl LogError {
    /// Whether the database cannot be reached at this moment: the same may succeed later.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Database(error) if is_away(error))
    }
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        Self::from(sqlx::Error::AnyDriverError(Box::new(error)))
    }
}

impl From<sqlx::Error> for LogError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// An event as stored: bytes, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Where it stands.
    pub placed: Placed,
    /// The kind of the stream.
    pub stream_type: StreamType,
    /// The stream.
    pub stream_id: Uuid,
    /// The event's own id.
    pub id: EventId,
    /// Its stored name.
    pub name: String,
    /// The version of its form.
    pub version: u16,
    /// The contact whom it is about.
    pub subject: Option<Uuid>,
    /// The payload, sealed.
    pub payload: Vec<u8>,
    /// The metadata.
    pub metadata: Vec<u8>,
}

/// An event read and unsealed, with its leaf hash: what listeners and projections get.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// The event.
    pub recorded: Arc<Recorded>,
    /// Its leaf in the Merkle tree.
    pub leaf_hash: Hash,
}
