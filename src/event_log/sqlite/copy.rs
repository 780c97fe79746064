//! A log that is copied into a SQLite file, on a connection of its own, in one transaction.
//!
//! It writes on the thread that asks for it: a copy is made by a command that does nothing else meanwhile.

use futures::FutureExt;
use futures::future::BoxFuture;
use rusqlite::Connection;

use super::{checkpoints, keep, write};
use crate::event_log::append::LogError;
use crate::event_log::batch::Rows;
use crate::event_log::copying::{LogCopy, Rest};

/// The copy. Dropped before its end it closes the connection, and SQLite takes everything back.
pub(super) struct SqliteCopy(Connection);

impl SqliteCopy {
    pub(super) fn begin(connection: Connection) -> Result<Self, LogError> {
        connection.execute_batch("begin immediate")?;
        Ok(Self(connection))
    }

    fn finish(self, rest: &Rest) -> Result<(), LogError> {
        keep::token_uses(&self.0, &rest.token_uses)?;
        checkpoints::move_on(&self.0, &rest.checkpoints)?;
        for (name, value) in &rest.properties {
            keep::property(&self.0, name, value)?;
        }
        self.0.execute_batch("commit")?;
        self.0.close().map_err(|(_, error)| LogError::from(error))
    }
}

impl LogCopy for SqliteCopy {
    fn write<'a>(&'a mut self, rows: &'a Rows<'a>) -> BoxFuture<'a, Result<(), LogError>> {
        std::future::ready(write::write_rows(&self.0, rows)).boxed()
    }

    fn finish(self: Box<Self>, rest: Rest) -> BoxFuture<'static, Result<(), LogError>> {
        std::future::ready(Self::finish(*self, &rest)).boxed()
    }
}
