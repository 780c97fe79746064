//! Long statements are in nobody's way, and what was begun ends with the transaction.

use std::path::PathBuf;

use super::*;
use crate::database::Connection;
use crate::file::{File, READERS};
use crate::sql::Sql;

/// Counts for some time, on any machine longer than [`BUDGET`].
const COUNTED: u64 = 2_000_000;

async fn file() -> (tempfile::TempDir, PathBuf, File) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("views.db");
    let file = File::open(&path).await.expect("a file");
    (folder, path, file)
}

/// Counts to `end`, and the tags on top of that.
fn counting(end: u64) -> Sql {
    let numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < ";
    Sql::new(numbers).bind(&end).push(") select count(*) + (select count(*) from tags) from n")
}

async fn add_a_tag(connection: &mut Connection) {
    let values = "values ('w', 'i', 'n', 'n', 1, 1)";
    let columns = "workspace, id, name, folded, contact_count, created_at";
    Sql::new(format!("insert into tags ({columns}) {values}")).run(connection).await.expect("a tag");
}

async fn tags(connection: &mut Connection) -> Option<u64> {
    Sql::new("select count(*) from tags").value(connection).await.expect("a number")
}

#[tokio::test]
async fn a_short_read_is_done_at_once() {
    let (_folder, _path, file) = file().await;
    // Opening the connection goes to the disk.
    drop(file.begin_read().await.expect("a reader"));
    let reading = async {
        let mut reader = file.begin_read().await.expect("a reader");
        tags(&mut reader).await
    };
    tokio::select! {
        biased;
        found = reading => assert_eq!(found, Some(0)),
        () = std::future::ready(()) => panic!("it waits for another thread"),
    }
}

#[tokio::test]
async fn a_long_read_gives_its_rows_of_the_same_moment_while_other_tasks_go_on() {
    let (_folder, _path, file) = file().await;
    let mut reader = file.begin_read().await.expect("a reader");
    assert_eq!(tags(&mut reader).await, Some(0));
    let mut writer = file.begin_write().await.expect("a writer");
    add_a_tag(&mut writer).await;
    writer.commit().await.expect("written");
    let (mut turns, mut counted) = (0, std::pin::pin!(counting(COUNTED).value::<u64>(&mut reader)));
    let counted = loop {
        tokio::select! {
            biased;
            counted = &mut counted => break counted,
            () = tokio::task::yield_now() => turns += 1,
        }
    };
    assert_eq!(counted.expect("a number"), Some(COUNTED), "without the tag");
    assert!(turns > 0, "the thread was not let go");
}

#[tokio::test]
async fn a_long_read_that_nobody_waits_for_is_ended_and_gives_its_connection_back() {
    let (_folder, _path, file) = file().await;
    let mut reader = file.begin_read().await.expect("a reader");
    let given_up = tokio::time::timeout(Duration::ZERO, counting(COUNTED * 50).raw(&mut reader)).await;
    assert!(given_up.is_err(), "it takes long");
    assert!(counting(1).raw(&mut reader).await.is_err(), "the transaction is over");
    drop(reader);
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(file.begin_read().await.expect("a reader"));
    }
    for reader in &mut readers {
        assert_eq!(tags(reader).await, Some(0));
    }
}

#[tokio::test]
async fn what_is_not_committed_leaves_nothing_and_the_connection_is_used_again() {
    let (_folder, _path, file) = file().await;
    let mut writer = file.begin_write().await.expect("a writer");
    add_a_tag(&mut writer).await;
    writer.script("pragma cache_size = -1234").await.expect("a mark");
    drop(writer);
    let mut writer = file.begin_write().await.expect("a writer");
    assert_eq!(tags(&mut writer).await, Some(0));
    let mark = Sql::new("pragma cache_size").value::<i64>(&mut writer).await;
    assert_eq!(mark.expect("a mark"), Some(-1234));
}

#[tokio::test]
async fn work_in_one_go_is_committed_when_it_succeeds_also_when_nobody_waits_for_it() {
    let (_folder, _path, file) = file().await;
    let failed = file.write(async |connection| {
        add_a_tag(connection).await;
        Err::<(), _>(Error::RowNotFound)
    });
    assert!(matches!(failed.await, Err(Error::RowNotFound)));
    let mut reader = file.begin_read().await.expect("a reader");
    assert_eq!(tags(&mut reader).await, Some(0), "what failed has left something");
    let succeeding = file.write(async |connection| {
        add_a_tag(connection).await;
        Ok::<_, Error>(())
    });
    tokio::select! {
        biased;
        _ = succeeding => panic!("it takes a thread of its own"),
        () = std::future::ready(()) => {}
    }
    let mut writer = file.begin_write().await.expect("a writer");
    assert_eq!(tags(&mut writer).await, Some(1));
}

#[tokio::test]
async fn who_waits_for_the_lock_of_another_process_holds_nobody_up() {
    let (_folder, path, file) = file().await;
    let other = rusqlite::Connection::open(path).expect("another process");
    other.execute_batch("begin immediate").expect("its lock");
    let mut writing = std::pin::pin!(file.begin_write());
    tokio::select! {
        biased;
        _ = &mut writing => panic!("the lock is held"),
        () = std::future::ready(()) => {}
    }
    other.execute_batch("commit").expect("no lock any more");
    add_a_tag(&mut writing.await.expect("a writer")).await;
}

#[tokio::test]
async fn a_value_of_another_type_or_none_at_all_is_an_error_and_a_missing_table_is_one_of_the_database() {
    let (_folder, _path, file) = file().await;
    let mut reader = file.begin_read().await.expect("a reader");
    for value in ["'1'", "null", "1.0", "x'31'"] {
        let found = Sql::new(format!("select {value}")).value::<i64>(&mut reader).await;
        assert!(matches!(found, Err(Error::ColumnDecode { .. })), "{value}: {found:?}");
    }
    for value in ["1", "null", "x'31'", "cast(x'ff' as text)"] {
        let found = Sql::new(format!("select {value}")).value::<String>(&mut reader).await;
        assert!(matches!(found, Err(Error::ColumnDecode { .. })), "{value}: {found:?}");
    }
    let nothing = Sql::new("select null").value::<Option<String>>(&mut reader).await;
    assert_eq!(nothing.expect("a row"), Some(None));
    let missing = Sql::new("select secret from missing").run(&mut reader).await.expect_err("no such table");
    assert!(matches!(missing, Error::Database(_)));
    assert_eq!(missing.to_string(), "error returned from database: (code: 1) no such table: missing");
}
