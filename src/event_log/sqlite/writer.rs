//! The one connection that writes, on a thread of its own: a batch is many short statements, and none of them waits for another thread.
//!
//! After a failure the connection is replaced: in whatever state a full or failing disk has left it, nothing of that goes on.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::event_log::append::LogError;

/// How long a statement waits for the lock of another process, such as a backup tool's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of the file in memory, in KiB: every event touches leaves of the indexes by stream and by contact, which are all over the file.
const CACHE_KIB: i64 = 32 * 1024;
/// How many pages of 4 KiB the write-ahead log has before they go into the file. A page that is written again and again meanwhile goes there
/// once.
const CHECKPOINT_PAGES: i64 = 4_000;
/// Statements that stay prepared: more than there are.
const STATEMENTS: usize = 64;

/// Something to do on the thread.
type Job = Box<dyn FnOnce(&mut Kept) + Send>;

/// The way to the thread that writes. It ends when this is closed or dropped.
pub(super) struct Writer {
    path: PathBuf,
    thread: Mutex<Option<(mpsc::Sender<Job>, JoinHandle<()>)>>,
}

impl Writer {
    /// Starts the thread. The file is there, in write-ahead mode.
    ///
    /// # Errors
    /// When the file cannot be opened, or no thread be started.
    pub(super) fn start(path: PathBuf) -> Result<Self, LogError> {
        let mut kept = Kept { connection: Some(connect(&path)?), path: path.clone() };
        let (jobs, waiting) = mpsc::channel::<Job>();
        let run = move || {
            while let Ok(job) = waiting.recv() {
                job(&mut kept);
            }
            kept.close();
        };
        let thread = std::thread::Builder::new().name("log-writer".to_owned()).spawn(run);
        let thread = thread.map_err(|error| LogError::from(sqlx::Error::Io(error)))?;
        Ok(Self { path, thread: Mutex::new(Some((jobs, thread))) })
    }

    /// Does `work` on the thread, after what was asked for before. It is done to its end, also when nobody waits for it any more.
    ///
    /// # Errors
    /// [`LogError::Closed`] after [`Self::close`]; what `work` says; when no connection can be made.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |kept| {
            let _nobody_waits = answer.send(kept.run(work));
        });
        let jobs = self.thread().as_ref().map(|(jobs, _)| jobs.clone());
        jobs.ok_or(LogError::Closed)?.send(job).map_err(|_| LogError::Closed)?;
        answered.await.unwrap_or(Err(LogError::Closed))
    }

    /// A connection of its own, for a transaction that goes on for long.
    ///
    /// # Errors
    /// When none can be made.
    pub(super) fn another(&self) -> Result<Connection, LogError> {
        connect(&self.path)
    }

    /// Waits for what was asked for, and ends the thread for good.
    pub(super) async fn close(&self) {
        let Some((jobs, thread)) = self.thread().take() else { return };
        drop(jobs);
        // A thread that panicked has said so already.
        let _ended = tokio::task::spawn_blocking(|| thread.join()).await;
    }

    fn thread(&self) -> std::sync::MutexGuard<'_, Option<(mpsc::Sender<Job>, JoinHandle<()>)>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection, and where to make another.
struct Kept {
    path: PathBuf,
    connection: Option<Connection>,
}

impl Kept {
    fn run<T>(&mut self, work: impl FnOnce(&mut Connection) -> Result<T, LogError>) -> Result<T, LogError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.path)?,
        };
        let done = work(self.connection.insert(connection));
        if matches!(done, Err(LogError::Database(_) | LogError::CommitUnknown(_))) {
            self.connection = None;
        }
        done
    }

    fn close(self) {
        let Some(connection) = self.connection else { return };
        // Best effort: an unfinished checkpoint only makes the next start read more of the write-ahead log.
        let _unfinished = connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
        let _closed = connection.close();
    }
}

fn connect(path: &std::path::Path) -> Result<Connection, LogError> {
    // Made before: a file that has gone away is a failure, not a new log.
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::SqliteLog;
    use crate::event_log::append::{Expected, LogError};
    use crate::event_log::contract_tests::{WORKSPACE, batch, unit};
    use crate::event_log::store::{LogStore, WhenHeld};

    #[tokio::test]
    async fn writing_goes_on_when_a_full_disk_has_room_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = SqliteLog::open(&folder.path().join("events.db")).await.expect("a log");
        let small = unit(WORKSPACE, &[(Uuid::from_u128(1), Expected::Any)]);
        let mut large = unit(WORKSPACE, &[(Uuid::from_u128(2), Expected::Any)]);
        large.events[0].metadata = vec![b' '; 200_000];
        log.append(batch([&small]), 1, WhenHeld::Wait).await.expect("a batch")[0].as_ref().expect("an event");
        // The limit belongs to the connection: as on a full disk, SQLite takes the transaction back by itself.
        log.writer
            .run(|connection| Ok(connection.pragma_update_and_check(None, "max_page_count", 1, |_| Ok(()))?))
            .await
            .expect("set");
        let refused = log.append(batch([&large]), 2, WhenHeld::Wait).await;
        assert!(matches!(refused, Err(LogError::Database(_))), "{refused:?}");
        let written = log.append(batch([&small]), 3, WhenHeld::Wait).await.expect("a batch");
        assert_eq!(written[0].as_ref().map(|appended| appended.position), Ok(2));
        log.close().await;
        assert!(matches!(log.append(batch([&small]), 4, WhenHeld::Wait).await, Err(LogError::Closed)));
    }
}
