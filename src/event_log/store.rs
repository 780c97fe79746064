//! What a database must offer to hold the log. SQLite is one implementation; whatever is not here is the same for all of them.
//!
//! The contract, checked by `contract_tests.rs` on every implementation:
//! - `append` is atomic for the batch and durable (fsynced) when it returns; each unit is decided by [`super::batch::decide`] on facts
//!   that were read after the heads of the batch's workspaces were locked.
//! - Positions of a workspace have no gaps and become visible in their order.

use aggregates::claim::ClaimKind;
use aggregates::ids::{TokenId, WorkspaceId};
use futures::future::BoxFuture;
use uuid::Uuid;

use super::append::{Appended, Fence, LogError, Refusal, StoredEvent, StoredOutcome, Units};
use super::batch::Head;
use super::copying::{KeptOutcome, LogCopy};
use super::merkle::{Hash, Node};

/// One answer for each unit of a batch, in its order.
pub type BatchAnswers = Vec<Result<Appended, Refusal>>;

/// Which events are wanted, of one workspace.
#[derive(Clone, Copy, Debug)]
pub enum EventRange {
    /// After a position, upwards.
    After(u64),
    /// Before a position, downwards.
    Before(u64),
    /// Of one stream after a sequence, upwards.
    Stream(Uuid, u64),
    /// About one contact after a position, upwards.
    SubjectAfter(Uuid, u64),
    /// About one contact before a position, downwards.
    SubjectBefore(Uuid, u64),
}

/// A stored snapshot of an aggregate's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The aggregate's snapshot version.
    pub version: u32,
    /// The last event that is in it.
    pub sequence: u64,
    /// The state as JSON, personal data sealed.
    pub state: Vec<u8>,
}

/// Of whom anything is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// The workspaces, the oldest first.
    pub workspaces: Vec<WorkspaceId>,
    /// How many other ids stand where a workspace's should.
    pub malformed: u64,
}

/// A claim's row: kind, hash, owner, the position that took it.
pub type StoredClaim = (String, Hash, Uuid, u64);

/// The reaction that carries out runs of flows.
pub const FLOW_RUNS: &str = "flow_runs";
/// Every reaction. A new one also needs a migration that makes its checkpoints, at the heads, for the workspaces that exist.
pub const REACTIONS: [&str; 1] = [FLOW_RUNS];

/// How far a reaction has come in a workspace: everything up to this position was reacted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReactionCheckpoint {
    /// The reaction's name, one of [`REACTIONS`].
    pub reaction: &'static str,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The position.
    pub position: u64,
}

/// What to do about a workspace to which another process is writing at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenHeld {
    /// It is waited for no longer than a batch takes; then its units are answered with [`Refusal::Held`], and the others are written.
    Skip,
    /// Wait, at most 3 s: [`LogError::Held`] after that.
    Wait,
}

/// A right that one process at a time has in a workspace: to carry out what belongs to a purpose. Whoever appends under it passes the
/// fence on, and is refused once another process has taken the lease over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// What appends under it are held against; nothing where no other process can take it over.
    pub fence: Option<Fence>,
}

/// Takes in that a workspace's log has reached a position.
pub type Heard = Box<dyn Fn(WorkspaceId, u64) + Send + Sync>;

/// A database that holds the log. Object-safe: the log does not know which one it has.
pub trait LogStore: Send + Sync + 'static {
    /// Decides and writes a batch; `now` is in microseconds.
    fn append(&self, units: Units, now: i64, held: WhenHeld) -> BoxFuture<'_, Result<BatchAnswers, LogError>>;

    /// Whether other processes may write to it, too: then nothing that this process remembers says where a workspace ends.
    fn is_shared(&self) -> bool;

    /// Whether the database answered when it was last asked; a database in a file always does.
    fn is_reachable(&self) -> bool;

    /// Lets other processes know that this one has committed up to these positions. A hint: it may be lost.
    fn tell_others(&self, heads: &[(WorkspaceId, u64)]);

    /// Tells what other processes commit, and now and then what this one has committed, for as long as the log is open. What no hint has
    /// told is found within a second.
    fn hear_others(&self, heard: Heard) -> BoxFuture<'static, ()>;

    /// Waits until every append to these workspaces that was begun before has been committed or taken back, be it by a connection that
    /// is lost. None of them is committed after that.
    fn settle<'a>(&'a self, workspaces: &'a [WorkspaceId]) -> BoxFuture<'a, Result<(), LogError>>;

    /// The workspaces that have events, oldest first. A head whose id is none is passed over: [`Self::traces`] tells of it.
    fn workspaces(&self) -> BoxFuture<'_, Result<Vec<WorkspaceId>, LogError>>;

    /// The workspaces of which anything is stored, be it without a head: what a check of the whole log looks at.
    fn traces(&self) -> BoxFuture<'_, Result<Traces, LogError>>;

    /// The head of a workspace's log; an empty one for a workspace without events.
    fn head(&self, workspace: WorkspaceId) -> BoxFuture<'_, Result<Head, LogError>>;

    /// At most `limit` events.
    fn events(
        &self,
        workspace: WorkspaceId,
        range: EventRange,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, LogError>>;

    /// The last sequences of streams, in their order; 0 for one without events.
    fn sequences<'a>(
        &'a self,
        workspace: WorkspaceId,
        streams: &'a [Uuid],
    ) -> BoxFuture<'a, Result<Vec<u64>, LogError>>;

    /// Who holds a claim in a workspace, and the position of the event that took it.
    fn claim_owner(
        &self,
        workspace: WorkspaceId,
        kind: ClaimKind,
        hash: Hash,
    ) -> BoxFuture<'_, Result<Option<(Uuid, u64)>, LogError>>;

    /// Who holds a claim on a token's digest or an account's address, in whichever workspace; of several the oldest workspace.
    fn claim_owner_anywhere(
        &self,
        kind: ClaimKind,
        hash: Hash,
    ) -> BoxFuture<'_, Result<Option<(WorkspaceId, Uuid)>, LogError>>;

    /// The wrapped keys of contacts; those without one are left out.
    fn subject_keys<'a>(
        &'a self,
        workspace: WorkspaceId,
        subjects: &'a [Uuid],
    ) -> BoxFuture<'a, Result<Vec<(Uuid, Vec<u8>)>, LogError>>;

    /// The outcome that a call left under its key (scope, hash of the key), when it is still kept at `now` (microseconds).
    fn outcome<'a>(
        &'a self,
        workspace: WorkspaceId,
        scope: &'a str,
        key_hash: Hash,
        now: i64,
    ) -> BoxFuture<'a, Result<Option<StoredOutcome>, LogError>>;

    /// A stream's snapshot.
    fn snapshot(&self, workspace: WorkspaceId, stream: Uuid) -> BoxFuture<'_, Result<Option<Snapshot>, LogError>>;

    /// Keeps a snapshot, unless a later one is kept.
    fn keep_snapshot(
        &self,
        workspace: WorkspaceId,
        stream: Uuid,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<(), LogError>>;

    /// A page of the held claims of a workspace, ordered by kind and hash, after the given one. For verification.
    fn claims(
        &self,
        workspace: WorkspaceId,
        after: Option<(String, Hash)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredClaim>, LogError>>;

    /// Stored nodes with these indexes from `first` at a level, in order. For verification and proofs.
    fn nodes(
        &self,
        workspace: WorkspaceId,
        level: u8,
        first: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Node>, LogError>>;

    /// Forgets outcomes whose time is over; gives how many. `now` is in microseconds.
    fn forget_outcomes(&self, now: i64) -> BoxFuture<'_, Result<u64, LogError>>;

    /// Keeps when tokens were last used (microseconds); never moves backwards.
    fn keep_token_uses<'a>(&'a self, uses: &'a [(WorkspaceId, TokenId, i64)]) -> BoxFuture<'a, Result<(), LogError>>;

    /// When the tokens of a workspace were last used.
    fn token_uses(&self, workspace: WorkspaceId) -> BoxFuture<'_, Result<Vec<(TokenId, i64)>, LogError>>;

    /// How far a reaction has come in every workspace that has a checkpoint: made, at 0, in the transaction of the workspace's first
    /// append. One that is missing never means "from the start".
    fn reaction_checkpoints<'a>(
        &'a self,
        reaction: &'a str,
    ) -> BoxFuture<'a, Result<Vec<(WorkspaceId, u64)>, LogError>>;

    /// Moves checkpoints that exist; never backwards.
    fn keep_reaction_checkpoints<'a>(
        &'a self,
        checkpoints: &'a [ReactionCheckpoint],
    ) -> BoxFuture<'a, Result<(), LogError>>;

    /// Takes or renews the leases on `purpose` of these workspaces, as far as they are free or this process's own, and gives those that it
    /// holds from now on for `time`, on the database's clock.
    fn hold_leases<'a>(
        &'a self,
        purpose: &'static str,
        workspaces: &'a [WorkspaceId],
        time: std::time::Duration,
    ) -> BoxFuture<'a, Result<Vec<Lease>, LogError>>;

    /// Gives back all leases on `purpose` that this process holds.
    fn release_leases<'a>(&'a self, purpose: &'static str) -> BoxFuture<'a, Result<(), LogError>>;

    /// A page of the wrapped keys of a workspace's contacts, ordered by contact, after the given one. For copying.
    fn subject_keys_after(
        &self,
        workspace: WorkspaceId,
        after: Uuid,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(Uuid, Vec<u8>)>, LogError>>;

    /// A page of the outcomes that are kept for a workspace, ordered by scope and hash of the key, after the given one. For copying.
    fn outcomes_after(
        &self,
        workspace: WorkspaceId,
        after: (String, Hash),
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<KeptOutcome>, LogError>>;

    /// Begins to copy another log into this one, which is empty.
    fn begin_copy(&self) -> BoxFuture<'_, Result<Box<dyn LogCopy>, LogError>>;

    /// Keeps a property of the log under `name`, unless one is kept; gives the one that is kept.
    fn property<'a>(&'a self, name: &'a str, value: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, LogError>>;

    /// The property that is kept under `name`.
    fn kept_property<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, LogError>>;

    /// Writes a consistent copy to a new file, while the log is in use.
    fn copy_to<'a>(&'a self, path: &'a std::path::Path) -> BoxFuture<'a, Result<(), LogError>>;

    /// Ends it: nothing is written afterwards.
    fn close(&self) -> BoxFuture<'_, ()>;
}
