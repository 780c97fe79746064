//! Read tables in a schema of a PostgreSQL server: how its transactions begin, and what other processes may do meanwhile.
//!
//! A session keeps nothing between two transactions, so that a proxy may hand every transaction to another server connection. Where
//! the tables stand is said at the beginning of each, in the same round trip. What is made and replaced stands in `schema_build.rs`.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::cell::decode;
use crate::database::{Connection, Error, Statements};
use crate::read_tables::OpenError;
use crate::sql::Sql;

/// The schema in which the tables stand unless another one is named.
pub const SCHEMA: &str = "chatbotx_views";

/// How long a reader waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How many readers work at once unless said otherwise; more wait.
const READERS: u32 = 8;
/// Prepared statements kept by the writer: a load, an upsert and a delete for each table.
const WRITER_STATEMENTS: usize = 256;
/// The oldest PostgreSQL, as `server_version_num` has it.
const OLDEST_SERVER: i64 = 150_000;
/// The longest name that PostgreSQL does not cut.
const MAX_NAME_BYTES: usize = 63;

/// Where read tables stand on a PostgreSQL server. `Debug` prints the name only: how to reach the server holds a password.
#[derive(Clone)]
pub struct Schema {
    /// The server, the database and the role. The database is in UTF-8, and its `LC_CTYPE` knows the letters of other scripts than
    /// Latin (any but `C`): texts of theirs are otherwise found without an index.
    pub server: PgConnectOptions,
    /// The schema, which is made when there is none: lower-case letters of ASCII, digits and `_`, at most 63, no digit first. It
    /// holds nothing but read tables.
    pub name: String,
    /// How statements are prepared.
    pub statements: Statements,
    /// How many readers work at once; more wait, for 5 s.
    pub readers: u32,
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Schema").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Schema {
    /// The usual schema on a server.
    #[must_use]
    pub fn on(server: PgConnectOptions) -> Self {
        Self { server, name: SCHEMA.to_owned(), statements: Statements::default(), readers: READERS }
    }

    /// Another schema on the same server, such as one in which tables are built while the others are in use.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    pub(crate) fn has_fitting_name(&self) -> bool {
        let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        let starts = !self.name.starts_with(|letter: char| letter.is_ascii_digit());
        // PostgreSQL keeps these names for itself.
        let is_free = !self.name.starts_with("pg_") && self.name != "public" && self.name != "information_schema";
        (1..=MAX_NAME_BYTES).contains(&self.name.len()) && self.name.chars().all(fits) && starts && is_free
    }
}

/// A schema of read tables with its connections.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) schema: Schema,
    writer: PgPool,
    readers: PgPool,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Server").field(&self.schema).finish()
    }
}

impl Server {
    /// Connects, and sees whether the server is one for read tables.
    pub(crate) async fn connect(schema: &Schema) -> Result<Self, OpenError> {
        if !schema.has_fitting_name() {
            return Err(OpenError::Unfit(
                "a schema is named with a-z, 0-9 and _, begins with no digit and no pg_, and is not public".to_owned(),
            ));
        }
        // Proxies refuse parameters of a session that they do not know, and no table holds a floating-point number.
        let server = schema.server.clone().extra_float_digits(None);
        let capacity = if schema.statements == Statements::Named { WRITER_STATEMENTS } else { 0 };
        let server = server.statement_cache_capacity(capacity);
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false)
        };
        let writer = pool(1).connect_with(server.clone()).await?;
        let readers = pool(schema.readers.max(1)).connect_lazy_with(server);
        let server = Self { schema: schema.clone(), writer, readers };
        match server.look().await {
            Ok(()) => Ok(server),
            Err(error) => {
                server.close().await;
                Err(error)
            }
        }
    }

    async fn look(&self) -> Result<(), OpenError> {
        // In a transaction, as everything: a proxy may ask one server what was prepared on another one.
        let mut transaction = self.begin_build().await?;
        let text = "select current_setting('server_version_num')::bigint, current_setting('server_version'),
            current_setting('server_encoding')";
        let rows = Sql::new(text).raw(&mut transaction).await?;
        let row = rows.first().ok_or(Error::RowNotFound)?;
        let (number, version, encoding): (i64, String, String) = (decode(row, 0)?, decode(row, 1)?, decode(row, 2)?);
        if number < OLDEST_SERVER {
            return Err(OpenError::Unfit(format!("PostgreSQL {version} is too old: at least 15 is needed")));
        }
        if encoding != "UTF8" {
            return Err(OpenError::Unfit(format!("the database is encoded in {encoding}; it has to be UTF8")));
        }
        Ok(())
    }

    /// A moment to read from. What is asked is found by an index: where much is expected to fit, the planner would rather read a table
    /// from its beginning until there is enough, and reads all of it when it was wrong, other workspaces' rows among them.
    pub(crate) async fn begin_read(&self) -> Result<Connection, Error> {
        let how = "begin isolation level repeatable read read only; set local enable_seqscan to off";
        self.begin(&self.readers, how).await
    }

    /// A transaction to write in. The tables follow from the log: what a crash takes is folded again, so nobody waits for the disk.
    pub(crate) async fn begin_write(&self) -> Result<Connection, Error> {
        // A process that stands still in the middle of it must not keep the others from folding for ever.
        let how = "begin isolation level read committed; set local synchronous_commit to off; \
            set local idle_in_transaction_session_timeout to '5s'";
        self.begin(&self.writer, how).await
    }

    /// A transaction that changes what tables there are.
    pub(crate) async fn begin_build(&self) -> Result<Connection, Error> {
        self.begin(&self.writer, "begin isolation level read committed").await
    }

    async fn begin(&self, pool: &PgPool, how: &str) -> Result<Connection, Error> {
        let name = &self.schema.name;
        // Compiling a statement takes longer than running any of these.
        let text = format!("{how}; set local search_path to \"{name}\", public; set local jit to off");
        // A server that was started anew has left all connections dead, and only those who use them find out.
        let mut dead = pool.size();
        loop {
            match pool.begin_with(AssertSqlSafe(text.clone())).await {
                Ok(transaction) => return Ok(Connection::postgres(transaction, self.schema.statements)),
                Err(error) if dead > 0 && is_disconnected(&error) => dead -= 1,
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Whether the connection was dead before anything was asked of it.
fn is_disconnected(error: &Error) -> bool {
    match error {
        Error::Io(_) => true,
        // admin_shutdown, crash_shutdown, and the class of connections, which proxies answer with
        Error::Database(error) => {
            error.code().is_some_and(|code| matches!(&*code, "57P01" | "57P02") || code.starts_with("08"))
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
