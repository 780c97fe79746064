//! Read tables looked at without changing them: for who wants to know what is wrong with a file, or what other versions left on a server.

use std::path::Path;

use rusqlite::OpenFlags;

use crate::cell::decode;
use crate::checkpoint::{self, Checkpoint};
use crate::database::{Connection, Error};
use crate::file::MIGRATIONS;
use crate::migrations;
use crate::read_tables::OpenError;
use crate::schema::{SCHEMA, Schema, Server};
use crate::sql::Sql;
use crate::sqlite_pool::{Access, BUSY_TIMEOUT, Pool};
use crate::sqlite_transaction::Transaction;

/// What was found in a file of read tables.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What the database's own quick check finds; nothing when the file is sound.
    pub damage: Option<String>,
    /// Why the tables are built anew at the next start; nothing when they fit this program.
    pub outdated: Option<String>,
    /// How far the tables of every workspace have come.
    pub checkpoints: Vec<Checkpoint>,
}

/// Does `look` on a connection that can change nothing, and closes it.
async fn looked_at<T>(path: &Path, look: impl AsyncFnOnce(&mut Connection) -> Result<T, Error>) -> Result<T, Error> {
    let pool = Pool::new(Access {
        path: path.to_owned(),
        flags: OpenFlags::SQLITE_OPEN_READ_ONLY,
        setup: String::new(),
        statements: 0,
        connections: 1,
        patience: BUSY_TIMEOUT,
    });
    let found = match Transaction::begin_read(&pool).await {
        Ok(transaction) => look(&mut transaction.into()).await,
        Err(error) => Err(error),
    };
    pool.close().await;
    found
}

/// Looks at the file at `path`. The caller sees to it that no other process has it open.
///
/// # Errors
/// When it is not there, or no database.
pub async fn inspect(path: &Path) -> Result<Inspection, Error> {
    looked_at(path, look).await
}

async fn look(connection: &mut Connection) -> Result<Inspection, Error> {
    let checked: Option<String> = Sql::new("pragma quick_check(1)").value(connection).await?;
    let damage = checked.filter(|found| found != "ok");
    let outdated = outdated(connection).await?;
    let checkpoints = if outdated.is_none() { checkpoint::all(connection).await? } else { Vec::new() };
    Ok(Inspection { damage, outdated, checkpoints })
}

async fn outdated(connection: &mut Connection) -> Result<Option<String>, Error> {
    let applied = match migrations::applied(connection).await {
        Ok(applied) => applied,
        Err(Error::Database(_)) => return Ok(Some("they have no tables of this program".to_owned())),
        Err(error) => return Err(error),
    };
    let known = MIGRATIONS.iter().map(|migration| (migration.version, migration.checksum.to_vec()));
    if !applied.into_iter().eq(known) {
        return Ok(Some(migrations::UNKNOWN.to_owned()));
    }
    Ok(checkpoint::other_version(connection).await?.map(|version| format!("they are of version {version}")))
}

/// The schemas beside that of `own` in which read tables of other versions stand on its server, as they are named.
///
/// # Errors
/// When the server cannot be reached, or is none for read tables.
pub async fn other_schemas(own: &Schema) -> Result<Vec<String>, OpenError> {
    let server = Server::connect(own).await?;
    let sql = Sql::new("select nspname::text from pg_namespace where nspname ~ ")
        .bind(&format!("^{SCHEMA}_[0-9]+$"))
        .push(" and nspname <> ")
        .bind(&own.name)
        .push(" order by nspname");
    let found = match server.begin_build().await {
        Ok(mut transaction) => sql.raw(&mut transaction).await,
        Err(error) => Err(error),
    };
    server.close().await;
    let names: Result<Vec<String>, Error> = found?.iter().map(|row| decode(row, 0)).collect();
    Ok(names?)
}

/// Whether the file at `path` holds read tables, of whatever version. What cannot be read does not.
pub async fn holds_read_tables(path: &Path) -> bool {
    let sql = Sql::new("select name from sqlite_master where type = 'table' and name = 'checkpoints'");
    let found = looked_at(path, async |connection| sql.value::<String>(connection).await).await;
    matches!(found, Ok(Some(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, ends};
    use crate::read_tables::ReadTables;

    #[tokio::test]
    async fn a_file_is_looked_at_without_being_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("views.db");
        let mut given = Given::default();
        given.workspace("Acme");
        let tables = ReadTables::open(&path).await.expect("read tables");
        tables.fold(&given.events, &ends(&given.events)).await.expect("a page");
        tables.close().await;
        let before = std::fs::read(&path).expect("bytes");
        let found = inspect(&path).await.expect("an inspection");
        assert_eq!((found.damage, found.outdated), (None, None));
        assert_eq!(found.checkpoints, ends(&given.events));
        assert!(holds_read_tables(&path).await);
        assert!(std::fs::read(&path).expect("bytes") == before);
    }

    #[tokio::test]
    async fn tables_of_other_versions_are_found_beside_ones_own_and_nothing_else_is() {
        let database = crate::given_postgres::TestDatabase::create().await;
        for name in
            ["chatbotx_views_3", "chatbotx_views_12", "chatbotx_views_3_new", "chatbotx_views", "others_views_3"]
        {
            database.execute(&format!("create schema {name}")).await;
        }
        let own = database.schema().named("chatbotx_views_4");
        let found = other_schemas(&own).await.expect("the server");
        assert_eq!(found, ["chatbotx_views_12", "chatbotx_views_3"]);
        let found = other_schemas(&own.named("chatbotx_views_3")).await.expect("the server");
        assert_eq!(found, ["chatbotx_views_12"]);
    }

    #[tokio::test]
    async fn what_is_no_file_of_read_tables_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("views.db");
        assert!(inspect(&path).await.is_err() && !holds_read_tables(&path).await);
        assert!(!path.exists(), "looking makes nothing");
        std::fs::write(&path, "no database, but long enough to be looked at as if it were one".repeat(99))
            .expect("written");
        assert!(inspect(&path).await.is_err() && !holds_read_tables(&path).await);
        let path = folder.path().join("old.db");
        let tables = ReadTables::open(&path).await.expect("read tables");
        tables.execute("update _sqlx_migrations set checksum = x'00'").await.expect("a change");
        tables.close().await;
        assert!(inspect(&path).await.expect("an inspection").outdated.is_some());
    }
}
