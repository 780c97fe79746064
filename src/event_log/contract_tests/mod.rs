//! What every database must do to hold the log. Each test runs on every implementation: a new one is a line at the end.

mod checkpoints;
mod contention;
mod leases;
pub(super) mod postgres;
mod stock_view;
mod tampering;
mod units;

use std::path::Path;
use std::sync::Arc;

use aggregates::claim::ClaimKind;
use aggregates::contact_attributes::Attributes;
use aggregates::ids::WorkspaceId;
use aggregates::stream::StreamType;
use aggregates::{Personal, contact};
use futures::future::join_all;
use uuid::Uuid;

use crate::clock::{Clock, ManualClock};
use crate::event_log::EventLog;
use crate::event_log::append::{Expected, Refusal, StoredOutcome};
use crate::event_log::sealing::MasterKey;
use crate::event_log::store::{EventRange, LogStore, Snapshot, WhenHeld};
use checkpoints::a_checkpoint_begins_with_its_workspace_and_never_goes_back;
use tampering::{
    a_workspace_without_a_valid_id_hides_no_other, tampering_is_found_with_its_position,
    the_end_of_a_log_is_verified_without_its_beginning,
};
pub(super) use units::{batch, claiming, keyed, unit};
use units::{metadata, stored};

/// A database under test: opened in a folder of its own, and reachable for tampering.
trait Subject {
    async fn open(folder: &Path) -> Arc<dyn LogStore>;
    /// Runs SQL that the log itself never would.
    async fn tamper(folder: &Path, sql: &str) -> Result<(), sqlx::Error>;
}

pub(super) const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(1));
const OTHER: WorkspaceId = WorkspaceId(Uuid::from_u128(2));

fn stream(number: u128) -> Uuid {
    Uuid::from_u128(1_000 + number)
}

struct Fixture {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    log: EventLog,
}

async fn fixture<S: Subject>() -> Fixture {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::at(1_000_000));
    let log = reopened::<S>(folder.path(), &clock).await;
    Fixture { folder, clock, log }
}

async fn reopened<S: Subject>(folder: &Path, clock: &Arc<ManualClock>) -> EventLog {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    EventLog::over(S::open(folder).await, Arc::new(MasterKey::from_bytes(&[1; 32])), clock)
}

async fn verified(log: &EventLog) -> Option<(u64, String)> {
    let found = log.verify(WORKSPACE, &|_, _| {}).await.expect("readable");
    found.first_bad.map(|bad| (bad.position, bad.reason))
}

async fn positions_have_no_gaps_whoever_writes<S: Subject>() {
    let fixture = fixture::<S>().await;
    let log = &fixture.log;
    let writers = (0..400_u128).map(|number| async move {
        let workspace = if number % 3 == 0 { OTHER } else { WORKSPACE };
        let unit =
            unit(workspace, &[(stream(number % 7), Expected::Any), (stream(100 + number), Expected::Sequence(0))]);
        log.append(unit).await.expect("written").expect("taken")
    });
    let answers = join_all(writers).await;
    for workspace in [WORKSPACE, OTHER] {
        let stored = log.store().events(workspace, EventRange::After(0), 10_000).await.expect("readable");
        assert!(stored.iter().map(|event| event.placed.position).eq(1..=stored.len() as u64));
        let head = log.store().head(workspace).await.expect("readable");
        assert_eq!(head.frontier.size(), stored.len() as u64);
        for number in 0..7 {
            let of_stream =
                log.store().events(workspace, EventRange::Stream(stream(number), 0), 10_000).await.expect("readable");
            assert!(of_stream.iter().map(|event| event.placed.sequence).eq(1..=of_stream.len() as u64));
        }
    }
    assert_eq!(answers.iter().map(|answer| answer.events.len()).sum::<usize>(), 800);
    assert_eq!(verified(log).await, None);
}

async fn of_many_writers_on_one_sequence_one_wins<S: Subject>() {
    let fixture = fixture::<S>().await;
    let answers =
        join_all((0..50).map(|_| fixture.log.append(unit(WORKSPACE, &[(stream(1), Expected::Sequence(0))])))).await;
    let won = answers.iter().filter(|answer| matches!(answer, Ok(Ok(_)))).count();
    let lost = answers.iter().filter(|answer| matches!(answer, Ok(Err(Refusal::Conflict { .. })))).count();
    assert_eq!((won, lost), (1, 49));
}

async fn a_unit_is_written_whole_or_not_at_all<S: Subject>() {
    let fixture = fixture::<S>().await;
    let store = fixture.log.store();
    let good = unit(WORKSPACE, &[(stream(1), Expected::Sequence(0)), (stream(2), Expected::Sequence(0))]);
    let half = unit(WORKSPACE, &[(stream(3), Expected::Sequence(0)), (stream(1), Expected::Sequence(5))]);
    let mut stale = unit(WORKSPACE, &[(stream(4), Expected::Sequence(0))]);
    stale.preconditions = vec![(StreamType::Token, stream(2), 0)];
    let mut large = unit(WORKSPACE, &[(stream(5), Expected::Any)]);
    large.events[0].payload = vec![b' '; crate::event_log::append::MAX_PAYLOAD_BYTES + 1];
    let last = unit(WORKSPACE, &[(stream(6), Expected::Any)]);
    let answers = store.append(batch([&good, &half, &stale, &large, &last]), 1, WhenHeld::Wait).await.expect("written");
    assert!(answers[0].as_ref().is_ok_and(|appended| appended.position == 2));
    assert_eq!(answers[1], Err(Refusal::Conflict { stream_id: stream(1) }));
    assert_eq!(answers[2], Err(Refusal::Conflict { stream_id: stream(2) }));
    assert_eq!(answers[3], Err(Refusal::TooLarge));
    assert!(answers[4].as_ref().is_ok_and(|appended| appended.position == 3));
    let sequences = store.sequences(WORKSPACE, &[stream(1), stream(3), stream(6)]).await.expect("readable");
    assert_eq!(sequences, [1, 0, 1]);
}

async fn a_key_has_one_outcome_in_a_batch_and_after_it<S: Subject>() {
    let fixture = fixture::<S>().await;
    let store = fixture.log.store();
    let first = keyed(unit(WORKSPACE, &[(stream(1), Expected::Any)]), 7, "one");
    let second = keyed(unit(WORKSPACE, &[(stream(1), Expected::Any)]), 7, "two");
    let nothing = keyed(unit(WORKSPACE, &[]), 8, "nothing");
    let kept = StoredOutcome { fingerprint: [7; 32], outcome: b"one".to_vec(), position: 1, changed: true };
    let answers = store.append(batch([&first, &second, &nothing]), 100, WhenHeld::Wait).await.expect("written");
    assert_eq!(answers[1], Err(Refusal::Repeated(kept.clone())));
    assert!(answers[2].as_ref().is_ok_and(|appended| appended.position == 1));
    let again = store.append(batch([&second, &nothing]), 200, WhenHeld::Wait).await.expect("written");
    assert_eq!(again[0], Err(Refusal::Repeated(kept.clone())));
    assert!(matches!(&again[1], Err(Refusal::Repeated(outcome)) if !outcome.changed));
    assert_eq!(store.outcome(WORKSPACE, "tok/test", [7; 32], 1_099).await.expect("readable"), Some(kept));
    // Another workspace, and the same one when the time is over, know nothing of it.
    assert_eq!(store.outcome(OTHER, "tok/test", [7; 32], 200).await.expect("readable"), None);
    assert_eq!(store.outcome(WORKSPACE, "tok/test", [7; 32], 1_100).await.expect("readable"), None);
    let late = store.append(batch([&second]), 5_000, WhenHeld::Wait).await.expect("written");
    assert!(late[0].as_ref().is_ok_and(|appended| appended.position == 2));
    assert_eq!(store.forget_outcomes(5_500).await.expect("written"), 1);
}

async fn a_claim_has_one_owner_at_a_time<S: Subject>() {
    let fixture = fixture::<S>().await;
    let store = fixture.log.store();
    let (one, two) = (stream(1), stream(2));
    let taken = |owner| Err(Refusal::ClaimTaken { kind: ClaimKind::TagName, owner });
    let takes = claiming(one, &[(9, Some(one))]);
    let steals = claiming(two, &[(9, Some(two))]);
    let answers = store.append(batch([&takes, &steals, &takes]), 1, WhenHeld::Wait).await.expect("written");
    assert!(answers[0].is_ok() && answers[2].is_ok(), "its owner may take it again");
    assert_eq!(answers[1], taken(one));
    assert_eq!(store.append(batch([&steals]), 1, WhenHeld::Wait).await.expect("written")[0], taken(one));
    let swaps = claiming(one, &[(9, None), (8, Some(one)), (9, Some(one))]);
    assert!(store.append(batch([&swaps]), 1, WhenHeld::Wait).await.expect("written")[0].is_ok());
    let gives = claiming(one, &[(9, None)]);
    let answers = store.append(batch([&gives, &steals]), 1, WhenHeld::Wait).await.expect("written");
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(store.claim_owner(WORKSPACE, ClaimKind::TagName, [9; 32]).await.expect("readable"), Some((two, 5)));
    assert_eq!(store.claim_owner(WORKSPACE, ClaimKind::TagName, [8; 32]).await.expect("readable"), Some((one, 3)));
    assert_eq!(store.claim_owner(OTHER, ClaimKind::TagName, [9; 32]).await.expect("readable"), None);
}

async fn time_never_runs_backwards_in_the_log<S: Subject>() {
    let fixture = fixture::<S>().await;
    for turn in [0, -500_000, 700_000] {
        fixture.clock.turn(turn);
        fixture.log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)])).await.expect("written").expect("taken");
    }
    let stored = fixture.log.store().events(WORKSPACE, EventRange::After(0), 10).await.expect("readable");
    let times: Vec<i64> = stored.iter().map(|event| event.placed.recorded_at).collect();
    assert_eq!(times, [1_000_000, 1_000_000, 1_200_000]);
}

async fn what_was_answered_is_there_after_the_process_ends<S: Subject>() {
    let Fixture { folder, clock, log } = fixture::<S>().await;
    for number in 0..20 {
        let unit =
            keyed(unit(WORKSPACE, &[(stream(number % 3), Expected::Any)]), u8::try_from(number).expect("small"), "x");
        log.append(unit).await.expect("written").expect("taken");
    }
    let before = log.store().events(WORKSPACE, EventRange::After(0), 100).await.expect("readable");
    let head = log.store().head(WORKSPACE).await.expect("readable");
    // No close: as if the process had been killed.
    drop(log);
    let log = reopened::<S>(folder.path(), &clock).await;
    assert_eq!(log.store().events(WORKSPACE, EventRange::After(0), 100).await.expect("readable"), before);
    assert_eq!(log.store().head(WORKSPACE).await.expect("readable"), head);
    assert_eq!(log.store().workspaces().await.expect("readable"), [WORKSPACE]);
    let next = log.append(unit(WORKSPACE, &[(stream(0), Expected::Any)])).await.expect("written").expect("taken");
    assert_eq!(next.position, 21);
    assert_eq!(verified(&log).await, None);
}

async fn ranges_give_what_they_say<S: Subject>() {
    let fixture = fixture::<S>().await;
    let store = fixture.log.store();
    for number in 0..10_u128 {
        let mut unit = unit(WORKSPACE, &[(stream(number % 2), Expected::Any)]);
        unit.events[0].subject = (number % 3 == 0).then(|| stream(99));
        fixture.log.append(unit).await.expect("written").expect("taken");
    }
    let positions = async |range, limit| -> Vec<u64> {
        let events = store.events(WORKSPACE, range, limit).await.expect("readable");
        events.iter().map(|event| event.placed.position).collect()
    };
    assert_eq!(positions(EventRange::After(7), 2).await, [8, 9]);
    assert_eq!(positions(EventRange::Before(4), 2).await, [3, 2]);
    assert_eq!(positions(EventRange::Before(u64::MAX), 1).await, [10]);
    assert_eq!(positions(EventRange::Stream(stream(1), 1), 2).await, [4, 6]);
    assert_eq!(positions(EventRange::SubjectAfter(stream(99), 1), 2).await, [4, 7]);
    assert_eq!(positions(EventRange::SubjectBefore(stream(99), 10), 2).await, [7, 4]);
}

async fn the_stream_and_the_database_tell_the_same<S: Subject>() {
    let fixture = fixture::<S>().await;
    let log = &fixture.log;
    let mut commits = log.stream().commits();
    commits.borrow_and_update();
    join_all((0..300).map(|number| log.append(unit(WORKSPACE, &[(stream(number % 5), Expected::Any)])))).await;
    assert!(commits.has_changed().expect("alive"));
    let from_memory = log.stream().after(WORKSPACE, 100, 150).expect("still there");
    let from_database = log.entries(WORKSPACE, EventRange::After(100), 150).await.expect("readable");
    assert_eq!(from_memory, from_database);
    assert_eq!(log.stream().after(WORKSPACE, 300, 10), Some(Vec::new()));
    assert_eq!(log.stream().after(OTHER, 0, 10), None, "never seen: the database is asked");
}

async fn a_later_snapshot_is_never_replaced_by_an_earlier_one<S: Subject>() {
    let fixture = fixture::<S>().await;
    let store = fixture.log.store();
    let snapshot =
        |version, sequence| Snapshot { version, sequence, state: format!("{version}/{sequence}").into_bytes() };
    for (version, sequence) in [(1, 5), (1, 9), (1, 7), (2, 3)] {
        store.keep_snapshot(WORKSPACE, stream(1), snapshot(version, sequence)).await.expect("written");
        let _ = version;
    }
    assert_eq!(store.snapshot(WORKSPACE, stream(1)).await.expect("readable"), Some(snapshot(2, 3)));
    store.keep_snapshot(WORKSPACE, stream(1), snapshot(1, 99)).await.expect("written");
    assert_eq!(store.snapshot(WORKSPACE, stream(1)).await.expect("readable"), Some(snapshot(2, 3)));
    assert_eq!(store.snapshot(OTHER, stream(1)).await.expect("readable"), None);
}

async fn events_cannot_be_changed_or_deleted<S: Subject>() {
    let fixture = fixture::<S>().await;
    fixture.log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)])).await.expect("written").expect("taken");
    for sql in ["update events set sequence = sequence + 1", "delete from events"] {
        assert!(S::tamper(fixture.folder.path(), sql).await.is_err(), "{sql} was not refused");
    }
}

/// A cache that forgets keys makes reading slower, never makes people forgotten.
async fn a_page_about_more_people_than_keys_fit_in_memory_is_read_whole<S: Subject>() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = S::open(folder.path()).await;
    let master = Arc::new(MasterKey::from_bytes(&[1; 32]));
    let log = EventLog::with_keys_in_memory(store, master, Arc::new(ManualClock::at(1)), 1);
    for number in 0..20_u128 {
        let id = stream(number);
        let (key, wrapped) = log.new_subject_key(WORKSPACE, id).expect("a key");
        let attributes = Attributes { first_name: Some(Personal::Known("Ana".to_owned())), ..Attributes::default() };
        let created = contact::Event::ContactCreated { source: contact::Source::Customer, attributes, identity: None };
        let decoded = aggregates::Event::Contact(created);
        let sealed = log.seal(WORKSPACE, id, &decoded, &metadata(), Some(&key)).expect("sealed");
        let mut unit = unit(WORKSPACE, &[]);
        unit.expected = vec![(StreamType::Contact, id, Expected::Sequence(0))];
        unit.events = vec![sealed];
        unit.keys = vec![wrapped];
        unit.decoded = vec![(decoded, Arc::new(metadata()))];
        log.append(unit).await.expect("written").expect("taken");
    }
    let written = log.stream().after(WORKSPACE, 0, 100).expect("in memory");
    assert_eq!(log.entries(WORKSPACE, EventRange::After(0), 100).await.expect("readable"), written);
    assert_eq!(verified(&log).await, None);
}

macro_rules! contract {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test::<super::Sqlite>().await;
                }
            )*
        }

        mod on_postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test::<super::postgres::Postgres>().await;
                }
            )*
        }
    };
}

struct Sqlite;

impl Subject for Sqlite {
    async fn open(folder: &Path) -> Arc<dyn LogStore> {
        Arc::new(crate::event_log::sqlite::SqliteLog::open(&folder.join("events.db")).await.expect("opened"))
    }

    async fn tamper(folder: &Path, sql: &str) -> Result<(), sqlx::Error> {
        use sqlx::{Connection, Executor};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("events.db"));
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("opened");
        connection.execute(sqlx::AssertSqlSafe(sql.to_owned())).await?;
        connection.close().await
    }
}

contract!(
    positions_have_no_gaps_whoever_writes,
    of_many_writers_on_one_sequence_one_wins,
    a_unit_is_written_whole_or_not_at_all,
    a_key_has_one_outcome_in_a_batch_and_after_it,
    a_claim_has_one_owner_at_a_time,
    time_never_runs_backwards_in_the_log,
    what_was_answered_is_there_after_the_process_ends,
    ranges_give_what_they_say,
    the_stream_and_the_database_tell_the_same,
    a_later_snapshot_is_never_replaced_by_an_earlier_one,
    events_cannot_be_changed_or_deleted,
    tampering_is_found_with_its_position,
    the_end_of_a_log_is_verified_without_its_beginning,
    a_page_about_more_people_than_keys_fit_in_memory_is_read_whole,
    a_checkpoint_begins_with_its_workspace_and_never_goes_back,
);

#[tokio::test]
async fn on_sqlite_a_workspace_without_a_valid_id_hides_no_other() {
    a_workspace_without_a_valid_id_hides_no_other::<Sqlite>().await;
}
