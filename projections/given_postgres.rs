//! A database of its own on a PostgreSQL server for every test, gone again when the test went well.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::Schema;

/// Names the server on which the tests make their databases.
const SERVER: &str = "CHATBOTX_TEST_POSTGRES";

/// A database for one test.
pub struct TestDatabase {
    server: PgConnectOptions,
    name: String,
}

fn server() -> PgConnectOptions {
    let Ok(address) = std::env::var(SERVER) else {
        panic!(
            "the read tables are tested on PostgreSQL, too: run `./tests/postgres start`, and set {SERVER} to the address of the \
             server, such as postgres://postgres@127.0.0.1:5432/postgres"
        )
    };
    // A proxy would refuse to begin with it.
    address.parse::<PgConnectOptions>().expect("the address of a server").extra_float_digits(None)
}

/// Runs statements on the server, each outside of a transaction.
async fn run(server: &PgConnectOptions, statements: [String; 2]) {
    let mut connection = server.connect().await.expect("a connection");
    for statement in statements {
        connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.expect("a statement");
    }
    connection.close().await.expect("an end");
}

impl TestDatabase {
    /// Makes it.
    pub async fn create() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("chatbotx_views_{}_{number}", std::process::id());
        let server = server();
        // A test that failed has left its database, and numbers of processes come again.
        run(&server, [drop_of(&name), format!("create database {name}")]).await;
        Self { server, name }
    }

    /// The usual schema in it.
    pub fn schema(&self) -> Schema {
        Schema::on(self.server.clone().database(&self.name))
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As the superuser, to whom nothing is forbidden.
    pub async fn execute(&self, statement: &str) {
        run(&self.server.clone().database(&self.name), [statement.to_owned(), String::new()]).await;
    }
}

fn drop_of(name: &str) -> String {
    format!("drop database if exists {name} with (force)")
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the database {} is left to be looked at", self.name);
            return;
        }
        let (server, statement) = (self.server.clone(), drop_of(&self.name));
        // Not on this thread: it may be one that waits for the test's own tasks.
        let gone = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(run(&server, [statement, String::new()]));
        });
        gone.join().expect("the database is gone");
    }
}
