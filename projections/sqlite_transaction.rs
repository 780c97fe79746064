//! Where the statements of a transaction on an SQLite file run. A short read runs at once, on the task that asks: a trip to another
//! thread and back costs more than most reads. What takes long, or may, runs on a thread for that, so that the tasks that share a
//! thread with the asking one go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, params_from_iter};
use tokio::task::JoinError;

use crate::database::Error;
use crate::sqlite_error::failure;
use crate::sqlite_pool::{BUSY_TIMEOUT, Lease, Pool};
use crate::sqlite_rows::{Batch, SqliteRow};

/// How long a read may keep its task's thread. Far longer than a read by an index takes (some ten microseconds), and short enough that
/// nobody feels it who waits for the thread. What takes longer loses that much by being begun anew elsewhere, which is less than it takes
/// itself.
const BUDGET: Duration = Duration::from_millis(1);
/// How many instructions of SQLite's machine run before somebody looks whether they should go on: some ten microseconds' worth.
const INSTRUCTIONS: i32 = 1_000;

/// An open transaction.
pub(crate) struct Transaction {
    /// None while a statement runs on another thread, and for ever when nobody waited for its end.
    lease: Option<Lease>,
    place: Place,
}

/// Where statements run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// On the asking task, and apart when they take too long there.
    Inline,
    /// On a thread for what takes long.
    Apart,
    /// On the asking thread, which is one for what takes long.
    Here,
}

impl Transaction {
    /// Begins to read. The moment that is read is that of the first statement.
    pub(crate) async fn begin_read(pool: &Pool) -> Result<Self, Error> {
        let mut this = Self { lease: Some(pool.acquire().await?), place: Place::Inline };
        this.run(Statement::new("begin")).await?;
        Ok(this)
    }

    /// Begins to write, as soon as no other process does.
    pub(crate) async fn begin_write(pool: &Pool) -> Result<Self, Error> {
        let mut this = Self { lease: Some(pool.acquire().await?), place: Place::Apart };
        this.run(Statement::new("begin immediate")).await?;
        Ok(this)
    }

    /// Does all of `work` in a transaction to write in, on one thread for what takes long, and commits when it succeeds: many statements
    /// with one trip there and back. What was begun is done to its end, also when nobody waits for it any more.
    pub(crate) async fn write<T: Send + 'static, E: From<Error> + Send + 'static>(
        pool: &Pool,
        work: impl AsyncFnOnce(&mut crate::database::Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let this = Self { lease: Some(pool.acquire().await?), place: Place::Here };
        let runtime = tokio::runtime::Handle::current();
        let working = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                let mut this = this;
                this.run(Statement::new("begin immediate")).await?;
                let mut connection = this.into();
                let done = work(&mut connection).await?;
                connection.commit().await?;
                Ok(done)
            })
        });
        match working.await.map_err(JoinError::try_into_panic) {
            Ok(done) => done,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            Err(Err(_)) => Err(Error::WorkerCrashed.into()),
        }
    }

    /// Makes it last. When that fails, nothing of it does.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        self.run(Statement::new("commit")).await.map(|_| ())
    }

    /// Runs a statement and gives its rows.
    pub(crate) async fn fetch(&mut self, text: String, values: Vec<Value>) -> Result<Vec<SqliteRow>, Error> {
        Ok(Batch::rows(self.run(Statement { text, values }).await?))
    }

    /// Runs statements without values, one after another.
    pub(crate) async fn script(&mut self, text: String) -> Result<(), Error> {
        self.apart(move |connection| connection.execute_batch(&text)).await
    }

    async fn run(&mut self, statement: Statement) -> Result<Batch, Error> {
        let lease = self.lease.as_ref().ok_or_else(given_up)?;
        if let (Place::Inline, Some(connection)) = (self.place, lease.opened()) {
            match statement.run_within(connection, BUDGET) {
                Err(error) if wants_time(&error) => {}
                done => {
                    let batch = done.map_err(failure)?;
                    // A long row of short statements lets others have their turn, too.
                    tokio::task::coop::consume_budget().await;
                    return Ok(batch);
                }
            }
        }
        self.apart(move |connection| statement.run(connection)).await
    }

    /// Does `work` on a thread for what takes long, unless this is one. When nobody waits for its end any more, it is interrupted, and
    /// the connection goes back from there.
    async fn apart<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let mut lease = self.lease.take().ok_or_else(given_up)?;
        if self.place == Place::Here {
            return self.lease.insert(lease).open().and_then(work).map_err(failure);
        }
        let asker = Asker::default();
        let has_left = Arc::clone(&asker.has_left);
        let running = tokio::task::spawn_blocking(move || {
            let done = lease.open().and_then(|connection| {
                interrupted_when(connection, move || has_left.load(Ordering::Relaxed), || work(connection))
            });
            (lease, done)
        });
        let (lease, done) = running.await.map_err(|_| Error::WorkerCrashed)?;
        self.lease = Some(lease);
        done.map_err(failure)
    }
}

/// Whoever waits for the end of what runs elsewhere.
#[derive(Default)]
struct Asker {
    has_left: Arc<AtomicBool>,
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.has_left.store(true, Ordering::Relaxed);
    }
}

/// Runs `work`; SQLite asks `is_over` now and then, and ends a statement when it is.
fn interrupted_when<T>(
    connection: &Connection,
    is_over: impl FnMut() -> bool + Send + 'static,
    work: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.progress_handler(INSTRUCTIONS, Some(is_over))?;
    let done = work();
    connection.progress_handler(0, None::<fn() -> bool>)?;
    done
}

/// Whether a statement that failed at once is to be run again where it can take its time. What it read so far is read from the same
/// moment then: only a statement that writes takes its transaction along when it is interrupted.
fn wants_time(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::OperationInterrupted | ErrorCode::DatabaseBusy))
}

fn given_up() -> Error {
    Error::Protocol("a statement of this transaction was given up while it ran".to_owned())
}

/// A statement with its values.
struct Statement {
    text: String,
    values: Vec<Value>,
}

impl Statement {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    fn run(&self, connection: &Connection) -> rusqlite::Result<Batch> {
        let mut statement = connection.prepare_cached(&self.text)?;
        let mut batch = Batch::new(statement.column_count());
        let mut rows = statement.query(params_from_iter(&self.values))?;
        while let Some(row) = rows.next()? {
            batch.push(row)?;
        }
        Ok(batch)
    }

    /// Runs it for no longer than `budget`, and without waiting for a lock.
    fn run_within(&self, connection: &Connection, budget: Duration) -> rusqlite::Result<Batch> {
        let begun = Instant::now();
        connection.busy_timeout(Duration::ZERO)?;
        let done = interrupted_when(connection, move || begun.elapsed() > budget, || self.run(connection));
        connection.busy_timeout(BUSY_TIMEOUT)?;
        done
    }
}

#[cfg(test)]
#[path = "sqlite_transaction_tests.rs"]
mod tests;
