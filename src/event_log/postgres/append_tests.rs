//! Batches that are decided by what this process remembers: what makes the one statement write, and what keeps it from writing.

use aggregates::ids::WorkspaceId;
use aggregates::stream::StreamType;
use uuid::Uuid;

use super::PostgresLog;
use super::append::{append, append_where_unmoved};
use super::remembered::Remembered;
use crate::event_log::append::{AppendUnit, Expected, LogError, Refusal, WrappedKey};
use crate::event_log::batch::Touched;
use crate::event_log::contract_tests::{WORKSPACE, batch, claiming, keyed, postgres, unit};
use crate::event_log::store::{BatchAnswers, EventRange, Lease, LogStore, WhenHeld};

const ANY: Expected = Expected::Any;

fn stream(number: u128) -> Uuid {
    Uuid::from_u128(1_000 + number)
}

/// A log whose head is remembered at position 2: streams 1 and 2 have one event each.
struct Given {
    folder: tempfile::TempDir,
    log: PostgresLog,
    other: PostgresLog,
}

impl Given {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = postgres::url(folder.path()).await;
        let log = PostgresLog::open(&url, None).await.expect("opened");
        let other = PostgresLog::open(&url, None).await.expect("opened");
        let given = Self { folder, log, other };
        given.append(unit(WORKSPACE, &[(stream(1), ANY), (stream(2), ANY)])).await.expect("taken");
        given
    }

    async fn append(&self, unit: AppendUnit) -> Result<u64, Refusal> {
        let answers = self.log.append(batch([&unit]), 1, WhenHeld::Wait).await.expect("answered");
        answers.into_iter().next().expect("an answer").map(|appended| appended.position)
    }

    async fn elsewhere(&self, unit: AppendUnit) {
        let answers = self.other.append(batch([&unit]), 1, WhenHeld::Wait).await.expect("answered");
        answers[0].as_ref().expect("taken");
    }

    /// What the one statement gives for a unit; nothing where it has written nothing.
    async fn at_once(&self, unit: &AppendUnit) -> Result<Option<BatchAnswers>, LogError> {
        self.with(&self.log.remembered, &[unit]).await
    }

    async fn with(&self, remembered: &Remembered, units: &[&AppendUnit]) -> Result<Option<BatchAnswers>, LogError> {
        let mut connection = self.log.writers.pool.acquire().await?;
        append_where_unmoved(&mut connection, remembered, units, &Touched::by(units), 1).await
    }

    async fn positions(&self) -> Vec<u64> {
        let stored = self.log.events(WORKSPACE, EventRange::After(0), 100).await.expect("readable");
        stored.iter().map(|event| event.placed.position).collect()
    }
}

fn read(mut unit: AppendUnit, of: Uuid, sequence: u64) -> AppendUnit {
    unit.preconditions = vec![(StreamType::Token, of, sequence)];
    unit
}

#[tokio::test]
async fn a_batch_about_what_is_remembered_is_one_statement() {
    let given = Given::begin().await;
    // A stream that was written, one that was read by the caller, one that begins, and a condition on one that was written.
    for (written, position) in [
        (unit(WORKSPACE, &[(stream(1), ANY)]), 3),
        (unit(WORKSPACE, &[(stream(1), Expected::Sequence(2))]), 4),
        (unit(WORKSPACE, &[(stream(3), Expected::Sequence(0))]), 5),
        (read(unit(WORKSPACE, &[(stream(3), ANY)]), stream(2), 1), 6),
        (claiming(stream(2), &[(7, Some(stream(2)))]), 7),
    ] {
        let answers = given.at_once(&written).await.expect("answered").expect("written at once");
        assert_eq!(answers[0].as_ref().map(|appended| appended.position), Ok(position));
    }
    assert_eq!(given.positions().await, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(given.log.sequences(WORKSPACE, &[stream(1), stream(2), stream(3)]).await.expect("readable"), [3, 2, 2]);
    assert_eq!(given.log.head(WORKSPACE).await.expect("readable").frontier.size(), 7);
}

#[tokio::test]
async fn where_another_process_wrote_nothing_is_written_by_memory() {
    let given = Given::begin().await;
    given.elsewhere(unit(WORKSPACE, &[(stream(2), ANY)])).await;
    let conditional = read(unit(WORKSPACE, &[(stream(1), ANY)]), stream(2), 1);
    assert_eq!(given.at_once(&conditional).await.expect("answered"), None);
    // Nor where there is no event whose place is taken.
    let mut nothing = keyed(unit(WORKSPACE, &[]), 8, "nothing");
    nothing.preconditions.clone_from(&conditional.preconditions);
    assert_eq!(given.at_once(&nothing).await.expect("answered"), None);
    assert_eq!(given.positions().await, [1, 2, 3]);
    // The whole way decides by what is stored.
    assert_eq!(given.append(conditional).await, Err(Refusal::Conflict { stream_id: stream(2) }));
    assert_eq!(given.append(read(unit(WORKSPACE, &[(stream(1), ANY)]), stream(2), 2)).await, Ok(4));
    // What was remembered of streams before the other one wrote is never used again, also when the head is remembered anew.
    given.elsewhere(unit(WORKSPACE, &[(stream(1), ANY)])).await;
    for position in [6, 7] {
        assert_eq!(given.append(unit(WORKSPACE, &[(stream(5), ANY)])).await, Ok(position));
    }
    let stale = read(unit(WORKSPACE, &[(stream(5), ANY)]), stream(1), 2);
    assert_eq!(given.at_once(&stale).await.expect("answered"), None);
    assert_eq!(given.append(stale).await, Err(Refusal::Conflict { stream_id: stream(1) }));
}

#[tokio::test]
async fn what_is_not_remembered_is_met_in_the_tables() {
    let given = Given::begin().await;
    given.append(claiming(stream(1), &[(7, Some(stream(1)))])).await.expect("taken");
    given.append(keyed(unit(WORKSPACE, &[(stream(1), ANY)]), 9, "one")).await.expect("taken");
    let mut begun = unit(WORKSPACE, &[(stream(1), ANY)]);
    begun.keys = vec![WrappedKey { subject: stream(1), wrapped: vec![1] }];
    given.append(begun.clone()).await.expect("taken");
    let claimed = claiming(stream(2), &[(7, Some(stream(2)))]);
    let repeated = keyed(unit(WORKSPACE, &[(stream(2), ANY)]), 9, "two");
    let read_before = unit(WORKSPACE, &[(stream(1), Expected::Sequence(1))]);
    for unit in [&claimed, &repeated, &begun, &read_before] {
        assert_eq!(given.at_once(unit).await.expect("answered"), None);
    }
    assert_eq!(given.positions().await, [1, 2, 3, 4, 5]);
    assert!(matches!(given.append(claimed).await, Err(Refusal::ClaimTaken { owner, .. }) if owner == stream(1)));
    assert!(matches!(given.append(repeated).await, Err(Refusal::Repeated(outcome)) if outcome.outcome == b"one"));
    assert_eq!(given.append(begun).await, Err(Refusal::Conflict { stream_id: stream(1) }));
    assert_eq!(given.append(read_before).await, Err(Refusal::Conflict { stream_id: stream(1) }));
}

#[tokio::test]
async fn a_sequence_that_was_only_looked_at_is_not_taken_from_the_caller() {
    let given = Given::begin().await;
    // Nothing would refuse it if it were wrong.
    let fresh = PostgresLog::open(&postgres::url(given.folder.path()).await, None).await.expect("opened");
    let first = unit(WORKSPACE, &[(stream(9), ANY)]);
    fresh.append(batch([&first]), 1, WhenHeld::Wait).await.expect("answered")[0].as_ref().expect("taken");
    let looking = read(unit(WORKSPACE, &[(stream(9), ANY)]), stream(1), 1);
    assert_eq!(given.with(&fresh.remembered, &[&looking]).await.expect("answered"), None);
    // Two units about one stream of which nothing is remembered: what the later one has read decides.
    let (stale, right) = (
        unit(WORKSPACE, &[(stream(1), Expected::Sequence(0))]),
        unit(WORKSPACE, &[(stream(1), Expected::Sequence(1))]),
    );
    let answers = given.with(&fresh.remembered, &[&stale, &right]).await.expect("answered").expect("written at once");
    assert_eq!(answers[0], Err(Refusal::Conflict { stream_id: stream(1) }));
    assert_eq!(answers[1].as_ref().map(|appended| appended.position), Ok(4));
}

#[tokio::test]
async fn a_statement_that_comes_late_meets_a_raised_fence() {
    let given = Given::begin().await;
    let late = unit(WORKSPACE, &[(stream(1), Expected::Sequence(1))]);
    // As after a lost connection: somebody asks what became of it before the server has begun it.
    given.other.settle(&[WORKSPACE]).await.expect("settled");
    assert_eq!(given.at_once(&late).await.expect("answered"), None);
    assert_eq!(given.positions().await, [1, 2]);
    assert_eq!(given.append(late).await, Ok(3));
}

#[tokio::test]
async fn a_held_head_counts_as_moved_and_a_lease_is_always_looked_up() {
    let given = Given::begin().await;
    let mut holder = given.other.writers.pool.begin().await.expect("a transaction");
    sqlx::query("select 1 from chatbotx_log.heads where workspace = $1 for update")
        .bind(WORKSPACE.0)
        .execute(&mut *holder)
        .await
        .expect("held");
    let mut next = unit(WORKSPACE, &[(stream(1), ANY)]);
    assert_eq!(given.at_once(&next).await.expect("answered"), None);
    holder.rollback().await.expect("let go");
    let leases = given.log.hold_leases("test", &[WORKSPACE], std::time::Duration::from_secs(5)).await.expect("held");
    let [Lease { fence, .. }] = leases[..] else { panic!("{leases:?}") };
    next.fence = fence;
    let beside = unit(WORKSPACE, &[(stream(2), ANY)]);
    assert_eq!(given.with(&given.log.remembered, &[&beside, &next]).await.expect("answered"), None);
    assert_eq!(given.append(next).await, Ok(3));
}

#[tokio::test]
async fn a_held_head_is_waited_for_as_long_as_a_batch_takes_and_then_passed_over() {
    let given = Given::begin().await;
    let mut holder = given.other.writers.pool.begin().await.expect("a transaction");
    let hold = "select 1 from chatbotx_log.heads where workspace = $1 for update";
    sqlx::query(hold).bind(WORKSPACE.0).execute(&mut *holder).await.expect("held");
    let other = WorkspaceId(Uuid::from_u128(77));
    let (held, free) = (unit(WORKSPACE, &[(stream(1), ANY)]), unit(other, &[(stream(1), ANY)]));
    let began = std::time::Instant::now();
    let answers = given.log.append(batch([&held, &free]), 1, WhenHeld::Skip).await.expect("answered");
    assert!(began.elapsed().as_millis() >= 50, "another process may have been about to let it go");
    assert!(matches!(&answers[..], [Err(Refusal::Held), Ok(appended)] if appended.position == 1), "{answers:?}");
    holder.rollback().await.expect("let go");
    assert_eq!(given.append(held).await, Ok(3));
}

#[tokio::test]
async fn what_is_written_at_once_is_on_disk_whatever_the_server_is_set_to() {
    let given = Given::begin().await;
    let mut connection = given.log.writers.pool.acquire().await.expect("a connection");
    sqlx::query("set synchronous_commit = off").execute(&mut *connection).await.expect("set");
    let seen = "create table if not exists public.seen (setting text);
        create function public.see() returns trigger language plpgsql as
            $$ begin insert into public.seen values (current_setting('synchronous_commit')); return null; end $$;
        create constraint trigger see after insert on chatbotx_log.events deferrable initially deferred
            for each row execute function public.see()";
    sqlx::raw_sql(seen).execute(&mut *connection).await.expect("made");
    let one = unit(WORKSPACE, &[(stream(1), ANY)]);
    let (units, touched) = ([&one], Touched::by(&[&one]));
    let written = append_where_unmoved(&mut connection, &given.log.remembered, &units, &touched, 1).await;
    assert!(written.expect("answered").is_some());
    // With a lock in a transaction of several statements it is the same.
    append(&mut connection, false, &given.log.remembered, &units, 1, WhenHeld::Wait).await.expect("answered");
    let settings: Vec<(String,)> =
        sqlx::query_as("select setting from public.seen").fetch_all(&mut *connection).await.expect("readable");
    assert_eq!(settings, [("on".to_owned(),), ("on".to_owned(),)]);
}
