//! The read tables, in a file or on a server: opened, folded into by one writer, read by several readers.
//!
//! They hold nothing that does not follow from the log.

use std::path::Path;
use std::sync::Arc;

use aggregates::Recorded;
use aggregates::ids::WorkspaceId;
use serde_json::Value;

use crate::checkpoint::{self, Checkpoint, Held};
use crate::database::{Connection, Error};
use crate::file::File;
use crate::fold::{self, FoldError};
use crate::reader::Reader;
use crate::schema::{Schema, Server};

/// Why read tables cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The tables are of another version than this program's: build them anew, in a file or a schema of their own.
    #[error("the read tables are of another version and have to be rebuilt: {0}")]
    MustRebuild(String),
    /// The linked SQLite can corrupt files in WAL mode.
    #[error("SQLite {0} is too old: at least 3.51.3 is needed")]
    OldDatabase(String),
    /// The server or the database on it is none for read tables; says what to do.
    #[error("this PostgreSQL cannot hold the read tables: {0}")]
    Unfit(String),
    /// The file or the server cannot be opened.
    #[error("the read tables cannot be opened")]
    Database(#[from] Error),
}

/// Read tables.
#[derive(Clone, Debug)]
pub struct ReadTables {
    store: Store,
}

#[derive(Clone, Debug)]
enum Store {
    File(File),
    Server(Box<Server>),
}

impl ReadTables {
    /// Opens the file at `path`; makes it when there is none.
    ///
    /// # Errors
    /// [`OpenError::MustRebuild`] when its tables are of another version, or were left without indexes by an unfinished
    /// [`Self::create_without_indexes`].
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { store: Store::File(File::open(path).await?) })
    }

    /// Opens the tables in a schema of a PostgreSQL server; makes them when there are none. Several processes may do so at once.
    ///
    /// # Errors
    /// [`OpenError::MustRebuild`] when the tables are of another version, or were left without indexes by an unfinished
    /// [`Self::create_postgres_without_indexes`]; [`OpenError::Unfit`] when the server is older than 15, the database is not in
    /// UTF-8, or the extension `pg_trgm` is missing and the role may not make it.
    pub async fn open_postgres(schema: &Schema) -> Result<Self, OpenError> {
        Ok(Self { store: Store::Server(Box::new(Server::open(schema).await?)) })
    }

    /// Makes a file at `path` whose tables have no secondary indexes and no search index: for folding a whole log, several times
    /// faster. Queries are slow and find no text until [`Self::build_indexes`].
    ///
    /// # Errors
    /// When the file cannot be made.
    pub async fn create_without_indexes(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { store: Store::File(File::create_without_indexes(path).await?) })
    }

    /// The same in a schema of a PostgreSQL server. What stands in a schema of that name, such as the rest of an earlier attempt, is
    /// thrown away: name one beside the one in use, and put it in its place with [`Self::replace`].
    ///
    /// # Errors
    /// When the schema cannot be made.
    pub async fn create_postgres_without_indexes(schema: &Schema) -> Result<Self, OpenError> {
        Ok(Self { store: Store::Server(Box::new(Server::create_without_indexes(schema).await?)) })
    }

    /// Builds what was put off by making the tables without indexes, in one transaction.
    ///
    /// # Errors
    /// When the database fails; everything is then as before.
    pub async fn build_indexes(&self) -> Result<(), Error> {
        match &self.store {
            Store::File(file) => file.build_indexes().await,
            Store::Server(server) => server.build_indexes().await,
        }
    }

    /// Puts these tables, which stand on a PostgreSQL server, in the place of those in the schema `live` of the same database, in one
    /// transaction, and opens them there: whoever uses `live` sees the new tables from its next transaction on. Waits up to 30 s for
    /// those who are reading. These tables are closed, whether it succeeds or not.
    ///
    /// # Errors
    /// [`OpenError::Unfit`] for tables in a file or another name of a schema than [`Schema::name`] allows; [`OpenError::Database`]
    /// when somebody reads for too long, with nothing changed.
    pub async fn replace(self, live: &Schema) -> Result<Self, OpenError> {
        let replaced = match &self.store {
            Store::File(_) => Err(OpenError::Unfit("these tables stand in a file".to_owned())),
            Store::Server(_) if !live.has_fitting_name() => Err(OpenError::Unfit("no name for a schema".to_owned())),
            Store::Server(server) => server.replace(live).await.map_err(OpenError::from),
        };
        self.close().await;
        replaced?;
        Self::open_postgres(live).await
    }

    /// Where the file is; nothing for tables on a server.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.file().map(|file| file.path.as_path())
    }

    /// Closes all connections, after the statements that are running.
    pub async fn close(&self) {
        match &self.store {
            Store::File(file) => file.close().await,
            Store::Server(server) => server.close().await,
        }
    }

    pub(crate) const fn file(&self) -> Option<&File> {
        match &self.store {
            Store::File(file) => Some(file),
            Store::Server(_) => None,
        }
    }

    async fn begin_read(&self) -> Result<Connection, Error> {
        match &self.store {
            Store::File(file) => file.begin_read().await,
            Store::Server(server) => server.begin_read().await,
        }
    }

    pub(crate) async fn begin_write(&self) -> Result<Connection, Error> {
        match &self.store {
            Store::File(file) => file.begin_write().await,
            Store::Server(server) => server.begin_write().await,
        }
    }

    /// How far the tables of `workspace` have come.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint(&self, workspace: WorkspaceId) -> Result<Checkpoint, Error> {
        checkpoint::of(&mut self.begin_read().await?, workspace).await
    }

    /// How far the tables of every workspace have come.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoints(&self) -> Result<Vec<Checkpoint>, Error> {
        checkpoint::all(&mut self.begin_read().await?).await
    }

    /// Folds a page of events in one transaction: 500 to 5,000 at once are fastest. The page may hold several workspaces, each in
    /// the order of its positions; `reached` names for each its last event in the page. Events that are folded already are
    /// passed over, so two processes may fold the same page: the second one waits for the first. A page on its way into a file is folded
    /// to its end, also when nobody waits for that any more.
    ///
    /// # Errors
    /// [`FoldError`], with nothing written. Where it names a workspace, the rest of the page may be folded without that one.
    pub async fn fold(&self, page: &[Arc<Recorded>], reached: &[Checkpoint]) -> Result<(), FoldError> {
        self.fold_and(page, reached, Held::Wait).await
    }

    /// The same, without waiting for another process that is folding into the tables of one of the workspaces. A file has one writer,
    /// which is always waited for.
    ///
    /// # Errors
    /// [`FoldError::Busy`] when there is such a process; otherwise as [`Self::fold`].
    pub async fn fold_unless_busy(&self, page: &[Arc<Recorded>], reached: &[Checkpoint]) -> Result<(), FoldError> {
        self.fold_and(page, reached, Held::Leave).await
    }

    async fn fold_and(&self, page: &[Arc<Recorded>], reached: &[Checkpoint], held: Held) -> Result<(), FoldError> {
        if let Some(file) = self.file() {
            let (page, reached) = (page.to_vec(), reached.to_vec());
            return file.write(async move |connection| fold::fold_page(connection, &page, &reached, held).await).await;
        }
        let mut transaction = self.begin_write().await?;
        fold::fold_page(&mut transaction, page, reached, held).await?;
        Ok(transaction.commit().await?)
    }

    /// A moment of the tables, to run queries on.
    ///
    /// # Errors
    /// When no connection was free for 5 s, or the database fails.
    pub async fn read(&self) -> Result<Reader, Error> {
        Ok(Reader::new(self.begin_read().await?))
    }

    /// Every table with its rows by primary key, over all columns but checkpoints: what must be equal after a rebuild, and on every
    /// database. Holds everything in memory.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dump(&self) -> Result<Vec<(&'static str, Vec<Value>)>, Error> {
        fold::dump_all(&mut self.begin_read().await?).await
    }

    /// Tables on a server that is connected already.
    #[cfg(test)]
    pub(crate) fn on(server: Server) -> Self {
        Self { store: Store::Server(Box::new(server)) }
    }

    /// Runs a statement on the writer's connection.
    #[cfg(test)]
    pub(crate) async fn execute(&self, sql: &'static str) -> Result<(), Error> {
        let mut transaction = self.begin_write().await?;
        crate::sql::Sql::new(sql).run(&mut transaction).await?;
        transaction.commit().await
    }

    /// Holds the search indexes of a file against the contacts and the messages. On a server they are indexes like others.
    #[cfg(test)]
    pub(crate) async fn check_search_index(&self) -> Result<(), Error> {
        if self.path().is_some() {
            self.execute("insert into contacts_search (contacts_search, rank) values ('integrity-check', 1)").await?;
            self.execute("insert into messages_search (messages_search, rank) values ('integrity-check', 1)").await?;
        }
        Ok(())
    }
}
