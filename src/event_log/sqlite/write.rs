//! What is written to the log's SQLite file: batches in bulk, one transaction each.

use std::collections::HashMap;

use aggregates::claim::ClaimKind;
use aggregates::ids::{TokenId, WorkspaceId};
use sqlx::query_builder::Separated;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, QueryBuilder, Sqlite};
use uuid::Uuid;

use super::{checkpoints, read};
use crate::event_log::append::{AppendUnit, LogError, StoredOutcome};
use crate::event_log::batch::{self, CallKey, ClaimKey, Facts, Rows, StreamKey, Touched};
use crate::event_log::merkle::Hash;
use crate::event_log::store::{BatchAnswers, Snapshot};

/// Rows per statement: few sizes, so that the statements stay prepared.
const CHUNKS: [usize; 4] = [128, 32, 8, 1];

/// Appends a batch: locks (SQLite has one lock), reads the facts, decides, writes, commits.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    units: &[&AppendUnit],
    now: i64,
) -> Result<BatchAnswers, LogError> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    let mut facts = read_facts(&mut transaction, units, now).await?;
    let (answers, rows) = batch::decide(&mut facts, units, now);
    if rows.is_empty() {
        transaction.rollback().await?;
        return Ok(answers);
    }
    write_rows(&mut transaction, &rows).await?;
    transaction.commit().await.map_err(|error| LogError::CommitUnknown(std::sync::Arc::new(error)))?;
    Ok(answers)
}

async fn read_facts(connection: &mut SqliteConnection, units: &[&AppendUnit], now: i64) -> Result<Facts, LogError> {
    let mut facts = Facts::default();
    let touched = Touched::by(units);
    for workspace in touched.workspaces {
        let head = read::head(connection, workspace).await?;
        facts.heads.insert(workspace, head);
    }
    facts.sequences = read_sequences(connection, touched.streams).await?;
    facts.claims = read_claims(connection, touched.claims).await?;
    facts.outcomes = read_outcomes(connection, touched.calls, now).await?;
    for (workspace, subject) in touched.keys {
        let row: Option<(i64,)> = sqlx::query_as("select 1 from subject_keys where workspace = $1 and subject = $2")
            .bind(workspace.0)
            .bind(subject)
            .fetch_optional(&mut *connection)
            .await?;
        if row.is_some() {
            facts.keys.insert((workspace, subject));
        }
    }
    Ok(facts)
}

/// Cuts `wanted` into chunks of the prepared sizes.
fn chunks<T>(mut wanted: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = CHUNKS.into_iter().find(|size| *size <= wanted.len())?;
        let (chunk, rest) = wanted.split_at(size);
        wanted = rest;
        Some(chunk)
    })
}

async fn read_sequences(
    connection: &mut SqliteConnection,
    wanted: Vec<StreamKey>,
) -> Result<HashMap<StreamKey, u64>, LogError> {
    let mut found = HashMap::with_capacity(wanted.len());
    for chunk in chunks(&wanted) {
        let mut query = QueryBuilder::<Sqlite>::new("with wanted (workspace, stream_id) as (");
        query.push_values(chunk, |mut row, (workspace, stream)| {
            row.push_bind(workspace.0).push_bind(*stream);
        });
        query.push(
            ") select w.workspace, w.stream_id,
                (select max(e.sequence) from events e where e.workspace = w.workspace and e.stream_id = w.stream_id)
             from wanted w",
        );
        let rows: Vec<(Uuid, Uuid, Option<i64>)> = query.build_query_as().fetch_all(&mut *connection).await?;
        found.extend(rows.into_iter().filter_map(|(workspace, stream, sequence)| {
            Some(((WorkspaceId(workspace), stream), u64::try_from(sequence?).ok()?))
        }));
    }
    Ok(found)
}

async fn read_claims(
    connection: &mut SqliteConnection,
    wanted: Vec<ClaimKey>,
) -> Result<HashMap<ClaimKey, Uuid>, LogError> {
    let mut found = HashMap::with_capacity(wanted.len());
    for chunk in chunks(&wanted) {
        let mut query = QueryBuilder::<Sqlite>::new("with wanted (place, workspace, kind, hash) as (");
        query.push_values(chunk.iter().enumerate(), |mut row, (place, (workspace, kind, hash))| {
            row.push_bind(i64::try_from(place).unwrap_or_default())
                .push_bind(workspace.0)
                .push_bind(kind.name())
                .push_bind(hash.to_vec());
        });
        query.push(
            ") select w.place, c.owner from wanted w
             join claims c on c.workspace = w.workspace and c.kind = w.kind and c.hash = w.hash",
        );
        let rows: Vec<(i64, Uuid)> = query.build_query_as().fetch_all(&mut *connection).await?;
        found.extend(
            rows.into_iter()
                .filter_map(|(place, owner)| chunk.get(usize::try_from(place).ok()?).map(|key| (*key, owner))),
        );
    }
    Ok(found)
}

pub(super) async fn read_outcomes(
    connection: &mut SqliteConnection,
    wanted: Vec<CallKey>,
    now: i64,
) -> Result<HashMap<CallKey, StoredOutcome>, LogError> {
    let mut found = HashMap::new();
    for chunk in chunks(&wanted) {
        let mut query = QueryBuilder::<Sqlite>::new("with wanted (place, workspace, scope, key_hash) as (");
        query.push_values(chunk.iter().enumerate(), |mut row, (place, (workspace, scope, hash))| {
            row.push_bind(i64::try_from(place).unwrap_or_default())
                .push_bind(workspace.0)
                .push_bind(scope.clone())
                .push_bind(hash.to_vec());
        });
        query.push(
            ") select w.place, k.fingerprint, k.outcome, k.position, k.changed from wanted w
             join idempotency_keys k on k.workspace = w.workspace and k.scope = w.scope and k.key_hash = w.key_hash
             where k.kept_until > ",
        );
        query.push_bind(now);
        let rows: Vec<(i64, Vec<u8>, Vec<u8>, i64, bool)> = query.build_query_as().fetch_all(&mut *connection).await?;
        for (place, fingerprint, outcome, position, changed) in rows {
            let Some(key) = usize::try_from(place).ok().and_then(|place| chunk.get(place)) else { continue };
            let fingerprint: Hash = fingerprint
                .try_into()
                .map_err(|_| LogError::Damaged("a stored outcome has a malformed fingerprint".to_owned()))?;
            let position = u64::try_from(position).unwrap_or_default();
            found.insert(key.clone(), StoredOutcome { fingerprint, outcome, position, changed });
        }
    }
    Ok(found)
}

async fn insert<T>(
    connection: &mut SqliteConnection,
    head: &'static str,
    tail: &'static str,
    rows: &[T],
    mut bind: impl FnMut(Separated<'_, Sqlite, &'static str>, &T),
) -> Result<(), LogError> {
    for chunk in chunks(rows) {
        let mut query = QueryBuilder::<Sqlite>::new(head);
        query.push_values(chunk, &mut bind);
        query.push(tail);
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) fn signed(number: u64) -> i64 {
    // A log of 2^63 events cannot be.
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) async fn write_rows(connection: &mut SqliteConnection, rows: &Rows<'_>) -> Result<(), LogError> {
    write_events(connection, rows).await?;
    write_claims(connection, rows).await?;
    write_keys_and_outcomes(connection, rows).await?;
    checkpoints::begin(connection, rows).await?;
    let heads: Vec<_> = rows.heads.iter().collect();
    insert(
        connection,
        "insert into heads (workspace, position, recorded_at, frontier) ",
        " on conflict (workspace) do update set position = excluded.position, recorded_at = excluded.recorded_at, \
         frontier = excluded.frontier",
        &heads,
        |mut row, (workspace, head)| {
            row.push_bind(workspace.0)
                .push_bind(signed(head.frontier.size()))
                .push_bind(head.recorded_at)
                .push_bind(head.frontier.to_bytes());
        },
    )
    .await
}

async fn write_events(connection: &mut SqliteConnection, rows: &Rows<'_>) -> Result<(), LogError> {
    insert(
        connection,
        "insert into events (workspace, position, stream_type, stream_id, sequence, event_id, event_type, event_version, \
         subject, payload, metadata, recorded_at, leaf_hash) ",
        "",
        &rows.events,
        |mut row, event| {
            row.push_bind(event.workspace.0)
                .push_bind(signed(event.placed.position))
                .push_bind(event.stream_type.name())
                .push_bind(event.stream_id)
                .push_bind(signed(event.placed.sequence))
                .push_bind(event.id.0)
                .push_bind(event.name.to_owned())
                .push_bind(event.version)
                .push_bind(event.subject)
                .push_bind(event.payload.to_vec())
                .push_bind(event.metadata.to_vec())
                .push_bind(event.placed.recorded_at)
                .push_bind(event.placed.leaf_hash.to_vec());
        },
    )
    .await?;
    insert(
        connection,
        "insert into merkle_nodes (workspace, level, node_index, hash) ",
        "",
        &rows.nodes,
        |mut row, (workspace, node)| {
            row.push_bind(workspace.0)
                .push_bind(node.level)
                .push_bind(signed(node.index))
                .push_bind(node.hash.to_vec());
        },
    )
    .await
}

async fn write_keys_and_outcomes(connection: &mut SqliteConnection, rows: &Rows<'_>) -> Result<(), LogError> {
    insert(
        connection,
        "insert into subject_keys (workspace, subject, wrapped) ",
        "",
        &rows.keys,
        |mut row, ((workspace, subject), wrapped)| {
            row.push_bind(workspace.0).push_bind(*subject).push_bind(wrapped.to_vec());
        },
    )
    .await?;
    insert(
        connection,
        "insert into idempotency_keys (workspace, scope, key_hash, fingerprint, outcome, position, changed, kept_until) ",
        " on conflict (workspace, scope, key_hash) do update set fingerprint = excluded.fingerprint, \
         outcome = excluded.outcome, position = excluded.position, changed = excluded.changed, \
         kept_until = excluded.kept_until",
        &rows.outcomes,
        |mut row, ((workspace, scope, key_hash), outcome, kept_until)| {
            row.push_bind(workspace.0)
                .push_bind(scope.clone())
                .push_bind(key_hash.to_vec())
                .push_bind(outcome.fingerprint.to_vec())
                .push_bind(outcome.outcome.clone())
                .push_bind(signed(outcome.position))
                .push_bind(i64::from(outcome.changed))
                .push_bind(*kept_until);
        },
    )
    .await
}

async fn write_claims(connection: &mut SqliteConnection, rows: &Rows<'_>) -> Result<(), LogError> {
    let taken: Vec<(ClaimKey, Uuid, u64)> =
        rows.claims.iter().filter_map(|(key, row)| row.map(|(owner, position)| (*key, owner, position))).collect();
    let released: Vec<&ClaimKey> = rows.claims.iter().filter(|(_, row)| row.is_none()).map(|(key, _)| key).collect();
    for (workspace, kind, hash) in released {
        sqlx::query("delete from claims where workspace = $1 and kind = $2 and hash = $3")
            .bind(workspace.0)
            .bind(kind.name())
            .bind(hash.as_slice())
            .execute(&mut *connection)
            .await?;
    }
    insert(
        connection,
        "insert into claims (workspace, kind, hash, owner, position) ",
        " on conflict (workspace, kind, hash) do update set owner = excluded.owner, position = excluded.position",
        &taken,
        |mut row, ((workspace, kind, hash), owner, position): &((WorkspaceId, ClaimKind, Hash), Uuid, u64)| {
            row.push_bind(workspace.0)
                .push_bind(kind.name())
                .push_bind(hash.to_vec())
                .push_bind(*owner)
                .push_bind(signed(*position));
        },
    )
    .await
}

pub(super) async fn keep_snapshot(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    stream: Uuid,
    snapshot: &Snapshot,
) -> Result<(), LogError> {
    sqlx::query(
        "insert into snapshots (workspace, stream_id, version, sequence, state) values ($1, $2, $3, $4, $5)
         on conflict (workspace, stream_id) do update
         set version = excluded.version, sequence = excluded.sequence, state = excluded.state
         where (excluded.version, excluded.sequence) > (snapshots.version, snapshots.sequence)",
    )
    .bind(workspace.0)
    .bind(stream)
    .bind(snapshot.version)
    .bind(signed(snapshot.sequence))
    .bind(snapshot.state.as_slice())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn property(connection: &mut SqliteConnection, name: &str, value: &[u8]) -> Result<Vec<u8>, LogError> {
    sqlx::query("insert into log_properties (name, value) values ($1, $2) on conflict (name) do nothing")
        .bind(name)
        .bind(value)
        .execute(&mut *connection)
        .await?;
    let (kept,): (Vec<u8>,) =
        sqlx::query_as("select value from log_properties where name = $1").bind(name).fetch_one(connection).await?;
    Ok(kept)
}

pub(super) async fn forget_outcomes(connection: &mut SqliteConnection, now: i64) -> Result<u64, LogError> {
    let done = sqlx::query("delete from idempotency_keys where kept_until <= $1").bind(now).execute(connection).await?;
    Ok(done.rows_affected())
}

pub(super) async fn keep_token_uses(
    connection: &mut SqliteConnection,
    uses: &[(WorkspaceId, TokenId, i64)],
) -> Result<(), LogError> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    write_token_uses(&mut transaction, uses).await?;
    transaction.commit().await?;
    Ok(())
}

pub(super) async fn write_token_uses(
    connection: &mut SqliteConnection,
    uses: &[(WorkspaceId, TokenId, i64)],
) -> Result<(), LogError> {
    insert(
        connection,
        "insert into token_uses (workspace, token, used_at) ",
        " on conflict (workspace, token) do update set used_at = max(used_at, excluded.used_at)",
        uses,
        |mut row, (workspace, token, used_at)| {
            row.push_bind(workspace.0).push_bind(token.0).push_bind(*used_at);
        },
    )
    .await
}
