//! Read tables looked at without changing them: for who wants to know what is wrong with a file, or what other versions left on a server.

use std::path::Path;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::cell::decode;
use crate::checkpoint::{self, Checkpoint};
use crate::database::{Connection, Error};
use crate::file::MIGRATIONS;
use crate::read_tables::OpenError;
use crate::schema::{SCHEMA, Schema, Server};
use crate::sql::Sql;

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

async fn open(path: &Path) -> Result<SqlitePool, Error> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    SqlitePoolOptions::new().max_connections(1).connect_with(options).await
}

/// Looks at the file at `path`. The caller sees to it that no other process has it open.
///
/// # Errors
/// When it is not there, or no database.
pub async fn inspect(path: &Path) -> Result<Inspection, Error> {
    let pool = open(path).await?;
    let found = look(&mut pool.begin().await?.into()).await;
    pool.close().await;
    found
}

async fn look(connection: &mut Connection) -> Result<Inspection, Error> {
    let checked: Option<String> = Sql::new("pragma quick_check(1)").value(connection).await?;
    let damage = checked.filter(|found| found != "ok");
    let outdated = outdated(connection).await?;
    let checkpoints = if outdated.is_none() { checkpoint::all(connection).await? } else { Vec::new() };
    Ok(Inspection { damage, outdated, checkpoints })
}

async fn outdated(connection: &mut Connection) -> Result<Option<String>, Error> {
    let rows = match Sql::new("select version, checksum from _sqlx_migrations order by version").raw(connection).await {
        Ok(rows) => rows,
        Err(Error::Database(_)) => return Ok(Some("they have no tables of this program".to_owned())),
        Err(error) => return Err(error),
    };
    let mut applied = Vec::with_capacity(rows.len());
    for row in &rows {
        let checksum = row.value(1)?.bytes().map_err(Error::Decode)?;
        applied.push((decode::<i64>(row, 0)?, checksum));
    }
    let known = MIGRATIONS.iter().map(|migration| (migration.version, migration.checksum.to_vec()));
    if !applied.iter().cloned().eq(known) {
        return Ok(Some("their tables are not those of this version of the program".to_owned()));
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
    let Ok(pool) = open(path).await else { return false };
    let sql = Sql::new("select name from sqlite_master where type = 'table' and name = 'checkpoints'");
    let found = match pool.begin().await {
        Ok(transaction) => sql.value::<String>(&mut transaction.into()).await,
        Err(error) => Err(error),
    };
    pool.close().await;
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
