//! The way to the data folder: through the process that holds it, or by becoming that process.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};

use super::data_folder::DataFolder;
use super::holder::{Holder, Service, Yields};
use super::protocol::{Connection, Opening, Reply, connection, read_json, unavailable, write_json};
use super::server_file::ServerFile;
use crate::problem::{Code, Problem};

/// How long a folder may be between two holders.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a holder may take to open its databases.
const OPENING_PATIENCE: Duration = Duration::from_mins(1);
/// How long a process that left the folder to a server lets others take it first.
const RESTRAINT: Duration = Duration::from_secs(5);

/// Opens what a holder serves.
pub type Open = Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Service>, Problem>> + Send + Sync>;

/// Connects to the folder's holder, again and again, and takes the folder when it is free.
pub struct Reach {
    folder: DataFolder,
    open: Open,
    yields: Yields,
    held: Option<Holder>,
    // Until then the folder is not taken: it was left to a server that asked for it.
    restrained_until: Option<Instant>,
}

impl Reach {
    /// A way to `folder`; `open` is called when this process takes it.
    pub fn new(folder: DataFolder, open: Open, yields: Yields) -> Self {
        Self { folder, open, yields, held: None, restrained_until: None }
    }

    /// Opens a connection. Tries for 10 s while the folder passes from one process to the next.
    ///
    /// # Errors
    /// `unavailable` when nobody answered in time; otherwise what the holder refused.
    pub async fn connect(&mut self, opening: &Opening) -> Result<Connection, Problem> {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(5);
        loop {
            let last = match self.attempt(opening).await {
                Ok(connection) => return Ok(connection),
                Err(Attempt::Refused(problem)) => return Err(problem),
                Err(Attempt::Failed(error)) => error,
            };
            if Instant::now() + pause > deadline {
                return Err(unavailable(&last).hint("see whether the process in server.json still answers"));
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// Takes the folder for this process, even from a holder that yields it. Tries for 10 s.
    ///
    /// # Errors
    /// `unavailable` when a server or a long command holds it; otherwise what opening it refuses.
    pub async fn take(&mut self) -> Result<&Holder, Problem> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(lock) = self.folder.try_hold().map_err(|error| unavailable(&error))? {
                let holder = Holder::start(self.folder.clone(), lock, (self.open)(), self.yields).await?;
                return Ok(self.held.insert(holder));
            }
            if let Some(refusal) = self.ask_to_yield().await {
                // A server is not going to yield, and a command may be done soon.
                if refusal.code == Code::Unavailable || Instant::now() > deadline {
                    return Err(Problem { code: Code::Unavailable, ..refusal });
                }
            }
            if Instant::now() > deadline {
                return Err(Problem::new(
                    Code::Unavailable,
                    "the data folder is held by a process that does not answer",
                ));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the holder, if this process is it.
    pub async fn leave(&mut self) {
        if let Some(holder) = self.held.take() {
            holder.stop().await;
        }
    }

    async fn attempt(&mut self, opening: &Opening) -> Result<Connection, Attempt> {
        self.notice_that_the_folder_was_yielded();
        if let Some(holder) = &self.held {
            return open(holder.connect(), opening).await;
        }
        let unreachable = match ServerFile::read(&self.folder) {
            Some(file) => match UnixStream::connect(&file.socket).await {
                Ok(stream) => {
                    let opened = open(connection(stream), opening).await;
                    if opened.is_ok() {
                        // Whoever asked for the folder has it: when it ends, nobody is waited for.
                        self.restrained_until = None;
                    }
                    return opened;
                }
                Err(error) => error,
            },
            None => io::ErrorKind::NotFound.into(),
        };
        if self.restrained_until.is_some_and(|end| Instant::now() < end) {
            return Err(Attempt::Failed(unreachable));
        }
        match self.folder.try_hold()? {
            Some(lock) => {
                let holder = Holder::start(self.folder.clone(), lock, (self.open)(), self.yields).await;
                let holder = self.held.insert(holder.map_err(Attempt::Refused)?);
                open(holder.connect(), opening).await
            }
            None => Err(Attempt::Failed(unreachable)),
        }
    }

    fn notice_that_the_folder_was_yielded(&mut self) {
        if self.held.as_ref().is_some_and(Holder::has_ended) {
            self.held = None;
            self.restrained_until = Some(Instant::now() + RESTRAINT);
        }
    }

    /// Asks the holder for the folder; gives its refusal.
    async fn ask_to_yield(&self) -> Option<Problem> {
        let file = ServerFile::read(&self.folder)?;
        let mut connection = connection(UnixStream::connect(&file.socket).await.ok()?);
        if let Some(address) = &file.address {
            let message = format!("a server already runs on this data folder, at {address} (process {})", file.pid);
            return Some(Problem::new(Code::Unavailable, message).hint("use that one, or another --data"));
        }
        // What fails here is a holder that is just ending.
        write_json(&mut connection, &Opening::Yield {}).await.ok()?;
        match read_json::<Reply>(&mut connection).await.ok()? {
            Reply::Problem(refusal) => Some(refusal),
            _ => None,
        }
    }
}

enum Attempt {
    /// The holder (or opening the databases) said no: trying again is of no use.
    Refused(Problem),
    /// Nobody was there, or no longer.
    Failed(io::Error),
}

impl From<io::Error> for Attempt {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

async fn open(mut connection: Connection, opening: &Opening) -> Result<Connection, Attempt> {
    write_json(&mut connection, opening).await?;
    if !matches!(opening, Opening::Mcp(_)) {
        return Ok(connection);
    }
    let reply = timeout(OPENING_PATIENCE, read_json::<Reply>(&mut connection)).await.map_err(io::Error::from)??;
    match reply {
        Reply::Ready {} => Ok(connection),
        Reply::Problem(problem) => Err(Attempt::Refused(problem)),
        Reply::Progress(_) | Reply::Result(_) => Err(Attempt::Failed(io::ErrorKind::InvalidData.into())),
    }
}

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;
