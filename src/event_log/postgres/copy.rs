//! A log that is copied into PostgreSQL, on a connection of its own, in one transaction.

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use uuid::Uuid;

use super::{keep, rows};
use crate::event_log::append::LogError;
use crate::event_log::batch::Rows;
use crate::event_log::copying::{LogCopy, Rest};

/// The copy. Dropped before its end it closes the connection, and the server takes everything back.
pub(super) struct PostgresCopy {
    connection: PgConnection,
    keeps: bool,
}

impl PostgresCopy {
    pub(super) async fn begin(mut connection: PgConnection, keeps: bool) -> Result<Self, LogError> {
        connection.execute(sqlx::raw_sql("begin")).await?;
        Ok(Self { connection, keeps })
    }
}

impl LogCopy for PostgresCopy {
    fn write<'a>(&'a mut self, rows: &'a Rows<'a>) -> BoxFuture<'a, Result<(), LogError>> {
        async move {
            let begun: Vec<Uuid> = rows.heads.keys().map(|workspace| workspace.0).collect();
            if !begun.is_empty() {
                // The statement that writes rows moves heads that are there.
                sqlx::query(super::append::BEGIN_WORKSPACES)
                    .persistent(self.keeps)
                    .bind(&begun)
                    .execute(&mut self.connection)
                    .await?;
            }
            rows::write(&mut self.connection, self.keeps, rows).await
        }
        .boxed()
    }

    fn finish(mut self: Box<Self>, rest: Rest) -> BoxFuture<'static, Result<(), LogError>> {
        async move {
            keep::token_uses_on(&mut self.connection, &rest.token_uses).await?;
            keep::reaction_checkpoints_on(&mut self.connection, &rest.checkpoints).await?;
            for (name, value) in &rest.properties {
                keep::property_on(&mut self.connection, name, value).await?;
            }
            self.connection.execute(sqlx::raw_sql("commit")).await?;
            self.connection.close().await?;
            Ok(())
        }
        .boxed()
    }
}
