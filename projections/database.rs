//! The one place that names the databases: a connection, the rows and values that come from it, and the values that go with a
//! statement are each one of two. Everything else in this crate speaks through these names and through SQL that both databases
//! take; where they differ stands in `dialect.rs`.

use std::borrow::Cow;

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgRow, PgValueRef};
use sqlx::sqlite::{SqliteArguments, SqliteRow, SqliteValueRef};
use sqlx::{
    Arguments as _, AssertSqlSafe, Decode, Executor as _, Postgres, Row as _, Sqlite, Transaction, ValueRef as _,
};

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
    Sqlite(Transaction<'static, Sqlite>),
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

impl From<Transaction<'static, Sqlite>> for Connection {
    fn from(transaction: Transaction<'static, Sqlite>) -> Self {
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
        let text = AssertSqlSafe(text);
        match (&mut self.held, arguments) {
            (Held::Sqlite(transaction), Arguments::Sqlite(arguments)) => {
                let rows = transaction.fetch_all(sqlx::query_with(text, arguments)).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            (Held::Postgres(transaction, statements), Arguments::Postgres(arguments)) => {
                let query = sqlx::query_with(text, arguments).persistent(*statements == Statements::Named);
                Ok(transaction.fetch_all(query).await?.into_iter().map(Row::Postgres).collect())
            }
            _ => Err(other_database()),
        }
    }

    /// Runs a statement whose rows nobody wants.
    pub(crate) async fn execute(&mut self, text: String, arguments: Arguments) -> Result<(), Error> {
        let text = AssertSqlSafe(text);
        match (&mut self.held, arguments) {
            (Held::Sqlite(transaction), Arguments::Sqlite(arguments)) => {
                transaction.execute(sqlx::query_with(text, arguments)).await.map(|_| ())
            }
            (Held::Postgres(transaction, statements), Arguments::Postgres(arguments)) => {
                let query = sqlx::query_with(text, arguments).persistent(*statements == Statements::Named);
                transaction.execute(query).await.map(|_| ())
            }
            _ => Err(other_database()),
        }
    }

    /// Runs statements without values, one after another, in one round trip and without preparing them.
    pub(crate) async fn script(&mut self, text: impl Into<Cow<'static, str>>) -> Result<(), Error> {
        let script = sqlx::raw_sql(AssertSqlSafe(text.into().into_owned()));
        match &mut self.held {
            Held::Sqlite(transaction) => transaction.execute(script).await.map(|_| ()),
            Held::Postgres(transaction, _) => transaction.execute(script).await.map(|_| ()),
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
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

impl Arguments {
    pub(crate) fn new(database: Database) -> Self {
        match database {
            Database::Sqlite => Self::Sqlite(SqliteArguments::default()),
            Database::Postgres => Self::Postgres(PgArguments::default()),
        }
    }

    /// Adds one value.
    pub(crate) fn add<T>(&mut self, value: T) -> Result<(), Error>
    where
        T: for<'q> sqlx::Encode<'q, Sqlite> + for<'q> sqlx::Encode<'q, Postgres>,
        T: sqlx::Type<Sqlite> + sqlx::Type<Postgres>,
    {
        match self {
            Self::Sqlite(arguments) => arguments.add(value),
            Self::Postgres(arguments) => arguments.add(value),
        }
        .map_err(Error::Encode)
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
            Self::Sqlite(row) => row.try_get_raw(index).map(Value::Sqlite),
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
            Self::Sqlite(value) => value.is_null(),
            Self::Postgres(value) => value.is_null(),
        }
    }

    pub(crate) fn integer(self) -> Result<i64, BoxDynError> {
        match self {
            Self::Sqlite(value) => Decode::<Sqlite>::decode(value),
            Self::Postgres(value) => Decode::<Postgres>::decode(value),
        }
    }

    pub(crate) fn text(self) -> Result<&'r str, BoxDynError> {
        match self {
            Self::Sqlite(value) => Decode::<Sqlite>::decode(value),
            Self::Postgres(value) => Decode::<Postgres>::decode(value),
        }
    }

    pub(crate) fn bytes(self) -> Result<Vec<u8>, BoxDynError> {
        match self {
            Self::Sqlite(value) => Decode::<Sqlite>::decode(value),
            Self::Postgres(value) => Decode::<Postgres>::decode(value),
        }
    }
}
