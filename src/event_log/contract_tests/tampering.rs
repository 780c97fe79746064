//! What somebody who can write to the database changes is found by the log's verification, with its position.

use std::sync::Arc;

use aggregates::stream::StreamType;
use aggregates::tag;

use super::{Fixture, Subject, WORKSPACE, fixture, metadata, reopened, stored, stream, unit, verified};
use crate::event_log::append::{ClaimWrite, Expected};

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

pub(super) async fn tampering_is_found_with_its_position<S: Subject>() {
    let free = "drop trigger events_are_never_updated; drop trigger events_are_never_deleted; ";
    for (sql, position) in CHANGES {
        let Fixture { folder, clock, log } = fixture::<S>().await;
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
        assert_eq!(verified(&log).await, None);
        log.store().close().await;
        S::tamper(folder.path(), &format!("{free}{sql}")).await.expect(sql);
        let log = reopened::<S>(folder.path(), &clock).await;
        assert_eq!(log.store().traces().await.expect("traces"), [WORKSPACE], "{sql}");
        let found = verified(&log).await;
        assert_eq!(found.as_ref().map(|(position, _)| *position), Some(position), "{sql}: {found:?}");
    }
}
