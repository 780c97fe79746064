//! What is kept beside the events in the log's SQLite file: snapshots, properties, uses of tokens.

use aggregates::ids::{TokenId, WorkspaceId};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::write::{id, signed};
use crate::event_log::append::LogError;
use crate::event_log::store::Snapshot;

pub(super) fn snapshot(
    connection: &Connection,
    workspace: WorkspaceId,
    stream: Uuid,
    snapshot: &Snapshot,
) -> Result<(), LogError> {
    let mut keep = connection.prepare_cached(
        "insert into snapshots (workspace, stream_id, version, sequence, state) values (?1, ?2, ?3, ?4, ?5)
         on conflict (workspace, stream_id) do update
         set version = excluded.version, sequence = excluded.sequence, state = excluded.state
         where (excluded.version, excluded.sequence) > (snapshots.version, snapshots.sequence)",
    )?;
    keep.execute(params![id(&workspace.0), id(&stream), snapshot.version, signed(snapshot.sequence), snapshot.state])?;
    Ok(())
}

pub(super) fn property(connection: &Connection, name: &str, value: &[u8]) -> Result<Vec<u8>, LogError> {
    connection.execute(
        "insert into log_properties (name, value) values (?1, ?2) on conflict (name) do nothing",
        params![name, value],
    )?;
    Ok(connection.query_row("select value from log_properties where name = ?1", params![name], |row| row.get(0))?)
}

pub(super) fn forget_outcomes(connection: &Connection, now: i64) -> Result<u64, LogError> {
    let forgotten = connection.execute("delete from idempotency_keys where kept_until <= ?1", params![now])?;
    Ok(forgotten as u64)
}

pub(super) fn token_uses(connection: &Connection, uses: &[(WorkspaceId, TokenId, i64)]) -> Result<(), LogError> {
    let mut keep = connection.prepare_cached(
        "insert into token_uses (workspace, token, used_at) values (?1, ?2, ?3)
         on conflict (workspace, token) do update set used_at = max(used_at, excluded.used_at)",
    )?;
    for (workspace, token, used_at) in uses {
        keep.execute(params![id(&workspace.0), id(&token.0), used_at])?;
    }
    Ok(())
}
