//! Connections to an SQLite file, each lent to one transaction at a time. Opened when they are first wanted; closed all together, since
//! the file is deleted or replaced afterwards.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, TryAcquireError};

use crate::database::Error;

/// How long a statement that may wait does so for the lock of another connection or process.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How a file is opened.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// The file.
    pub(crate) path: PathBuf,
    /// Whether to write, and to make it.
    pub(crate) flags: OpenFlags,
    /// Statements that set a connection up.
    pub(crate) setup: String,
    /// How many statements a connection keeps prepared.
    pub(crate) statements: usize,
    /// How many connections there are at most.
    pub(crate) connections: usize,
    /// How long a transaction waits for a free one.
    pub(crate) patience: Duration,
}

impl Access {
    fn connect(&self) -> rusqlite::Result<Connection> {
        // Only one thread has a connection at a time, so it needs no lock of its own.
        let connection = Connection::open_with_flags(&self.path, self.flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.execute_batch(&self.setup)?;
        // A plan for every value that may be bound: otherwise SQLite looks at the values, such as the limit of a page, and compiles a
        // prepared statement anew each time it gets others.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(self.statements);
        Ok(connection)
    }
}

/// Connections of one kind.
#[derive(Clone)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    access: Access,
    /// A permit for each connection that may be lent; closed with the pool, so that nobody waits for one in vain.
    free: Semaphore,
    /// The same, but never closed: whoever has all of them knows that nothing is lent.
    returned: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Pool").field(&self.shared.access).finish()
    }
}

impl Pool {
    /// Opens nothing yet.
    pub(crate) fn new(access: Access) -> Self {
        let permits = || Semaphore::new(access.connections);
        let (free, returned) = (permits(), permits());
        Self { shared: Arc::new(Shared { access, free, returned, idle: Mutex::default() }) }
    }

    /// Lends a connection, which may have to be opened yet.
    ///
    /// # Errors
    /// When none was free in time, or the pool is closed.
    pub(crate) async fn acquire(&self) -> Result<Lease, Error> {
        let Shared { access, free, returned, .. } = &*self.shared;
        let permit = match free.try_acquire() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(Error::PoolClosed),
            Err(TryAcquireError::NoPermits) => {
                let waited = tokio::time::timeout(access.patience, free.acquire()).await;
                waited.map_err(|_| Error::PoolTimedOut)?.map_err(|_| Error::PoolClosed)?
            }
        };
        // There is one unless the pool was closed in this moment.
        let out = returned.try_acquire().map_err(|_| Error::PoolClosed)?;
        if free.is_closed() {
            return Err(Error::PoolClosed);
        }
        // Given back when the lease is dropped.
        permit.forget();
        out.forget();
        let connection = self.shared.idle().pop();
        Ok(Lease { connection, shared: Arc::clone(&self.shared) })
    }

    /// Lends nothing any more, waits for what is lent, and closes every connection.
    pub(crate) async fn close(&self) {
        self.shared.free.close();
        let all = u32::try_from(self.shared.access.connections).unwrap_or(u32::MAX);
        let _all = self.shared.returned.acquire_many(all).await;
        let idle = std::mem::take(&mut *self.shared.idle());
        if !idle.is_empty() {
            // The last connection to a file brings what stands beside it into it.
            let _closed = tokio::task::spawn_blocking(move || drop(idle)).await;
        }
    }
}

/// A connection that is lent. It goes back to its pool when this is dropped, without what was not committed.
pub(crate) struct Lease {
    /// None when it was not opened yet.
    connection: Option<Connection>,
    shared: Arc<Shared>,
}

impl Lease {
    /// The connection, unless it has to be opened yet.
    pub(crate) const fn opened(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// The connection. Opening it goes to the disk.
    pub(crate) fn open(&mut self) -> rusqlite::Result<&Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.shared.access.connect()?,
        };
        Ok(self.connection.insert(connection))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Whatever state a connection is in that cannot be rolled back, nothing of that goes on.
        if let Some(connection) = self.connection.take().filter(has_ended) {
            self.shared.idle().push(connection);
        }
        self.shared.returned.add_permits(1);
        self.shared.free.add_permits(1);
    }
}

/// Ends the transaction, if there is one: on a full disk SQLite has taken it back by itself. In write-ahead mode that touches no file,
/// so whoever drops a lease waits for nothing.
fn has_ended(connection: &Connection) -> bool {
    let rolled_back = || connection.prepare_cached("rollback").and_then(|mut rollback| rollback.execute([]));
    connection.is_autocommit() || (rolled_back().is_ok() && connection.is_autocommit())
}

#[cfg(test)]
#[path = "sqlite_pool_tests.rs"]
mod tests;
