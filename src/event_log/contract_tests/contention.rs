//! Two processes on one log: whoever holds a workspace keeps nobody from another one, and nothing is lost or doubled between them.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use sqlx::{Connection, Executor, PgConnection};

use super::postgres::{Postgres, url};
use super::{OTHER, Subject, WORKSPACE, batch, fixture, reopened, stream, unit, verified};
use crate::clock::{Clock, ManualClock};
use crate::event_log::EventLog;
use crate::event_log::append::{Expected, LogError, Refusal};
use crate::event_log::postgres::PostgresLog;
use crate::event_log::sealing::MasterKey;
use crate::event_log::store::{EventRange, WhenHeld};

const HOLD: &str =
    "begin; select 1 from chatbotx_log.heads where workspace = '00000000-0000-0000-0000-000000000001' for update";

#[tokio::test]
async fn a_held_workspace_keeps_nobody_from_another_one() {
    let fixture = fixture::<Postgres>().await;
    let log = Arc::new(fixture.log);
    log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)])).await.expect("written").expect("taken");
    let mut holder = PgConnection::connect(&url(fixture.folder.path()).await).await.expect("a connection");
    holder.execute(sqlx::raw_sql(HOLD)).await.expect("held");
    let skipped = unit(WORKSPACE, &[(stream(1), Expected::Any)]);
    let answers = log.store().append(batch([&skipped]), 1, WhenHeld::Skip).await.expect("answered");
    assert_eq!(answers, [Err(Refusal::Held)]);
    let waiting: Vec<_> = (0..20_u128)
        .map(|number| {
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.append(unit(WORKSPACE, &[(stream(number), Expected::Any)])).await })
        })
        .collect();
    // Those of the other workspace are committed while the first is held.
    for number in 0..5_u64 {
        let written = log.append(unit(OTHER, &[(stream(9), Expected::Sequence(number))])).await.expect("written");
        assert_eq!(written.map(|appended| appended.position), Ok(number + 1));
    }
    assert!(waiting.iter().all(|task| !task.is_finished()));
    holder.execute("rollback").await.expect("let go");
    let mut positions: Vec<u64> = Vec::new();
    for task in waiting {
        positions.push(task.await.expect("no panic").expect("written").expect("taken").position);
    }
    // In the order in which they came.
    assert!(positions.iter().copied().eq(2..=21), "{positions:?}");
}

#[tokio::test]
async fn whoever_waits_too_long_for_a_workspace_is_told_so() {
    let fixture = fixture::<Postgres>().await;
    let other = reopened::<Postgres>(fixture.folder.path(), &fixture.clock).await;
    fixture.log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)])).await.expect("written").expect("taken");
    let mut holder = PgConnection::connect(&url(fixture.folder.path()).await).await.expect("a connection");
    holder.execute(sqlx::raw_sql(HOLD)).await.expect("held");
    // In a row of waiters each waits for those before it, too.
    let began = tokio::time::Instant::now();
    let waiting = (0..6).map(|number| {
        let log = if number % 2 == 0 { &fixture.log } else { &other };
        log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)]))
    });
    for answer in join_all(waiting).await {
        assert!(matches!(answer, Err(LogError::Held)), "{answer:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(fixture.log.failed_at(), None, "the log can be written; somebody holds a workspace of it");
    holder.execute("rollback").await.expect("let go");
    let next = fixture.log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)])).await.expect("written");
    assert_eq!(next.map(|appended| appended.position), Ok(2));
}

#[tokio::test]
async fn three_processes_write_one_log_without_gaps_and_one_wins_every_sequence() {
    let fixture = fixture::<Postgres>().await;
    let mut logs = vec![fixture.log];
    for _ in 0..2 {
        logs.push(reopened::<Postgres>(fixture.folder.path(), &fixture.clock).await);
    }
    let writers = (0..300_u64).map(|number| {
        let log = &logs[usize::try_from(number % 3).expect("small")];
        async move {
            let workspace = if number % 2 == 0 { OTHER } else { WORKSPACE };
            let free = unit(workspace, &[(stream(u128::from(number % 7)), Expected::Any)]);
            log.append(free).await.expect("written").expect("taken");
            // Three processes want the same sequence.
            log.append(unit(workspace, &[(stream(1_000 + u128::from(number / 6)), Expected::Sequence(0))])).await
        }
    });
    let answers = join_all(writers).await;
    let won = answers.iter().filter(|answer| matches!(answer, Ok(Ok(_)))).count();
    let lost = answers.iter().filter(|answer| matches!(answer, Ok(Err(Refusal::Conflict { .. })))).count();
    // Of six in a row three go to each workspace.
    assert_eq!((won, lost), (100, 200));
    for workspace in [WORKSPACE, OTHER] {
        let stored = logs[0].store().events(workspace, EventRange::After(0), 10_000).await.expect("readable");
        assert!(stored.iter().map(|event| event.placed.position).eq(1..=200));
    }
    assert_eq!(verified(&logs[1]).await, None);
}

#[tokio::test]
async fn a_batch_whose_commit_was_cut_off_is_written_once() {
    let fixture = fixture::<Postgres>().await;
    let folder = fixture.folder.path();
    fixture.log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)])).await.expect("written").expect("taken");
    let mut killer = PgConnection::connect(&url(folder).await).await.expect("a connection");
    // The commit is made to take long, and its connection is cut meanwhile.
    Postgres::tamper(
        folder,
        "create function wait_before_commit() returns trigger language plpgsql as
             $$ begin perform pg_sleep(0.3); return null; end $$;
         create constraint trigger slow after insert on events deferrable initially deferred
             for each row execute function wait_before_commit()",
    )
    .await
    .expect("slowed");
    let append = fixture.log.append(unit(WORKSPACE, &[(stream(2), Expected::Sequence(0))]));
    let cut = async {
        loop {
            let (cut,): (i64,) = sqlx::query_as(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity
                 where datname = current_database() and state = 'active' and pid <> pg_backend_pid()
                     and (query ilike 'commit%' or query like '%chatbotx_log.events%')",
            )
            .fetch_one(&mut killer)
            .await
            .expect("asked");
            if cut > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (answer, ()) = tokio::join!(append, cut);
    // It was cut before it was written: that is found out, and it is sent anew.
    assert_eq!(answer.expect("written").map(|appended| appended.position), Ok(2));
    let stored = fixture.log.store().events(WORKSPACE, EventRange::After(0), 10).await.expect("readable");
    assert!(stored.iter().map(|event| event.placed.position).eq(1..=2));
    let next = fixture.log.append(unit(WORKSPACE, &[(stream(3), Expected::Any)])).await.expect("written");
    assert_eq!(next.map(|appended| appended.position), Ok(3));
}

#[tokio::test]
async fn a_statement_that_hangs_is_given_up_and_its_batch_written_once() {
    let fixture = fixture::<Postgres>().await;
    // Past the pooler: through one that keeps no names every batch is a transaction, and its time-outs are the server's.
    let store = PostgresLog::open(&url(fixture.folder.path()).await, None).await.expect("opened");
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&fixture.clock);
    let log = EventLog::over(Arc::new(store), Arc::new(MasterKey::from_bytes(&[1; 32])), clock);
    for sequence in 0..2 {
        let unit = unit(WORKSPACE, &[(stream(1), Expected::Sequence(sequence))]);
        log.append(unit).await.expect("written").expect("taken");
    }
    let mut holder = PgConnection::connect(&url(fixture.folder.path()).await).await.expect("a connection");
    holder.execute("begin").await.expect("begun");
    holder.execute("lock table chatbotx_log.events in access exclusive mode").await.expect("locked");
    let mut watcher = PgConnection::connect(&url(fixture.folder.path()).await).await.expect("a connection");
    let append = log.append(unit(WORKSPACE, &[(stream(1), Expected::Sequence(2))]));
    let let_go = async {
        // Whoever gave the statement up asks whether the events are there, and waits for the same lock.
        loop {
            let (asking,): (i64,) = sqlx::query_as(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
                     and query like 'select%chatbotx_log.events%'",
            )
            .fetch_one(&mut watcher)
            .await
            .expect("asked");
            if asking > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        holder.execute("rollback").await.expect("let go");
    };
    let (answer, ()) = tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(append, let_go) })
        .await
        .expect("the hanging statement is given up");
    assert_eq!(answer.expect("written").map(|appended| appended.position), Ok(3));
    let stored = log.store().events(WORKSPACE, EventRange::After(0), 10).await.expect("readable");
    assert!(stored.iter().map(|event| event.placed.position).eq(1..=3));
    assert_eq!(verified(&log).await, None);
}

/// Whether a commit of one process wakes those who follow in another one that listens at `listen_url`, and is read there.
async fn is_heard(listen_url: Option<&str>) {
    let fixture = fixture::<Postgres>().await;
    let store = PostgresLog::open(&url(fixture.folder.path()).await, listen_url).await.expect("opened");
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&fixture.clock);
    let other = EventLog::over(Arc::new(store), Arc::new(MasterKey::from_bytes(&[1; 32])), clock);
    let mut head = other.stream().follow(WORKSPACE);
    for position in 1..=5 {
        // What was seen of the other's own does not hide what comes from elsewhere.
        let log = if position == 3 { &other } else { &fixture.log };
        log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)])).await.expect("written").expect("taken");
        let heard = tokio::time::timeout(Duration::from_secs(5), head.wait_for(|heard| *heard == position)).await;
        heard.expect("heard in time").expect("open");
        let entries = other.entries_after(WORKSPACE, position - 1, 10).await.expect("readable");
        assert_eq!(entries.iter().map(|entry| entry.recorded.position).collect::<Vec<_>>(), [position]);
    }
    assert_eq!(other.entries_after(WORKSPACE, 0, 10).await.expect("readable").len(), 5);
}

#[tokio::test]
async fn what_one_process_commits_another_hears_of() {
    is_heard(None).await;
}

#[tokio::test]
async fn what_no_hint_has_told_is_found_all_the_same() {
    // Nobody listens at this port.
    is_heard(Some("postgres://postgres@127.0.0.1:1/postgres")).await;
}

#[tokio::test]
async fn a_read_knows_of_what_another_process_has_just_committed() {
    let fixture = fixture::<Postgres>().await;
    let other = reopened::<Postgres>(fixture.folder.path(), &fixture.clock).await;
    for position in 1..=20 {
        fixture.log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)])).await.expect("written").expect("taken");
        // At once, whether or not a hint has come.
        assert_eq!(other.head(WORKSPACE).await.expect("readable"), position);
        assert_eq!(other.entries_after(WORKSPACE, position - 1, 10).await.expect("readable").len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_noticed_and_one_that_does_again_too() {
    let fixture = fixture::<Postgres>().await;
    let store = Arc::clone(fixture.log.store());
    fixture.log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)])).await.expect("written").expect("taken");
    assert!(store.is_reachable());
    let until = async |wanted: bool| {
        let met = async {
            while store.is_reachable() != wanted {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // A pooler tries to reach its server every 15 s.
        tokio::time::timeout(Duration::from_secs(60), met).await.expect("noticed");
    };
    let (options, name) = (super::postgres::server(), super::postgres::database(fixture.folder.path()));
    let mut elsewhere = PgConnection::connect_with(&options).await.expect("a connection");
    let shut = format!(
        "alter database {name} with allow_connections false;
         select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
    );
    elsewhere.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(shut))).await.expect("shut");
    until(false).await;
    let open = format!("alter database {name} with allow_connections true");
    elsewhere.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(open))).await.expect("opened");
    until(true).await;
    let next = fixture.log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)])).await.expect("written");
    assert_eq!(next.map(|appended| appended.position), Ok(2));
}
