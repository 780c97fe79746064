//! How read tables come to stand in a schema of a PostgreSQL server: made, made without indexes, completed, and put in the place of
//! others. Several processes may start at once: who makes or replaces tables holds a lock of the database until its transaction ends.

use sqlx::migrate::Migrator;

use crate::cell::decode;
use crate::checkpoint;
use crate::database::{Connection, Error, is_locked};
use crate::fold::TABLES;
use crate::migrations;
use crate::read_tables::OpenError;
use crate::schema::{Schema, Server};
use crate::sql::Sql;

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/postgres/views");

/// Held while tables are made or replaced: any number that no other program takes.
const LOCK: &str = "select pg_advisory_xact_lock(7241904461826)";
/// How often a schema is tried to be replaced. Each time waits for half a second for those who read the old tables: less than the
/// second after which PostgreSQL looks for who waits for whom and ends one of them.
const ATTEMPTS: u32 = 60;
const LOCK_TIMEOUT: &str = "set local lock_timeout to '500ms'";
/// What an index over all rows is sorted and gathered in. The default of servers is 64 MB, which a search index fills many times over.
const BUILD_MEMORY: &str = "set local maintenance_work_mem to '256MB'";

/// The indexes of a schema apart from those that belong to a table's declaration.
const DROPPABLE: &str = "select c.relname::text, pg_get_indexdef(i.indexrelid)
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
    where not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid) and n.nspname = ";

impl Server {
    pub(crate) async fn open(schema: &Schema) -> Result<Self, OpenError> {
        let server = Self::connect(schema).await?;
        match server.check().await {
            Ok(()) => Ok(server),
            Err(error) => {
                server.close().await;
                Err(error)
            }
        }
    }

    async fn check(&self) -> Result<(), OpenError> {
        let mut transaction = self.begin_build().await?;
        let connection = &mut transaction;
        connection.script(LOCK).await?;
        self.make(connection).await?;
        if let Some(found) = checkpoint::other_version(connection).await? {
            return Err(OpenError::MustRebuild(format!("they are of version {found}")));
        }
        if tables_in(connection, &self.schema.name).await?.iter().any(|name| name == "deferred") {
            return Err(OpenError::MustRebuild("an earlier rebuild was not finished".to_owned()));
        }
        Ok(transaction.commit().await?)
    }

    /// Makes what is missing.
    async fn make(&self, connection: &mut Connection) -> Result<(), OpenError> {
        let name = &self.schema.name;
        let found = Sql::new("select nspname::text from pg_namespace where nspname = ").bind(name);
        if found.value::<String>(connection).await?.is_none() {
            connection.script(format!("create schema \"{name}\"")).await?;
        }
        for migration in migrations::missing(connection, &MIGRATIONS).await? {
            self.find_search_extension(connection).await?;
            migrations::run(connection, migration).await?;
        }
        Ok(())
    }

    /// Sees to it that the search indexes can be made in this transaction. The extension may stand in any schema.
    async fn find_search_extension(&self, connection: &mut Connection) -> Result<(), OpenError> {
        let sql = "select n.nspname::text from pg_extension e join pg_namespace n on n.oid = e.extnamespace
            where e.extname = 'pg_trgm'";
        let schema = match Sql::new(sql).value::<String>(connection).await? {
            Some(schema) => schema,
            None => match connection.script("create extension pg_trgm with schema public").await {
                Ok(()) => "public".to_owned(),
                Err(Error::Database(error)) => {
                    return Err(OpenError::Unfit(format!(
                        "the extension pg_trgm is not there and this role cannot make it (SQLSTATE {}): as a superuser, \
                         run `create extension pg_trgm` in this database",
                        error.code().unwrap_or_default()
                    )));
                }
                Err(error) => return Err(error.into()),
            },
        };
        let (name, schema) = (&self.schema.name, schema.replace('"', "\"\""));
        Ok(connection.script(format!("set local search_path to \"{name}\", public, \"{schema}\"")).await?)
    }

    /// Makes the schema anew, without indexes.
    pub(crate) async fn create_without_indexes(schema: &Schema) -> Result<Self, OpenError> {
        let server = Self::connect(schema).await?;
        match server.make_without_indexes().await {
            Ok(()) => Ok(server),
            Err(error) => {
                server.close().await;
                Err(error)
            }
        }
    }

    async fn make_without_indexes(&self) -> Result<(), OpenError> {
        let mut transaction = self.begin_build().await?;
        let (connection, name) = (&mut transaction, &self.schema.name);
        connection.script(LOCK).await?;
        connection.script(format!("drop schema if exists \"{name}\" cascade")).await?;
        self.make(connection).await?;
        connection.script("create table deferred (sql text not null)").await?;
        for row in Sql::new(DROPPABLE).bind(name).raw(connection).await? {
            let (index, sql): (String, String) = (decode(&row, 0)?, decode(&row, 1)?);
            Sql::new("insert into deferred (sql) values (").bind(&sql).push(")").run(connection).await?;
            connection.script(format!("drop index \"{index}\"")).await?;
        }
        Ok(transaction.commit().await?)
    }

    pub(crate) async fn build_indexes(&self) -> Result<(), Error> {
        let mut transaction = self.begin_build().await?;
        transaction.script(BUILD_MEMORY).await?;
        for row in Sql::new("select sql from deferred").raw(&mut transaction).await? {
            transaction.script(decode::<String>(&row, 0)?).await?;
        }
        transaction.script("drop table deferred").await?;
        // The planner chooses between indexes by these figures.
        transaction.script(format!("analyze {}", TABLES.join(", "))).await?;
        transaction.commit().await
    }

    /// Gives this schema the name `live`; the schema that had it is thrown away.
    pub(crate) async fn replace(&self, live: &Schema) -> Result<(), Error> {
        let mut attempts = 1;
        loop {
            match self.try_replace(live).await {
                Err(error) if attempts < ATTEMPTS && is_locked(&error) => attempts += 1,
                done => return done,
            }
        }
    }

    async fn try_replace(&self, live: &Schema) -> Result<(), Error> {
        let mut transaction = self.begin_build().await?;
        let connection = &mut transaction;
        connection.script(format!("{LOCK}; {LOCK_TIMEOUT}")).await?;
        let (new, live) = (&self.schema.name, &live.name);
        let old = tables_in(connection, live).await?;
        // All at once: who reads one of them would wait for another one, and be waited for.
        if !old.is_empty() {
            let tables: Vec<String> = old.iter().map(|table| format!("\"{live}\".\"{table}\"")).collect();
            connection.script(format!("lock table {} in access exclusive mode", tables.join(", "))).await?;
        }
        let swap = format!("drop schema if exists \"{live}\" cascade; alter schema \"{new}\" rename to \"{live}\"");
        connection.script(swap).await?;
        transaction.commit().await
    }
}

/// The tables of a schema.
async fn tables_in(connection: &mut Connection, schema: &str) -> Result<Vec<String>, Error> {
    let sql = "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname = ";
    let rows = Sql::new(sql).bind(&schema.to_owned()).push(" order by c.relname").raw(connection).await?;
    rows.iter().map(|row| decode(row, 0)).collect()
}
