//! A log that moves to another database: the same events at the same positions, and life goes on there.

use chatbotx::app::{App, OpenOptions, unheard};
use chatbotx::local::migrate::migrate;
use serde_json::json;

use crate::database;
use crate::fixture::{Program, call_as, says};

#[tokio::test]
async fn a_log_is_copied_to_postgres_and_back_with_every_position_and_hash() {
    let program = Program::start_on_sqlite().await;
    program.done("create_tag", json!({"name": "VIP"})).await;
    let ana = program.visitor("Ana").await;
    says(&ana, "1", "Hello").await;
    program.done("create_contact", json!({"firstName": "Zoë", "email": "zoe@example.com"})).await;
    let keyed = json!({"name": "once", "idempotencyKey": "k1"});
    let first = program.done("create_tag", keyed.clone()).await;
    let (tables, before) = (program.tables().await, program.app.verify(&unheard()).await.expect("readable"));
    program.app.close().await;

    let key = program.folder.path().join("master.key");
    let moved = tempfile::tempdir().expect("a folder");
    let options = OpenOptions { master_key_file: Some(key.clone()), ..OpenOptions::in_folder(moved.path()) };
    let here = format!("sqlite:{}", program.folder.path().join("events.db").display());
    let there = database::fresh(moved.path()).await;
    let done = migrate(&options, &here, &there, &unheard()).await.expect("copied");
    assert_eq!(done.workspaces, before.workspaces);
    let again = migrate(&options, &here, &there, &unheard()).await.expect_err("not empty any more");
    assert_eq!(again.code.name(), "conflict");

    // It is whole there: the same tables, and the same outcome under the key that was used before.
    let on_server = OpenOptions { database_url: Some(there.clone()), ..options.clone() };
    let app = App::open_with_clock(&on_server, program.clock.clone()).await.expect("opened");
    app.read(program.caller.workspace, None).await.expect("tables that are built");
    crate::fixture::same_tables(&app.dump_tables().await.expect("readable"), &tables);
    let replayed = call_as(&app, &program.caller, "create_tag", keyed).await.expect("replayed");
    assert_eq!((&replayed["tag"], &replayed["replayed"]), (&first["tag"], &json!(true)));
    call_as(&app, &program.caller, "create_tag", json!({"name": "there"})).await.expect("written");
    let grown = app.verify(&unheard()).await.expect("readable");
    assert!(grown.ok);
    app.close().await;

    let home = tempfile::tempdir().expect("a folder");
    let back = format!("sqlite:{}", home.path().join("events.db").display());
    let done = migrate(&options, &there, &back, &unheard()).await.expect("copied back");
    assert_eq!(done.workspaces, grown.workspaces);
    database::remove_fresh(moved.path());
}

#[tokio::test]
async fn a_log_that_is_tampered_with_is_not_copied() {
    let program = Program::start_on_sqlite().await;
    program.done("create_tag", json!({"name": "VIP"})).await;
    program.app.close().await;
    let file = program.folder.path().join("events.db");
    crate::doctor::tamper(program.folder.path(), "events.db", "drop trigger events_are_never_updated").await;
    crate::doctor::tamper(
        program.folder.path(),
        "events.db",
        "update events set leaf_hash = zeroblob(32) where position = 2",
    )
    .await;
    let target = tempfile::tempdir().expect("a folder");
    let options = OpenOptions {
        master_key_file: Some(program.folder.path().join("master.key")),
        ..OpenOptions::in_folder(target.path())
    };
    let there = format!("sqlite:{}", target.path().join("events.db").display());
    let refused =
        migrate(&options, &format!("sqlite:{}", file.display()), &there, &unheard()).await.expect_err("refused");
    assert!(refused.message.contains("not that of its events"), "{refused:?}");
    // Nothing of it is there.
    let app = App::open(&OpenOptions { database_url: Some(there), ..options }).await.expect("opened");
    assert_eq!(app.workspaces().await.expect("readable"), []);
}

#[tokio::test]
async fn a_log_in_use_is_not_copied() {
    let program = Program::start_on_sqlite().await;
    let folder = chatbotx::local::DataFolder::open(program.folder.path()).expect("a folder");
    let _held = folder.try_hold().expect("a lock").expect("free");
    let target = tempfile::tempdir().expect("a folder");
    let options = OpenOptions::in_folder(program.folder.path());
    let from = format!("sqlite:{}", program.folder.path().join("events.db").display());
    let to = format!("sqlite:{}", target.path().join("events.db").display());
    let refused = migrate(&options, &from, &to, &unheard()).await.expect_err("refused");
    assert_eq!((refused.code.name(), refused.message.as_str()), ("conflict", "a program is using this log"));
}
