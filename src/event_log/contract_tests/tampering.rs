//! What somebody who can write to the database changes is found by the log's verification, with its position.

use std::sync::Arc;

use aggregates::stream::StreamType;
use aggregates::tag;

use super::{Fixture, Subject, WORKSPACE, fixture, metadata, reopened, stored, stream, unit, verified};
use crate::event_log::EventLog;
use crate::event_log::append::{ClaimWrite, Expected};
use crate::event_log::merkle::Frontier;
use crate::event_log::store::EventRange;

/// What is changed, and the position that is to be named.
const CHANGES: [(&str, u64); 26] = [
    ("update events set payload = cast(replace(cast(payload as text), 'VIP', 'VAP') as blob) where position = 5", 5),
    ("update events set metadata = cast('{}' as blob) where position = 6", 6),
    ("update events set event_type = 'TagRenamed' where position = 4", 4),
    ("update events set event_version = 2 where position = 4", 4),
    ("update events set recorded_at = recorded_at + 1 where position = 20", 20),
    ("update events set leaf_hash = zeroblob(32) where position = 3", 3),
    ("update events set leaf_hash = x'00' where position = 3", 3),
    ("update events set event_id = randomblob(16) where position = 3", 3),
    ("update events set subject = randomblob(16) where position = 7", 7),
    ("update events set sequence = sequence + 100 where position = 9", 9),
    ("delete from events where position = 8", 8),
    ("delete from events where position = 20", 20),
    ("update events set position = position + 100 where position >= 12", 12),
    ("update heads set position = position - 1, frontier = zeroblob(96)", 19),
    ("update heads set recorded_at = recorded_at + 1", 20),
    ("update heads set frontier = zeroblob(64)", 20),
    ("delete from heads", 21),
    (
        "update heads set position = 16, recorded_at = (select recorded_at from events where position = 16),
             frontier = (select hash from merkle_nodes where level = 4 and node_index = 0)",
        17,
    ),
    (
        "insert into events select workspace, 21, stream_type, stream_id, sequence + 1, randomblob(16), event_type,
             event_version, subject, payload, metadata, recorded_at, leaf_hash from events where position = 20",
        21,
    ),
    (
        "insert into events select workspace, 0, stream_type, stream_id, sequence + 1, randomblob(16), event_type,
             event_version, subject, payload, metadata, recorded_at, leaf_hash from events where position = 20",
        1,
    ),
    ("update merkle_nodes set hash = zeroblob(32) where level = 1 and node_index = 2", 6),
    ("delete from merkle_nodes where level = 2 and node_index = 1", 8),
    ("update claims set owner = randomblob(16) where position = 2", 2),
    ("update claims set position = 11 where position = 2", 2),
    ("delete from claims where position = 3", 3),
    ("insert into claims select workspace, 'tag_name', randomblob(32), owner, 5 from claims where position = 2", 5),
];

const FREE: &str = "drop trigger events_are_never_updated; drop trigger events_are_never_deleted; ";

/// A log of 20 events, each of a tag of its own.
async fn twenty_tags<S: Subject>() -> Fixture {
    let fixture = fixture::<S>().await;
    let log = &fixture.log;
    for number in 0..20_u128 {
        let name = format!("VIP {number}");
        let claim = tag::name_claim(&name);
        let decoded = aggregates::Event::Tag(tag::Event::TagCreated { name });
        let mut unit = unit(WORKSPACE, &[]);
        unit.expected = vec![(StreamType::Tag, stream(number), Expected::Sequence(0))];
        unit.events = vec![stored(stream(number), &decoded)];
        unit.decoded = vec![(decoded, Arc::new(metadata()))];
        unit.claims = vec![ClaimWrite {
            kind: claim.kind,
            hash: log.master().hash_claim(&claim),
            owner: Some(stream(number)),
            event: 0,
        }];
        log.append(unit).await.expect("written").expect("taken");
    }
    assert_eq!(verified(log).await, None);
    fixture
}

/// The log after somebody ran `sql` on its database.
async fn tampered<S: Subject>(sql: &str) -> (tempfile::TempDir, EventLog) {
    let Fixture { folder, clock, log } = twenty_tags::<S>().await;
    log.store().close().await;
    S::tamper(folder.path(), &format!("{FREE}{sql}")).await.expect(sql);
    let log = reopened::<S>(folder.path(), &clock).await;
    (folder, log)
}

pub(super) async fn tampering_is_found_with_its_position<S: Subject>() {
    for (sql, position) in CHANGES {
        let (_folder, log) = tampered::<S>(sql).await;
        assert_eq!(log.store().traces().await.expect("traces").workspaces, [WORKSPACE], "{sql}");
        let found = verified(&log).await;
        assert_eq!(found.as_ref().map(|(position, _)| *position), Some(position), "{sql}: {found:?}");
    }
}

pub(super) async fn the_end_of_a_log_is_verified_without_its_beginning<S: Subject>() {
    let Fixture { log, folder: _folder, .. } = twenty_tags::<S>().await;
    let mut frontier = Frontier::default();
    assert_eq!(log.frontier_at(WORKSPACE, 0).await.expect("readable"), Some(Frontier::default()));
    for event in log.store().events(WORKSPACE, EventRange::After(0), 20).await.expect("readable") {
        frontier.push(event.placed.leaf_hash);
        let size = event.placed.position;
        assert_eq!(log.frontier_at(WORKSPACE, size).await.expect("readable"), Some(frontier.clone()), "{size}");
    }
    assert_eq!(log.frontier_at(WORKSPACE, 21).await.expect("readable"), None);
    let whole = log.verify(WORKSPACE, &|_, _| {}).await.expect("readable");
    for last in [0, 1, 6, 16, 20, 1_000] {
        assert_eq!(log.verify_last(WORKSPACE, last).await.expect("readable"), whole, "{last}");
    }
    // Of the last 8, from 13 on, everything is found but what a claim says.
    for (sql, position) in CHANGES.into_iter().filter(|(sql, position)| *position >= 13 && !sql.contains("claims")) {
        let (_folder, log) = tampered::<S>(sql).await;
        let found = log.verify_last(WORKSPACE, 8).await.expect("readable").first_bad;
        assert!(found.is_some(), "{sql} at {position}");
    }
    let (_folder, log) = tampered::<S>("update events set payload = x'7b7d' where position = 14").await;
    let found = log.verify_last(WORKSPACE, 8).await.expect("readable").first_bad;
    assert_eq!(found.map(|bad| bad.position), Some(14));
}

pub(super) async fn a_workspace_without_a_valid_id_hides_no_other<S: Subject>() {
    let sql = "insert into heads values (x'00', 1, 1, x'');
               insert into claims values (x'0102', 'tag_name', zeroblob(32), zeroblob(16), 1)";
    let (_folder, log) = tampered::<S>(sql).await;
    assert_eq!(log.store().workspaces().await.expect("readable"), [WORKSPACE]);
    let traces = log.store().traces().await.expect("readable");
    assert_eq!((traces.workspaces, traces.malformed), (vec![WORKSPACE], 2));
    assert_eq!(verified(&log).await, None);
}
