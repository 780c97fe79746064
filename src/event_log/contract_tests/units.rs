//! The units that the tests of the contract append.

use std::sync::Arc;

use aggregates::claim::ClaimKind;
use aggregates::ids::{EventId, WorkspaceId};
use aggregates::metadata::{Actor, Metadata};
use aggregates::stream::StreamType;
use aggregates::token;
use uuid::Uuid;

use super::WORKSPACE;
use crate::event_log::append::{AppendUnit, ClaimWrite, Expected, IdempotencyWrite, NewEvent, Units};

pub(super) fn metadata() -> Metadata {
    Metadata {
        actor: Actor::system(),
        client: None,
        operation: "test".to_owned(),
        request_id: "req_1".to_owned(),
        correlation_id: "req_1".to_owned(),
        causation_id: None,
        idempotency_key_hash: None,
    }
}

pub(super) fn stored(stream: Uuid, decoded: &aggregates::Event) -> NewEvent {
    NewEvent {
        stream_type: decoded.stream_type(),
        stream_id: stream,
        id: EventId(Uuid::now_v7()),
        name: decoded.name(),
        version: 1,
        subject: None,
        payload: serde_json::to_vec(&decoded.to_json().expect("JSON")).expect("bytes"),
        metadata: serde_json::to_vec(&metadata()).expect("bytes"),
    }
}

/// These units as one batch.
pub(in crate::event_log) fn batch<const N: usize>(units: [&AppendUnit; N]) -> Units {
    Units::from(units.map(Clone::clone).to_vec())
}

/// A unit that appends one event, of a kind that claims nothing, for each given stream.
pub(in crate::event_log) fn unit(workspace: WorkspaceId, streams: &[(Uuid, Expected)]) -> AppendUnit {
    let decoded = aggregates::Event::Token(token::Event::TokenRevoked {});
    AppendUnit {
        workspace,
        events: streams.iter().map(|(stream, _)| stored(*stream, &decoded)).collect(),
        expected: streams.iter().map(|(stream, expected)| (StreamType::Token, *stream, *expected)).collect(),
        preconditions: Vec::new(),
        claims: Vec::new(),
        keys: Vec::new(),
        idempotency: None,
        fence: None,
        decoded: streams.iter().map(|_| (decoded.clone(), Arc::new(metadata()))).collect(),
    }
}

pub(in crate::event_log) fn claiming(stream: Uuid, claims: &[(u8, Option<Uuid>)]) -> AppendUnit {
    let mut unit = unit(WORKSPACE, &[(stream, Expected::Any)]);
    unit.claims = claims
        .iter()
        .map(|(value, owner)| ClaimWrite { kind: ClaimKind::TagName, hash: [*value; 32], owner: *owner, event: 0 })
        .collect();
    unit
}

pub(in crate::event_log) fn keyed(mut unit: AppendUnit, key: u8, outcome: &str) -> AppendUnit {
    unit.idempotency = Some(IdempotencyWrite {
        scope: "tok/test".to_owned(),
        key_hash: [key; 32],
        fingerprint: [key; 32],
        outcome: outcome.as_bytes().to_vec(),
        kept_us: 1_000,
    });
    unit
}
