//! Decide and append, again after a conflict, until the answer is certain.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aggregates::claim::{ClaimChange, ClaimKind};
use aggregates::ids::format_id;
use aggregates::metadata::Metadata;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use uuid::Uuid;

use super::{App, Caller, OUTDATED, UnitOfWork};
use crate::event_log::append::{AppendUnit, Appended, ClaimWrite, IdempotencyWrite, LogError, Refusal, StoredOutcome};
use crate::event_log::sealing::SubjectKey;
use crate::problem::{Candidate, Code, Problem};

pub use super::transaction_request::{OUTCOME_KEPT_US, SEND_OUTCOME_KEPT_US, TransactionRequest};

/// How long a decision is made again after conflicts.
const DEADLINE: Duration = Duration::from_secs(2);

/// How a transaction ended.
#[expect(clippy::large_enum_variant, reason = "made once for each call and taken apart at once")]
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
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PlannedEvent {
    /// The event's public name.
    #[serde(rename = "type")]
    pub name: &'static str,
    /// The stream's id, with its prefix.
    pub stream: String,
    /// The event's members.
    pub data: serde_json::Value,
}

/// A decision over any number of aggregates of one workspace; runs again after a conflict.
pub trait Decision: Send + Sync {
    /// What is kept under the idempotency key: ids, never personal data.
    type Outcome: Serialize + DeserializeOwned + Send;

    /// Loads, decides and collects events in `unit`.
    fn decide(&self, unit: &mut UnitOfWork) -> impl Future<Output = Result<Self::Outcome, Problem>> + Send;
}

/// What is left to do after one attempt.
enum Attempt<T> {
    Ended(Result<Transacted<T>, Problem>),
    Again(Problem),
}

impl App {
    /// Decides and appends, in one atomic append, with conflicts decided again for up to 2 s.
    ///
    /// # Errors
    /// The refusal; `idempotency_key_reused`; `conflict` when the deadline passed; `unavailable` when the log cannot take it now.
    pub async fn transact<D: Decision>(
        self: &Arc<Self>,
        caller: &Caller,
        request: &TransactionRequest,
        decision: &D,
    ) -> Result<Transacted<D::Outcome>, Problem> {
        let now = self.now();
        let deadline = Instant::now() + DEADLINE;
        loop {
            let unit = UnitOfWork::new(Arc::clone(self), caller.clone(), now);
            match self.attempt(unit, request, decision).await {
                Attempt::Ended(ended) => return ended,
                Attempt::Again(problem) if Instant::now() >= deadline => return Err(problem),
                Attempt::Again(_) => metrics::counter!("chatbotx_decisions_repeated_total").increment(1),
            }
        }
    }

    async fn attempt<D: Decision>(
        self: &Arc<Self>,
        mut unit: UnitOfWork,
        request: &TransactionRequest,
        decision: &D,
    ) -> Attempt<D::Outcome> {
        let decided = decision.decide(&mut unit).await;
        match self.attempt_decided(unit, request, decided).await {
            Ok(attempt) => attempt,
            Err(problem) => Attempt::Ended(Err(problem)),
        }
    }

    async fn attempt_decided<T: Serialize + DeserializeOwned + Send>(
        self: &Arc<Self>,
        unit: UnitOfWork,
        request: &TransactionRequest,
        decided: Result<T, Problem>,
    ) -> Result<Attempt<T>, Problem> {
        let outcome = match decided {
            Ok(outcome) => outcome,
            Err(problem) => return self.confirm_refusal(unit, request, problem).await,
        };
        if request.dry_run {
            if !self.is_confirmed(&unit).await? {
                return Ok(Attempt::Again(moved_on()));
            }
            return Ok(Attempt::Ended(Ok(Transacted::Dry { would_append: planned(&unit)? })));
        }
        if unit.events().is_empty() && request.idempotency_key.is_none() {
            let position = self.log.head(unit.workspace()).await?;
            if !self.is_confirmed(&unit).await? {
                return Ok(Attempt::Again(moved_on()));
            }
            return Ok(Attempt::Ended(Ok(Transacted::Done {
                outcome,
                changed: false,
                position,
                replayed: false,
                unit,
            })));
        }
        let kept = serde_json::to_vec(&outcome).map_err(|error| Problem::internal(&error))?;
        let (append, keys) = self.append_unit(&unit, request, kept).await?;
        match self.log.append(append).await? {
            Ok(appended) => {
                for (subject, key) in keys {
                    self.log.remember_key(unit.workspace(), subject, key);
                }
                Ok(Attempt::Ended(Ok(finished(outcome, unit, &appended))))
            }
            Err(Refusal::Repeated(stored)) => Ok(Attempt::Ended(self.replay(&unit, request, &stored))),
            Err(Refusal::Conflict { .. } | Refusal::Held) => {
                unit.forget_states();
                Ok(Attempt::Again(moved_on()))
            }
            Err(Refusal::ClaimTaken { kind, owner }) => {
                // Decided again, the operation finds the owner by itself and refuses in its own words, or takes it as found.
                unit.forget_states();
                Ok(Attempt::Again(claim_taken(kind, owner)))
            }
            Err(Refusal::Fenced) => {
                Ok(Attempt::Ended(Err(Problem::new(Code::Unavailable, "another process does this now"))))
            }
            Err(Refusal::TooLarge) => Ok(Attempt::Ended(Err(Problem::new(
                Code::InvalidInput,
                "this is too much for one call: an event may have 256 kB",
            )))),
        }
    }

    /// A refusal counts only when nothing has moved on, and when the same call has not succeeded before.
    async fn confirm_refusal<T: DeserializeOwned>(
        self: &Arc<Self>,
        unit: UnitOfWork,
        request: &TransactionRequest,
        problem: Problem,
    ) -> Result<Attempt<T>, Problem> {
        if let Some(key) = &request.idempotency_key
            && !request.dry_run
        {
            let scope = scope(unit.caller(), request);
            let hash = self.log.master().hash_idempotency_key(key);
            if let Some(stored) = self.log.store().outcome(unit.workspace(), &scope, hash, self.now()).await? {
                return Ok(Attempt::Ended(self.replay(&unit, request, &stored)));
            }
        }
        if self.is_confirmed(&unit).await? { Ok(Attempt::Ended(Err(problem))) } else { Ok(Attempt::Again(problem)) }
    }

    /// Whether every stream that was seen is still as it was; forgets them otherwise.
    async fn is_confirmed(&self, unit: &UnitOfWork) -> Result<bool, Problem> {
        let seen = unit.seen();
        if seen.is_empty() {
            return Ok(true);
        }
        let streams: Vec<Uuid> = seen.iter().map(|(id, _)| *id).collect();
        let sequences = self.log.store().sequences(unit.workspace(), &streams).await?;
        let confirmed = seen.iter().map(|(_, sequence)| *sequence).eq(sequences);
        if !confirmed {
            unit.forget_states();
        }
        Ok(confirmed)
    }

    fn replay<T: DeserializeOwned>(
        self: &Arc<Self>,
        unit: &UnitOfWork,
        request: &TransactionRequest,
        stored: &StoredOutcome,
    ) -> Result<Transacted<T>, Problem> {
        if stored.fingerprint != request.fingerprint {
            return Err(Problem::new(Code::IdempotencyKeyReused, "this idempotency key was used with another input")
                .field("idempotencyKey")
                .hint("use a new key for a new call, or repeat the first call unchanged"));
        }
        let outcome = serde_json::from_slice(&stored.outcome).map_err(|error| Problem::internal(&error))?;
        let unit = UnitOfWork::new(Arc::clone(self), unit.caller().clone(), self.now());
        Ok(Transacted::Done { outcome, changed: stored.changed, position: stored.position, replayed: true, unit })
    }

    /// Seals the unit's events and puts together what is appended; gives the new contacts' keys, to be kept once it is on disk.
    async fn append_unit(
        &self,
        unit: &UnitOfWork,
        request: &TransactionRequest,
        outcome: Vec<u8>,
    ) -> Result<(AppendUnit, HashMap<Uuid, Arc<SubjectKey>>), Problem> {
        let workspace = unit.workspace();
        let key_hash = request.idempotency_key.as_ref().map(|key| self.log.master().hash_idempotency_key(key));
        let metadata = Arc::new(Metadata {
            actor: unit.caller().actor.clone(),
            client: unit.caller().client.clone(),
            operation: request.operation.to_owned(),
            request_id: request.request_id.clone(),
            correlation_id: request.request_id.clone(),
            causation_id: None,
            idempotency_key_hash: key_hash.map(|hash| hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()),
        });
        let mut made = HashMap::new();
        let mut wrapped = Vec::new();
        let mut events = Vec::with_capacity(unit.events().len());
        let mut decoded = Vec::with_capacity(unit.events().len());
        for (stream, event) in unit.events() {
            let key = match event.subject(*stream).map(Uuid::from) {
                None => None,
                Some(subject) => match made.get(&subject) {
                    Some(key) => Some(Arc::clone(key)),
                    None if is_beginning(event) => {
                        let (key, stored) = self.log.new_subject_key(workspace, subject)?;
                        made.insert(subject, Arc::clone(&key));
                        wrapped.push(stored);
                        Some(key)
                    }
                    None => self.log.subject_key(workspace, subject).await?,
                },
            };
            events.push(self.log.seal(workspace, *stream, event, &metadata, key.as_deref())?);
            decoded.push((event.clone(), Arc::clone(&metadata)));
        }
        let idempotency = key_hash.map(|key_hash| IdempotencyWrite {
            scope: scope(unit.caller(), request),
            key_hash,
            fingerprint: request.fingerprint,
            outcome,
            kept_us: request.kept_us,
        });
        let append = AppendUnit {
            workspace,
            events,
            expected: unit.expected(),
            preconditions: unit.only_read(),
            claims: unit.claims().iter().map(|(event, change)| self.claim_write(*event, change)).collect(),
            keys: wrapped,
            idempotency,
            fence: request.fence,
            decoded,
        };
        Ok((append, made))
    }

    fn claim_write(&self, event: usize, change: &ClaimChange) -> ClaimWrite {
        let (claim, owner) = match change {
            ClaimChange::Take { claim, owner } => (claim, Some(*owner)),
            ClaimChange::Release { claim } => (claim, None),
        };
        ClaimWrite { kind: claim.kind, hash: self.log.master().hash_claim(claim), owner, event }
    }
}

fn finished<T>(outcome: T, unit: UnitOfWork, appended: &Appended) -> Transacted<T> {
    unit.keep_states(appended);
    let changed = !unit.events().is_empty();
    Transacted::Done { outcome, changed, position: appended.position, replayed: false, unit }
}

/// Whether a contact begins with this event, and so its key.
const fn is_beginning(event: &aggregates::Event) -> bool {
    matches!(event, aggregates::Event::Contact(aggregates::contact::Event::ContactCreated { .. }))
}

/// An idempotency key belongs to one caller and one operation.
fn scope(caller: &Caller, request: &TransactionRequest) -> String {
    format!("{}/{}", caller.actor.id, request.operation)
}

fn planned(unit: &UnitOfWork) -> Result<Vec<PlannedEvent>, Problem> {
    let planned = unit.events().iter().map(|(stream, event)| {
        let mut data = event.to_json().map_err(|error| Problem::internal(&error))?;
        if let serde_json::Value::Object(members) = &mut data {
            // Stands beside the members as `type`.
            members.remove("type");
        }
        Ok(PlannedEvent { name: event.name(), stream: format_id(event.stream_type().prefix(), *stream), data })
    });
    planned.collect()
}

fn moved_on() -> Problem {
    Problem::new(Code::Conflict, "too much changed at the same time to decide this within 2 s")
        .hint("repeat the call")
        .retry_after_ms(200)
}

fn claim_taken(kind: ClaimKind, owner: Uuid) -> Problem {
    let prefix = match kind {
        ClaimKind::TokenDigest => "tok",
        ClaimKind::TagName => "tag",
        ClaimKind::FieldName => "field",
        ClaimKind::BotFieldName => "botfield",
        ClaimKind::AccountAddress => "account",
        ClaimKind::ContactIdentity | ClaimKind::ContactEmail | ClaimKind::ContactPhone => "contact",
        ClaimKind::ConversationOf => "conv",
        ClaimKind::InboundMessage => "msg",
        ClaimKind::FlowName => "flow",
        ClaimKind::FlowRunActive => "run",
    };
    let reason = format!("holds the {} already", kind.name().replace('_', " "));
    Problem::new(Code::Conflict, "somebody else holds a value that must be unique").candidates([Candidate {
        id: format_id(prefix, owner),
        name: None,
        reason,
    }])
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Busy => Self::new(Code::Unavailable, "too many writes are waiting").retry_after_ms(500),
            LogError::Held => {
                Self::new(Code::Unavailable, "another process is writing to the workspace").retry_after_ms(1_000)
            }
            LogError::Closed => Self::new(Code::Unavailable, "the server is ending").retry_after_ms(1_000),
            LogError::Database(_) | LogError::CommitUnknown(_) => {
                tracing::error!(%error, "the event log failed");
                Self::new(Code::Unavailable, "the event log cannot be used right now")
                    .hint(
                        "repeat the call with the same idempotencyKey; the server's log and /readyz say what is wrong",
                    )
                    .retry_after_ms(1_000)
            }
            LogError::Decode(aggregates::DecodeError::Unknown { .. }) => {
                tracing::error!(%error, "a call met an event that this version cannot read");
                Self::new(Code::Unavailable, OUTDATED)
                    .hint("repeat the call: a newer process answers it")
                    .retry_after_ms(200)
            }
            LogError::Damaged(_) | LogError::Decode(_) | LogError::OtherMasterKey => Self::internal(&error),
        }
    }
}
