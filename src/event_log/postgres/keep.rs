//! What is kept beside the events, one statement each: snapshots, uses of tokens, checkpoints of reactions, properties.

use aggregates::ids::{TokenId, WorkspaceId};
use sqlx::postgres::PgExecutor;
use uuid::Uuid;

use super::connections::Connections;
use super::rows::signed;
use crate::event_log::append::LogError;
use crate::event_log::store::{ReactionCheckpoint, Snapshot};

pub(super) async fn snapshot(
    connections: &Connections,
    workspace: WorkspaceId,
    stream: Uuid,
    snapshot: &Snapshot,
) -> Result<(), LogError> {
    sqlx::query(
        "insert into chatbotx_log.snapshots (workspace, stream_id, version, sequence, state) values ($1, $2, $3, $4, $5)
         on conflict (workspace, stream_id) do update
         set version = excluded.version, sequence = excluded.sequence, state = excluded.state
         where (excluded.version, excluded.sequence) > (snapshots.version, snapshots.sequence)",
    )
    .bind(workspace.0)
    .bind(stream)
    .bind(i64::from(snapshot.version))
    .bind(signed(snapshot.sequence))
    .bind(snapshot.state.as_slice())
    .execute(connections)
    .await?;
    Ok(())
}

pub(super) async fn forget_outcomes(connections: &Connections, now: i64) -> Result<u64, LogError> {
    // Rows that another process is removing at this moment are its own business.
    let done = sqlx::query(
        "delete from chatbotx_log.idempotency_keys k using (
             select workspace, scope, key_hash from chatbotx_log.idempotency_keys
             where kept_until <= $1 for update skip locked
         ) ended
         where k.workspace = ended.workspace and k.scope = ended.scope and k.key_hash = ended.key_hash",
    )
    .bind(now)
    .execute(connections)
    .await?;
    Ok(done.rows_affected())
}

pub(super) async fn token_uses_on<'c>(
    executor: impl PgExecutor<'c>,
    uses: &[(WorkspaceId, TokenId, i64)],
) -> Result<(), LogError> {
    // In one order, so that two processes never wait for one another.
    let mut uses = uses.to_vec();
    uses.sort_unstable();
    sqlx::query(
        "insert into chatbotx_log.token_uses as kept (workspace, token, used_at)
         select workspace, token, max(used_at) from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as u (workspace, token, used_at)
         group by workspace, token order by workspace, token
         on conflict (workspace, token) do update set used_at = greatest(kept.used_at, excluded.used_at)",
    )
    .bind(uses.iter().map(|(workspace, ..)| workspace.0).collect::<Vec<_>>())
    .bind(uses.iter().map(|(_, token, _)| token.0).collect::<Vec<_>>())
    .bind(uses.iter().map(|(.., used_at)| *used_at).collect::<Vec<_>>())
    .execute(executor)
    .await?;
    Ok(())
}

pub(super) async fn reaction_checkpoints_on<'c>(
    executor: impl PgExecutor<'c>,
    checkpoints: &[ReactionCheckpoint],
) -> Result<(), LogError> {
    sqlx::query(
        "update chatbotx_log.reaction_checkpoints kept set position = moved.position
         from unnest($1::text[], $2::uuid[], $3::bigint[]) as moved (reaction, workspace, position)
         where moved.reaction = kept.reaction and moved.workspace = kept.workspace and moved.position > kept.position",
    )
    .bind(checkpoints.iter().map(|checkpoint| checkpoint.reaction).collect::<Vec<_>>())
    .bind(checkpoints.iter().map(|checkpoint| checkpoint.workspace.0).collect::<Vec<_>>())
    .bind(checkpoints.iter().map(|checkpoint| signed(checkpoint.position)).collect::<Vec<_>>())
    .execute(executor)
    .await?;
    Ok(())
}

/// Keeps a property unless one is kept.
pub(super) async fn property_on<'c>(executor: impl PgExecutor<'c>, name: &str, value: &[u8]) -> Result<(), LogError> {
    sqlx::query("insert into chatbotx_log.log_properties (name, value) values ($1, $2) on conflict (name) do nothing")
        .bind(name)
        .bind(value)
        .execute(executor)
        .await?;
    Ok(())
}

pub(super) async fn property(connections: &Connections, name: &str, value: &[u8]) -> Result<Vec<u8>, LogError> {
    property_on(connections, name, value).await?;
    let (kept,): (Vec<u8>,) = sqlx::query_as("select value from chatbotx_log.log_properties where name = $1")
        .bind(name)
        .fetch_one(connections)
        .await?;
    Ok(kept)
}
