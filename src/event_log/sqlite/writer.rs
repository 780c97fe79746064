//! The one connection that writes, replaced after a failure.
//!
//! When the disk is full or fails, SQLite takes the transaction back by itself. The driver does not learn of it: it counts the
//! transaction as open for ever, and would refuse every later one. A new connection knows nothing of that.

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::event_log::append::LogError;

/// The connection, and how to make another.
pub(super) struct Writer {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    closed: bool,
}

impl Writer {
    pub(super) const fn new(options: SqliteConnectOptions, connection: SqliteConnection) -> Self {
        Self { options, connection: Some(connection), closed: false }
    }

    /// The connection; a new one when the last was given up.
    ///
    /// # Errors
    /// [`LogError::Closed`] after [`Self::close`]; when no connection can be made.
    pub(super) async fn connection(&mut self) -> Result<&mut SqliteConnection, LogError> {
        if self.closed {
            return Err(LogError::Closed);
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// A connection of its own, for a transaction that goes on for long.
    ///
    /// # Errors
    /// When none can be made.
    pub(super) async fn another(&self) -> Result<SqliteConnection, LogError> {
        Ok(self.options.connect().await?)
    }

    /// Passes on what came of a write; gives the connection up when the database failed.
    ///
    /// # Errors
    /// The given one.
    pub(super) fn settled<T>(&mut self, done: Result<T, LogError>) -> Result<T, LogError> {
        if matches!(done, Err(LogError::Database(_) | LogError::CommitUnknown(_))) {
            self.connection = None;
        }
        done
    }

    /// Takes the connection away for good.
    pub(super) fn close(&mut self) -> Option<SqliteConnection> {
        self.closed = true;
        self.connection.take()
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Executor;
    use uuid::Uuid;

    use super::super::SqliteLog;
    use crate::event_log::append::{Expected, LogError};
    use crate::event_log::contract_tests::{WORKSPACE, unit};
    use crate::event_log::store::{LogStore, WhenHeld};

    #[tokio::test]
    async fn writing_goes_on_when_a_full_disk_has_room_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = SqliteLog::open(&folder.path().join("events.db")).await.expect("a log");
        let small = unit(WORKSPACE, &[(Uuid::from_u128(1), Expected::Any)]);
        let mut large = unit(WORKSPACE, &[(Uuid::from_u128(2), Expected::Any)]);
        large.events[0].metadata = vec![b' '; 200_000];
        log.append(&[&small], 1, WhenHeld::Wait).await.expect("a batch")[0].as_ref().expect("an event");
        // The limit belongs to the connection: as on a full disk, SQLite takes the transaction back by itself.
        log.writer
            .lock()
            .await
            .connection()
            .await
            .expect("one")
            .execute("pragma max_page_count = 1")
            .await
            .expect("set");
        let refused = log.append(&[&large], 2, WhenHeld::Wait).await;
        assert!(matches!(refused, Err(LogError::Database(_))), "{refused:?}");
        let written = log.append(&[&small], 3, WhenHeld::Wait).await.expect("a batch");
        assert_eq!(written[0].as_ref().map(|appended| appended.position), Ok(2));
        log.close().await;
        assert!(matches!(log.append(&[&small], 4, WhenHeld::Wait).await, Err(LogError::Closed)));
    }
}
