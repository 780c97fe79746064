//! Which migrations have made read tables, and what of them is missing. They are noted in the table that sqlx keeps of them, and judged
//! as sqlx does; run here, in a transaction like any other.

use std::collections::BTreeMap;

use sqlx::migrate::{Migration, Migrator};

use crate::cell::decode;
use crate::database::{Arguments, Connection, Error};
use crate::read_tables::OpenError;
use crate::sql::Sql;

const SQLITE_RECORD: &str = "create table if not exists _sqlx_migrations (
    version bigint primary key,
    description text not null,
    installed_on timestamp not null default current_timestamp,
    success boolean not null,
    checksum blob not null,
    execution_time bigint not null
)";

const POSTGRES_RECORD: &str = "create table if not exists _sqlx_migrations (
    version bigint primary key,
    description text not null,
    installed_on timestamptz not null default now(),
    success boolean not null,
    checksum bytea not null,
    execution_time bigint not null
)";

/// Why tables have to be built anew that other migrations have made than this program has.
pub(crate) const UNKNOWN: &str = "their tables are not those of this version of the program";

/// The version and the checksum of every migration that was run, in their order.
pub(crate) async fn applied(connection: &mut Connection) -> Result<BTreeMap<i64, Vec<u8>>, Error> {
    let rows = Sql::new("select version, checksum from _sqlx_migrations order by version").raw(connection).await?;
    let mut applied = BTreeMap::new();
    for row in &rows {
        applied.insert(decode(row, 0)?, row.value(1)?.bytes().map_err(Error::Decode)?);
    }
    Ok(applied)
}

/// What is still to be run, in its order.
///
/// # Errors
/// [`OpenError::MustRebuild`] when the tables were made by other migrations.
pub(crate) async fn missing<'m>(
    connection: &mut Connection,
    migrations: &'m Migrator,
) -> Result<Vec<&'m Migration>, OpenError> {
    Sql::either(Sql::new(SQLITE_RECORD), Sql::new(POSTGRES_RECORD)).run(connection).await?;
    let applied = applied(connection).await?;
    let is_known = |(version, checksum): (&i64, &Vec<u8>)| {
        migrations.iter().any(|known| known.version == *version && *known.checksum == **checksum)
    };
    if !applied.iter().all(is_known) {
        return Err(OpenError::MustRebuild(UNKNOWN.to_owned()));
    }
    Ok(migrations.iter().filter(|migration| !applied.contains_key(&migration.version)).collect())
}

/// Runs one and notes it.
pub(crate) async fn run(connection: &mut Connection, migration: &Migration) -> Result<(), Error> {
    connection.script(migration.sql.as_str().to_owned()).await?;
    let mut arguments = Arguments::new(connection.database());
    arguments.add(migration.version)?;
    arguments.add(migration.description.clone().into_owned())?;
    arguments.add(migration.checksum.to_vec())?;
    let text = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        values ($1, $2, true, $3, 0)";
    connection.execute(text.to_owned(), arguments).await
}
