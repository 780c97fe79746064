//! Nothing is lent after a pool was closed, and it is not closed before all came back.

use super::*;

fn pool(folder: &tempfile::TempDir, connections: usize, patience: Duration) -> Pool {
    Pool::new(Access {
        path: folder.path().join("a.db"),
        flags: OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        setup: "pragma journal_mode = wal".to_owned(),
        statements: 8,
        connections,
        patience,
    })
}

#[tokio::test]
async fn closing_waits_for_what_is_lent_and_lends_nothing_meanwhile_nor_afterwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let pool = pool(&folder, 1, Duration::from_secs(5));
    let mut lease = pool.acquire().await.expect("a lease");
    lease.open().expect("a connection").execute_batch("create table t (n)").expect("a table");
    let mut waiting = std::pin::pin!(pool.acquire());
    let mut closing = std::pin::pin!(pool.close());
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("the connection is lent"),
        () = std::future::ready(()) => {}
    }
    tokio::select! {
        biased;
        () = &mut closing => panic!("closed too early"),
        () = std::future::ready(()) => {}
    }
    assert!(matches!(waiting.await, Err(Error::PoolClosed)));
    assert!(matches!(pool.acquire().await, Err(Error::PoolClosed)));
    drop(lease);
    closing.await;
    assert!(matches!(pool.acquire().await, Err(Error::PoolClosed)));
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").map(|file| file.expect("a file")).collect();
    assert_eq!(left.len(), 1, "the last connection takes what stands beside the file away");
    pool.close().await;
}

#[tokio::test]
async fn who_gets_no_connection_in_time_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let pool = pool(&folder, 1, Duration::from_millis(1));
    let lease = pool.acquire().await.expect("a lease");
    assert!(matches!(pool.acquire().await, Err(Error::PoolTimedOut)));
    drop(lease);
    pool.acquire().await.expect("a lease");
}

#[tokio::test]
async fn a_statement_is_not_compiled_again_for_another_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let pool = pool(&folder, 1, Duration::from_secs(5));
    let mut lease = pool.acquire().await.expect("a lease");
    let connection = lease.open().expect("a connection");
    connection.execute_batch("create table t (n); insert into t values (1), (2), (3)").expect("rows");
    let mut statement = connection.prepare_cached("select n from t order by n limit ?1").expect("a statement");
    for limit in [1_i64, 2, 3] {
        let mut rows = statement.query([limit]).expect("rows");
        let mut found = 0;
        while rows.next().expect("a row").is_some() {
            found += 1;
        }
        assert_eq!(found, limit);
    }
    assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
}
