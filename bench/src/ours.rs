//! The product as a library, on a database of its own: for cases that look at it without a connection between.

use std::path::PathBuf;
use std::sync::Arc;

use chatbotx::app::{App, Caller, OpenOptions};
use chatbotx::operations::{CallOptions, registry};
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{Outcome, Settings};

/// Which database a side is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file.
    Sqlite,
    /// The server of the run.
    Postgres,
}

impl Database {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// As it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The product, opened on a new database, and a caller who may do everything.
pub struct Ours {
    /// The program.
    pub app: Arc<App>,
    /// Who calls.
    pub caller: Caller,
    /// How it was opened.
    pub options: OpenOptions,
    folder: PathBuf,
}

impl Ours {
    /// Opens it; `name` is for the folder and the database, which are made anew.
    pub async fn open(settings: &Settings, database: Database, name: &str) -> Outcome<Self> {
        let folder = settings.folder.join(format!("{name}_{}", database.name()));
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let mut options = OpenOptions::in_folder(folder.clone());
        if database == Database::Postgres {
            options.database_url = Some(new_database(settings, name).await?);
        }
        let app = App::open(&options).await.map_err(|problem| problem.message)?;
        let workspace = app.create_workspace("Measured").await.map_err(|problem| problem.message)?;
        Ok(Self { app, caller: Caller::local(workspace), options, folder })
    }

    /// Calls an operation by its name.
    pub async fn call(&self, name: &str, arguments: Value) -> Outcome<Value> {
        call(&self.app, &self.caller, name, arguments).await
    }

    /// Closes it and removes its folder; its database stays until the server goes.
    pub async fn close(self) -> Outcome<()> {
        self.app.close().await;
        std::fs::remove_dir_all(self.folder)?;
        Ok(())
    }
}

/// Calls an operation by its name, as every door does.
pub async fn call(app: &Arc<App>, caller: &Caller, name: &str, arguments: Value) -> Outcome<Value> {
    let arguments: Map<String, Value> = serde_json::from_value(arguments)?;
    let operation = registry::all().get(name).map_err(|problem| problem.message)?;
    let answer = operation.call(Arc::clone(app), caller.clone(), CallOptions::default(), arguments).await;
    answer.map_err(|problem| format!("{name}: {problem:?}").into())
}

/// Makes a new, empty database on the server of the run; gives its URL.
pub async fn new_database(settings: &Settings, name: &str) -> Outcome<String> {
    let mut connection = PgConnection::connect(&settings.postgres).await?;
    for statement in [format!("drop database if exists {name} with (force)"), format!("create database {name}")] {
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    connection.close().await?;
    let options: sqlx::postgres::PgConnectOptions = settings.postgres.parse()?;
    Ok(sqlx::ConnectOptions::to_url_lossy(&options.database(name)).to_string())
}
