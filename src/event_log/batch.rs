//! What becomes of a batch of units, once the heads are locked and the facts are read: pure, so that every database decides alike.

use std::collections::{BTreeSet, HashMap};

use aggregates::claim::ClaimKind;
use aggregates::ids::{EventId, WorkspaceId};
use aggregates::stream::StreamType;
use uuid::Uuid;

use super::append::{
    AppendUnit, Appended, ClaimWrite, Expected, MAX_PAYLOAD_BYTES, NewEvent, Placed, Refusal, StoredEvent,
    StoredOutcome,
};
use super::merkle::{Frontier, Hash, Node, leaf_hash};

/// A stream of a workspace.
pub type StreamKey = (WorkspaceId, Uuid);
/// A claim of a workspace.
pub type ClaimKey = (WorkspaceId, ClaimKind, Hash);
/// A call that may be repeated: workspace, scope, hash of the key.
pub type CallKey = (WorkspaceId, String, Hash);

/// A lease of a workspace, by its purpose.
pub type LeaseKey = (WorkspaceId, &'static str);

/// The head of a workspace's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The frontier of the Merkle tree; its size is the position.
    pub frontier: Frontier,
    /// The time of the last event, in microseconds.
    pub recorded_at: i64,
}

/// What the database says about everything that the batch touches, read after the heads were locked.
#[derive(Debug, Default)]
pub struct Facts {
    /// The heads; a workspace without one begins.
    pub heads: HashMap<WorkspaceId, Head>,
    /// The last sequence of each stream that has events.
    pub sequences: HashMap<StreamKey, u64>,
    /// The claims that are held, with their owners.
    pub claims: HashMap<ClaimKey, Uuid>,
    /// The calls that have an outcome.
    pub outcomes: HashMap<CallKey, StoredOutcome>,
    /// The epochs of the leases that units were appended under.
    pub epochs: HashMap<LeaseKey, u64>,
    /// The contacts that have a key.
    pub keys: std::collections::HashSet<StreamKey>,
}

/// What a batch of units touches, each once and in order: what the facts have to tell of.
#[derive(Debug)]
pub struct Touched {
    /// The workspaces whose heads are locked, in the order of locking.
    pub workspaces: Vec<WorkspaceId>,
    /// Streams that are written or were read.
    pub streams: Vec<StreamKey>,
    /// Claims that are taken or released.
    pub claims: Vec<ClaimKey>,
    /// Calls with a key.
    pub calls: Vec<CallKey>,
    /// Contacts that begin here.
    pub keys: Vec<StreamKey>,
    /// Leases that units are appended under.
    pub leases: Vec<LeaseKey>,
}

impl Touched {
    /// What `units` touch.
    #[must_use]
    pub fn by(units: &[&AppendUnit]) -> Self {
        let mut workspaces = BTreeSet::new();
        let mut streams = BTreeSet::new();
        let mut claims = BTreeSet::new();
        let mut calls = BTreeSet::new();
        let mut keys = BTreeSet::new();
        let mut leases = BTreeSet::new();
        for unit in units {
            workspaces.insert(unit.workspace);
            streams.extend(unit.expected.iter().map(|(_, id, _)| (unit.workspace, *id)));
            streams.extend(unit.preconditions.iter().map(|(_, id, _)| (unit.workspace, *id)));
            claims.extend(unit.claims.iter().map(|claim| (unit.workspace, claim.kind, claim.hash)));
            calls.extend(unit.idempotency.iter().map(|call| (unit.workspace, call.scope.clone(), call.key_hash)));
            keys.extend(unit.keys.iter().map(|key| (unit.workspace, key.subject)));
            leases.extend(unit.fence.iter().map(|fence| (unit.workspace, fence.purpose)));
        }
        Self {
            workspaces: workspaces.into_iter().collect(),
            streams: streams.into_iter().collect(),
            claims: claims.into_iter().collect(),
            calls: calls.into_iter().collect(),
            keys: keys.into_iter().collect(),
            leases: leases.into_iter().collect(),
        }
    }
}

/// A claim's row: nobody = it is deleted.
pub type ClaimRow = Option<(Uuid, u64)>;

/// The row of an event.
#[derive(Clone, Copy, Debug)]
pub struct EventRow<'u> {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Where it stands.
    pub placed: Placed,
    /// The kind of the stream.
    pub stream_type: StreamType,
    /// The stream.
    pub stream_id: Uuid,
    /// The event's own id.
    pub id: EventId,
    /// Its stored name.
    pub name: &'u str,
    /// The version of its form.
    pub version: u16,
    /// The contact whom it is about.
    pub subject: Option<Uuid>,
    /// The payload, sealed.
    pub payload: &'u [u8],
    /// The metadata.
    pub metadata: &'u [u8],
}

impl<'u> EventRow<'u> {
    /// The row of a new event at its place.
    #[must_use]
    pub fn placed(workspace: WorkspaceId, placed: Placed, event: &'u NewEvent) -> Self {
        let NewEvent { stream_type, stream_id, id, name, version, subject, payload, metadata } = event;
        Self {
            workspace,
            placed,
            stream_type: *stream_type,
            stream_id: *stream_id,
            id: *id,
            name,
            version: *version,
            subject: *subject,
            payload,
            metadata,
        }
    }

    /// The row of an event that is stored already, in another database.
    #[must_use]
    pub fn stored(event: &'u StoredEvent) -> Self {
        let StoredEvent { workspace, placed, stream_type, stream_id, id, name, version, subject, payload, metadata } =
            event;
        Self {
            workspace: *workspace,
            placed: *placed,
            stream_type: *stream_type,
            stream_id: *stream_id,
            id: *id,
            name,
            version: *version,
            subject: *subject,
            payload,
            metadata,
        }
    }
}

/// The rows that a batch writes.
#[derive(Debug, Default)]
pub struct Rows<'u> {
    /// Events with their places.
    pub events: Vec<EventRow<'u>>,
    /// Completed nodes.
    pub nodes: Vec<(WorkspaceId, Node)>,
    /// Claims as they are in the end, with the position that took them.
    pub claims: HashMap<ClaimKey, ClaimRow>,
    /// Outcomes: key, outcome, until when it is kept (microseconds).
    pub outcomes: Vec<(CallKey, StoredOutcome, i64)>,
    /// Keys of contacts.
    pub keys: Vec<(StreamKey, &'u [u8])>,
    /// Heads as they are in the end.
    pub heads: HashMap<WorkspaceId, Head>,
}

impl Rows<'_> {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.outcomes.is_empty()
    }
}

/// Decides every unit, in order, each on top of those before it. `now` is in microseconds.
pub fn decide<'u>(facts: &mut Facts, units: &[&'u AppendUnit], now: i64) -> (Vec<Result<Appended, Refusal>>, Rows<'u>) {
    let mut rows = Rows::default();
    let answers = units.iter().map(|unit| decide_one(facts, unit, now, &mut rows)).collect();
    (answers, rows)
}

fn decide_one<'u>(facts: &mut Facts, unit: &'u AppendUnit, now: i64, rows: &mut Rows<'u>) -> Result<Appended, Refusal> {
    let call = unit.idempotency.as_ref().map(|call| (unit.workspace, call.scope.clone(), call.key_hash));
    if let Some(stored) = call.as_ref().and_then(|call| facts.outcomes.get(call)) {
        return Err(Refusal::Repeated(stored.clone()));
    }
    if let Some(fence) = &unit.fence
        && facts.epochs.get(&(unit.workspace, fence.purpose)) != Some(&fence.epoch)
    {
        return Err(Refusal::Fenced);
    }
    check_streams(facts, unit)?;
    check_claims(facts, unit)?;
    if unit.events.iter().any(|event| event.payload.len() > MAX_PAYLOAD_BYTES) {
        return Err(Refusal::TooLarge);
    }

    let head = facts.heads.entry(unit.workspace).or_default();
    head.recorded_at = if unit.events.is_empty() { head.recorded_at } else { head.recorded_at.max(now) };
    let mut placed = Vec::with_capacity(unit.events.len());
    for event in &unit.events {
        let sequence = facts.sequences.entry((unit.workspace, event.stream_id)).or_default();
        *sequence += 1;
        let position = head.frontier.size() + 1;
        let leaf_hash = leaf_hash(unit.workspace, position, *sequence, head.recorded_at, event);
        rows.nodes.extend(head.frontier.push(leaf_hash).into_iter().map(|node| (unit.workspace, node)));
        let place = Placed { position, sequence: *sequence, recorded_at: head.recorded_at, leaf_hash };
        rows.events.push(EventRow::placed(unit.workspace, place, event));
        placed.push(place);
    }
    if !unit.events.is_empty() {
        rows.heads.insert(unit.workspace, head.clone());
    }
    let appended = Appended { position: head.frontier.size(), events: placed };
    write_claims(facts, unit, &appended, rows);
    for key in &unit.keys {
        facts.keys.insert((unit.workspace, key.subject));
        rows.keys.push(((unit.workspace, key.subject), &key.wrapped));
    }
    if let (Some(call), Some(kept)) = (call, &unit.idempotency) {
        let outcome = StoredOutcome {
            fingerprint: kept.fingerprint,
            outcome: kept.outcome.clone(),
            position: appended.position,
            changed: !unit.events.is_empty(),
        };
        facts.outcomes.insert(call.clone(), outcome.clone());
        rows.outcomes.push((call, outcome, now.saturating_add(kept.kept_us)));
    }
    Ok(appended)
}

fn check_streams(facts: &Facts, unit: &AppendUnit) -> Result<(), Refusal> {
    let sequence_of = |id: Uuid| facts.sequences.get(&(unit.workspace, id)).copied().unwrap_or_default();
    for (_, id, expected) in &unit.expected {
        if matches!(expected, Expected::Sequence(sequence) if *sequence != sequence_of(*id)) {
            return Err(Refusal::Conflict { stream_id: *id });
        }
    }
    for (_, id, sequence) in &unit.preconditions {
        if *sequence != sequence_of(*id) {
            return Err(Refusal::Conflict { stream_id: *id });
        }
    }
    // A second key for one contact would make what the first one sealed unreadable.
    match unit.keys.iter().find(|key| facts.keys.contains(&(unit.workspace, key.subject))) {
        Some(key) => Err(Refusal::Conflict { stream_id: key.subject }),
        None => Ok(()),
    }
}

/// Walks the unit's claim changes in order: it may release what it takes again.
fn check_claims(facts: &Facts, unit: &AppendUnit) -> Result<(), Refusal> {
    let mut changed: HashMap<(ClaimKind, Hash), Option<Uuid>> = HashMap::new();
    for write in &unit.claims {
        let held = changed
            .get(&(write.kind, write.hash))
            .copied()
            .unwrap_or_else(|| facts.claims.get(&(unit.workspace, write.kind, write.hash)).copied());
        if let (Some(owner), Some(holder)) = (write.owner, held)
            && owner != holder
        {
            return Err(Refusal::ClaimTaken { kind: write.kind, owner: holder });
        }
        changed.insert((write.kind, write.hash), write.owner);
    }
    Ok(())
}

fn write_claims(facts: &mut Facts, unit: &AppendUnit, appended: &Appended, rows: &mut Rows<'_>) {
    for ClaimWrite { kind, hash, owner, event } in &unit.claims {
        let key = (unit.workspace, *kind, *hash);
        let position = appended.events.get(*event).map_or(appended.position, |placed| placed.position);
        match owner {
            // Taking again what it holds keeps the first position.
            Some(owner) if facts.claims.get(&key) == Some(owner) => {}
            Some(owner) => {
                facts.claims.insert(key, *owner);
                rows.claims.insert(key, Some((*owner, position)));
            }
            None => {
                facts.claims.remove(&key);
                rows.claims.insert(key, None);
            }
        }
    }
}
