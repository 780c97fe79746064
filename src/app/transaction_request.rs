//! What is said of a transaction beside what it decides.

use uuid::Uuid;

use crate::event_log::append::Fence;

/// How long outcomes are kept: 24 hours, in microseconds.
pub const OUTCOME_KEPT_US: i64 = 24 * 60 * 60 * 1_000_000;
/// How long outcomes of sends are kept: 7 days, in microseconds.
pub const SEND_OUTCOME_KEPT_US: i64 = 7 * OUTCOME_KEPT_US;

/// What a transaction is to be remembered by.
#[derive(Clone, Debug)]
pub struct TransactionRequest {
    /// The operation's name.
    pub operation: &'static str,
    /// Unique for each call.
    pub request_id: String,
    /// The caller's idempotency key.
    pub idempotency_key: Option<String>,
    /// SHA-256 of the canonical input: the same key with another fingerprint is refused.
    pub fingerprint: [u8; 32],
    /// How long the outcome is kept under the key, in microseconds.
    pub kept_us: i64,
    /// Decide, but append nothing.
    pub dry_run: bool,
    /// The lease under which it is done, when it is done for a reaction.
    pub fence: Option<Fence>,
}

impl TransactionRequest {
    /// One that nobody repeats by a key: what keeps it from happening twice, if anything does, is the state that it is decided on.
    #[must_use]
    pub fn keyless(operation: &'static str) -> Self {
        Self {
            operation,
            request_id: format!("req_{}", Uuid::now_v7().simple()),
            idempotency_key: None,
            fingerprint: [0; 32],
            kept_us: OUTCOME_KEPT_US,
            dry_run: false,
            fence: None,
        }
    }
}
