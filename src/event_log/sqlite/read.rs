//! What is read from the log's SQLite file.

use aggregates::claim::ClaimKind;
use aggregates::ids::{EventId, TokenId, WorkspaceId};
use aggregates::stream::StreamType;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite};
use uuid::Uuid;

use crate::event_log::append::{LogError, Placed, StoredEvent, StoredOutcome};
use crate::event_log::batch::Head;
use crate::event_log::copying::KeptOutcome;
use crate::event_log::merkle::{Frontier, Hash, Node};
use crate::event_log::store::{EventRange, Snapshot, StoredClaim, Traces};

const EVENT_COLUMNS: &str = "position, stream_type, stream_id, sequence, event_id, event_type, event_version, subject, payload, metadata, \
                             recorded_at, leaf_hash";

pub(super) async fn workspaces(readers: &SqlitePool) -> Result<Vec<WorkspaceId>, LogError> {
    let rows: Vec<(Vec<u8>,)> =
        sqlx::query_as("select workspace from heads order by workspace").fetch_all(readers).await?;
    let found = told_apart(rows);
    if found.malformed > 0 {
        // The others work on; `log verify` counts it as damage. Said once: every command asks for the workspaces.
        static SAID: std::sync::Once = std::sync::Once::new();
        SAID.call_once(|| {
            tracing::error!(heads = found.malformed, "the log has heads whose workspace has no valid id");
        });
    }
    Ok(found.workspaces)
}

pub(super) async fn kept_property(readers: &SqlitePool, name: &str) -> Result<Option<Vec<u8>>, LogError> {
    let row: Option<(Vec<u8>,)> =
        sqlx::query_as("select value from log_properties where name = $1").bind(name).fetch_optional(readers).await?;
    Ok(row.map(|(value,)| value))
}

fn told_apart(rows: Vec<(Vec<u8>,)>) -> Traces {
    let mut found = Traces::default();
    for (bytes,) in rows {
        match Uuid::from_slice(&bytes) {
            Ok(id) => found.workspaces.push(WorkspaceId(id)),
            Err(_) => found.malformed += 1,
        }
    }
    found
}

pub(super) async fn traces(readers: &SqlitePool) -> Result<Traces, LogError> {
    // From one workspace to the next through the primary keys, instead of over all their rows.
    let rows: Vec<(Vec<u8>,)> = sqlx::query_as(
        "with recursive
         of_events (workspace) as (
             select min(workspace) from events
             union all
             select (select min(e.workspace) from events e where e.workspace > o.workspace)
             from of_events o where o.workspace is not null
         ),
         of_claims (workspace) as (
             select min(workspace) from claims
             union all
             select (select min(c.workspace) from claims c where c.workspace > o.workspace)
             from of_claims o where o.workspace is not null
         )
         select workspace from heads
         union select workspace from of_events where workspace is not null
         union select workspace from of_claims where workspace is not null
         order by 1",
    )
    .fetch_all(readers)
    .await?;
    Ok(told_apart(rows))
}

pub(super) async fn head(connection: &mut SqliteConnection, workspace: WorkspaceId) -> Result<Head, LogError> {
    let row: Option<(i64, i64, Vec<u8>)> =
        sqlx::query_as("select position, recorded_at, frontier from heads where workspace = $1")
            .bind(workspace.0)
            .fetch_optional(connection)
            .await?;
    head_of(workspace, row)
}

/// The head that a row tells of; that of an empty log without one.
pub(super) fn head_of(workspace: WorkspaceId, row: Option<(i64, i64, Vec<u8>)>) -> Result<Head, LogError> {
    let Some((position, recorded_at, frontier)) = row else { return Ok(Head::default()) };
    let frontier = u64::try_from(position).ok().and_then(|size| Frontier::from_bytes(size, &frontier));
    let frontier = frontier.ok_or_else(|| LogError::Damaged(format!("the head of {workspace} is malformed")))?;
    Ok(Head { frontier, recorded_at })
}

pub(super) async fn events(
    readers: &SqlitePool,
    workspace: WorkspaceId,
    range: EventRange,
    limit: usize,
) -> Result<Vec<StoredEvent>, LogError> {
    let (condition, subject, bound) = match range {
        EventRange::After(position) => ("position > $2 and $3 is null order by position", None, position),
        EventRange::Before(position) => ("position < $2 and $3 is null order by position desc", None, position),
        EventRange::Stream(stream, sequence) => {
            ("sequence > $2 and stream_id = $3 order by sequence", Some(stream), sequence)
        }
        EventRange::SubjectAfter(subject, position) => {
            ("position > $2 and subject = $3 order by position", Some(subject), position)
        }
        EventRange::SubjectBefore(subject, position) => {
            ("position < $2 and subject = $3 order by position desc", Some(subject), position)
        }
    };
    // Put together from constants only.
    let sql = format!("select {EVENT_COLUMNS} from events where workspace = $1 and {condition} limit $4");
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(workspace.0)
        .bind(i64::try_from(bound).unwrap_or(i64::MAX))
        .bind(subject)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(readers)
        .await?;
    rows.iter().map(|row| stored_event(workspace, row)).collect()
}

fn stored_event(workspace: WorkspaceId, row: &SqliteRow) -> Result<StoredEvent, LogError> {
    let position: i64 = row.try_get(0)?;
    let damaged = |what: &str| LogError::Damaged(format!("position {position} has a malformed {what}"));
    let stream_type: &str = row.try_get(1)?;
    let sequence: i64 = row.try_get(3)?;
    let version: i64 = row.try_get(6)?;
    let leaf_hash: &[u8] = row.try_get(11)?;
    Ok(StoredEvent {
        workspace,
        placed: Placed {
            position: u64::try_from(position).map_err(|_| damaged("position"))?,
            sequence: u64::try_from(sequence).map_err(|_| damaged("sequence"))?,
            recorded_at: row.try_get(10)?,
            leaf_hash: leaf_hash.try_into().map_err(|_| damaged("leaf hash"))?,
        },
        stream_type: StreamType::from_name(stream_type).ok_or_else(|| damaged("stream type"))?,
        stream_id: row.try_get(2)?,
        id: EventId(row.try_get(4)?),
        name: row.try_get(5)?,
        version: u16::try_from(version).map_err(|_| damaged("version"))?,
        subject: row.try_get(7)?,
        payload: row.try_get(8)?,
        metadata: row.try_get(9)?,
    })
}

pub(super) async fn sequences(
    readers: &SqlitePool,
    workspace: WorkspaceId,
    streams: &[Uuid],
) -> Result<Vec<u64>, LogError> {
    let mut connection = readers.acquire().await?;
    let mut sequences = Vec::with_capacity(streams.len());
    for stream in streams {
        let (sequence,): (Option<i64>,) =
            sqlx::query_as("select max(sequence) from events where workspace = $1 and stream_id = $2")
                .bind(workspace.0)
                .bind(stream)
                .fetch_one(&mut *connection)
                .await?;
        sequences.push(sequence.and_then(|sequence| u64::try_from(sequence).ok()).unwrap_or_default());
    }
    Ok(sequences)
}

pub(super) async fn claim_owner(
    readers: &SqlitePool,
    workspace: WorkspaceId,
    kind: ClaimKind,
    hash: Hash,
) -> Result<Option<(Uuid, u64)>, LogError> {
    let row: Option<(Uuid, i64)> =
        sqlx::query_as("select owner, position from claims where workspace = $1 and kind = $2 and hash = $3")
            .bind(workspace.0)
            .bind(kind.name())
            .bind(hash.as_slice())
            .fetch_optional(readers)
            .await?;
    Ok(row.map(|(owner, position)| (owner, u64::try_from(position).unwrap_or_default())))
}

pub(super) async fn claim_owner_anywhere(
    readers: &SqlitePool,
    kind: ClaimKind,
    hash: Hash,
) -> Result<Option<(WorkspaceId, Uuid)>, LogError> {
    let row: Option<(Uuid, Uuid)> = sqlx::query_as(
        "select workspace, owner from claims
         where kind = $1 and hash = $2 and kind in ('token_digest', 'account_address')
         order by workspace limit 1",
    )
    .bind(kind.name())
    .bind(hash.as_slice())
    .fetch_optional(readers)
    .await?;
    Ok(row.map(|(workspace, owner)| (WorkspaceId(workspace), owner)))
}

pub(super) async fn subject_keys(
    readers: &SqlitePool,
    workspace: WorkspaceId,
    subjects: &[Uuid],
) -> Result<Vec<(Uuid, Vec<u8>)>, LogError> {
    let mut keys = Vec::with_capacity(subjects.len());
    for chunk in subjects.chunks(500) {
        let mut query = QueryBuilder::<Sqlite>::new("select subject, wrapped from subject_keys where workspace = ");
        query.push_bind(workspace.0).push(" and subject in (");
        let mut list = query.separated(", ");
        for subject in chunk {
            list.push_bind(*subject);
        }
        query.push(")");
        let rows: Vec<(Uuid, Vec<u8>)> = query.build_query_as().persistent(chunk.len() == 1).fetch_all(readers).await?;
        keys.extend(rows);
    }
    Ok(keys)
}

pub(super) async fn subject_keys_after(
    readers: &SqlitePool,
    workspace: WorkspaceId,
    after: Uuid,
    limit: usize,
) -> Result<Vec<(Uuid, Vec<u8>)>, LogError> {
    let rows = sqlx::query_as(
        "select subject, wrapped from subject_keys where workspace = $1 and subject > $2 order by subject limit $3",
    )
    .bind(workspace.0)
    .bind(after)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(readers)
    .await?;
    Ok(rows)
}

pub(super) async fn outcome(
    readers: &SqlitePool,
    workspace: WorkspaceId,
    scope: &str,
    key_hash: Hash,
    now: i64,
) -> Result<Option<StoredOutcome>, LogError> {
    let row: Option<(Vec<u8>, Vec<u8>, i64, bool)> = sqlx::query_as(
        "select fingerprint, outcome, position, changed from idempotency_keys
         where workspace = $1 and scope = $2 and key_hash = $3 and kept_until > $4",
    )
    .bind(workspace.0)
    .bind(scope)
    .bind(key_hash.as_slice())
    .bind(now)
    .fetch_optional(readers)
    .await?;
    let Some((fingerprint, outcome, position, changed)) = row else { return Ok(None) };
    let fingerprint: Hash = fingerprint
        .try_into()
        .map_err(|_| LogError::Damaged("a stored outcome has a malformed fingerprint".to_owned()))?;
    Ok(Some(StoredOutcome { fingerprint, outcome, position: u64::try_from(position).unwrap_or_default(), changed }))
}

pub(super) async fn outcomes_after(
    readers: &SqlitePool,
    workspace: WorkspaceId,
    (scope, hash): (String, Hash),
    limit: usize,
) -> Result<Vec<KeptOutcome>, LogError> {
    let rows = sqlx::query(
        "select scope, key_hash, kept_until, position, fingerprint, outcome, changed from idempotency_keys
         where workspace = $1 and (scope, key_hash) > ($2, $3) order by scope, key_hash limit $4",
    )
    .bind(workspace.0)
    .bind(scope)
    .bind(hash.as_slice())
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(readers)
    .await?;
    let fits = |bytes: &[u8]| -> Result<Hash, LogError> {
        bytes.try_into().map_err(|_| LogError::Damaged("a kept outcome is malformed".to_owned()))
    };
    rows.iter()
        .map(|row| {
            let outcome = StoredOutcome {
                fingerprint: fits(row.try_get(4)?)?,
                outcome: row.try_get(5)?,
                position: u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or_default(),
                changed: row.try_get(6)?,
            };
            Ok((row.try_get(0)?, fits(row.try_get(1)?)?, outcome, row.try_get(2)?))
        })
        .collect()
}

pub(super) async fn snapshot(
    readers: &SqlitePool,
    workspace: WorkspaceId,
    stream: Uuid,
) -> Result<Option<Snapshot>, LogError> {
    let row: Option<(i64, i64, Vec<u8>)> =
        sqlx::query_as("select version, sequence, state from snapshots where workspace = $1 and stream_id = $2")
            .bind(workspace.0)
            .bind(stream)
            .fetch_optional(readers)
            .await?;
    Ok(row.and_then(|(version, sequence, state)| {
        Some(Snapshot { version: u32::try_from(version).ok()?, sequence: u64::try_from(sequence).ok()?, state })
    }))
}

pub(super) async fn claims(
    readers: &SqlitePool,
    workspace: WorkspaceId,
    after: Option<(String, Hash)>,
    limit: usize,
) -> Result<Vec<StoredClaim>, LogError> {
    let (kind, hash) = after.map_or((String::new(), Vec::new()), |(kind, hash)| (kind, hash.to_vec()));
    let rows: Vec<(String, Vec<u8>, Uuid, i64)> = sqlx::query_as(
        "select kind, hash, owner, position from claims
         where workspace = $1 and (kind, hash) > ($2, $3) order by kind, hash limit $4",
    )
    .bind(workspace.0)
    .bind(kind)
    .bind(hash)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(readers)
    .await?;
    rows.into_iter()
        .map(|(kind, hash, owner, position)| {
            let hash = hash.try_into().map_err(|_| LogError::Damaged("a claim has a malformed hash".to_owned()))?;
            Ok((kind, hash, owner, u64::try_from(position).unwrap_or_default()))
        })
        .collect()
}

pub(super) async fn nodes(
    readers: &SqlitePool,
    workspace: WorkspaceId,
    level: u8,
    first: u64,
    limit: usize,
) -> Result<Vec<Node>, LogError> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "select node_index, hash from merkle_nodes
         where workspace = $1 and level = $2 and node_index >= $3 order by node_index limit $4",
    )
    .bind(workspace.0)
    .bind(level)
    .bind(i64::try_from(first).unwrap_or(i64::MAX))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(readers)
    .await?;
    rows.into_iter()
        .map(|(index, hash)| {
            let hash = hash.try_into().map_err(|_| LogError::Damaged("a node has a malformed hash".to_owned()))?;
            Ok(Node { level, index: u64::try_from(index).unwrap_or_default(), hash })
        })
        .collect()
}

pub(super) async fn token_uses(readers: &SqlitePool, workspace: WorkspaceId) -> Result<Vec<(TokenId, i64)>, LogError> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as("select token, used_at from token_uses where workspace = $1")
        .bind(workspace.0)
        .fetch_all(readers)
        .await?;
    Ok(rows.into_iter().map(|(token, used_at)| (TokenId(token), used_at)).collect())
}
