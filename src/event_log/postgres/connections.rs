//! The connections to the server, also through a pooler that does not keep the names of prepared statements apart.
//!
//! A statement without a name is prepared and run in two steps. A pooler in transaction mode may pass the second one to another server
//! connection, unless both stand in one transaction.

use async_stream::try_stream;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgPool, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres};
use sqlx::{Describe, Either, Error, Execute, Executor, SqlStr};

/// A pool of connections.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    pub(super) pool: PgPool,
    /// Whether statements are kept prepared, under names.
    pub(super) keeps: bool,
}

/// A statement that gets no name.
struct Nameless<E>(E);

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Nameless<E> {
    fn sql(self) -> SqlStr {
        self.0.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.0.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        self.0.take_arguments()
    }

    fn persistent(&self) -> bool {
        false
    }
}

impl<'c> Executor<'c> for &'c Connections {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        if self.keeps {
            return self.pool.fetch_many(query);
        }
        let pool = self.pool.clone();
        try_stream! {
            let mut transaction = pool.begin().await?;
            {
                let mut results = (&mut *transaction).fetch_many(Nameless(query));
                while let Some(result) = results.try_next().await? {
                    yield result;
                }
            }
            transaction.commit().await?;
        }
        .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        if self.keeps {
            return self.pool.fetch_optional(query);
        }
        let pool = self.pool.clone();
        Box::pin(async move {
            let mut transaction = pool.begin().await?;
            let row = (&mut *transaction).fetch_optional(Nameless(query)).await?;
            transaction.commit().await?;
            Ok(row)
        })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        self.pool.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'c: 'e,
    {
        self.pool.describe(sql)
    }
}
