//! What is appended to the log's SQLite file: batches, one transaction each, on the thread of the writer.
//!
//! A row is a run of a prepared statement: on the writer's own thread that costs less than putting together a statement for many rows.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use uuid::Uuid;

use super::{checkpoints, read};
use crate::event_log::append::{LogError, StoredOutcome, Units};
use crate::event_log::batch::{self, CallKey, Facts, Head, Rows, StreamKey, Touched};
use crate::event_log::merkle::Hash;
use crate::event_log::store::BatchAnswers;

/// Appends a batch: locks (SQLite has one lock), reads the facts, decides, writes, commits.
pub(super) fn append(connection: &mut Connection, units: &Units, now: i64) -> Result<BatchAnswers, LogError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let units: Vec<_> = units.iter().collect();
    let mut facts = read_facts(&transaction, &Touched::by(&units), now)?;
    let (answers, rows) = batch::decide(&mut facts, &units, now);
    if rows.is_empty() {
        transaction.rollback()?;
        return Ok(answers);
    }
    write_rows(&transaction, &rows)?;
    transaction.commit().map_err(|error| match LogError::from(error) {
        LogError::Database(error) => LogError::CommitUnknown(error),
        other => other,
    })?;
    Ok(answers)
}

fn read_facts(connection: &Connection, touched: &Touched, now: i64) -> Result<Facts, LogError> {
    let mut facts = Facts::default();
    let mut head =
        connection.prepare_cached("select position, recorded_at, frontier from heads where workspace = ?1")?;
    for workspace in &touched.workspaces {
        let row = head.query_row(params![id(&workspace.0)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        facts.heads.insert(*workspace, read::head_of(*workspace, row.optional()?)?);
    }
    facts.sequences = read_sequences(connection, &touched.streams)?;
    let mut owner =
        connection.prepare_cached("select owner from claims where workspace = ?1 and kind = ?2 and hash = ?3")?;
    for key @ (workspace, kind, hash) in &touched.claims {
        let found = owner.query_row(params![id(&workspace.0), kind.name(), hash], |row| row.get(0));
        if let Some(bytes) = found.optional()? {
            facts.claims.insert(*key, Uuid::from_bytes(bytes));
        }
    }
    facts.outcomes = read_outcomes(connection, &touched.calls, now)?;
    let mut key = connection.prepare_cached("select 1 from subject_keys where workspace = ?1 and subject = ?2")?;
    for (workspace, subject) in &touched.keys {
        if key.exists(params![id(&workspace.0), id(subject)])? {
            facts.keys.insert((*workspace, *subject));
        }
    }
    Ok(facts)
}

fn read_sequences(connection: &Connection, wanted: &[StreamKey]) -> Result<HashMap<StreamKey, u64>, LogError> {
    let mut found = HashMap::with_capacity(wanted.len());
    let mut statement =
        connection.prepare_cached("select max(sequence) from events where workspace = ?1 and stream_id = ?2")?;
    for key @ (workspace, stream) in wanted {
        let sequence: Option<i64> = statement.query_row(params![id(&workspace.0), id(stream)], |row| row.get(0))?;
        if let Some(sequence) = sequence.and_then(|sequence| u64::try_from(sequence).ok()) {
            found.insert(*key, sequence);
        }
    }
    Ok(found)
}

fn read_outcomes(
    connection: &Connection,
    wanted: &[CallKey],
    now: i64,
) -> Result<HashMap<CallKey, StoredOutcome>, LogError> {
    let mut found = HashMap::new();
    let mut statement = connection.prepare_cached(
        "select fingerprint, outcome, position, changed from idempotency_keys
         where workspace = ?1 and scope = ?2 and key_hash = ?3 and kept_until > ?4",
    )?;
    for key @ (workspace, scope, hash) in wanted {
        let row = statement.query_row(params![id(&workspace.0), scope, hash, now], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?, row.get::<_, i64>(2)?, row.get(3)?))
        });
        let Some((fingerprint, outcome, position, changed)) = row.optional()? else { continue };
        let fingerprint: Hash = fingerprint
            .try_into()
            .map_err(|_| LogError::Damaged("a stored outcome has a malformed fingerprint".to_owned()))?;
        let position = u64::try_from(position).unwrap_or_default();
        found.insert(key.clone(), StoredOutcome { fingerprint, outcome, position, changed });
    }
    Ok(found)
}

/// An id as it is stored: its 16 bytes.
pub(super) const fn id(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

pub(super) fn signed(number: u64) -> i64 {
    // A log of 2^63 events cannot be.
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn write_rows(connection: &Connection, rows: &Rows<'_>) -> Result<(), LogError> {
    write_events(connection, rows)?;
    write_claims(connection, rows)?;
    write_keys_and_outcomes(connection, rows)?;
    checkpoints::begin(connection, rows)?;
    let mut head = connection.prepare_cached(
        "insert into heads (workspace, position, recorded_at, frontier) values (?1, ?2, ?3, ?4)
         on conflict (workspace) do update set position = excluded.position, recorded_at = excluded.recorded_at,
         frontier = excluded.frontier",
    )?;
    for (workspace, Head { frontier, recorded_at }) in &rows.heads {
        head.execute(params![id(&workspace.0), signed(frontier.size()), recorded_at, frontier.to_bytes()])?;
    }
    Ok(())
}

fn write_events(connection: &Connection, rows: &Rows<'_>) -> Result<(), LogError> {
    let mut insert = connection.prepare_cached(
        "insert into events (workspace, position, stream_type, stream_id, sequence, event_id, event_type, event_version,
         subject, payload, metadata, recorded_at, leaf_hash)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for event in &rows.events {
        insert.execute(params![
            id(&event.workspace.0),
            signed(event.placed.position),
            event.stream_type.name(),
            id(&event.stream_id),
            signed(event.placed.sequence),
            id(&event.id.0),
            event.name,
            event.version,
            event.subject.as_ref().map(id),
            event.payload,
            event.metadata,
            event.placed.recorded_at,
            event.placed.leaf_hash,
        ])?;
    }
    let mut insert = connection
        .prepare_cached("insert into merkle_nodes (workspace, level, node_index, hash) values (?1, ?2, ?3, ?4)")?;
    for (workspace, node) in &rows.nodes {
        insert.execute(params![id(&workspace.0), node.level, signed(node.index), node.hash])?;
    }
    Ok(())
}

fn write_claims(connection: &Connection, rows: &Rows<'_>) -> Result<(), LogError> {
    let mut release =
        connection.prepare_cached("delete from claims where workspace = ?1 and kind = ?2 and hash = ?3")?;
    let mut take = connection.prepare_cached(
        "insert into claims (workspace, kind, hash, owner, position) values (?1, ?2, ?3, ?4, ?5)
         on conflict (workspace, kind, hash) do update set owner = excluded.owner, position = excluded.position",
    )?;
    for ((workspace, kind, hash), row) in &rows.claims {
        match row {
            None => release.execute(params![id(&workspace.0), kind.name(), hash])?,
            Some((owner, position)) => {
                take.execute(params![id(&workspace.0), kind.name(), hash, id(owner), signed(*position)])?
            }
        };
    }
    Ok(())
}

fn write_keys_and_outcomes(connection: &Connection, rows: &Rows<'_>) -> Result<(), LogError> {
    let mut insert =
        connection.prepare_cached("insert into subject_keys (workspace, subject, wrapped) values (?1, ?2, ?3)")?;
    for ((workspace, subject), wrapped) in &rows.keys {
        insert.execute(params![id(&workspace.0), id(subject), wrapped])?;
    }
    let mut insert = connection.prepare_cached(
        "insert into idempotency_keys
         (workspace, scope, key_hash, fingerprint, outcome, position, changed, kept_until)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         on conflict (workspace, scope, key_hash) do update set fingerprint = excluded.fingerprint,
         outcome = excluded.outcome, position = excluded.position, changed = excluded.changed,
         kept_until = excluded.kept_until",
    )?;
    for ((workspace, scope, key_hash), outcome, kept_until) in &rows.outcomes {
        insert.execute(params![
            id(&workspace.0),
            scope,
            key_hash,
            outcome.fingerprint,
            outcome.outcome,
            signed(outcome.position),
            outcome.changed,
            kept_until,
        ])?;
    }
    Ok(())
}
