//! How the program begins and ends: databases opened, tasks started, and all of it in reverse.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use super::projector::Projector;
use super::tables_place::TablesPlace;
use super::{App, OUTDATED, authentication, follow_topics, state_cache};
use crate::clock::{Clock, SystemClock};
use crate::event_log::EventLog;
use crate::event_log::append::LogError;
use crate::event_log::sealing::MasterKey;
use crate::fetch::Fetcher;
use crate::problem::{Code, Problem};

/// How often what can wait is written: uses of tokens, outcomes whose time is over.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// How long a program that starts waits for a server that is away: longer than a recovery takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause between two tries.
const TRY_AGAIN: Duration = Duration::from_millis(300);

/// Where the program keeps its data.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The data folder. The caller holds its lock until after [`App::close`].
    pub data: PathBuf,
    /// Where the log is, when it is not in the folder: `sqlite:FILE` or `postgres://…`.
    pub database_url: Option<String>,
    /// Where hints of other processes are listened for, when `database_url` leads through a pooler.
    pub database_listen_url: Option<String>,
    /// The file of the master key, when it is not in the folder.
    pub master_key_file: Option<PathBuf>,
    /// Ranges of an inner network that may be fetched from, beside the public internet.
    pub allow_fetch_to: Vec<IpNet>,
}

/// Which database holds the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPlace {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL database at this URL.
    Server(String),
}

impl OpenOptions {
    /// A program that has everything in its data folder.
    #[must_use]
    pub fn in_folder(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into(), ..Self::default() }
    }

    /// Where the log is.
    ///
    /// # Errors
    /// `unavailable` for a URL of another kind of database.
    pub fn log_place(&self) -> Result<LogPlace, Problem> {
        let Some(url) = &self.database_url else { return Ok(LogPlace::File(self.data.join("events.db"))) };
        match url.split_once(':') {
            Some(("sqlite", path)) => Ok(LogPlace::File(PathBuf::from(path.trim_start_matches("//")))),
            Some(("postgres" | "postgresql", _)) => Ok(LogPlace::Server(url.clone())),
            scheme => {
                let scheme = scheme.map_or("nameless", |(scheme, _)| scheme);
                Err(Problem::new(Code::Unavailable, format!("this version cannot use a {scheme} database"))
                    .field("database-url")
                    .hint("sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE; leave it out to use SQLite in the data folder"))
            }
        }
    }

    /// The file of the key above all others.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| self.data.join("master.key"))
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
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            Problem::new(Code::Unavailable, format!("{what} cannot be used: {error}"))
        };
        make_private(&options.data).map_err(|error| failed("the data folder", &error))?;
        let began = tokio::time::Instant::now();
        let log = Arc::new(open_log(options, &clock, began).await?);
        let place = match options.log_place()? {
            LogPlace::File(_) => TablesPlace::Folder(options.data.clone()),
            LogPlace::Server(url) => {
                TablesPlace::on_server(&url).map_err(|error| failed("the database URL", &error))?
            }
        };
        let projector = loop {
            match Projector::open(Arc::clone(&log), place.clone()).await {
                Err(error) if error.is_away() && began.elapsed() < PATIENCE => wait_for_server(error.to_string()).await,
                opened => break opened.map_err(|error| failed("the read tables", &error))?,
            }
        };
        let stop = CancellationToken::new();
        let app = Arc::new(Self {
            follows: follow_topics::Follows::new(Arc::clone(&log), stop.clone()),
            options: options.clone(),
            fetcher: Arc::new(Fetcher::new(options.allow_fetch_to.clone())),
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

async fn wait_for_server(error: String) {
    tracing::warn!(%error, "the database cannot be reached; trying again");
    tokio::time::sleep(TRY_AGAIN).await;
}

async fn open_log(
    options: &OpenOptions,
    clock: &Arc<dyn Clock>,
    began: tokio::time::Instant,
) -> Result<EventLog, Problem> {
    let unusable = |error: &LogError| Problem::new(Code::Unavailable, format!("the event log cannot be used: {error}"));
    match options.log_place()? {
        LogPlace::File(file) => {
            let key = master_key(options, file.exists())?;
            let log = EventLog::open_sqlite(&file, Arc::new(key), Arc::clone(clock)).await;
            log.map_err(|error| unusable(&error))
        }
        LogPlace::Server(url) => {
            let listen = options.database_listen_url.as_deref();
            loop {
                let key = |written: bool| master_key(options, written).map_err(NotOpened::Key);
                match EventLog::open_postgres(&url, listen, key, Arc::clone(clock)).await {
                    Err(NotOpened::Log(error)) if error.is_away() && began.elapsed() < PATIENCE => {
                        wait_for_server(error.to_string()).await;
                    }
                    Err(NotOpened::Log(error)) => return Err(unusable(&error)),
                    Err(NotOpened::Key(problem)) => return Err(problem),
                    Ok(log) => return Ok(log),
                }
            }
        }
    }
}

/// Why a log was not opened.
enum NotOpened {
    Log(LogError),
    Key(Problem),
}

impl From<LogError> for NotOpened {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

/// The master key; a new one only for a log that was never `written` to: beside an old one it would open nothing, and part what follows
/// from what was.
pub(super) fn master_key(options: &OpenOptions, written: bool) -> Result<MasterKey, Problem> {
    let file = options.key_file();
    if written && !file.exists() {
        return Err(Problem::new(Code::Unavailable, "there is an event log, but not its master.key").hint(
            "put the master.key that belongs to it into the data folder, or name its place with --master-key-file",
        ));
    }
    let key = if options.master_key_file.is_some() { MasterKey::read(&file) } else { MasterKey::open(&file) };
    key.map_err(|error| Problem::new(Code::Unavailable, format!("the master key cannot be used: {error}")))
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
                tracing::error!("{OUTDATED}: ending");
                app.stop.cancel();
            }
        }
    }
}
