//! Read tables as of then: the log folded up to a moment, into a file beside the live tables, which are not touched.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aggregates::Recorded;
use aggregates::ids::WorkspaceId;
use projections::ReadTables;
use serde::Serialize;
use uuid::Uuid;

use super::projector::{PAGE, ProjectorError, reached_by};
use super::tables_place::remove_file;
use super::{App, Moment, OnProgress};
use crate::problem::{Code, Problem};

/// What is to be replayed, and where to.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The absolute path of the new file.
    pub file: PathBuf,
    /// Up to when; as of now when absent.
    pub until: Option<Moment>,
    /// Only this workspace; all when absent. A position needs it, unless there is one only.
    pub workspace: Option<WorkspaceId>,
    /// Whether a file of read tables that is there already may be replaced.
    pub overwrite: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// The file.
    pub file: PathBuf,
    /// How many events were folded.
    pub events: u64,
    /// How long that took, with the indexes.
    pub seconds: f64,
    /// Up to where, for each workspace.
    pub workspaces: Vec<ReplayedWorkspace>,
}

/// Up to where a workspace was replayed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayedWorkspace {
    /// The workspace.
    pub id: WorkspaceId,
    /// What it is called now.
    pub name: String,
    /// The position that its rows show.
    pub position: u64,
    /// When that event was recorded, in microseconds since the epoch; nothing at position 0.
    #[serde(skip)]
    pub recorded_at: Option<i64>,
}

/// A file that is being made; it is taken away unless it was finished.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        remove_file(&self.0);
    }
}

impl App {
    /// Folds the log up to a moment into a new file of read tables of mode 0600, with its indexes. It appears when it is finished.
    ///
    /// # Errors
    /// `conflict` when the file exists (with `overwrite`: when it holds no read tables, or is one of the program's own); `ambiguous`
    /// for a position where there are several workspaces; `invalid_input` for a position that does not exist; `unavailable` when
    /// the log cannot be read or the file not be written.
    pub async fn replay_log(self: &Arc<Self>, replay: &Replay, progress: &OnProgress) -> Result<Replayed, Problem> {
        let began = std::time::Instant::now();
        let mut workspaces = self.workspaces().await?;
        workspaces.retain(|summary| replay.workspace.is_none_or(|wanted| wanted == summary.id));
        if workspaces.len() > 1 && matches!(replay.until, Some(Moment::Position(_))) {
            return Err(Problem::new(Code::Ambiguous, "a position belongs to one workspace, and there are several")
                .field("until")
                .hint("name the workspace with --workspace, or give a time"));
        }
        let mut reached = Vec::with_capacity(workspaces.len());
        for summary in workspaces {
            let position = self.position_at(summary.id, replay.until).await?;
            reached.push(ReplayedWorkspace { id: summary.id, name: summary.name, position, recorded_at: None });
        }
        self.check_target(replay).await?;
        let events = reached.iter().map(|workspace| workspace.position).sum();
        let unfinished = Unfinished(beside(&replay.file)?);
        create_private(&unfinished.0).map_err(|error| unwritable(&error))?;
        let tables = ReadTables::create_without_indexes(&unfinished.0).await.map_err(|error| failed(&error))?;
        let filled = self.fill(&tables, &mut reached, events, progress).await;
        // Closed before it gets its name: the last connection takes SQLite's files beside it away.
        tables.close().await;
        filled.map_err(|error| failed(&error))?;
        publish(&unfinished.0, replay).map_err(|error| unwritable(&error))?;
        let seconds = began.elapsed().as_secs_f64();
        Ok(Replayed { file: replay.file.clone(), events, seconds, workspaces: reached })
    }

    /// Refuses a file that must not be replaced.
    async fn check_target(&self, replay: &Replay) -> Result<(), Problem> {
        let refused = |message: &str| Problem::new(Code::Conflict, message).field("to");
        let folder = |path: &Path| path.parent().and_then(|parent| parent.canonicalize().ok());
        if folder(&replay.file).is_some_and(|target| self.options.data.canonicalize().is_ok_and(|data| data == target))
        {
            return Err(refused("the data folder is for the program's own files").hint("name a file elsewhere"));
        }
        if replay.file.symlink_metadata().is_err() {
            return Ok(());
        }
        if !replay.overwrite {
            return Err(refused("there is a file of this name already").hint("--force replaces it"));
        }
        if !projections::holds_read_tables(&replay.file).await {
            return Err(refused("the file of this name holds no read tables, so it is not replaced"));
        }
        Ok(())
    }

    async fn fill(
        &self,
        tables: &ReadTables,
        reached: &mut [ReplayedWorkspace],
        total: u64,
        progress: &OnProgress,
    ) -> Result<(), ProjectorError> {
        let mut done = 0;
        for workspace in reached {
            let mut position = 0;
            while position < workspace.position {
                let limit = usize::try_from(workspace.position - position).map_or(PAGE, |rest| rest.min(PAGE));
                let entries = self.log.entries_after(workspace.id, position, limit).await?;
                let Some(checkpoint) = reached_by(workspace.id, &entries) else { break };
                workspace.recorded_at = entries.last().map(|entry| entry.recorded.recorded_at);
                let page: Vec<Arc<Recorded>> = entries.into_iter().map(|entry| entry.recorded).collect();
                tables.fold(&page, &[checkpoint]).await?;
                position = checkpoint.position;
                done += page.len() as u64;
                progress(done, total);
            }
        }
        tables.build_indexes().await?;
        Ok(())
    }
}

/// A name beside the file that nothing else has.
fn beside(file: &Path) -> Result<PathBuf, Problem> {
    let name = file.file_name().ok_or_else(|| Problem::invalid("to", "is not the name of a file"))?;
    let unique = format!(".{}.{}.unfinished", name.to_string_lossy(), Uuid::now_v7().simple());
    Ok(file.with_file_name(unique))
}

fn create_private(file: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map(drop)
}

/// Gives the finished file its name, at once or not at all.
fn publish(finished: &Path, replay: &Replay) -> std::io::Result<()> {
    std::fs::File::open(finished)?.sync_all()?;
    if replay.overwrite {
        for suffix in ["-wal", "-shm"] {
            let mut name = replay.file.as_os_str().to_owned();
            name.push(suffix);
            // What SQLite left beside the old file would be taken for the new one's; mostly it left nothing.
            let _absent = std::fs::remove_file(name);
        }
    } else {
        // Somebody may have made it meanwhile: this fails then, and a rename would not.
        create_private(&replay.file)?;
    }
    std::fs::rename(finished, &replay.file)
}

fn failed(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "the log could not be replayed");
    Problem::new(Code::Unavailable, format!("the log could not be replayed: {error}"))
}

fn unwritable(error: &std::io::Error) -> Problem {
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Problem::new(Code::Conflict, "there is a file of this name already").field("to")
        }
        _ => Problem::new(Code::Unavailable, format!("the file cannot be written: {error}")).field("to"),
    }
}
