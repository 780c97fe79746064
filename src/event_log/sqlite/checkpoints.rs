//! How far the reactions have come: rows that are made with their workspace and only ever move forwards.

use aggregates::ids::WorkspaceId;
use rusqlite::{Connection, params};
use sqlx::sqlite::SqlitePool;

use super::write::{id, signed};
use crate::event_log::append::LogError;
use crate::event_log::batch::Rows;
use crate::event_log::store::{REACTIONS, ReactionCheckpoint};

/// Makes the rows of the workspaces that begin with this batch.
pub(super) fn begin(connection: &Connection, rows: &Rows<'_>) -> Result<(), LogError> {
    for event in rows.events.iter().filter(|event| event.placed.position == 1) {
        for reaction in REACTIONS {
            connection.execute(
                "insert into reaction_checkpoints (reaction, workspace, position) values (?1, ?2, 0) on conflict do nothing",
                params![reaction, id(&event.workspace.0)],
            )?;
        }
    }
    Ok(())
}

pub(super) async fn all(readers: &SqlitePool, reaction: &str) -> Result<Vec<(WorkspaceId, u64)>, LogError> {
    let rows: Vec<(uuid::Uuid, i64)> =
        sqlx::query_as("select workspace, position from reaction_checkpoints where reaction = $1 order by workspace")
            .bind(reaction)
            .fetch_all(readers)
            .await?;
    Ok(rows
        .into_iter()
        .map(|(workspace, position)| (WorkspaceId(workspace), u64::try_from(position).unwrap_or_default()))
        .collect())
}

pub(super) fn move_on(connection: &Connection, checkpoints: &[ReactionCheckpoint]) -> Result<(), LogError> {
    let mut update = connection.prepare_cached(
        "update reaction_checkpoints set position = ?3 where reaction = ?1 and workspace = ?2 and position < ?3",
    )?;
    for checkpoint in checkpoints {
        update.execute(params![checkpoint.reaction, id(&checkpoint.workspace.0), signed(checkpoint.position)])?;
    }
    Ok(())
}
