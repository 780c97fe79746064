//! Keeps the read tables current: follows the log, folds pages of events, and builds the tables anew when that is asked or needed.
//!
//! The file of the tables is one generation of several: `views.db` is a link to it, so that it can be swapped while reads go on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aggregates::Recorded;
use aggregates::ids::WorkspaceId;
use arc_swap::ArcSwap;
use projections::{Checkpoint, FoldError, OpenError, ReadTables};
use tokio::sync::watch;

use super::administration::{OnProgress, unheard};
use crate::event_log::EventLog;
use crate::event_log::append::{LogEntry, LogError};

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

/// Follows the log for the read tables.
pub(super) struct Projector {
    log: Arc<EventLog>,
    folder: PathBuf,
    tables: ArcSwap<ReadTables>,
    positions: Mutex<BTreeMap<WorkspaceId, u64>>,
    standstills: Mutex<BTreeMap<WorkspaceId, Standstill>>,
    folded: watch::Sender<u64>,
    /// Held while a page is folded, and while the tables are swapped.
    folding: tokio::sync::Mutex<()>,
    rebuilding: tokio::sync::Mutex<()>,
    /// Set when the log holds what this binary does not know: a newer one writes to it.
    outdated: watch::Sender<bool>,
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
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn link(folder: &Path) -> PathBuf {
    folder.join("views.db")
}

/// The file that the link names, or the first one of all.
fn current_file(folder: &Path) -> PathBuf {
    std::fs::read_link(link(folder)).map_or_else(|_| folder.join("views-1.db"), |target| folder.join(target))
}

/// Lets the link name `file`, at once or not at all.
fn point_link(folder: &Path, file: &Path) -> std::io::Result<()> {
    let name = file.file_name().ok_or_else(|| std::io::Error::other("a file without a name"))?;
    let beside = folder.join("views.db.new");
    if beside.symlink_metadata().is_ok() {
        std::fs::remove_file(&beside)?;
    }
    std::os::unix::fs::symlink(name, &beside)?;
    std::fs::rename(&beside, link(folder))
}

/// Removes a generation with what SQLite keeps beside it.
pub(super) fn remove_file(file: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        // What is not there, or cannot be removed, only takes room.
        let _kept = std::fs::remove_file(name);
    }
}

impl Projector {
    /// Opens the tables. What is of another version, of another log or unreadable is built anew.
    pub(super) async fn open(log: Arc<EventLog>, folder: &Path) -> Result<Arc<Self>, ProjectorError> {
        let file = current_file(folder);
        let tables = match ReadTables::open(&file).await {
            Ok(tables) => tables,
            Err(error) => {
                tracing::warn!(%error, "the read tables cannot be used as they are and are built anew");
                remove_file(&file);
                ReadTables::open(&file).await?
            }
        };
        point_link(folder, &file)?;
        let projector = Arc::new(Self {
            log,
            folder: folder.to_owned(),
            tables: ArcSwap::from_pointee(tables),
            positions: Mutex::default(),
            standstills: Mutex::default(),
            folded: watch::Sender::new(0),
            folding: tokio::sync::Mutex::new(()),
            rebuilding: tokio::sync::Mutex::new(()),
            outdated: watch::Sender::new(false),
        });
        if projector.belongs_to_another_log().await? {
            tracing::warn!("the read tables belong to another log and are built anew");
            projector.rebuild(&unheard()).await?;
        }
        for checkpoint in projector.tables().checkpoints().await? {
            projector.advance(checkpoint.workspace, checkpoint.position);
        }
        Ok(projector)
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
        lock(&self.positions).insert(workspace, position);
    }

    /// Follows the log until `stop`.
    pub(super) async fn run(self: Arc<Self>, stop: tokio_util::sync::CancellationToken) {
        let mut commits = self.log.stream().commits();
        let mut behind: BTreeSet<WorkspaceId> = match self.log.store().workspaces().await {
            Ok(workspaces) => workspaces.into_iter().collect(),
            Err(error) => {
                tracing::error!(%error, "the workspaces cannot be listed; their tables follow with their next events");
                BTreeSet::new()
            }
        };
        loop {
            commits.borrow_and_update();
            behind.extend(self.log.stream().take_unprojected());
            behind = self.fold_once(behind).await;
            let waits = behind.is_empty() || behind.iter().all(|workspace| self.is_paused(*workspace));
            if !waits {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                _ = commits.changed() => {}
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
        match self.tables().fold(page, reached).await {
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

    /// Builds the tables anew in a file of their own and swaps them when they have caught up; gives the number of events read. Reads
    /// go on from the old tables until then.
    pub(super) async fn rebuild(&self, progress: &OnProgress) -> Result<u64, ProjectorError> {
        let _rebuilding = self.rebuilding.lock().await;
        let old = self.tables();
        let old_file = current_file(&self.folder);
        let file = next_file(&old_file);
        remove_file(&file);
        let new = ReadTables::create_without_indexes(&file).await?;
        match self.fill(&new, progress).await {
            Ok(events) => {
                let _folding = self.folding.lock().await;
                let mut positions = BTreeMap::new();
                let mut late = 0;
                for workspace in self.log.store().workspaces().await? {
                    late += self.catch_up(&new, workspace, 0, 0, &unheard()).await?;
                    positions.insert(workspace, new.checkpoint(workspace).await?.position);
                }
                point_link(&self.folder, &file)?;
                self.tables.store(Arc::new(new));
                *lock(&self.positions) = positions;
                lock(&self.standstills).clear();
                self.folded.send_modify(|number| *number += 1);
                drop(_folding);
                old.close().await;
                remove_file(&old_file);
                Ok(events + late)
            }
            Err(error) => {
                new.close().await;
                remove_file(&file);
                Err(error)
            }
        }
    }

    async fn fill(&self, new: &ReadTables, progress: &OnProgress) -> Result<u64, ProjectorError> {
        let workspaces = self.log.store().workspaces().await?;
        let mut total = 0;
        for workspace in &workspaces {
            total += self.log.head(*workspace).await?;
        }
        let mut done = 0;
        for workspace in workspaces {
            let before = done;
            done += self.catch_up(new, workspace, before, total, progress).await?;
        }
        new.build_indexes().await?;
        Ok(done)
    }

    /// Folds what `tables` lack of a workspace; gives how many events that were. `before` of `total` events were folded before.
    async fn catch_up(
        &self,
        tables: &ReadTables,
        workspace: WorkspaceId,
        before: u64,
        total: u64,
        progress: &OnProgress,
    ) -> Result<u64, ProjectorError> {
        let mut position = tables.checkpoint(workspace).await?.position;
        let mut done = 0;
        loop {
            let entries = self.log.entries_after(workspace, position, PAGE).await?;
            let Some(checkpoint) = reached_by(workspace, &entries) else { return Ok(done) };
            let page: Vec<Arc<Recorded>> = entries.into_iter().map(|entry| entry.recorded).collect();
            tables.fold(&page, &[checkpoint]).await?;
            position = checkpoint.position;
            done += page.len() as u64;
            progress(before + done, total.max(before + done));
        }
    }
}

pub(super) fn reached_by(workspace: WorkspaceId, entries: &[LogEntry]) -> Option<Checkpoint> {
    let last = entries.last()?;
    Some(Checkpoint { workspace, position: last.recorded.position, leaf_hash: last.leaf_hash })
}

/// The next generation's file, beside the one at hand.
fn next_file(file: &Path) -> PathBuf {
    let number = file
        .file_stem()
        .and_then(|stem| stem.to_str()?.strip_prefix("views-")?.parse::<u64>().ok())
        .unwrap_or_default();
    file.with_file_name(format!("views-{}.db", number + 1))
}

impl Standstill {
    /// Why, for people.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }
}
