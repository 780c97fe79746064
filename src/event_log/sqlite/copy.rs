//! A log that is copied into a SQLite file, on a connection of its own, in one transaction.

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Executor};

use super::{checkpoints, write};
use crate::event_log::append::LogError;
use crate::event_log::batch::Rows;
use crate::event_log::copying::{LogCopy, Rest};

/// The copy. Dropped before its end it closes the connection, and SQLite takes everything back.
pub(super) struct SqliteCopy(SqliteConnection);

impl SqliteCopy {
    pub(super) async fn begin(mut connection: SqliteConnection) -> Result<Self, LogError> {
        connection.execute("begin immediate").await?;
        Ok(Self(connection))
    }
}

impl LogCopy for SqliteCopy {
    fn write<'a>(&'a mut self, rows: &'a Rows<'a>) -> BoxFuture<'a, Result<(), LogError>> {
        write::write_rows(&mut self.0, rows).boxed()
    }

    fn finish(mut self: Box<Self>, rest: Rest) -> BoxFuture<'static, Result<(), LogError>> {
        async move {
            write::write_token_uses(&mut self.0, &rest.token_uses).await?;
            checkpoints::move_on(&mut self.0, &rest.checkpoints).await?;
            for (name, value) in &rest.properties {
                write::property(&mut self.0, name, value).await?;
            }
            self.0.execute("commit").await?;
            self.0.close().await?;
            Ok(())
        }
        .boxed()
    }
}
