//! The one way to act: load, decide, append, answer; and to read what is fresh. Wires the rooms together once.

mod caller;
mod read_context;
mod unit_of_work;

use std::sync::Arc;

use aggregates::ids::WorkspaceId;

pub use caller::Caller;
pub use read_context::ReadContext;
pub use unit_of_work::UnitOfWork;

use crate::problem::Problem;

/// The running program, shared by every door.
pub struct App {}

/// How a transaction ended.
#[derive(Debug)]
pub enum Transacted<T> {
    /// The events are on disk (or nothing was to change).
    Done {
        /// What was decided; of the first call when `replayed`.
        outcome: T,
        /// Whether events were written.
        changed: bool,
        /// The workspace position of the last event written; with nothing changed, the position read.
        position: u64,
        /// Whether the answer is that of an earlier call with the same idempotency key.
        replayed: bool,
        /// The unit after the decision (for rendering); with `replayed` a fresh one without events.
        unit: UnitOfWork,
    },
    /// A dry run: nothing was written.
    Dry {
        /// The events that would have been appended.
        would_append: Vec<PlannedEvent>,
    },
}

/// An event that a dry run would have appended.
#[derive(Clone, Debug, serde::Serialize, schemars::JsonSchema)]
pub struct PlannedEvent {
    /// The event's public name.
    #[serde(rename = "type")]
    pub name: &'static str,
    /// The stream's id, with its prefix.
    pub stream: String,
    /// The event's members.
    pub data: serde_json::Value,
}

/// What a transaction is to be remembered by.
#[derive(Clone, Debug)]
pub struct TransactionRequest {
    /// The operation's name.
    pub operation: &'static str,
    /// Unique for each call; also the idempotency key of a call that a bridge repeats.
    pub request_id: String,
    /// The caller's idempotency key.
    pub idempotency_key: Option<String>,
    /// SHA-256 of the canonical input: the same key with another fingerprint is refused.
    pub fingerprint: [u8; 32],
    /// Decide, but append nothing.
    pub dry_run: bool,
}

/// A decision over any number of aggregates of one workspace; runs again after a conflict.
pub trait Decision: Send + Sync {
    /// What is kept under the idempotency key: ids, never personal data.
    type Outcome: serde::Serialize + serde::de::DeserializeOwned + Send;

    /// Loads, decides and collects events in `unit`.
    fn decide(&self, unit: &mut UnitOfWork) -> impl Future<Output = Result<Self::Outcome, Problem>> + Send;
}

impl App {
    /// Decides and appends, in one atomic append, with conflicts decided again for up to 2 s.
    ///
    /// # Errors
    /// The refusal; `idempotency_key_reused`; `conflict` when the deadline passed; `unavailable` when the log cannot take it now.
    pub async fn transact<D: Decision>(
        self: &Arc<Self>,
        _caller: &Caller,
        _request: &TransactionRequest,
        _decision: &D,
    ) -> Result<Transacted<D::Outcome>, Problem> {
        unimplemented!()
    }

    /// Read tables that have reached the head of the log as of now, or `min_position` when that is later. Waits at most 1 s, then
    /// gives what there is, marked stale.
    ///
    /// # Errors
    /// `unavailable` when the tables cannot be read.
    pub async fn read(
        self: &Arc<Self>,
        _workspace: WorkspaceId,
        _min_position: Option<u64>,
    ) -> Result<ReadContext, Problem> {
        unimplemented!()
    }

    /// Finds out who shows `token`. Looks at the log's claims, never at a read table.
    ///
    /// # Errors
    /// [`Unauthenticated`] for whatever opens nothing, without saying why.
    pub async fn authenticate(&self, _token: &str) -> Result<Caller, Unauthenticated> {
        unimplemented!()
    }

    /// Now, in microseconds since the epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        unimplemented!()
    }
}

/// A token that opens nothing: malformed, unknown, expired or revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is missing, unknown, expired or revoked")]
pub struct Unauthenticated;
