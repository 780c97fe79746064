//! Following the log of a workspace, for any number of followers at once, none of which can slow the writers or another follower.
//!
//! What is new is given out by `follow_topics.rs`; whoever falls behind what is kept there reads from the log at a pace of its own.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use aggregates::Recorded;
use aggregates::ids::WorkspaceId;
use bytes::Bytes;
use tokio::sync::watch;

use super::App;
use super::event_filter::EventFilter;
use super::follow_topics::{Follows, Group, Topic, lock};
use crate::event_log::append::{LogEntry, LogError};
use crate::event_log::store::EventRange;
use crate::problem::Problem;

/// Events that are read from the log at once.
const PAGE: usize = 500;
/// After so many pages without an event that fits, a follower is told how far it is.
const PAGES_PASSED: usize = 10;

/// Events that a follower is given together, in the order of their positions; never empty.
#[derive(Debug)]
pub struct Batch {
    events: Vec<Arc<Recorded>>,
    encoded: OnceLock<Result<Bytes, Problem>>,
}

/// What a follower is given next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Events that fit.
    Events(Arc<Batch>),
    /// Nothing fits up to this position; there is more to look at.
    Passed(u64),
}

/// One follower. Dropping it ends it.
pub struct Following {
    follows: Arc<Follows>,
    topic: Arc<Topic>,
    group: Arc<Group>,
    wake: watch::Receiver<()>,
    cursor: u64,
}

enum Look {
    Events(Arc<Batch>),
    /// Nothing fits up to here.
    Nothing(u64),
    /// What comes next is not kept any more.
    Behind,
}

impl App {
    /// Follows the events of a workspace that fit `filter`, behind the position `after`, or from now on.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn follow(
        &self,
        workspace: WorkspaceId,
        filter: EventFilter,
        after: Option<u64>,
    ) -> Result<Following, Problem> {
        // Before anything is registered: whoever follows from now on is told all that is committed after this.
        let head = self.log.head(workspace).await?;
        let (topic, group) = self.follows.join(workspace, filter, head);
        let wake = group.wake.subscribe();
        Ok(Following { follows: Arc::clone(&self.follows), topic, group, wake, cursor: after.unwrap_or(head) })
    }

    /// How many followers there are.
    #[must_use]
    pub fn followers(&self) -> usize {
        self.follows.number()
    }
}

impl Batch {
    pub(super) fn new(events: Vec<Arc<Recorded>>) -> Self {
        Self { events, encoded: OnceLock::new() }
    }

    /// The events.
    #[must_use]
    pub fn events(&self) -> &[Arc<Recorded>] {
        &self.events
    }

    /// The position of the last one.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.events.last().map_or(0, |event| event.position)
    }

    /// The part behind `position`.
    fn behind(self: Arc<Self>, position: u64) -> Arc<Self> {
        match self.events.partition_point(|event| event.position <= position) {
            0 => self,
            seen => Arc::new(Self::new(self.events[seen..].to_vec())),
        }
    }
}

impl Following {
    /// Everything up to here was given out, or does not fit: following on behind it misses nothing.
    pub fn position(&mut self) -> u64 {
        if let Look::Nothing(reached) = self.look() {
            self.cursor = self.cursor.max(reached);
        }
        self.cursor
    }

    /// What a batch is on the wire: made by whoever asks first, for all that share it. It counts as given to this follower.
    ///
    /// # Errors
    /// What `encode` said the first time.
    pub fn encoded(
        &self,
        batch: &Batch,
        encode: impl FnOnce(&[Arc<Recorded>]) -> Result<Bytes, Problem>,
    ) -> Result<Bytes, Problem> {
        let encoded = batch.encoded.get_or_init(|| encode(&batch.events)).clone()?;
        self.follows.given.fetch_add(encoded.len() as u64, Ordering::Relaxed);
        Ok(encoded)
    }

    /// Leaves out what was committed until now.
    pub fn skip(&mut self) {
        self.cursor = self.cursor.max(self.topic.reached.load(Ordering::Acquire));
    }

    /// What comes next; waits for it. Nothing when the program ends. Giving up the wait loses nothing.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn next(&mut self) -> Result<Option<Step>, Problem> {
        loop {
            self.wake.borrow_and_update();
            match self.look() {
                Look::Events(batch) => {
                    let batch = batch.behind(self.cursor);
                    self.cursor = batch.last();
                    return Ok(Some(Step::Events(batch)));
                }
                Look::Behind => {
                    if let Some(step) = self.catch_up().await? {
                        return Ok(Some(step));
                    }
                }
                Look::Nothing(reached) => {
                    self.cursor = self.cursor.max(reached);
                    tokio::select! {
                        () = self.follows.stop.cancelled() => return Ok(None),
                        // The group, and its sender with it, lives as long as this follower.
                        _ = self.wake.changed() => {}
                    }
                }
            }
        }
    }

    fn look(&self) -> Look {
        // Before the batches: what is given out between the two looks is in the batches.
        let reached = self.topic.reached.load(Ordering::Acquire);
        let kept = lock(&self.group.kept);
        if self.cursor < kept.from {
            return Look::Behind;
        }
        let next = kept.batches.partition_point(|batch| batch.last() <= self.cursor);
        kept.batches.get(next).map_or(Look::Nothing(reached), |batch| Look::Events(Arc::clone(batch)))
    }

    async fn page(&self) -> Result<Vec<LogEntry>, LogError> {
        let (log, workspace) = (&self.follows.log, self.topic.workspace);
        match self.group.filter.contact {
            Some(contact) => log.entries(workspace, EventRange::SubjectAfter(contact.0, self.cursor), PAGE).await,
            None => log.entries_after(workspace, self.cursor, PAGE).await,
        }
    }

    /// Reads from the log what is not kept any more.
    async fn catch_up(&mut self) -> Result<Option<Step>, Problem> {
        for _ in 0..PAGES_PASSED {
            let (page, head) = {
                let _place = self.follows.catching_up.acquire().await.map_err(|error| Problem::internal(&error))?;
                // The head first: what is written after it is met on the way from it.
                let head = self.follows.log.head(self.topic.workspace).await?;
                let page = self.page().await?;
                (page, head)
            };
            let ended = page.len() < PAGE;
            let last = page.last().map_or(0, |entry| entry.recorded.position);
            let events = page.into_iter().map(|entry| entry.recorded);
            let events: Vec<_> = events.filter(|event| self.group.filter.wants(event)).collect();
            self.cursor = self.cursor.max(last).max(if ended { head } else { 0 });
            if !events.is_empty() {
                return Ok(Some(Step::Events(Arc::new(Batch::new(events)))));
            }
            if ended {
                return Ok(None);
            }
        }
        Ok(Some(Step::Passed(self.cursor)))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.follows.leave(&self.topic, &self.group);
    }
}
