//! Group commit: one task writes for everybody. While one batch is on its way to the disk the next one collects by itself, so
//! there is no timer to tune; the more callers, the larger the batches.
//!
//! Where other processes write, too, one of them may hold a workspace at this moment. The units of that workspace then wait in a lane of
//! their own, on a connection of their own, and nobody else waits for them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aggregates::ids::WorkspaceId;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

use super::append::{AppendUnit, Appended, Expected, LogEntry, LogError, Refusal, Units};
use super::event_stream::EventStream;
use super::store::{BatchAnswers, EventRange, LogStore, WhenHeld};
use crate::clock::Clock;

/// The most units in one transaction.
const MAX_BATCH_UNITS: usize = 512;
/// About the most bytes in one transaction.
const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// How many units may wait; more are told to come back.
const QUEUE_UNITS: usize = 8_192;
/// Workspaces that are waited for at once; the units of more wait for a place.
const LANES: usize = 4;
/// How long the database is asked what became of a commit whose answer was lost.
const ASK: Duration = Duration::from_secs(30);
/// The pause between two questions.
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// How often a batch is sent anew of which the database says that it was not committed.
const SENT_ANEW: u32 = 2;

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
        let writing = Writing {
            store,
            stream,
            clock,
            failures,
            lanes: Mutex::default(),
            places: Arc::new(Semaphore::new(LANES)),
        };
        tokio::spawn(run(waiting, Arc::new(writing)));
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

/// What those who write share.
struct Writing {
    store: Arc<dyn LogStore>,
    stream: Arc<EventStream>,
    clock: Arc<dyn Clock>,
    failures: watch::Sender<Option<Instant>>,
    /// What waits for a workspace that another process holds. As long as there is an entry, its lane is at work, and every unit of the
    /// workspace goes there: they keep their order.
    lanes: Mutex<HashMap<WorkspaceId, VecDeque<Pending>>>,
    places: Arc<Semaphore>,
}

async fn run(mut waiting: mpsc::Receiver<Pending>, writing: Arc<Writing>) {
    while let Some(first) = waiting.recv().await {
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some(pending) = next {
            if let Some(pending) = writing.without_lane(pending) {
                batch.push(pending);
            }
            next = if batch.is_full() { None } else { waiting.try_recv().ok() };
        }
        for held in writing.write(batch, WhenHeld::Skip).await {
            writing.wait_in_lane(held);
        }
    }
}

/// Units that go into one transaction.
#[derive(Default)]
struct Batch {
    units: Vec<Pending>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, pending: Pending) {
        self.bytes += pending.unit.size_bytes();
        self.units.push(pending);
    }

    fn is_full(&self) -> bool {
        self.units.len() >= MAX_BATCH_UNITS || self.bytes >= MAX_BATCH_BYTES
    }
}

impl Writing {
    fn lanes(&self) -> MutexGuard<'_, HashMap<WorkspaceId, VecDeque<Pending>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The unit, unless its workspace has a lane: then it waits there, or is told to come back when too many do.
    fn without_lane(&self, pending: Pending) -> Option<Pending> {
        match self.lanes().get_mut(&pending.unit.workspace) {
            Some(lane) if lane.len() < QUEUE_UNITS => {
                lane.push_back(pending);
                None
            }
            Some(_) => {
                let _gone = pending.answer.send(Err(LogError::Busy));
                None
            }
            None => Some(pending),
        }
    }

    /// Puts a unit behind those of its workspace that wait already; begins a lane for the first one.
    fn wait_in_lane(self: &Arc<Self>, pending: Pending) {
        let workspace = pending.unit.workspace;
        let mut lanes = self.lanes();
        let begun = !lanes.contains_key(&workspace);
        lanes.entry(workspace).or_default().push_back(pending);
        if begun {
            tokio::spawn(Arc::clone(self).work_off(workspace));
        }
    }

    /// Writes what waits for one workspace, however long another process holds it, until nothing waits.
    async fn work_off(self: Arc<Self>, workspace: WorkspaceId) {
        let place = Arc::clone(&self.places).acquire_owned().await;
        loop {
            let mut batch = Batch::default();
            {
                let mut lanes = self.lanes();
                let Some(lane) = lanes.get_mut(&workspace) else { break };
                while !batch.is_full()
                    && let Some(pending) = lane.pop_front()
                {
                    batch.push(pending);
                }
                if batch.units.is_empty() {
                    lanes.remove(&workspace);
                    break;
                }
            }
            for held in self.write(batch, WhenHeld::Wait).await {
                let _gone = held.answer.send(Err(LogError::Held));
            }
        }
        drop(place);
    }

    /// Writes a batch and answers; gives back the units whose workspace another process holds.
    async fn write(&self, batch: Batch, held: WhenHeld) -> Vec<Pending> {
        if batch.units.is_empty() {
            return Vec::new();
        }
        metrics::histogram!("chatbotx_append_batch_units").record(u32::try_from(batch.units.len()).unwrap_or(u32::MAX));
        let (units, answers): (Vec<AppendUnit>, Vec<_>) =
            batch.units.into_iter().map(|pending| (pending.unit, pending.answer)).unzip();
        let units = Units::from(units);
        let outcomes = append_or_split(&*self.store, &units, self.clock.now(), held).await;
        // A workspace that somebody holds for too long is not a log that cannot be written.
        let failed =
            outcomes.iter().any(|outcome| outcome.as_ref().is_err_and(|error| !matches!(error, LogError::Held)));
        self.failures.send_if_modified(|at| std::mem::replace(at, failed.then(Instant::now)).is_some() || failed);
        let mut written = Vec::with_capacity(answers.len());
        let mut waiting = Vec::new();
        let mut decided = Vec::with_capacity(answers.len());
        for ((unit, answer), outcome) in units.into_vec().into_iter().zip(answers).zip(outcomes) {
            if matches!(outcome, Ok(Err(Refusal::Held))) {
                waiting.push(Pending { unit, answer });
            } else {
                if let Ok(Ok(appended)) = &outcome {
                    entries(unit, appended, &mut written);
                }
                decided.push((answer, outcome));
            }
        }
        let heads: BTreeMap<WorkspaceId, u64> =
            written.iter().map(|entry| (entry.recorded.workspace, entry.recorded.position)).collect();
        self.stream.publish(written);
        self.store.tell_others(&heads.into_iter().collect::<Vec<_>>());
        for (answer, outcome) in decided {
            // Whoever gave up waiting finds what was done under the idempotency key.
            let _gone = answer.send(outcome);
        }
        waiting
    }
}

/// Appends a batch; when the database refuses it, halves it until the culprit stands alone.
async fn append_or_split(store: &dyn LogStore, units: &Units, now: i64, held: WhenHeld) -> Vec<AppendAnswer> {
    let mut outcomes: Vec<AppendAnswer> = Vec::with_capacity(units.len());
    let mut parts = vec![units.clone()];
    while let Some(part) = parts.pop() {
        match append_for_certain(store, &part, now, held).await {
            Ok(answers) => outcomes.extend(answers.into_iter().map(Ok)),
            Err(LogError::Database(error)) if part.len() > 1 => {
                tracing::warn!(%error, units = part.len(), "the database refused a batch; trying its halves");
                let [left, right] = part.halves();
                parts.push(right);
                parts.push(left);
            }
            Err(error) => {
                tracing::error!(%error, units = part.len(), "the log could not be written");
                outcomes.extend(part.iter().map(|_| Err(error.clone())));
            }
        }
    }
    outcomes
}

/// Appends a batch; when the answer is lost, finds out whether it was committed, and sends it anew when it was not.
async fn append_for_certain(
    store: &dyn LogStore,
    units: &Units,
    now: i64,
    held: WhenHeld,
) -> Result<BatchAnswers, LogError> {
    let mut sent_anew = 0;
    loop {
        let error = match store.append(units.clone(), now, held).await {
            Err(error @ LogError::CommitUnknown(_)) => error,
            done => return done,
        };
        match fate(store, units).await {
            Fate::Committed(answers) => return Ok(answers),
            Fate::TakenBack if sent_anew < SENT_ANEW => {
                tracing::warn!(%error, units = units.len(), "a commit did not take place; sending the batch anew");
                sent_anew += 1;
            }
            Fate::TakenBack | Fate::Unknown => return Err(error),
        }
    }
}

/// What became of a batch whose answer was lost.
enum Fate {
    /// It was committed, with these answers.
    Committed(BatchAnswers),
    /// It was not, and will not be.
    TakenBack,
    /// The database does not answer.
    Unknown,
}

/// After a lost answer to a commit: asks until the database says what became of it.
async fn fate(store: &dyn LogStore, units: &[AppendUnit]) -> Fate {
    let began = Instant::now();
    loop {
        // An answer may also not come at all: somebody has locked the table.
        let Ok(found) = tokio::time::timeout(ASK.saturating_sub(began.elapsed()), find_committed(store, units)).await
        else {
            return Fate::Unknown;
        };
        match found {
            Ok(Some(answers)) => return Fate::Committed(answers),
            Ok(None) => return Fate::TakenBack,
            Err(error) => {
                tracing::warn!(%error, "whether a commit took place cannot be told yet; asking again");
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }
}

/// Looks for the batch's events by their ids. The batch was one transaction, so one event that is there proves it, and then every unit
/// whose events are not there was refused: it is told to decide again. Nothing when no event is there; a batch that has none, only keys,
/// is then sent anew, and finds them kept if they were.
async fn find_committed(store: &dyn LogStore, units: &[AppendUnit]) -> Result<Option<BatchAnswers>, LogError> {
    let mut workspaces: Vec<WorkspaceId> = units.iter().map(|unit| unit.workspace).collect();
    workspaces.sort_unstable();
    workspaces.dedup();
    // The server may be about to commit what a lost connection has asked it for.
    store.settle(&workspaces).await?;
    let mut answers: BatchAnswers = Vec::with_capacity(units.len());
    for unit in units {
        let mut events = Vec::with_capacity(unit.events.len());
        for event in &unit.events {
            let from = unit.expected.iter().find_map(|(_, stream, expected)| match expected {
                Expected::Sequence(sequence) if *stream == event.stream_id => Some(*sequence),
                _ => None,
            });
            let range = EventRange::Stream(event.stream_id, from.unwrap_or_default());
            let stream = store.events(unit.workspace, range, usize::MAX).await?;
            events.extend(stream.into_iter().find(|stored| stored.id == event.id).map(|stored| stored.placed));
        }
        answers.push(match events.last() {
            Some(last) if events.len() == unit.events.len() => Ok(Appended { position: last.position, events }),
            _ => Err(Refusal::Conflict { stream_id: unit.workspace.0 }),
        });
    }
    Ok(answers.iter().any(Result::is_ok).then_some(answers))
}

/// What was written, in the order of the positions, for those who listen.
fn entries(unit: AppendUnit, appended: &Appended, entries: &mut Vec<LogEntry>) {
    for ((event, (decoded, metadata)), placed) in unit.events.iter().zip(unit.decoded).zip(&appended.events) {
        let recorded = aggregates::Recorded {
            workspace: unit.workspace,
            position: placed.position,
            sequence: placed.sequence,
            id: event.id,
            stream_id: event.stream_id,
            recorded_at: placed.recorded_at,
            metadata,
            event: decoded,
        };
        entries.push(LogEntry { recorded: Arc::new(recorded), leaf_hash: placed.leaf_hash });
    }
}
