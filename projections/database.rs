//! The one place that names the database. Everything else in this crate speaks through these names and through SQL that
//! PostgreSQL would take, too; what it would not take stands in `dialect.rs`.

/// The database.
pub type Database = sqlx::Sqlite;
/// A connection to it: the first argument of every query.
pub type Connection = sqlx::SqliteConnection;
/// A pool of connections.
pub type Pool = sqlx::SqlitePool;
/// Why a statement failed.
pub type Error = sqlx::Error;
/// A row as the driver gives it.
pub(crate) type Row = sqlx::sqlite::SqliteRow;
/// A value in such a row.
pub(crate) type Value<'r> = sqlx::sqlite::SqliteValueRef<'r>;
/// Values that go with a statement.
pub(crate) type Arguments = sqlx::sqlite::SqliteArguments;
