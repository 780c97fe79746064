//! The product as its users start it: a server on a database of its own, called over its command line and its web chat.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, Pool, Postgres};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// How long it may take to become ready, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server. It is killed when it is dropped without having been stopped.
pub struct Product {
    program: PathBuf,
    folder: TempDir,
    server: PgConnectOptions,
    database: String,
    process: Child,
}

fn named(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: tests/run says how this is started"))
}

impl Product {
    /// Starts it on an empty database and waits until it can be called.
    pub async fn start() -> Self {
        let program = PathBuf::from(named("CHATBOTX_BINARY"));
        let server: PgConnectOptions = named("CHATBOTX_TEST_POSTGRES").parse().expect("a URL of PostgreSQL");
        let folder = tempfile::Builder::new().prefix("cbx-").tempdir().expect("a folder");
        let unique = folder.path().file_name().expect("a name").to_string_lossy().into_owned();
        let database: String = unique.bytes().map(|byte| format!("{byte:02x}")).collect();
        let database = format!("stock_{database}");
        connected(server.clone()).await.execute(&*format!("create database {database}")).await.expect("a database");
        let process = Self::command(&program, &folder, &server, &database)
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn"])
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the program");
        let product = Self { program, folder, server, database, process };
        let deadline = Instant::now() + PATIENCE;
        while !product.is_reachable() {
            assert!(Instant::now() < deadline, "the program is not ready after {PATIENCE:?}");
            sleep(Duration::from_millis(20)).await;
        }
        product
    }

    /// Whether the program has said where it serves, which it does when all is made that it begins with.
    fn is_reachable(&self) -> bool {
        let Ok(text) = std::fs::read_to_string(self.folder.path().join("data/server.json")) else { return false };
        serde_json::from_str::<Value>(&text).is_ok_and(|said| said["address"].is_string())
    }

    fn command(program: &PathBuf, folder: &TempDir, server: &PgConnectOptions, database: &str) -> Command {
        let mut command = Command::new(program);
        let (host, port, user) = (server.get_host(), server.get_port(), server.get_username());
        command
            .env("CHATBOTX_DATA", folder.path().join("data"))
            .env("CHATBOTX_DATABASE_URL", format!("postgres://{user}@{host}:{port}/{database}"));
        command
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Vec<u8> {
        let mut process = Self::command(&self.program, &self.folder, &self.server, &self.database)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let mut stdin = process.stdin.take().expect("standard input");
        stdin.write_all(input.as_bytes()).await.expect("written");
        drop(stdin);
        let done = process.wait_with_output().await.expect("an end");
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    }

    /// Calls a tool, as its MCP tool would be.
    pub async fn call(&self, tool: &str, input: Value) -> Value {
        let out = self.run(&["call", tool, "--json", &input.to_string()], "").await;
        serde_json::from_slice(&out).expect("JSON")
    }

    /// Every item of a list, page by page.
    pub async fn all(&self, tool: &str, input: Value) -> Vec<Value> {
        let mut items = Vec::new();
        let mut input = input;
        loop {
            let page = self.call(tool, input.clone()).await;
            assert_ne!(page["stale"], true, "{page}");
            items.extend(page["items"].as_array().expect("items").iter().cloned());
            match page.get("nextCursor") {
                Some(cursor) => input["cursor"] = json!(cursor),
                None => return items,
            }
        }
    }

    /// A customer writes, a message for each line.
    pub async fn chat(&self, name: &str, lines: &str) {
        self.run(&["chat", "--as", name], lines).await;
    }

    /// How many events the product says there are.
    pub async fn events(&self) -> u64 {
        let report: Value = serde_json::from_slice(&self.run(&["log", "verify", "--json"], "").await).expect("JSON");
        assert_eq!(report["ok"], true, "{report}");
        let workspaces = report["workspaces"].as_array().expect("workspaces");
        workspaces.iter().map(|workspace| workspace["size"].as_u64().expect("a number")).sum()
    }

    /// Connections with the rights of the tables' owner.
    pub async fn owner(&self) -> Pool<Postgres> {
        connected(self.server.clone().database(&self.database)).await
    }

    /// Connections of a role that was given what `deploy/README.md` tells to give it.
    pub async fn auditor(&self) -> Pool<Postgres> {
        let role = format!("auditor_{}", self.database);
        let owner = self.owner().await;
        for statement in [
            format!("create role {role} login"),
            format!("grant usage on schema chatbotx_log to {role}"),
            format!("grant select on chatbotx_log.cqrs_events to {role}"),
        ] {
            owner.execute(&*statement).await.expect("granted");
        }
        connected(self.server.clone().database(&self.database).username(&role)).await
    }

    /// Ends it, and fails when it does not end well.
    pub async fn stop(mut self) {
        let id = self.process.id().expect("a process").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.expect("kill").success());
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await.expect("an end").expect("a status");
        assert!(ended.success(), "{ended}");
    }
}

async fn connected(options: PgConnectOptions) -> Pool<Postgres> {
    PgPoolOptions::new().max_connections(3).connect_with(options).await.expect("the server of the tests")
}
