//! A log moved to another database: copied while nobody writes, then verified there, event by event.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::DataFolder;
use super::data_folder::FolderLock;
use crate::app::{LogPlace, OnProgress, OpenOptions};
use crate::clock::{Clock, SystemClock};
use crate::event_log::append::LogError;
use crate::event_log::sealing::MasterKey;
use crate::event_log::verify::WorkspaceVerification;
use crate::event_log::{EventLog, copying};
use crate::problem::{Code, Problem};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Migrated {
    /// How many events were copied.
    pub events: u64,
    /// How long copying and verifying took, in seconds.
    pub seconds: u64,
    /// What the verification of the copy found: the same sizes and roots as in the source.
    pub workspaces: Vec<WorkspaceVerification>,
}

/// Copies the log at the URL `from` into the empty database at `to`, and verifies the copy. The master key, which `options` name, stays
/// the same: it is not copied. Read tables are not copied either; they are built at the next start.
///
/// # Errors
/// `conflict` when a program is using the source's folder, or the target has a log already; `unavailable` when a database cannot be used,
/// the key is another one, or the copy is not the source.
pub async fn migrate(options: &OpenOptions, from: &str, to: &str, progress: &OnProgress) -> Result<Migrated, Problem> {
    let began = std::time::Instant::now();
    let place = |url: &str| OpenOptions { database_url: Some(url.to_owned()), ..options.clone() }.log_place();
    let (from, to) = (place(from)?, place(to)?);
    if from == to {
        return Err(Problem::invalid("to", "is where the log is already"));
    }
    let _locks = [lock(&from)?, lock(&to)?];
    if let LogPlace::File(file) = &from
        && !file.exists()
    {
        return Err(Problem::invalid("from", "there is no log at this place").value(file.display().to_string()));
    }
    let source = open(options, &from).await?;
    let target = match open(options, &to).await {
        Ok(target) => target,
        Err(problem) => {
            source.store().close().await;
            return Err(problem);
        }
    };
    let migrated = copied(&source, &target, progress).await;
    source.store().close().await;
    target.store().close().await;
    let (events, workspaces) = migrated?;
    Ok(Migrated { events, seconds: began.elapsed().as_secs(), workspaces })
}

async fn copied(
    source: &EventLog,
    target: &EventLog,
    progress: &OnProgress,
) -> Result<(u64, Vec<WorkspaceVerification>), Problem> {
    let failed = |error: LogError| Problem::new(Code::Unavailable, format!("the log was not copied: {error}"));
    if !target.store().traces().await.map_err(failed)?.workspaces.is_empty() {
        return Err(Problem::new(Code::Conflict, "there is a log already where the copy should go")
            .field("to")
            .hint("name an empty database"));
    }
    let events = copying::copy(&**source.store(), &**target.store(), &**progress).await.map_err(failed)?;
    let mut verified = Vec::new();
    for workspace in source.store().workspaces().await.map_err(failed)? {
        let copy = target.verify(workspace, &|_, _| {}).await.map_err(failed)?;
        let original = source.store().head(workspace).await.map_err(failed)?;
        let kept = target.store().head(workspace).await.map_err(failed)?;
        if let Some(bad) = &copy.first_bad {
            let (position, reason) = (bad.position, &bad.reason);
            return Err(Problem::new(
                Code::Unavailable,
                format!("the copy of {workspace} is not sound at position {position}: {reason}"),
            )
            .hint("chatbotx log verify tells whether the source is"));
        }
        if original != kept {
            return Err(Problem::new(Code::Unavailable, format!("{workspace} was written to while it was copied"))
                .hint("stop every program that uses the source, empty the target, and begin again"));
        }
        verified.push(copy);
    }
    Ok((events, verified))
}

/// Keeps every program away from a file's folder. On a server nobody can be kept away: what changes meanwhile is found at the end.
fn lock(place: &LogPlace) -> Result<Option<FolderLock>, Problem> {
    let LogPlace::File(file) = place else { return Ok(None) };
    let unusable =
        |error: std::io::Error| Problem::new(Code::Unavailable, format!("the folder cannot be held: {error}"));
    // A name without a folder is in this one.
    let beside = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = DataFolder::open(beside).map_err(unusable)?;
    match folder.try_hold().map_err(unusable)? {
        Some(lock) => Ok(Some(lock)),
        None => Err(Problem::new(Code::Conflict, "a program is using this log")
            .value(file.display().to_string())
            .hint("stop it, then begin again: what it wrote during the copy would be missing there")),
    }
}

async fn open(options: &OpenOptions, place: &LogPlace) -> Result<EventLog, Problem> {
    let unusable = |error: LogError| Problem::new(Code::Unavailable, format!("a log cannot be used: {error}"));
    let key = MasterKey::read(&options.key_file()).map_err(|error| {
        Problem::new(Code::Unavailable, format!("the master key cannot be used: {error}"))
            .hint("it lies beside the log, as master.key: --master-key-file names its place")
    })?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    match place {
        LogPlace::File(file) => EventLog::open_sqlite(file, Arc::new(key), clock).await.map_err(unusable),
        LogPlace::Server(url) => {
            EventLog::open_postgres(url, None, |_| Ok::<_, LogError>(key), clock).await.map_err(unusable)
        }
    }
}
