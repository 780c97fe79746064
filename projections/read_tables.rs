//! The file of read tables: opened, folded into by one writer, read by several readers.
//!
//! It holds nothing that does not follow from the log. It may lose its last moments at a power cut (`synchronous = normal`): the
//! checkpoint is lost with them, and the events are folded again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aggregates::Recorded;
use aggregates::ids::WorkspaceId;
use serde_json::Value;
use sqlx::Connection as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::checkpoint::{self, Checkpoint};
use crate::database::{Connection, Error, Pool};
use crate::dialect::{DROPPABLE, FILL_SEARCH, OLDEST_SQLITE};
use crate::fold::{self, FoldError};
use crate::reader::Reader;
use crate::sql::Sql;

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/sqlite/views");

/// How many readers work at once; more wait.
const READERS: u32 = 4;
/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a reader waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept by the writer: a few sizes of load, upsert and delete for each table.
const WRITER_STATEMENTS: usize = 256;

/// Why a file of read tables cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The tables are of another version than this program's: build them anew, in a file of their own.
    #[error("the read tables are of another version and have to be rebuilt: {0}")]
    MustRebuild(String),
    /// The linked SQLite can corrupt files in WAL mode.
    #[error("SQLite {0} is too old: at least 3.51.3 is needed")]
    OldDatabase(String),
    /// The file cannot be opened.
    #[error("the read tables cannot be opened")]
    Database(#[from] Error),
}

/// A file of read tables.
#[derive(Clone, Debug)]
pub struct ReadTables {
    path: PathBuf,
    writer: Pool,
    readers: Pool,
}

impl ReadTables {
    /// Opens the file at `path`; makes it when there is none.
    ///
    /// # Errors
    /// [`OpenError::MustRebuild`] when its tables are of another version, or were left without indexes by an unfinished
    /// [`Self::create_without_indexes`].
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let tables = Self::connect(path).await?;
        match tables.check().await {
            Ok(()) => Ok(tables),
            Err(error) => {
                tables.close().await;
                Err(error)
            }
        }
    }

    /// Makes a file at `path` whose tables have no secondary indexes and no search index: for folding a whole log, several times
    /// faster. Queries are slow and find no text until [`Self::build_indexes`].
    ///
    /// # Errors
    /// When the file cannot be made.
    pub async fn create_without_indexes(path: &Path) -> Result<Self, OpenError> {
        let tables = Self::open(path).await?;
        let mut transaction = tables.writer.begin_with("begin immediate").await?;
        Sql::new("create table deferred (sql text not null)").raw(&mut transaction).await?;
        for row in Sql::new(DROPPABLE).raw(&mut transaction).await? {
            let (kind, name, sql): (String, String, String) =
                (crate::cell::decode(&row, 0)?, crate::cell::decode(&row, 1)?, crate::cell::decode(&row, 2)?);
            Sql::new("insert into deferred (sql) values (").bind(&sql).push(")").raw(&mut transaction).await?;
            Sql::new(format!("drop {kind} {name}")).raw(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(tables)
    }

    /// Builds what [`Self::create_without_indexes`] has put off, in one transaction.
    ///
    /// # Errors
    /// When the database fails; the file is then as before.
    pub async fn build_indexes(&self) -> Result<(), Error> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        for fill in FILL_SEARCH {
            Sql::new(fill).raw(&mut transaction).await?;
        }
        for row in Sql::new("select sql from deferred").raw(&mut transaction).await? {
            let sql: String = crate::cell::decode(&row, 0)?;
            Sql::new(sql).raw(&mut transaction).await?;
        }
        Sql::new("drop table deferred").raw(&mut transaction).await?;
        transaction.commit().await?;
        // The planner chooses between indexes by these figures.
        let mut connection = self.writer.acquire().await?;
        Sql::new("analyze").raw(&mut connection).await.map(|_| ())
    }

    async fn connect(path: &Path) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(false)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("journal_size_limit", "67108864");
        let writing =
            options.clone().statement_cache_capacity(WRITER_STATEMENTS).thread_name(|_| "views-writer".into());
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(writing).await?;
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
        let version: String = Sql::new("select sqlite_version()").value(&mut connection).await?.unwrap_or_default();
        if !is_new_enough(&version) {
            return Err(OpenError::OldDatabase(version));
        }
        match MIGRATIONS.run_direct(None, &mut *connection, false).await {
            Ok(()) => {}
            Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => return Err(error.into()),
            Err(other) => return Err(OpenError::MustRebuild(other.to_string())),
        }
        if let Some(found) = checkpoint::other_version(&mut connection).await? {
            return Err(OpenError::MustRebuild(format!("they are of version {found}")));
        }
        let unfinished = "select name from sqlite_master where name = 'deferred'";
        if Sql::new(unfinished).value::<String>(&mut connection).await?.is_some() {
            return Err(OpenError::MustRebuild("an earlier rebuild was not finished".to_owned()));
        }
        Ok(())
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes all connections, after the statements that are running.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// How far the tables of `workspace` have come.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint(&self, workspace: WorkspaceId) -> Result<Checkpoint, Error> {
        let mut connection = self.readers.acquire().await?;
        checkpoint::of(&mut connection, workspace).await
    }

    /// How far the tables of every workspace have come.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoints(&self) -> Result<Vec<Checkpoint>, Error> {
        let mut connection = self.readers.acquire().await?;
        checkpoint::all(&mut connection).await
    }

    /// Folds a page of events in one transaction: 500 to 5,000 at once are fastest. The page may hold several workspaces, each in
    /// the order of its positions; `reached` names for each its last event in the page. Events that are folded already are
    /// passed over, so two processes may fold the same page.
    ///
    /// # Errors
    /// [`FoldError`], with nothing written. Where it names a workspace, the rest of the page may be folded without that one.
    pub async fn fold(&self, page: &[Arc<Recorded>], reached: &[Checkpoint]) -> Result<(), FoldError> {
        let mut connection = self.writer.acquire().await?;
        let folded = Self::fold_into(&mut connection, page, reached).await;
        if folded.is_err() {
            // On a full disk SQLite takes the transaction back by itself, and the driver, which does not learn of it, would refuse
            // every later one on this connection.
            connection.close_on_drop();
        }
        folded
    }

    async fn fold_into(
        connection: &mut Connection,
        page: &[Arc<Recorded>],
        reached: &[Checkpoint],
    ) -> Result<(), FoldError> {
        let mut transaction = connection.begin_with("begin immediate").await?;
        fold::fold_page(&mut transaction, page, reached).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// A moment of the tables, to run queries on.
    ///
    /// # Errors
    /// When no connection was free for 5 s, or the database fails.
    pub async fn read(&self) -> Result<Reader, Error> {
        Ok(Reader::new(self.readers.begin().await?))
    }

    /// Every table with its rows by primary key, over all columns but checkpoints: what must be equal after a rebuild. Holds
    /// everything in memory.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dump(&self) -> Result<Vec<(&'static str, Vec<Value>)>, Error> {
        let mut reader = self.read().await?;
        let connection: &mut Connection = reader.connection();
        fold::dump_all(connection).await
    }

    /// Runs a statement on the writer's connection.
    #[cfg(test)]
    pub(crate) async fn execute(&self, sql: &'static str) -> Result<(), Error> {
        let mut connection = self.writer.acquire().await?;
        Sql::new(sql).raw(&mut connection).await.map(|_| ())
    }

    /// Holds the search indexes against the contacts and the messages.
    #[cfg(test)]
    pub(crate) async fn check_search_index(&self) -> Result<(), Error> {
        self.execute("insert into contacts_search (contacts_search, rank) values ('integrity-check', 1)").await?;
        self.execute("insert into messages_search (messages_search, rank) values ('integrity-check', 1)").await
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
}
