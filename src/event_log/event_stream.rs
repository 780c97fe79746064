//! What has just been committed, kept in memory for those who follow the log closely: projections, notifications, waiting calls.
//!
//! Events stay here for a while only. Whoever falls behind reads from the log itself; nothing is lost by it, and nobody waits
//! for a slow follower.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use aggregates::ids::WorkspaceId;
use tokio::sync::watch;

use super::append::LogEntry;

/// How many events of one workspace are kept.
const KEPT_PER_WORKSPACE: usize = 8_192;
/// How many events are kept in all.
const KEPT_IN_ALL: usize = 65_536;

#[derive(Default)]
struct Kept {
    rings: HashMap<WorkspaceId, VecDeque<LogEntry>>,
    total: usize,
    /// Workspaces that this process has written to since the projector last asked.
    unprojected: BTreeSet<WorkspaceId>,
    /// Those that other processes have written to: their projectors are at it already.
    unprojected_elsewhere: BTreeSet<WorkspaceId>,
    /// Workspaces that were written to since the reactions last asked.
    unreacted: BTreeSet<WorkspaceId>,
    /// How far the workspaces have come, as far as this process has heard.
    reached: HashMap<WorkspaceId, u64>,
    /// The same for those who follow one.
    heads: HashMap<WorkspaceId, watch::Sender<u64>>,
}

/// The tail of the log, in memory.
pub struct EventStream {
    kept: Mutex<Kept>,
    commits: watch::Sender<u64>,
}

impl Default for EventStream {
    fn default() -> Self {
        Self { kept: Mutex::default(), commits: watch::Sender::new(0) }
    }
}

impl EventStream {
    /// Takes in what was committed, in the order of the positions, and wakes those who wait.
    pub fn publish(&self, entries: Vec<LogEntry>) {
        if entries.is_empty() {
            return;
        }
        metrics::counter!("chatbotx_events_appended_total").increment(entries.len() as u64);
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let mut written = BTreeSet::new();
            for entry in entries {
                written.insert(entry.recorded.workspace);
                kept.add(entry);
            }
            written.into_iter().for_each(|workspace| kept.tell_head(workspace));
        }
        self.commits.send_modify(|number| *number += 1);
    }

    /// Another process has committed up to `position`: wakes those who wait. They read it from the database.
    pub fn note(&self, workspace: WorkspaceId, position: u64) {
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if !kept.reach(workspace, position) {
                return;
            }
            kept.unprojected_elsewhere.insert(workspace);
            kept.tell_head(workspace);
        }
        self.commits.send_modify(|number| *number += 1);
    }

    /// Events after `position`, at most `limit`; nothing when they are not all here. Fewer than `limit` are all up to every position that
    /// was heard of before.
    #[must_use]
    pub fn after(&self, workspace: WorkspaceId, position: u64, limit: usize) -> Option<Vec<LogEntry>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let reached = *kept.reached.get(&workspace)?;
        if position >= reached {
            return Some(Vec::new());
        }
        let ring = kept.rings.get(&workspace)?;
        let first = ring.front()?.recorded.position;
        let skip = usize::try_from(position.checked_add(1)?.checked_sub(first)?).ok()?;
        let entries: Vec<_> = ring.iter().skip(skip).take(limit).cloned().collect();
        // What comes behind the ring's end was written by another process, or is on its way here.
        let last = entries.last().map_or(position, |entry| entry.recorded.position);
        (entries.len() == limit || last >= reached).then_some(entries)
    }

    /// The last position heard of in a workspace since the start; nothing when there was none.
    #[must_use]
    pub fn last_position(&self, workspace: WorkspaceId) -> Option<u64> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).reached.get(&workspace).copied()
    }

    /// Wakes after every commit to one workspace, with the last position, and after no other. The first value is 0 when nothing was
    /// committed since the start.
    #[must_use]
    pub fn follow(&self, workspace: WorkspaceId) -> watch::Receiver<u64> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        // Those whom nobody follows any more and nobody writes to are cleared away by newcomers.
        kept.heads.retain(|_, head| head.receiver_count() > 0);
        let last = kept.reached.get(&workspace).copied().unwrap_or_default();
        kept.heads.entry(workspace).or_insert_with(|| watch::Sender::new(last)).subscribe()
    }

    /// Wakes after every commit.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// The same for the reactions.
    #[must_use]
    pub fn take_unreacted(&self) -> BTreeSet<WorkspaceId> {
        std::mem::take(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner).unreacted)
    }

    /// The workspaces that other processes have written to since this was last asked, for the projector.
    #[must_use]
    pub fn take_unprojected_elsewhere(&self) -> BTreeSet<WorkspaceId> {
        std::mem::take(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner).unprojected_elsewhere)
    }

    /// The workspaces that this process has written to since this was last asked, for the projector.
    #[must_use]
    pub fn take_unprojected(&self) -> BTreeSet<WorkspaceId> {
        std::mem::take(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner).unprojected)
    }
}

impl Kept {
    /// Wakes the followers of a workspace that was written to.
    fn tell_head(&mut self, workspace: WorkspaceId) {
        let Some(head) = self.heads.get(&workspace) else { return };
        match self.reached.get(&workspace) {
            Some(last) if head.receiver_count() > 0 => drop(head.send_replace(*last)),
            _ => drop(self.heads.remove(&workspace)),
        }
    }

    /// Takes in how far a workspace has come; tells whether that is news.
    fn reach(&mut self, workspace: WorkspaceId, position: u64) -> bool {
        let reached = self.reached.entry(workspace).or_default();
        if *reached >= position {
            return false;
        }
        *reached = position;
        self.unreacted.insert(workspace);
        true
    }

    fn add(&mut self, entry: LogEntry) {
        let workspace = entry.recorded.workspace;
        // Another process may have written behind it already; who waits for that was told.
        self.reach(workspace, entry.recorded.position);
        self.unprojected.insert(workspace);
        let ring = self.rings.entry(workspace).or_default();
        // Between two commits of this process there may be some of others: the ring starts anew.
        if ring.back().is_some_and(|last| last.recorded.position + 1 != entry.recorded.position) {
            self.total -= ring.len();
            ring.clear();
        }
        ring.push_back(entry);
        self.total += 1;
        if ring.len() > KEPT_PER_WORKSPACE {
            ring.pop_front();
            self.total -= 1;
        }
        while self.total > KEPT_IN_ALL {
            let Some(other) = self.rings.keys().find(|key| **key != workspace).copied() else { break };
            self.total -= self.rings.remove(&other).map_or(0, |ring| ring.len());
        }
    }
}
