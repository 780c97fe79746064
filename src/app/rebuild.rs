//! The read tables built anew from the log, beside the old ones, while reads go on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aggregates::Recorded;
use aggregates::ids::WorkspaceId;
use projections::{ReadTables, Schema};
use tokio::sync::mpsc;

use super::administration::{OnProgress, unheard};
use super::projector::{PAGE, Projector, ProjectorError, lock, reached_by};
use super::tables_place::{TablesPlace, beside, current_file, next_file, point_link, remove_file};
use crate::event_log::EventLog;
use crate::event_log::append::{LogEntry, LogError, StoredEvent};
use crate::event_log::store::EventRange;

/// How long a process may rebuild without renewing its lease.
const REBUILD_LEASE: Duration = Duration::from_secs(30);
/// The lease of the process that rebuilds the tables.
const REBUILD: &str = "projections_rebuild";
/// Pages that wait between two steps of a rebuild.
const PAGES_AHEAD: usize = 1;

/// Fewer events than these are caught up with as they are.
const FAR_BEHIND: u64 = 50_000;
/// How many times as fast a log is folded from its beginning as caught up with, at least, in large tables: there every event changes
/// pages all over the file. Measured: some 2,000 events in a second in a file of 4 GB, against 33,000 when a shorter log is built anew.
const FASTER_ANEW: u64 = 8;

impl Projector {
    /// Builds the tables anew when more of the log is missing in them than can be caught up with in the same time, as after an upgrade or
    /// a restore. When it fails, what is missing is caught up with.
    pub(super) async fn rebuild_when_far_behind(&self) {
        let built = match self.is_far_behind().await {
            Ok(true) => self.rebuild(&unheard()).await.map(|_| ()),
            Ok(false) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = built {
            tracing::warn!(%error, "the read tables lack much of the log and could not be built anew; they catch up");
        }
    }

    async fn is_far_behind(&self) -> Result<bool, LogError> {
        let (mut total, mut missing) = (0, 0);
        for workspace in self.log.store().workspaces().await? {
            let head = self.log.head(workspace).await?;
            total += head;
            missing += head.saturating_sub(self.position(workspace));
        }
        Ok(missing > FAR_BEHIND && missing > total / FASTER_ANEW)
    }

    /// Builds the tables anew beside the old ones and swaps them when they have caught up; gives the number of events read. Reads go on
    /// from the old tables until then.
    pub(super) async fn rebuild(&self, progress: &OnProgress) -> Result<u64, ProjectorError> {
        let _rebuilding = self.rebuilding.lock().await;
        match &self.place {
            TablesPlace::Folder(folder) => self.rebuild_file(folder, progress).await,
            TablesPlace::Server(schema) => self.rebuild_schema(schema, progress).await,
        }
    }

    async fn rebuild_schema(&self, live: &Schema, progress: &OnProgress) -> Result<u64, ProjectorError> {
        // The lease of no workspace: of them all.
        let all = [WorkspaceId(uuid::Uuid::nil())];
        if self.log.store().hold_leases(REBUILD, &all, REBUILD_LEASE).await?.is_empty() {
            return Err(ProjectorError::Rebuilding);
        }
        let renewing = async {
            loop {
                tokio::time::sleep(REBUILD_LEASE / 3).await;
                if let Err(error) = self.log.store().hold_leases(REBUILD, &all, REBUILD_LEASE).await {
                    tracing::warn!(%error, "the lease of the rebuild was not renewed");
                }
            }
        };
        let building = async {
            let new = ReadTables::create_postgres_without_indexes(&beside(live)).await?;
            let events = self.fill(&new, progress).await?;
            let late = self.fold_late(&new).await?;
            let _folding = self.folding.lock().await;
            let late = late + self.fold_late(&new).await?;
            let new = new.replace(live).await?;
            let old = self.tables.swap(Arc::new(new));
            self.look().await?;
            lock(&self.standstills).clear();
            self.folded.send_modify(|number| *number += 1);
            drop(_folding);
            old.close().await;
            Ok(events + late)
        };
        let built = tokio::select! {
            built = building => built,
            () = renewing => Err(ProjectorError::Rebuilding),
        };
        self.log.store().release_leases(REBUILD).await?;
        built
    }

    /// Folds what was written while the tables were built.
    async fn fold_late(&self, new: &ReadTables) -> Result<u64, ProjectorError> {
        let mut late = 0;
        for workspace in self.log.store().workspaces().await? {
            late += self.catch_up(new, workspace).await?;
        }
        Ok(late)
    }

    async fn rebuild_file(&self, folder: &Path, progress: &OnProgress) -> Result<u64, ProjectorError> {
        let old = self.tables();
        let old_file = current_file(folder);
        let file = next_file(&old_file);
        remove_file(&file);
        let new = ReadTables::create_without_indexes(&file).await?;
        match self.fill(&new, progress).await {
            Ok(events) => {
                let _folding = self.folding.lock().await;
                let late = self.fold_late(&new).await?;
                point_link(folder, &file)?;
                self.tables.store(Arc::new(new));
                self.look().await?;
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
        let (mut done, mut ends, mut folding) = (0, Vec::new(), new.fold_whole());
        for workspace in workspaces {
            let (mut pages, mut end) = (read_ahead(&self.log, workspace), None);
            while let Some(entries) = pages.recv().await {
                let entries = entries?;
                end = reached_by(workspace, &entries).or(end);
                let page: Vec<Arc<Recorded>> = entries.into_iter().map(|entry| entry.recorded).collect();
                folding.fold(&page).await?;
                done += page.len() as u64;
                progress(done, total.max(done));
            }
            ends.extend(end);
        }
        folding.finish(&ends).await?;
        new.build_indexes().await?;
        Ok(done)
    }

    /// Folds what `tables` lack of a workspace; gives how many events that were.
    async fn catch_up(&self, tables: &ReadTables, workspace: WorkspaceId) -> Result<u64, ProjectorError> {
        let mut position = tables.checkpoint(workspace).await?.position;
        let mut done = 0;
        loop {
            let entries = self.log.entries_after(workspace, position, PAGE).await?;
            let Some(checkpoint) = reached_by(workspace, &entries) else { return Ok(done) };
            let page: Vec<Arc<Recorded>> = entries.into_iter().map(|entry| entry.recorded).collect();
            tables.fold(&page, &[checkpoint]).await?;
            position = checkpoint.position;
            done += page.len() as u64;
        }
    }
}

/// All events of a workspace, page by page. While one page is folded the next is decoded, and the one after it read from the database.
fn read_ahead(log: &Arc<EventLog>, workspace: WorkspaceId) -> mpsc::Receiver<Result<Vec<LogEntry>, LogError>> {
    let (reading, mut stored) = mpsc::channel::<Result<Vec<StoredEvent>, LogError>>(PAGES_AHEAD);
    let (decoding, decoded) = mpsc::channel(PAGES_AHEAD);
    // Either task ends with its end of the way: when all is read, at the first error, or when nobody wants more.
    let store = Arc::clone(log.store());
    tokio::spawn(async move {
        let mut position = 0;
        loop {
            let page = store.events(workspace, EventRange::After(position), PAGE).await;
            let last = page.as_ref().ok().and_then(|page| page.last()).map(|event| event.placed.position);
            if last.is_none() && page.is_ok() || reading.send(page).await.is_err() {
                return;
            }
            let Some(last) = last else { return };
            position = last;
        }
    });
    let log = Arc::clone(log);
    tokio::spawn(async move {
        while let Some(page) = stored.recv().await {
            let page = match page {
                Ok(page) => log.decode(workspace, page).await,
                Err(error) => Err(error),
            };
            if decoding.send(page).await.is_err() {
                return;
            }
        }
    });
    decoded
}
