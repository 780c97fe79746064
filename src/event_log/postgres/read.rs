//! What is read from the log's PostgreSQL tables.

use aggregates::claim::ClaimKind;
use aggregates::ids::{EventId, TokenId, WorkspaceId};
use aggregates::stream::StreamType;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::append::{head as head_of, outcome as outcome_of, unsigned};
use super::connections::Connections;
use super::rows::signed;
use crate::event_log::append::{LogError, Placed, StoredEvent, StoredOutcome};
use crate::event_log::batch::Head;
use crate::event_log::copying::KeptOutcome;
use crate::event_log::merkle::{Hash, Node};
use crate::event_log::store::{EventRange, Snapshot, StoredClaim, Traces};

const EVENT_COLUMNS: &str = "position, stream_type, stream_id, sequence, event_id, event_type, event_version, subject, payload, metadata, \
                             recorded_at, leaf_hash";

fn limited(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) async fn workspaces(connections: &Connections) -> Result<Vec<WorkspaceId>, LogError> {
    let rows: Vec<(Uuid,)> =
        sqlx::query_as("select workspace from chatbotx_log.heads where position > 0 order by workspace")
            .fetch_all(connections)
            .await?;
    Ok(rows.into_iter().map(|(id,)| WorkspaceId(id)).collect())
}

/// Workspace, last position and its time, of the workspaces whose last event was recorded at `since` or later.
pub(super) async fn positions(connections: &Connections, since: i64) -> Result<Vec<(WorkspaceId, u64, i64)>, LogError> {
    let rows: Vec<(Uuid, i64, i64)> = sqlx::query_as(
        "select workspace, position, recorded_at from chatbotx_log.heads where position > 0 and recorded_at >= $1",
    )
    .bind(since)
    .fetch_all(connections)
    .await?;
    Ok(rows.into_iter().map(|(id, position, at)| (WorkspaceId(id), unsigned(position), at)).collect())
}

pub(super) async fn kept_property(connections: &Connections, name: &str) -> Result<Option<Vec<u8>>, LogError> {
    let row: Option<(Vec<u8>,)> = sqlx::query_as("select value from chatbotx_log.log_properties where name = $1")
        .bind(name)
        .fetch_optional(connections)
        .await?;
    Ok(row.map(|(value,)| value))
}

pub(super) async fn traces(connections: &Connections) -> Result<Traces, LogError> {
    // From one workspace to the next through the primary keys, instead of over all their rows.
    let rows: Vec<(Uuid,)> = sqlx::query_as(
        "with recursive
         of_events (workspace) as (
             (select workspace from chatbotx_log.events order by workspace limit 1)
             union all
             select next.workspace from of_events o cross join lateral (
                 select e.workspace from chatbotx_log.events e where e.workspace > o.workspace order by e.workspace limit 1
             ) next
         ),
         of_claims (workspace) as (
             (select workspace from chatbotx_log.claims order by workspace limit 1)
             union all
             select next.workspace from of_claims o cross join lateral (
                 select c.workspace from chatbotx_log.claims c where c.workspace > o.workspace order by c.workspace limit 1
             ) next
         )
         select workspace from chatbotx_log.heads where position > 0
         union select workspace from of_events
         union select workspace from of_claims
         order by 1",
    )
    .fetch_all(connections)
    .await?;
    // The columns are of the type uuid: another id cannot stand there.
    Ok(Traces { workspaces: rows.into_iter().map(|(id,)| WorkspaceId(id)).collect(), malformed: 0 })
}

pub(super) async fn head(connections: &Connections, workspace: WorkspaceId) -> Result<Head, LogError> {
    let row = sqlx::query("select position, recorded_at, frontier from chatbotx_log.heads where workspace = $1")
        .bind(workspace.0)
        .fetch_optional(connections)
        .await?;
    let Some(row) = row else { return Ok(Head::default()) };
    head_of(workspace, row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)
}

pub(super) async fn events(
    connections: &Connections,
    workspace: WorkspaceId,
    range: EventRange,
    limit: usize,
) -> Result<Vec<StoredEvent>, LogError> {
    let (condition, subject, bound) = match range {
        EventRange::After(position) => ("position > $2 and $3::uuid is null order by position", None, position),
        EventRange::Before(position) => ("position < $2 and $3::uuid is null order by position desc", None, position),
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
    let sql = format!("select {EVENT_COLUMNS} from chatbotx_log.events where workspace = $1 and {condition} limit $4");
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(workspace.0)
        .bind(signed(bound))
        .bind(subject)
        .bind(limited(limit))
        .fetch_all(connections)
        .await?;
    rows.iter().map(|row| stored_event(workspace, row)).collect()
}

fn stored_event(workspace: WorkspaceId, row: &PgRow) -> Result<StoredEvent, LogError> {
    let position: i64 = row.try_get(0)?;
    let damaged = |what: &str| LogError::Damaged(format!("position {position} has a malformed {what}"));
    let stream_type: &str = row.try_get(1)?;
    let sequence: i64 = row.try_get(3)?;
    let version: i32 = row.try_get(6)?;
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
    connections: &Connections,
    workspace: WorkspaceId,
    streams: &[Uuid],
) -> Result<Vec<u64>, LogError> {
    let rows: Vec<(Option<i64>,)> = sqlx::query_as(
        "select (select e.sequence from chatbotx_log.events e
                 where e.workspace = $1 and e.stream_id = w.stream order by e.sequence desc limit 1)
         from unnest($2::uuid[]) with ordinality as w (stream, place) order by w.place",
    )
    .bind(workspace.0)
    .bind(streams)
    .fetch_all(connections)
    .await?;
    Ok(rows.into_iter().map(|(sequence,)| sequence.map_or(0, unsigned)).collect())
}

pub(super) async fn claim_owner(
    connections: &Connections,
    workspace: WorkspaceId,
    kind: ClaimKind,
    hash: Hash,
) -> Result<Option<(Uuid, u64)>, LogError> {
    let row: Option<(Uuid, i64)> = sqlx::query_as(
        "select owner, position from chatbotx_log.claims where workspace = $1 and kind = $2 and hash = $3",
    )
    .bind(workspace.0)
    .bind(kind.name())
    .bind(hash.as_slice())
    .fetch_optional(connections)
    .await?;
    Ok(row.map(|(owner, position)| (owner, unsigned(position))))
}

pub(super) async fn claim_owner_anywhere(
    connections: &Connections,
    kind: ClaimKind,
    hash: Hash,
) -> Result<Option<(WorkspaceId, Uuid)>, LogError> {
    let row: Option<(Uuid, Uuid)> = sqlx::query_as(
        "select workspace, owner from chatbotx_log.claims
         where kind = $1 and hash = $2 and kind in ('token_digest', 'account_address')
         order by workspace limit 1",
    )
    .bind(kind.name())
    .bind(hash.as_slice())
    .fetch_optional(connections)
    .await?;
    Ok(row.map(|(workspace, owner)| (WorkspaceId(workspace), owner)))
}

pub(super) async fn subject_keys(
    connections: &Connections,
    workspace: WorkspaceId,
    subjects: &[Uuid],
) -> Result<Vec<(Uuid, Vec<u8>)>, LogError> {
    let rows = sqlx::query_as(
        "select s.subject, s.wrapped from unnest($2::uuid[]) as w (subject)
         cross join lateral (
             select k.subject, k.wrapped from chatbotx_log.subject_keys k
             where k.workspace = $1 and k.subject = w.subject limit 1
         ) s",
    )
    .bind(workspace.0)
    .bind(subjects)
    .fetch_all(connections)
    .await?;
    Ok(rows)
}

pub(super) async fn subject_keys_after(
    connections: &Connections,
    workspace: WorkspaceId,
    after: Uuid,
    limit: usize,
) -> Result<Vec<(Uuid, Vec<u8>)>, LogError> {
    let rows = sqlx::query_as(
        "select subject, wrapped from chatbotx_log.subject_keys
         where workspace = $1 and subject > $2 order by subject limit $3",
    )
    .bind(workspace.0)
    .bind(after)
    .bind(limited(limit))
    .fetch_all(connections)
    .await?;
    Ok(rows)
}

pub(super) async fn outcomes_after(
    connections: &Connections,
    workspace: WorkspaceId,
    (scope, hash): (String, Hash),
    limit: usize,
) -> Result<Vec<KeptOutcome>, LogError> {
    let rows = sqlx::query(
        "select scope, key_hash, kept_until, position, fingerprint, outcome, changed from chatbotx_log.idempotency_keys
         where workspace = $1 and (scope, key_hash) > ($2, $3) order by scope, key_hash limit $4",
    )
    .bind(workspace.0)
    .bind(scope)
    .bind(hash.as_slice())
    .bind(limited(limit))
    .fetch_all(connections)
    .await?;
    rows.iter()
        .map(|row| {
            let hash: &[u8] = row.try_get(1)?;
            let hash =
                hash.try_into().map_err(|_| LogError::Damaged("a kept outcome has a malformed key".to_owned()))?;
            Ok((row.try_get(0)?, hash, outcome_of(row, 3)?, row.try_get(2)?))
        })
        .collect()
}

pub(super) async fn outcome(
    connections: &Connections,
    workspace: WorkspaceId,
    scope: &str,
    key_hash: Hash,
    now: i64,
) -> Result<Option<StoredOutcome>, LogError> {
    let row = sqlx::query(
        "select position, fingerprint, outcome, changed from chatbotx_log.idempotency_keys
         where workspace = $1 and scope = $2 and key_hash = $3 and kept_until > $4",
    )
    .bind(workspace.0)
    .bind(scope)
    .bind(key_hash.as_slice())
    .bind(now)
    .fetch_optional(connections)
    .await?;
    row.map(|row| outcome_of(&row, 0)).transpose()
}

pub(super) async fn snapshot(
    connections: &Connections,
    workspace: WorkspaceId,
    stream: Uuid,
) -> Result<Option<Snapshot>, LogError> {
    let row: Option<(i64, i64, Vec<u8>)> = sqlx::query_as(
        "select version, sequence, state from chatbotx_log.snapshots where workspace = $1 and stream_id = $2",
    )
    .bind(workspace.0)
    .bind(stream)
    .fetch_optional(connections)
    .await?;
    Ok(row.and_then(|(version, sequence, state)| {
        Some(Snapshot { version: u32::try_from(version).ok()?, sequence: u64::try_from(sequence).ok()?, state })
    }))
}

pub(super) async fn claims(
    connections: &Connections,
    workspace: WorkspaceId,
    after: Option<(String, Hash)>,
    limit: usize,
) -> Result<Vec<StoredClaim>, LogError> {
    let (kind, hash) = after.map_or((String::new(), Vec::new()), |(kind, hash)| (kind, hash.to_vec()));
    let rows: Vec<(String, Vec<u8>, Uuid, i64)> = sqlx::query_as(
        "select kind, hash, owner, position from chatbotx_log.claims
         where workspace = $1 and (kind, hash) > ($2, $3) order by kind, hash limit $4",
    )
    .bind(workspace.0)
    .bind(kind)
    .bind(hash)
    .bind(limited(limit))
    .fetch_all(connections)
    .await?;
    rows.into_iter()
        .map(|(kind, hash, owner, position)| {
            let hash = hash.try_into().map_err(|_| LogError::Damaged("a claim has a malformed hash".to_owned()))?;
            Ok((kind, hash, owner, unsigned(position)))
        })
        .collect()
}

pub(super) async fn nodes(
    connections: &Connections,
    workspace: WorkspaceId,
    level: u8,
    first: u64,
    limit: usize,
) -> Result<Vec<Node>, LogError> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "select node_index, hash from chatbotx_log.merkle_nodes
         where workspace = $1 and level = $2 and node_index >= $3 order by node_index limit $4",
    )
    .bind(workspace.0)
    .bind(i16::from(level))
    .bind(signed(first))
    .bind(limited(limit))
    .fetch_all(connections)
    .await?;
    rows.into_iter()
        .map(|(index, hash)| {
            let hash = hash.try_into().map_err(|_| LogError::Damaged("a node has a malformed hash".to_owned()))?;
            Ok(Node { level, index: unsigned(index), hash })
        })
        .collect()
}

pub(super) async fn token_uses(
    connections: &Connections,
    workspace: WorkspaceId,
) -> Result<Vec<(TokenId, i64)>, LogError> {
    let rows: Vec<(Uuid, i64)> =
        sqlx::query_as("select token, used_at from chatbotx_log.token_uses where workspace = $1")
            .bind(workspace.0)
            .fetch_all(connections)
            .await?;
    Ok(rows.into_iter().map(|(token, used_at)| (TokenId(token), used_at)).collect())
}

pub(super) async fn reaction_checkpoints(
    connections: &Connections,
    reaction: &str,
) -> Result<Vec<(WorkspaceId, u64)>, LogError> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "select workspace, position from chatbotx_log.reaction_checkpoints where reaction = $1 order by workspace",
    )
    .bind(reaction)
    .fetch_all(connections)
    .await?;
    Ok(rows.into_iter().map(|(workspace, position)| (WorkspaceId(workspace), unsigned(position))).collect())
}
