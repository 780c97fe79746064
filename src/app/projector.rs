//! Keeps the read tables current: follows the log, folds pages of events, and builds the tables anew when that is asked or needed.
//!
//! On a server every process may fold; the checkpoint's row keeps two from folding the same page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aggregates::Recorded;
use aggregates::ids::WorkspaceId;
use arc_swap::ArcSwap;
use projections::{Checkpoint, FoldError, OpenError, ReadTables};
use tokio::sync::{Notify, watch};

use super::administration::unheard;
use super::tables_place::TablesPlace;
use crate::event_log::EventLog;
use crate::event_log::append::{LogEntry, LogError, is_away};

/// Events in one transaction of the read tables.
pub(super) const PAGE: usize = 2_000;
/// How long a workspace whose tables stand still is left alone before it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// Why the tables of a workspace stand still.
#[derive(Clone, Debug)]
pub(super) struct Standstill {
    pub(super) reason: String,
    since: tokio::time::Instant,
}

/// How long the process that has committed gets to fold it before another one does.
const COURTESY: Duration = Duration::from_millis(30);
/// How long a process waits before it looks again whether another one has folded a page.
const LOOK_AGAIN: Duration = Duration::from_millis(3);
/// Under a steady stream of writes, how long events gather for the next page: many at once cost far less. It ends early when somebody waits
/// for the tables, and the first event after a rest does not wait at all.
const GATHERING: Duration = Duration::from_millis(100);

/// Follows the log for the read tables.
pub(super) struct Projector {
    pub(super) log: Arc<EventLog>,
    pub(super) place: TablesPlace,
    pub(super) tables: ArcSwap<ReadTables>,
    pub(super) positions: Mutex<BTreeMap<WorkspaceId, u64>>,
    pub(super) standstills: Mutex<BTreeMap<WorkspaceId, Standstill>>,
    pub(super) folded: watch::Sender<u64>,
    /// How many wait for the tables to reach a position.
    waiting: AtomicUsize,
    /// Wakes when one begins to wait.
    awaited: Notify,
    /// Held while a page is folded, and while the tables are swapped.
    pub(super) folding: tokio::sync::Mutex<()>,
    pub(super) rebuilding: tokio::sync::Mutex<()>,
    /// Set when the log holds what this binary does not know: a newer one writes to it.
    pub(super) outdated: watch::Sender<bool>,
}

/// Why the tables could not be built or read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProjectorError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Fold(#[from] FoldError),
    #[error("the read tables failed: {0}")]
    Database(#[from] projections::database::Error),
    #[error("a file of the read tables failed: {0}")]
    File(#[from] std::io::Error),
    #[error("another process is rebuilding the read tables at this moment")]
    Rebuilding,
}

impl ProjectorError {
    /// Whether the database cannot be reached at this moment: the same may succeed later.
    pub(super) fn is_away(&self) -> bool {
        match self {
            Self::Log(error) => error.is_away(),
            Self::Open(OpenError::Database(error)) | Self::Database(error) => is_away(error),
            _ => false,
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Projector {
    /// Opens the tables. What is of another version, of another log or unreadable is built anew.
    pub(super) async fn open(log: Arc<EventLog>, place: TablesPlace) -> Result<Arc<Self>, ProjectorError> {
        let tables = place.open().await?;
        let projector = Arc::new(Self {
            log,
            place,
            tables: ArcSwap::from_pointee(tables),
            positions: Mutex::default(),
            standstills: Mutex::default(),
            folded: watch::Sender::new(0),
            waiting: AtomicUsize::new(0),
            awaited: Notify::new(),
            folding: tokio::sync::Mutex::new(()),
            rebuilding: tokio::sync::Mutex::new(()),
            outdated: watch::Sender::new(false),
        });
        if projector.belongs_to_another_log().await? {
            tracing::warn!("the read tables belong to another log and are built anew");
            projector.rebuild(&unheard()).await?;
        }
        projector.look().await?;
        Ok(projector)
    }

    /// Takes the positions from the tables.
    pub(super) async fn look(&self) -> Result<(), ProjectorError> {
        let checkpoints = self.tables().checkpoints().await?;
        *lock(&self.positions) =
            checkpoints.into_iter().map(|checkpoint| (checkpoint.workspace, checkpoint.position)).collect();
        Ok(())
    }

    /// Whether the tables of a workspace have reached `position`. Where other processes fold, too, the tables themselves are asked.
    pub(super) async fn has_reached(&self, workspace: WorkspaceId, position: u64) -> bool {
        if self.position(workspace) >= position {
            return true;
        }
        if !self.log.store().is_shared() {
            return false;
        }
        if let Ok(checkpoint) = self.tables().checkpoint(workspace).await {
            self.advance(workspace, checkpoint.position);
        }
        self.position(workspace) >= position
    }

    /// Lets the projector know, until the answer is dropped, that somebody waits for the tables.
    pub(super) fn awaiting(&self) -> Awaiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.awaited.notify_one();
        Awaiting(self)
    }

    fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Waits until somebody has folded; a short time only where another process may be the one.
    pub(super) async fn wait(&self, folded: &mut watch::Receiver<u64>) {
        if self.log.store().is_shared() {
            let _folded_or_not = tokio::time::timeout(LOOK_AGAIN, folded.changed()).await;
        } else {
            // The sender lives as long as the projector.
            let _folded = folded.changed().await;
        }
    }

    async fn belongs_to_another_log(&self) -> Result<bool, ProjectorError> {
        for checkpoint in self.tables().checkpoints().await? {
            let Some(before) = checkpoint.position.checked_sub(1) else { continue };
            let range = crate::event_log::store::EventRange::After(before);
            let stored = self.log.store().events(checkpoint.workspace, range, 1).await?;
            if stored.first().map(|event| event.placed.leaf_hash) != Some(checkpoint.leaf_hash) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The tables that are current now.
    pub(super) fn tables(&self) -> Arc<ReadTables> {
        self.tables.load_full()
    }

    /// Wakes after every page.
    pub(super) fn folded(&self) -> watch::Receiver<u64> {
        self.folded.subscribe()
    }

    /// Turns true when the log holds events of a newer version of the program.
    pub(super) fn outdated(&self) -> watch::Receiver<bool> {
        self.outdated.subscribe()
    }

    /// The position that the tables of a workspace show.
    pub(super) fn position(&self, workspace: WorkspaceId) -> u64 {
        lock(&self.positions).get(&workspace).copied().unwrap_or_default()
    }

    /// Why the tables of a workspace stand still, when they do.
    pub(super) fn standstill(&self, workspace: WorkspaceId) -> Option<Standstill> {
        lock(&self.standstills).get(&workspace).cloned()
    }

    /// Whether the tables of any workspace stand still.
    pub(super) fn stands_still(&self) -> bool {
        !lock(&self.standstills).is_empty()
    }

    fn advance(&self, workspace: WorkspaceId, position: u64) {
        let mut positions = lock(&self.positions);
        let known = positions.entry(workspace).or_default();
        *known = position.max(*known);
    }

    /// Follows the log until `stop`.
    pub(super) async fn run(self: Arc<Self>, stop: tokio_util::sync::CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => return,
            () = self.rebuild_when_far_behind() => {}
        }
        let mut commits = self.log.stream().commits();
        let mut behind: BTreeSet<WorkspaceId> = match self.log.store().workspaces().await {
            Ok(workspaces) => workspaces.into_iter().collect(),
            Err(error) => {
                tracing::error!(%error, "the workspaces cannot be listed; their tables follow with their next events");
                BTreeSet::new()
            }
        };
        let mut elsewhere: BTreeSet<WorkspaceId> = BTreeSet::new();
        let mut courtesy = tokio::time::Instant::now();
        let mut gathered = tokio::time::Instant::now();
        loop {
            if behind.is_empty() && !self.is_awaited() {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.awaited.notified() => {}
                    () = tokio::time::sleep_until(gathered) => {}
                }
            }
            gathered = tokio::time::Instant::now() + GATHERING;
            commits.borrow_and_update();
            behind.extend(self.log.stream().take_unprojected());
            let news = self.log.stream().take_unprojected_elsewhere();
            if elsewhere.is_empty() && !news.is_empty() {
                courtesy = tokio::time::Instant::now() + COURTESY;
            }
            elsewhere.extend(news);
            if self.is_awaited() || tokio::time::Instant::now() >= courtesy {
                for workspace in std::mem::take(&mut elsewhere) {
                    let committed = self.log.stream().last_position(workspace).unwrap_or_default();
                    if !self.has_reached(workspace, committed).await {
                        behind.insert(workspace);
                    }
                }
            }
            behind = self.fold_once(behind).await;
            let waits = behind.is_empty() || behind.iter().all(|workspace| self.is_paused(*workspace));
            if !waits && !stop.is_cancelled() {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                _ = commits.changed() => {}
                () = self.awaited.notified(), if !elsewhere.is_empty() => {}
                () = tokio::time::sleep_until(courtesy), if !elsewhere.is_empty() => {}
                () = tokio::time::sleep(PAUSE), if !behind.is_empty() => {}
            }
        }
    }

    fn is_paused(&self, workspace: WorkspaceId) -> bool {
        lock(&self.standstills).get(&workspace).is_some_and(|still| still.since.elapsed() < PAUSE)
    }

    /// Folds one page over the workspaces that are behind; gives those that still are.
    async fn fold_once(&self, behind: BTreeSet<WorkspaceId>) -> BTreeSet<WorkspaceId> {
        let _folding = self.folding.lock().await;
        let mut page = Vec::new();
        let mut reached = Vec::new();
        let mut left = BTreeSet::new();
        for workspace in behind {
            if page.len() >= PAGE || self.is_paused(workspace) {
                left.insert(workspace);
                continue;
            }
            let limit = PAGE - page.len();
            match self.log.entries_after(workspace, self.position(workspace), limit).await {
                Ok(entries) => {
                    if entries.len() == limit {
                        left.insert(workspace);
                    }
                    reached.extend(reached_by(workspace, &entries));
                    page.extend(entries.into_iter().map(|entry| entry.recorded));
                }
                Err(error) => {
                    if matches!(error, LogError::Decode(aggregates::DecodeError::Unknown { .. })) {
                        self.outdated.send_replace(true);
                    }
                    self.stand_still(workspace, &error);
                    left.insert(workspace);
                }
            }
        }
        if !page.is_empty() {
            left.extend(self.fold_page(&page, &reached).await);
        }
        left
    }

    /// Folds a page; gives the workspaces that have to be tried again.
    async fn fold_page(&self, page: &[Arc<Recorded>], reached: &[Checkpoint]) -> Vec<WorkspaceId> {
        match self.tables().fold_unless_busy(page, reached).await {
            Err(FoldError::Busy) => {
                // Another process is at it: what it leaves is taken up when it is done.
                tokio::time::sleep(LOOK_AGAIN).await;
                for checkpoint in reached {
                    self.has_reached(checkpoint.workspace, checkpoint.position).await;
                }
                reached.iter().map(|checkpoint| checkpoint.workspace).collect()
            }
            Err(FoldError::Gap { workspace, expected, .. }) if self.position(workspace) + 1 != expected => {
                // Another process has put tables that it built anew in the place of those that were known here.
                if let Err(error) = self.look().await {
                    self.stand_still(workspace, &error);
                }
                reached.iter().map(|checkpoint| checkpoint.workspace).collect()
            }
            Ok(()) => {
                for checkpoint in reached {
                    self.advance(checkpoint.workspace, checkpoint.position);
                    lock(&self.standstills).remove(&checkpoint.workspace);
                }
                metrics::counter!("chatbotx_events_projected_total").increment(page.len() as u64);
                self.folded.send_modify(|number| *number += 1);
                Vec::new()
            }
            Err(error) => {
                // Nothing was written. The culprit stands still, loudly; the others go on with the next page.
                match error.workspace() {
                    Some(workspace) => self.stand_still(workspace, &error),
                    None => reached.iter().for_each(|checkpoint| self.stand_still(checkpoint.workspace, &error)),
                }
                reached.iter().map(|checkpoint| checkpoint.workspace).collect()
            }
        }
    }

    fn stand_still(&self, workspace: WorkspaceId, error: &dyn std::fmt::Display) {
        tracing::error!(workspace.id = %workspace, %error, "the read tables of a workspace stand still");
        metrics::counter!("chatbotx_projection_failures_total").increment(1);
        let still = Standstill { reason: error.to_string(), since: tokio::time::Instant::now() };
        lock(&self.standstills).insert(workspace, still);
    }
}

/// Somebody who waits for the tables.
pub(super) struct Awaiting<'p>(&'p Projector);

impl Drop for Awaiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn reached_by(workspace: WorkspaceId, entries: &[LogEntry]) -> Option<Checkpoint> {
    let last = entries.last()?;
    Some(Checkpoint { workspace, position: last.recorded.position, leaf_hash: last.leaf_hash })
}

impl Standstill {
    /// Why, for people.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }
}
