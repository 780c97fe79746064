//! Read tables in an SQLite file: how it is opened, made without indexes, and completed.
//!
//! It may lose its last moments at a power cut (`synchronous = normal`): the checkpoint is lost with them, and the events are folded
//! again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;
use sqlx::migrate::Migrator;

use crate::cell::decode;
use crate::checkpoint;
use crate::database::{Connection, Error};
use crate::dialect::{DROPPABLE, FILL_SEARCH, OLDEST_SQLITE};
use crate::migrations;
use crate::read_tables::OpenError;
use crate::sql::Sql;
use crate::sqlite_pool::{Access, Pool};
use crate::sqlite_transaction::Transaction;

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/sqlite/views");

/// How many readers work at once; more wait.
pub(crate) const READERS: usize = 4;
/// How long a reader waits for a free connection.
const READER_PATIENCE: Duration = Duration::from_secs(5);
/// How long who writes waits for those who did so before.
const WRITER_PATIENCE: Duration = Duration::from_secs(30);
/// What every connection sets up.
const SETUP: &str = "pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = off;
    pragma journal_size_limit = 67108864;";
/// What the writer sets up: up to 64 MiB of pages in memory, and as many in the write-ahead log before they go into the file. An event about
/// one of a million contacts changes some 15 pages all over the file; the fewer of them are written more than once, the better. With
/// SQLite's own measures (2 MB and 4 MB) a file of 4 GB took in 1,000 such events in a second, with 32 MiB and this log 1,900, with
/// 128 MiB 2,700.
const WRITER_SETUP: &str = "pragma cache_size = -65536; pragma wal_autocheckpoint = 16384;";
/// What a reader sets up: up to 16 MiB of pages in memory. A page of a list filtered by what thousands have looks at a few MiB of index.
const READER_SETUP: &str = "pragma query_only = on; pragma cache_size = -16384;";
/// Prepared statements kept by the writer: a few sizes of load, upsert and delete for each table.
const WRITER_STATEMENTS: usize = 256;
/// Prepared statements kept by a reader: there are as many as there are combinations of filters that are asked for.
const READER_STATEMENTS: usize = 256;

/// A file of read tables with its connections.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    writer: Pool,
    readers: Pool,
}

impl File {
    pub(crate) async fn open(path: &Path) -> Result<Self, OpenError> {
        if !is_new_enough(rusqlite::version()) {
            return Err(OpenError::OldDatabase(rusqlite::version().to_owned()));
        }
        let file = Self::at(path);
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
        transaction.commit().await
    }

    /// Nothing is opened yet.
    fn at(path: &Path) -> Self {
        let open = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let writer = Pool::new(Access {
            path: path.to_owned(),
            flags: open | OpenFlags::SQLITE_OPEN_CREATE,
            setup: format!("{SETUP} {WRITER_SETUP}"),
            statements: WRITER_STATEMENTS,
            connections: 1,
            patience: WRITER_PATIENCE,
        });
        let readers = Pool::new(Access {
            path: path.to_owned(),
            flags: open,
            setup: format!("{SETUP} {READER_SETUP}"),
            statements: READER_STATEMENTS,
            connections: READERS,
            patience: READER_PATIENCE,
        });
        Self { path: path.to_owned(), writer, readers }
    }

    async fn check(&self) -> Result<(), OpenError> {
        let mut transaction = self.begin_write().await?;
        for migration in migrations::missing(&mut transaction, &MIGRATIONS).await? {
            migrations::run(&mut transaction, migration).await?;
        }
        if let Some(found) = checkpoint::other_version(&mut transaction).await? {
            return Err(OpenError::MustRebuild(format!("they are of version {found}")));
        }
        let unfinished = "select name from sqlite_master where name = 'deferred'";
        if Sql::new(unfinished).value::<String>(&mut transaction).await?.is_some() {
            return Err(OpenError::MustRebuild("an earlier rebuild was not finished".to_owned()));
        }
        Ok(transaction.commit().await?)
    }

    pub(crate) async fn begin_read(&self) -> Result<Connection, Error> {
        Ok(Transaction::begin_read(&self.readers).await?.into())
    }

    pub(crate) async fn begin_write(&self) -> Result<Connection, Error> {
        Ok(Transaction::begin_write(&self.writer).await?.into())
    }

    /// Does `work` in a transaction to write in, to its end, and commits when it succeeds.
    pub(crate) async fn write<T: Send + 'static, E: From<Error> + Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        Transaction::write(&self.writer, work).await
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
