//! The one place that names the databases: a connection, the rows and values that come from it, and the values that go with a
//! statement are each one of two. Everything else in this crate speaks through these names and through SQL that both databases
//! take; where they differ stands in `dialect.rs`.

use std::borrow::Cow;

use rusqlite::types::{Value as SqliteValue, ValueRef as SqliteValueRef};
use sqlx::error::{BoxDynError, UnexpectedNullError};
use sqlx::postgres::{PgArguments, PgRow, PgValueRef};
use sqlx::{Arguments as _, AssertSqlSafe, Decode, Executor as _, Postgres, Row as _, Transaction, ValueRef as _};

use crate::sqlite_rows::SqliteRow;
use crate::sqlite_transaction;

/// Why a statement failed.
pub type Error = sqlx::Error;

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file of this process.
    Sqlite,
    /// A server that other processes use, too.
    Postgres,
}

/// An open transaction: the first argument of every query. It ends without a trace when it is dropped.
pub struct Connection {
    held: Held,
    /// Whether a server was told to plan for values.
    by_values: bool,
}

enum Held {
    Sqlite(sqlite_transaction::Transaction),
    Postgres(Transaction<'static, Postgres>, Statements),
}

/// How statements are prepared on PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Statements {
    /// Under names, once per connection.
    #[default]
    Named,
    /// Each time anew and without a name: for a proxy between here and the server that does not keep names apart.
    Unnamed,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Connection({:?})", self.database())
    }
}

impl From<sqlite_transaction::Transaction> for Connection {
    fn from(transaction: sqlite_transaction::Transaction) -> Self {
        Self { held: Held::Sqlite(transaction), by_values: false }
    }
}

impl Connection {
    pub(crate) const fn postgres(transaction: Transaction<'static, Postgres>, statements: Statements) -> Self {
        Self { held: Held::Postgres(transaction, statements), by_values: false }
    }

    /// Which database it leads to.
    #[must_use]
    pub const fn database(&self) -> Database {
        match self.held {
            Held::Sqlite(_) => Database::Sqlite,
            Held::Postgres(..) => Database::Postgres,
        }
    }

    pub(crate) async fn commit(self) -> Result<(), Error> {
        match self.held {
            Held::Sqlite(transaction) => transaction.commit().await,
            Held::Postgres(transaction, _) => transaction.commit().await,
        }
    }

    /// From here on a server plans every statement for its values, until the transaction ends.
    pub(crate) async fn plan_by_values(&mut self) -> Result<(), Error> {
        if !self.by_values && self.database() == Database::Postgres {
            self.script("set local plan_cache_mode to force_custom_plan").await?;
            self.by_values = true;
        }
        Ok(())
    }

    /// Runs a statement and gives its rows.
    pub(crate) async fn fetch(&mut self, text: String, arguments: Arguments) -> Result<Vec<Row>, Error> {
        match (&mut self.held, arguments) {
            (Held::Sqlite(transaction), Arguments::Sqlite(values)) => {
                Ok(transaction.fetch(text, values).await?.into_iter().map(Row::Sqlite).collect())
            }
            (Held::Postgres(transaction, statements), Arguments::Postgres(arguments)) => {
                let query =
                    sqlx::query_with(AssertSqlSafe(text), arguments).persistent(*statements == Statements::Named);
                Ok(transaction.fetch_all(query).await?.into_iter().map(Row::Postgres).collect())
            }
            _ => Err(other_database()),
        }
    }

    /// Runs a statement whose rows nobody wants.
    pub(crate) async fn execute(&mut self, text: String, arguments: Arguments) -> Result<(), Error> {
        match (&mut self.held, arguments) {
            (Held::Sqlite(transaction), Arguments::Sqlite(values)) => transaction.fetch(text, values).await.map(|_| ()),
            (Held::Postgres(transaction, statements), Arguments::Postgres(arguments)) => {
                let query =
                    sqlx::query_with(AssertSqlSafe(text), arguments).persistent(*statements == Statements::Named);
                transaction.execute(query).await.map(|_| ())
            }
            _ => Err(other_database()),
        }
    }

    /// Runs statements without values, one after another, in one round trip and without preparing them.
    pub(crate) async fn script(&mut self, text: impl Into<Cow<'static, str>>) -> Result<(), Error> {
        let text = text.into().into_owned();
        match &mut self.held {
            Held::Sqlite(transaction) => transaction.script(text).await,
            Held::Postgres(transaction, _) => transaction.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(|_| ()),
        }
    }
}

/// Whether PostgreSQL did not get a lock at once, or in time.
pub(crate) fn is_locked(error: &Error) -> bool {
    matches!(error, Error::Database(error) if error.code().as_deref() == Some("55P03"))
}

fn other_database() -> Error {
    Error::Encode("the values were bound for another database".into())
}

/// Values that go with a statement.
pub(crate) enum Arguments {
    Sqlite(Vec<SqliteValue>),
    Postgres(PgArguments),
}

impl Arguments {
    pub(crate) fn new(database: Database) -> Self {
        match database {
            Database::Sqlite => Self::Sqlite(Vec::new()),
            Database::Postgres => Self::Postgres(PgArguments::default()),
        }
    }

    /// Adds one value.
    pub(crate) fn add<T>(&mut self, value: T) -> Result<(), Error>
    where
        T: Into<SqliteValue> + for<'q> sqlx::Encode<'q, Postgres> + sqlx::Type<Postgres>,
    {
        match self {
            Self::Sqlite(values) => {
                values.push(value.into());
                Ok(())
            }
            Self::Postgres(arguments) => arguments.add(value).map_err(Error::Encode),
        }
    }

    /// Adds a whole column of values as one, which only PostgreSQL has.
    pub(crate) fn add_array<T>(&mut self, values: T) -> Result<(), Error>
    where
        T: for<'q> sqlx::Encode<'q, Postgres> + sqlx::Type<Postgres>,
    {
        match self {
            Self::Sqlite(_) => return Err(other_database()),
            Self::Postgres(arguments) => arguments.add(values),
        }
        .map_err(Error::Encode)
    }
}

/// A row as the driver gives it.
pub enum Row {
    /// From a file.
    Sqlite(SqliteRow),
    /// From a server.
    Postgres(PgRow),
}

impl Row {
    /// The value in a column.
    pub(crate) fn value(&self, index: usize) -> Result<Value<'_>, Error> {
        match self {
            Self::Sqlite(row) => row.value(index).map(Value::Sqlite),
            Self::Postgres(row) => row.try_get_raw(index).map(Value::Postgres),
        }
    }
}

/// A value in such a row.
pub enum Value<'r> {
    /// From a file.
    Sqlite(SqliteValueRef<'r>),
    /// From a server.
    Postgres(PgValueRef<'r>),
}

impl<'r> Value<'r> {
    pub(crate) fn is_null(&self) -> bool {
        match self {
            Self::Sqlite(value) => *value == SqliteValueRef::Null,
            Self::Postgres(value) => value.is_null(),
        }
    }

    pub(crate) fn integer(self) -> Result<i64, BoxDynError> {
        match self {
            Self::Sqlite(SqliteValueRef::Integer(number)) => Ok(number),
            Self::Sqlite(other) => Err(unexpected(other)),
            Self::Postgres(value) => Decode::<Postgres>::decode(value),
        }
    }

    pub(crate) fn text(self) -> Result<&'r str, BoxDynError> {
        match self {
            Self::Sqlite(SqliteValueRef::Text(text)) => Ok(std::str::from_utf8(text)?),
            Self::Sqlite(other) => Err(unexpected(other)),
            Self::Postgres(value) => Decode::<Postgres>::decode(value),
        }
    }

    pub(crate) fn bytes(self) -> Result<Vec<u8>, BoxDynError> {
        match self {
            // SQLite may hold a text where bytes were meant; then it is not what is looked for.
            Self::Sqlite(SqliteValueRef::Blob(bytes) | SqliteValueRef::Text(bytes)) => Ok(bytes.to_vec()),
            Self::Sqlite(other) => Err(unexpected(other)),
            Self::Postgres(value) => Decode::<Postgres>::decode(value),
        }
    }
}

/// Why a value is not what its column should hold: says of what type it is, and nothing of what it is.
fn unexpected(value: SqliteValueRef<'_>) -> BoxDynError {
    match value {
        SqliteValueRef::Null => Box::new(UnexpectedNullError),
        other => format!("a value is of the type {}", other.data_type()).into(),
    }
}
