//! What nobody may do to the log behind its back, and that it is found when somebody does.

use std::sync::Arc;

use aggregates::stream::StreamType;
use aggregates::tag;

use super::{Fixture, Subject, WORKSPACE, fixture, metadata, reopened, stored, stream, unit, verified};
use crate::event_log::append::{ClaimWrite, Expected};
use crate::event_log::merkle::Frontier;
use crate::event_log::store::EventRange;

pub(super) async fn events_cannot_be_changed_or_deleted<S: Subject>() {
    let fixture = fixture::<S>().await;
    fixture.log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)])).await.expect("written").expect("taken");
    for sql in ["update events set sequence = sequence + 1", "delete from events"] {
        assert!(S::tamper(fixture.folder.path(), sql).await.is_err(), "{sql} was not refused");
    }
}

/// Verification names the position of whatever was changed behind the log's back.
pub(super) async fn tampering_is_found_with_its_position<S: Subject>() {
    let free = "drop trigger events_are_never_updated; drop trigger events_are_never_deleted; ";
    for (sql, position) in [
        (
            "update events set payload = cast(replace(cast(payload as text), 'VIP', 'VAP') as blob) where position = 5",
            5,
        ),
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
        ("update merkle_nodes set hash = zeroblob(32) where level = 1 and node_index = 2", 6),
        ("delete from merkle_nodes where level = 2 and node_index = 1", 8),
        ("update claims set owner = randomblob(16) where position = 2", 2),
        ("update claims set position = 11 where position = 2", 2),
        ("delete from claims where position = 3", 3),
        ("insert into claims select workspace, 'tag_name', randomblob(32), owner, 5 from claims where position = 2", 5),
    ] {
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
        let found = verified(&log).await;
        assert_eq!(found.as_ref().map(|(position, _)| *position), Some(position), "{sql}: {found:?}");
    }
}

/// A head that fits its events, only fewer of them, is found all the same.
pub(super) async fn a_head_that_was_set_back_is_found<S: Subject>() {
    let Fixture { folder, clock, log } = fixture::<S>().await;
    for number in 0..20 {
        log.append(unit(WORKSPACE, &[(stream(number), Expected::Any)])).await.expect("written").expect("taken");
    }
    let mut frontier = Frontier::default();
    let first = log.store().events(WORKSPACE, EventRange::After(0), 19).await.expect("readable");
    for event in &first {
        frontier.push(event.placed.leaf_hash);
    }
    let hex: String = frontier.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    log.store().close().await;
    S::tamper(folder.path(), &format!("update heads set position = 19, frontier = x'{hex}'")).await.expect("done");
    let log = reopened::<S>(folder.path(), &clock).await;
    assert_eq!(verified(&log).await.map(|(position, _)| position), Some(20));
}
