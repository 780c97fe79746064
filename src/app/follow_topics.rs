//! Who follows which workspace: every new event is looked at once and given to the groups of followers that want it.
//!
//! Followers with the same filter are one group. One task for each workspace gives out; who wants none of what was committed is not even
//! woken. A group keeps its last batches, so that what they become on the wire is made once for all of its followers.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aggregates::Recorded;
use aggregates::ids::WorkspaceId;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::event_filter::{EventFilter, about};
use super::following::Batch;
use crate::event_log::EventLog;
use crate::event_log::append::LogEntry;

/// The most events that are given out at once.
const PAGE: usize = 2_000;
/// The fewest: below it the bytes of a round are nothing beside waking its followers.
const PAGE_MIN: usize = 16;
/// The most events that one group keeps.
const KEPT_BY_ONE: usize = 4_096;
/// The fewest for which every group has room.
const KEPT_BY_EACH: usize = 32;
/// Events that the groups of one workspace keep together.
const KEPT: usize = 8_192;
/// After it woke followers the task rests this long for each of them: a thousand are told 25 times a second of what was committed
/// meanwhile, instead of taking the machine from the writers at every commit.
const REST_PER_FOLLOWER: Duration = Duration::from_micros(40);
/// It does not rest longer for that.
const REST_MAX: Duration = Duration::from_millis(250);
/// Bytes that followers are given in a second for each core, all of them together. Writers go before followers: a thousand followers
/// of everything, under writers at full speed, would otherwise take a third of the machine for copying. They fall behind instead, for
/// as long as that lasts, and lose nothing.
const BYTES_PER_CORE: u32 = 32 * 1024 * 1024;
/// How long giving out a page takes at that rate: waking a thousand followers costs as much as the bytes, so not more often.
const ROUND: Duration = Duration::from_millis(500);
/// Followers that may read from the log at a time.
const CATCHING_UP: usize = 4;
/// The pause after a page that could not be read.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that is followed in this process.
pub(super) struct Follows {
    pub(super) log: Arc<EventLog>,
    pub(super) stop: CancellationToken,
    topics: Mutex<HashMap<WorkspaceId, Arc<Topic>>>,
    /// Places for those that read from the log.
    pub(super) catching_up: Semaphore,
    /// Bytes that followers were given, each for itself.
    pub(super) given: AtomicU64,
    /// How many they are given in a second.
    bytes_per_second: f64,
}

/// What is followed in one workspace.
pub(super) struct Topic {
    pub(super) workspace: WorkspaceId,
    /// Everything up to here was given to those who want it.
    pub(super) reached: AtomicU64,
    /// By what their events are about.
    groups: Mutex<BTreeMap<Option<Uuid>, Vec<Arc<Group>>>>,
    /// Set when nobody follows any more.
    ended: CancellationToken,
}

/// Followers with the same filter.
pub(super) struct Group {
    pub(super) filter: EventFilter,
    pub(super) kept: Mutex<Kept>,
    /// Changes with every batch.
    pub(super) wake: watch::Sender<()>,
    /// Counted under the lock of the topics.
    followers: AtomicUsize,
}

/// The batches that a group was given last.
pub(super) struct Kept {
    /// All that fits behind this position, as far as the topic has reached, is in the batches.
    pub(super) from: u64,
    pub(super) batches: VecDeque<Arc<Batch>>,
    events: usize,
}

impl Follows {
    pub(super) fn new(log: Arc<EventLog>, stop: CancellationToken) -> Arc<Self> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
        Arc::new(Self {
            log,
            stop,
            topics: Mutex::default(),
            catching_up: Semaphore::new(CATCHING_UP),
            given: AtomicU64::new(0),
            bytes_per_second: f64::from(BYTES_PER_CORE) * f64::from(cores),
        })
    }

    /// How many followers there are.
    pub(super) fn number(&self) -> usize {
        let topics = lock(&self.topics);
        let of_topic = |topic: &Arc<Topic>| {
            let groups = lock(&topic.groups);
            groups.values().flatten().map(|group| group.followers.load(Ordering::Relaxed)).sum::<usize>()
        };
        topics.values().map(of_topic).sum()
    }

    /// The group of `filter` in a workspace, with one follower more. `head` is the workspace's last position, or was.
    pub(super) fn join(
        self: &Arc<Self>,
        workspace: WorkspaceId,
        filter: EventFilter,
        head: u64,
    ) -> (Arc<Topic>, Arc<Group>) {
        let mut topics = lock(&self.topics);
        let topic = topics.entry(workspace).or_insert_with(|| {
            let topic = Arc::new(Topic {
                workspace,
                reached: AtomicU64::new(head),
                groups: Mutex::default(),
                ended: CancellationToken::new(),
            });
            tokio::spawn(Arc::clone(self).give_out(Arc::clone(&topic)));
            topic
        });
        let group = topic.group(filter);
        group.followers.fetch_add(1, Ordering::Relaxed);
        (Arc::clone(topic), group)
    }

    /// Takes a follower away again, and with the last one the group and the task.
    pub(super) fn leave(&self, topic: &Topic, group: &Arc<Group>) {
        let mut topics = lock(&self.topics);
        if group.followers.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        let mut groups = lock(&topic.groups);
        let key = group.filter.key();
        if let Some(alike) = groups.get_mut(&key) {
            alike.retain(|other| !Arc::ptr_eq(other, group));
            if alike.is_empty() {
                groups.remove(&key);
            }
        }
        if groups.is_empty() {
            topic.ended.cancel();
            topics.remove(&topic.workspace);
        }
    }

    /// Gives the events of a workspace to those who want them, as long as anybody follows.
    async fn give_out(self: Arc<Self>, topic: Arc<Topic>) {
        let mut head = self.log.stream().follow(topic.workspace);
        let mut pace = Pace::new(self.given.load(Ordering::Relaxed));
        loop {
            head.borrow_and_update();
            let reached = topic.reached.load(Ordering::Acquire);
            let rest = match self.log.entries_after(topic.workspace, reached, pace.page).await {
                Ok(page) if page.is_empty() => None,
                Ok(page) => {
                    let woken = u32::try_from(topic.give(&page)).unwrap_or(u32::MAX);
                    pace.given(page.len());
                    Some(REST_PER_FOLLOWER.saturating_mul(woken).min(REST_MAX))
                }
                Err(error) if self.stop.is_cancelled() => {
                    tracing::debug!(%error, "followers are told nothing more: the program ends");
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "the log cannot be read for those who follow it");
                    Some(PAUSE)
                }
            };
            let next = async {
                match rest {
                    Some(rest) => {
                        tokio::time::sleep(rest).await;
                        let owed = pace.owed(self.given.load(Ordering::Relaxed), self.bytes_per_second);
                        tokio::time::sleep(owed).await;
                    }
                    // The sender stays in the stream as long as this receiver does.
                    None => drop(head.changed().await),
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = topic.ended.cancelled() => return,
                () = next => {}
            }
        }
    }
}

/// How fast a workspace's events are given out: as fast as all followers together may be given bytes.
struct Pace {
    /// The most events in the next page.
    page: usize,
    /// Events in the last one.
    events: usize,
    /// When it was given.
    at: Instant,
    /// Bytes that followers had been given when the last page was paid for.
    paid: u64,
}

impl Pace {
    fn new(given: u64) -> Self {
        Self { page: PAGE, events: 0, at: Instant::now(), paid: given }
    }

    /// A page is on its way.
    fn given(&mut self, events: usize) {
        (self.events, self.at) = (events, Instant::now());
    }

    /// How long to rest for what followers took of the last page, and makes the next one fit.
    fn owed(&mut self, given: u64, bytes_per_second: f64) -> Duration {
        // Far below 2^52.
        let cost = Duration::from_secs_f64(given.saturating_sub(self.paid) as f64 / bytes_per_second);
        self.paid = given;
        let fitting = self.events as f64 * ROUND.as_secs_f64() / cost.as_secs_f64().max(1e-9);
        // A page that was smaller than it might have been says little about the next one; it may grow step by step.
        self.page = (fitting as usize).clamp(PAGE_MIN, (2 * self.page).min(PAGE));
        cost.saturating_sub(self.at.elapsed())
    }
}

impl Topic {
    /// The group with this filter. Nothing is given out meanwhile, so that it is clear from where on the group has all.
    fn group(&self, filter: EventFilter) -> Arc<Group> {
        let mut groups = lock(&self.groups);
        let alike = groups.entry(filter.key()).or_default();
        if let Some(group) = alike.iter().find(|group| group.filter == filter) {
            return Arc::clone(group);
        }
        let from = self.reached.load(Ordering::Acquire);
        let kept = Mutex::new(Kept { from, batches: VecDeque::new(), events: 0 });
        let group = Arc::new(Group { filter, kept, wake: watch::Sender::new(()), followers: AtomicUsize::new(0) });
        alike.push(Arc::clone(&group));
        group
    }

    /// Gives a page to the groups that want something of it; tells how many followers it woke.
    fn give(&self, page: &[LogEntry]) -> usize {
        let groups = lock(&self.groups);
        let mut wanted: BTreeMap<(Option<Uuid>, usize), Vec<Arc<Recorded>>> = BTreeMap::new();
        for LogEntry { recorded, .. } in page {
            for key in about(recorded) {
                for (place, group) in groups.get(&key).into_iter().flatten().enumerate() {
                    if group.filter.wants(recorded) {
                        wanted.entry((key, place)).or_default().push(Arc::clone(recorded));
                    }
                }
            }
        }
        let number: usize = groups.values().map(Vec::len).sum();
        let share = (KEPT / number.max(1)).clamp(KEPT_BY_EACH, KEPT_BY_ONE);
        let mut woken = 0;
        for ((key, place), events) in wanted {
            let Some(group) = groups.get(&key).and_then(|groups| groups.get(place)) else { continue };
            lock(&group.kept).add(Arc::new(Batch::new(events)), share);
            group.wake.send_replace(());
            woken += group.followers.load(Ordering::Relaxed);
        }
        if let Some(last) = page.last() {
            self.reached.store(last.recorded.position, Ordering::Release);
        }
        woken
    }
}

impl Kept {
    /// Keeps a batch, and of those before it as many as there is room for.
    fn add(&mut self, batch: Arc<Batch>, share: usize) {
        self.events += batch.events().len();
        self.batches.push_back(batch);
        while self.events > share
            && self.batches.len() > 1
            && let Some(oldest) = self.batches.pop_front()
        {
            self.events -= oldest.events().len();
            self.from = oldest.last();
        }
    }
}

#[cfg(test)]
mod tests {
    use aggregates::Event;
    use aggregates::ids::EventId;
    use aggregates::metadata::{Actor, Metadata};

    use super::*;

    fn batch(positions: std::ops::RangeInclusive<u64>) -> Arc<Batch> {
        let metadata = Arc::new(Metadata {
            actor: Actor::local(),
            client: None,
            operation: "create_tag".to_owned(),
            request_id: "1".to_owned(),
            correlation_id: "1".to_owned(),
            causation_id: None,
            idempotency_key_hash: None,
        });
        let event = |position| Recorded {
            workspace: Uuid::nil().into(),
            position,
            sequence: 1,
            id: EventId(Uuid::nil()),
            stream_id: Uuid::nil(),
            recorded_at: 0,
            metadata: Arc::clone(&metadata),
            event: Event::Tag(aggregates::tag::Event::TagCreated { name: "x".to_owned() }),
        };
        Arc::new(Batch::new(positions.map(event).map(Arc::new).collect()))
    }

    #[test]
    fn a_group_knows_from_where_on_it_has_all() {
        let mut kept = Kept { from: 0, batches: VecDeque::new(), events: 0 };
        kept.add(batch(1..=3), 4);
        assert_eq!((kept.from, kept.batches.len()), (0, 1));
        kept.add(batch(4..=6), 4);
        assert_eq!((kept.from, kept.batches.len()), (3, 1), "what made room is known to be gone");
        kept.add(batch(7..=20), 4);
        assert_eq!((kept.from, kept.events), (6, 14), "the newest batch stays, however long it is");
    }
}
