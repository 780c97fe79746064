//! How the program begins and ends: databases opened, tasks started, and all of it in reverse.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::projector::Projector;
use super::{App, authentication, follow_topics, state_cache};
use crate::clock::{Clock, SystemClock};
use crate::event_log::EventLog;
use crate::event_log::sealing::MasterKey;
use crate::problem::{Code, Problem};

/// How often what can wait is written: uses of tokens, outcomes whose time is over.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// Where the program keeps its data.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The data folder. The caller holds its lock until after [`App::close`].
    pub data: PathBuf,
    /// Where the log is, when it is not in the folder.
    pub database_url: Option<String>,
}

impl OpenOptions {
    /// The file of the log.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        match self.database_url.as_deref().and_then(|url| url.strip_prefix("sqlite:")) {
            Some(path) => PathBuf::from(path.trim_start_matches("//")),
            None => self.data.join("events.db"),
        }
    }

    /// The file of the key above all others.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.data.join("master.key")
    }

    /// The link to the file of the read tables.
    #[must_use]
    pub fn tables_link(&self) -> PathBuf {
        self.data.join("views.db")
    }
}

impl App {
    /// Opens the databases, brings them up to date, starts the tasks behind.
    ///
    /// # Errors
    /// `unavailable` when a database cannot be opened or was written by a newer version.
    pub async fn open(options: &OpenOptions) -> Result<Arc<Self>, Problem> {
        Self::open_with_clock(options, Arc::new(SystemClock)).await
    }

    /// The same with a clock of the caller's.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_with_clock(options: &OpenOptions, clock: Arc<dyn Clock>) -> Result<Arc<Self>, Problem> {
        if let Some(url) = options.database_url.as_deref().filter(|url| !url.starts_with("sqlite:")) {
            let scheme = url.split(':').next().unwrap_or_default();
            return Err(Problem::new(Code::Unavailable, format!("this version cannot use a {scheme} database"))
                .field("database-url")
                .hint("leave it out to use SQLite in the data folder"));
        }
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            Problem::new(Code::Unavailable, format!("{what} cannot be used: {error}"))
        };
        let (file, key) = (options.log_file(), options.key_file());
        if file.exists() && !key.exists() {
            // A new key beside an old log would open nothing of it, and part what follows from what was.
            return Err(Problem::new(Code::Unavailable, "there is an event log, but not its master.key")
                .hint("put the master.key that belongs to it into the data folder"));
        }
        make_private(&options.data).map_err(|error| failed("the data folder", &error))?;
        let master = MasterKey::open(&key).map_err(|error| failed("the master key", &error))?;
        let log = EventLog::open_sqlite(&file, Arc::new(master), Arc::clone(&clock))
            .await
            .map_err(|error| failed("the event log", &error))?;
        let log = Arc::new(log);
        let projector = Projector::open(Arc::clone(&log), &options.data)
            .await
            .map_err(|error| failed("the read tables", &error))?;
        let stop = CancellationToken::new();
        let app = Arc::new(Self {
            follows: follow_topics::Follows::new(Arc::clone(&log), stop.clone()),
            options: options.clone(),
            log,
            projector,
            clock,
            states: state_cache::StateCache::default(),
            tokens: authentication::Tokens::default(),
            standing: Mutex::default(),
            stop,
            tasks: Mutex::default(),
        });
        let tasks = vec![
            tokio::spawn(Arc::clone(&app.projector).run(app.stop.clone())),
            tokio::spawn(keep_house(Arc::clone(&app))),
            tokio::spawn(end_when_outdated(Arc::clone(&app))),
        ];
        *app.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
        Ok(app)
    }

    /// Ends it: what was acknowledged is on disk, the databases are closed. Calls that come later are refused as `unavailable`.
    pub async fn close(&self) {
        self.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            // One that panicked has said so already.
            let _ended = task.await;
        }
        self.keep_token_uses().await;
        self.log.store().close().await;
        self.projector.tables().close().await;
    }
}

/// Takes from others what they could read of the databases; new files are private by the process's mask.
fn make_private(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_database = entry.file_name().to_string_lossy().contains(".db");
        if is_database && entry.file_type()?.is_file() {
            std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

async fn keep_house(app: Arc<App>) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING);
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        app.keep_token_uses().await;
        if let Err(error) = app.log.store().forget_outcomes(app.now()).await {
            tracing::warn!(%error, "outcomes whose time is over could not be removed");
        }
    }
}

/// A newer version writes to this log: this one cannot follow it any more and gives its place up.
async fn end_when_outdated(app: Arc<App>) {
    let mut outdated = app.projector.outdated();
    tokio::select! {
        () = app.stop.cancelled() => {}
        found = outdated.wait_for(|outdated| *outdated) => {
            if found.is_ok() {
                tracing::error!("the log holds events of a newer version of this program: ending");
                app.stop.cancel();
            }
        }
    }
}
