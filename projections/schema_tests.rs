//! Several processes share a server: they start at once, fold the same events, replace each other's tables, and lose connections.

use sqlx::Row as _;

use super::*;
use crate::given::{Folded, Given, empty_on, ends, person};
use crate::sql::Sql;
use crate::{Checkpoint, FoldError, OpenError, ReadTables};

async fn on_server() -> Folded {
    empty_on(crate::database::Database::Postgres).await
}

/// A text that the server gives.
async fn asked(tables: &ReadTables, sql: &'static str) -> String {
    let mut reader = tables.read().await.expect("a reader");
    Sql::new(sql).value::<String>(reader.connection()).await.expect("a row").expect("a text")
}

/// A workspace with tags, and contacts who carry all of them.
fn tagging(contacts: usize) -> Given {
    let mut given = Given::default();
    let workspace = given.workspace("Acme");
    let tags = ["VIP", "New", "Old"].map(|name| given.tag(workspace, name));
    for number in 0..contacts {
        let contact = given.contact(workspace, person(&format!("Ana {number}"), "", "", ""), None);
        given.tagged(workspace, contact, &tags);
    }
    given
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_make_the_tables_once() {
    let database = crate::given_postgres::TestDatabase::create().await;
    let starting: Vec<_> = (0..6)
        .map(|_| {
            let schema = database.schema();
            tokio::spawn(async move { ReadTables::open_postgres(&schema).await })
        })
        .collect();
    for started in starting {
        started.await.expect("a task").expect("read tables").close().await;
    }
}

/// Folds all events in pages of `size`, as far as another process has not done so already.
async fn follow(tables: ReadTables, given: std::sync::Arc<Given>, size: usize) {
    let workspace = given.events[0].workspace;
    loop {
        let place = tables.checkpoint(workspace).await.expect("a checkpoint");
        let begin = usize::try_from(place.position).expect("a place");
        let page = &given.events[begin..given.events.len().min(begin + size)];
        if page.is_empty() {
            return;
        }
        tables.fold(page, &ends(page)).await.expect("a page");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_follow_the_same_log_fold_every_event_once() {
    let given = std::sync::Arc::new(tagging(100));
    let tables = on_server().await;
    let following: Vec<_> = [3, 7, 1, 20].map(|size| (size, given.clone())).into_iter().collect();
    let mut tasks = Vec::new();
    for (size, given) in following {
        let tables = tables.open_again().await.expect("read tables");
        tasks.push(tokio::spawn(follow(tables, given, size)));
    }
    for task in tasks {
        task.await.expect("a task");
    }
    let alone = on_server().await;
    alone.fold(&given.events, &ends(&given.events)).await.expect("a page");
    assert_eq!(tables.dump().await.expect("a dump"), alone.dump().await.expect("a dump"));
    assert_eq!(tables.checkpoints().await.expect("checkpoints"), ends(&given.events));
}

#[tokio::test]
async fn who_need_not_wait_is_told_that_another_process_is_at_it() {
    let (given, tables) = (tagging(1), on_server().await);
    let (page, ends) = (&given.events[..2], ends(&given.events[..2]));
    tables.fold(&given.events[..1], &crate::given::ends(&given.events[..1])).await.expect("a page");
    let server = Server::connect(&tables.server().schema()).await.expect("a server");
    let mut other = server.begin_write().await.expect("a transaction");
    let lock = "select position from checkpoints for update";
    Sql::new(lock).run(&mut other).await.expect("a lock");
    let told = tokio::time::timeout(Duration::from_secs(9), tables.fold_unless_busy(page, &ends));
    assert!(matches!(told.await, Ok(Err(FoldError::Busy))));
    other.commit().await.expect("an end");
    server.close().await;
    tables.fold_unless_busy(page, &ends).await.expect("a page");
}

#[tokio::test]
async fn nothing_is_folded_into_tables_of_another_version_that_came_meanwhile() {
    let (given, tables) = (tagging(1), on_server().await);
    tables.fold(&given.events[..1], &ends(&given.events[..1])).await.expect("a page");
    tables.execute("update checkpoints set version = 99").await.expect("a change");
    let refused = tables.fold(&given.events, &ends(&given.events)).await;
    assert!(matches!(refused, Err(FoldError::OtherVersion(99))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_tables_take_the_place_of_old_ones_between_two_readers() {
    let (given, tables) = (tagging(2), on_server().await);
    let workspace = given.events[0].workspace;
    tables.fold(&given.events[..2], &ends(&given.events[..2])).await.expect("a page");
    let anew = tables.rebuilt(&given).await;
    let mut reader = tables.read().await.expect("a reader");
    let position = |checkpoint: Checkpoint| checkpoint.position;
    assert_eq!(reader.position(workspace).await.expect("a position"), 2);
    let live = tables.server().schema();
    let replacing = tokio::spawn(async move { anew.replace(&live).await });
    // Longer than one attempt, and than the server takes to look for who waits for whom.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert!(!replacing.is_finished(), "readers are waited for");
    assert_eq!(asked_count(&mut reader).await, 1, "a moment stays what it is");
    drop(reader);
    let replaced = replacing.await.expect("a task").expect("new tables");
    assert_eq!(position(replaced.checkpoint(workspace).await.expect("a checkpoint")), given.events.len() as u64);
    // Who had the old ones open goes on with the new ones, under the same statements.
    let mut reader = tables.read().await.expect("a reader");
    assert_eq!(asked_count(&mut reader).await, 3);
    assert_eq!(tables.dump().await.expect("a dump"), replaced.dump().await.expect("a dump"));
    assert!(tables.open_again().await.is_ok());
    replaced.close().await;
}

async fn asked_count(reader: &mut crate::Reader) -> u64 {
    Sql::new("select count(*) from tags").value(reader.connection()).await.expect("a row").expect("a number")
}

#[tokio::test]
async fn a_session_keeps_nothing_behind_a_transaction() {
    let given = tagging(3);
    let tables = on_server().await;
    let schema = Schema { statements: Statements::Unnamed, readers: 1, ..tables.server().schema() };
    let server = Server::open(&schema).await.expect("a server");
    let unnamed = ReadTables::on(server.clone());
    unnamed.fold(&given.events, &ends(&given.events)).await.expect("a page");
    let workspace = given.events[0].workspace;
    assert_eq!(unnamed.read().await.expect("a reader").position(workspace).await.expect("a position"), 10);
    for pool in [&server.writer, &server.readers] {
        let mut connection = pool.acquire().await.expect("a connection");
        let left =
            "select (select count(*) from pg_prepared_statements) + (select count(*) from pg_listening_channels())
            + (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())
            + (select count(*) from pg_class where relpersistence = 't'), current_setting('search_path'),
            current_setting('synchronous_commit')";
        let row = sqlx::query(left).persistent(false).fetch_one(&mut *connection).await.expect("a row");
        let (count, path, commit): (i64, String, String) = (row.get(0), row.get(1), row.get(2));
        // The question itself.
        assert_eq!((count, path.as_str(), commit.as_str()), (0, "\"$user\", public", "on"));
    }
    unnamed.close().await;
}

#[tokio::test]
async fn readers_and_the_writer_do_without_connections_that_died() {
    let (given, tables) = (tagging(3), on_server().await);
    let pids = "select string_agg(pg_terminate_backend(pid)::text, '') from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()";
    // Several idle connections of readers, and the writer's.
    let readers = [tables.read().await.expect("a reader"), tables.read().await.expect("a reader")];
    drop(readers);
    tables.fold(&given.events[..1], &ends(&given.events[..1])).await.expect("a page");
    tables.server().execute(pids).await;
    assert_eq!(asked(&tables, "select current_schema()::text").await, SCHEMA);
    tables.fold(&given.events, &ends(&given.events)).await.expect("a page");
}

#[tokio::test]
async fn a_role_that_may_not_make_the_extension_is_told_what_to_do() {
    let database = crate::given_postgres::TestDatabase::create().await;
    let role = format!("{}_role", database.name());
    let make =
        format!("drop role if exists {role}; create role {role} login; create schema {SCHEMA} authorization {role}");
    database.execute(&make).await;
    let mut schema = database.schema();
    schema.server = schema.server.username(&role);
    let refused = ReadTables::open_postgres(&schema).await.expect_err("no right");
    assert!(matches!(&refused, OpenError::Unfit(why) if why.contains("create extension pg_trgm")), "{refused}");
    // Anywhere: some keep all extensions in a schema of their own.
    database.execute(&format!("create schema \"Extra\"; grant usage on schema \"Extra\" to {role}")).await;
    database.execute("create extension pg_trgm with schema \"Extra\"").await;
    ReadTables::open_postgres(&schema).await.expect("read tables").close().await;
    database.execute(&format!("drop owned by {role} cascade; drop role {role}")).await;
}

#[tokio::test]
async fn how_to_reach_the_server_is_not_printed() {
    let tables = on_server().await;
    let schema = tables.server().schema();
    let schema = Schema { server: schema.server.password("hunter2"), ..schema };
    let tables = ReadTables::open_postgres(&schema).await.expect("read tables");
    let printed = format!("{tables:?} {schema:?}");
    assert!(printed.contains(SCHEMA) && !printed.contains("hunter2"), "{printed}");
    tables.close().await;
}

#[test]
fn a_name_of_a_schema_needs_no_quoting() {
    let schema = Schema::on(PgConnectOptions::new_without_pgpass());
    assert!(schema.has_fitting_name());
    for (name, fits) in [
        ("views_2", true),
        ("_v", true),
        ("", false),
        ("2views", false),
        ("Views", false),
        ("a\"; drop schema public", false),
        ("pg_views", false),
        ("public", false),
        (&"v".repeat(64), false),
    ] {
        assert_eq!(schema.named(name).has_fitting_name(), fits, "{name}");
    }
}
