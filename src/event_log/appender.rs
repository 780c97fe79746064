//! Group commit: one task writes for everybody. While one batch is on its way to the disk the next one collects by itself, so
//! there is no timer to tune; the more callers, the larger the batches.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::append::{AppendUnit, Appended, LogEntry, LogError, Refusal};
use super::event_stream::EventStream;
use super::store::{BatchAnswers, EventRange, LogStore};
use crate::clock::Clock;

/// The most units in one transaction.
const MAX_BATCH_UNITS: usize = 512;
/// About the most bytes in one transaction.
const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// How many units may wait; more are told to come back.
const QUEUE_UNITS: usize = 8_192;

/// What became of a unit.
pub type AppendAnswer = Result<Result<Appended, Refusal>, LogError>;

struct Pending {
    unit: AppendUnit,
    answer: oneshot::Sender<AppendAnswer>,
}

/// The way to the task that writes.
#[derive(Clone)]
pub struct Appender {
    queue: mpsc::Sender<Pending>,
    failed_at: watch::Receiver<Option<Instant>>,
}

impl Appender {
    /// Starts the task. It ends when every [`Appender`] is gone.
    pub fn start(store: Arc<dyn LogStore>, stream: Arc<EventStream>, clock: Arc<dyn Clock>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_UNITS);
        let (failures, failed_at) = watch::channel(None);
        tokio::spawn(run(waiting, store, stream, clock, failures));
        Self { queue, failed_at }
    }

    /// When the log could last not be written, unless a later write succeeded.
    pub fn failed_at(&self) -> Option<Instant> {
        *self.failed_at.borrow()
    }

    /// Appends a unit; answers when it is on disk, or refused.
    ///
    /// # Errors
    /// [`LogError::Busy`] when too much waits; otherwise what the database said.
    pub async fn append(&self, unit: AppendUnit) -> AppendAnswer {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Pending { unit, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => LogError::Busy,
            mpsc::error::TrySendError::Closed(_) => LogError::Closed,
        })?;
        answered.await.unwrap_or(Err(LogError::Closed))
    }
}

async fn run(
    mut waiting: mpsc::Receiver<Pending>,
    store: Arc<dyn LogStore>,
    stream: Arc<EventStream>,
    clock: Arc<dyn Clock>,
    failures: watch::Sender<Option<Instant>>,
) {
    while let Some(first) = waiting.recv().await {
        let mut bytes = first.unit.size_bytes();
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH_UNITS && bytes < MAX_BATCH_BYTES {
            let Ok(next) = waiting.try_recv() else { break };
            bytes += next.unit.size_bytes();
            batch.push(next);
        }
        metrics::histogram!("chatbotx_append_batch_units").record(u32::try_from(batch.len()).unwrap_or(u32::MAX));
        let (units, answers): (Vec<AppendUnit>, Vec<_>) =
            batch.into_iter().map(|pending| (pending.unit, pending.answer)).unzip();
        let outcomes = append_or_split(&*store, &units, clock.now()).await;
        stream.publish(entries(units, &outcomes));
        let failed = outcomes.iter().any(Result::is_err);
        failures.send_if_modified(|at| std::mem::replace(at, failed.then(Instant::now)).is_some() || failed);
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // Whoever gave up waiting finds what was done under the idempotency key.
            let _gone = answer.send(outcome);
        }
    }
}

/// Appends a batch; when the database refuses it, halves it until the culprit stands alone.
async fn append_or_split(store: &dyn LogStore, units: &[AppendUnit], now: i64) -> Vec<AppendAnswer> {
    let mut outcomes: Vec<AppendAnswer> = Vec::with_capacity(units.len());
    let mut parts = vec![units];
    while let Some(part) = parts.pop() {
        let references: Vec<&AppendUnit> = part.iter().collect();
        match store.append(&references, now).await {
            Ok(answers) => outcomes.extend(answers.into_iter().map(Ok)),
            Err(LogError::Database(error)) if part.len() > 1 => {
                tracing::warn!(%error, units = part.len(), "the database refused a batch; trying its halves");
                let (left, right) = part.split_at(part.len() / 2);
                parts.push(right);
                parts.push(left);
            }
            Err(error) => {
                let found = match &error {
                    LogError::CommitUnknown(_) => find_committed(store, part).await,
                    _ => None,
                };
                match found {
                    Some(answers) => outcomes.extend(answers.into_iter().map(Ok)),
                    None => {
                        tracing::error!(%error, units = part.len(), "the log could not be written");
                        outcomes.extend(part.iter().map(|_| Err(error.clone())));
                    }
                }
            }
        }
    }
    outcomes
}

/// After a lost answer to a commit: looks for the batch's events by their ids. The batch was one transaction, so one event that is
/// there proves it, and then every unit whose events are not there was refused: it is told to decide again. Nothing when no event is
/// there, or when it cannot be told.
async fn find_committed(store: &dyn LogStore, units: &[AppendUnit]) -> Option<BatchAnswers> {
    let mut answers: BatchAnswers = Vec::with_capacity(units.len());
    for unit in units {
        let mut events = Vec::with_capacity(unit.events.len());
        for event in &unit.events {
            let stream = store.events(unit.workspace, EventRange::Stream(event.stream_id, 0), usize::MAX).await.ok()?;
            events.extend(stream.into_iter().find(|stored| stored.id == event.id).map(|stored| stored.placed));
        }
        answers.push(match events.last() {
            Some(last) if events.len() == unit.events.len() => Ok(Appended { position: last.position, events }),
            _ => Err(Refusal::Conflict { stream_id: unit.workspace.0 }),
        });
    }
    answers.iter().any(Result::is_ok).then_some(answers)
}

/// What was written, in the order of the positions, for those who listen.
fn entries(units: Vec<AppendUnit>, outcomes: &[AppendAnswer]) -> Vec<LogEntry> {
    let mut entries = Vec::new();
    for (unit, outcome) in units.into_iter().zip(outcomes) {
        let Ok(Ok(appended)) = outcome else { continue };
        for ((event, (decoded, metadata)), placed) in unit.events.iter().zip(unit.decoded).zip(&appended.events) {
            let recorded = aggregates::Recorded {
                workspace: unit.workspace,
                position: placed.position,
                sequence: placed.sequence,
                id: event.id,
                stream_id: event.stream_id,
                recorded_at: placed.recorded_at,
                metadata: (*metadata).clone(),
                event: decoded,
            };
            entries.push(LogEntry { recorded: Arc::new(recorded), leaf_hash: placed.leaf_hash });
        }
    }
    entries
}
