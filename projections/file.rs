//! Read tables in an SQLite file: how it is opened, made without indexes, and completed.
//!
//! It may lose its last moments at a power cut (`synchronous = normal`): the checkpoint is lost with them, and the events are folded
//! again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqlitePool};

use crate::cell::decode;
use crate::checkpoint;
use crate::database::{Connection, Error};
use crate::dialect::{DROPPABLE, FILL_SEARCH, OLDEST_SQLITE};
use crate::read_tables::OpenError;
use crate::sql::Sql;

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/sqlite/views");

/// How many readers work at once; more wait.
const READERS: u32 = 4;
/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a reader waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// The pages that the writer of a whole log keeps in memory, in KiB, as SQLite wants it: a negative number.
const BUILD_CACHE: &str = "pragma cache_size = -16384";
/// Rows of one statement on their way.
const ROW_BUFFER: usize = 512;
/// Prepared statements kept by the writer: a few sizes of load, upsert and delete for each table.
const WRITER_STATEMENTS: usize = 256;

/// A file of read tables with its connections.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl File {
    pub(crate) async fn open(path: &Path) -> Result<Self, OpenError> {
        let file = Self::connect(path).await?;
        match file.check().await {
            Ok(()) => Ok(file),
            Err(error) => {
                file.close().await;
                Err(error)
            }
        }
    }

    pub(crate) async fn create_without_indexes(path: &Path) -> Result<Self, OpenError> {
        let file = Self::open(path).await?;
        sqlx::query(BUILD_CACHE).execute(&file.writer).await?;
        let mut transaction = file.begin_write().await?;
        Sql::new("create table deferred (sql text not null)").run(&mut transaction).await?;
        for row in Sql::new(DROPPABLE).raw(&mut transaction).await? {
            let (kind, name, sql): (String, String, String) = (decode(&row, 0)?, decode(&row, 1)?, decode(&row, 2)?);
            Sql::new("insert into deferred (sql) values (").bind(&sql).push(")").run(&mut transaction).await?;
            Sql::new(format!("drop {kind} {name}")).run(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(file)
    }

    pub(crate) async fn build_indexes(&self) -> Result<(), Error> {
        let mut transaction = self.begin_write().await?;
        for fill in FILL_SEARCH {
            Sql::new(fill).run(&mut transaction).await?;
        }
        for row in Sql::new("select sql from deferred").raw(&mut transaction).await? {
            let sql: String = decode(&row, 0)?;
            Sql::new(sql).run(&mut transaction).await?;
        }
        Sql::new("drop table deferred").run(&mut transaction).await?;
        transaction.commit().await?;
        // The planner chooses between indexes by these figures.
        let mut transaction = self.begin_write().await?;
        Sql::new("analyze").run(&mut transaction).await?;
        transaction.commit().await?;
        // From here on it is a file like others.
        sqlx::query("pragma cache_size = -2000").execute(&self.writer).await.map(|_| ())
    }

    async fn connect(path: &Path) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(false)
            .busy_timeout(BUSY_TIMEOUT)
            // Rows come from a thread of their own: the fewer times it waits, the better.
            .row_buffer_size(ROW_BUFFER)
            .pragma("journal_size_limit", "67108864");
        let writing =
            options.clone().statement_cache_capacity(WRITER_STATEMENTS).thread_name(|_| "views-writer".into());
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            // On a full disk SQLite takes the transaction back by itself, and the driver, which does not learn of it, would refuse
            // every later one on this connection.
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect_with(writing)
            .await?;
        let reading = options.pragma("query_only", "on").thread_name(|number| format!("views-reader-{number}"));
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_lazy_with(reading);
        Ok(Self { path: path.to_owned(), writer, readers })
    }

    async fn check(&self) -> Result<(), OpenError> {
        let mut connection = self.writer.acquire().await?;
        let version: String = sqlx::query_scalar("select sqlite_version()").fetch_one(&mut *connection).await?;
        if !is_new_enough(&version) {
            return Err(OpenError::OldDatabase(version));
        }
        match MIGRATIONS.run_direct(None, &mut *connection, false).await {
            Ok(()) => {}
            Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => return Err(error.into()),
            Err(other) => return Err(OpenError::MustRebuild(other.to_string())),
        }
        drop(connection);
        let mut transaction = self.begin_write().await?;
        if let Some(found) = checkpoint::other_version(&mut transaction).await? {
            return Err(OpenError::MustRebuild(format!("they are of version {found}")));
        }
        let unfinished = "select name from sqlite_master where name = 'deferred'";
        if Sql::new(unfinished).value::<String>(&mut transaction).await?.is_some() {
            return Err(OpenError::MustRebuild("an earlier rebuild was not finished".to_owned()));
        }
        Ok(())
    }

    pub(crate) async fn begin_read(&self) -> Result<Connection, Error> {
        Ok(self.readers.begin().await?.into())
    }

    pub(crate) async fn begin_write(&self) -> Result<Connection, Error> {
        Ok(self.writer.begin_with("begin immediate").await?.into())
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next()) >= OLDEST_SQLITE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_with_the_wal_defect_is_refused() {
        for (version, fits) in [("3.51.2", false), ("3.51.3", true), ("3.52.0", true), ("4.0", true), ("3.9.99", false)]
        {
            assert_eq!(is_new_enough(version), fits, "{version}");
        }
    }

    #[tokio::test]
    async fn a_transaction_that_sqlite_took_back_by_itself_stands_in_nobodys_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = File::open(&folder.path().join("views.db")).await.expect("a file");
        let mut transaction = file.begin_write().await.expect("a transaction");
        // As on a full disk: the driver does not learn of it.
        Sql::new("rollback").run(&mut transaction).await.expect("no transaction any more");
        drop(transaction);
        file.begin_write().await.expect("another transaction");
    }
}
