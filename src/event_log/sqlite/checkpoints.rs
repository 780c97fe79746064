//! How far the reactions have come: rows that are made with their workspace and only ever move forwards.

use aggregates::ids::WorkspaceId;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection, QueryBuilder, Sqlite};

use super::write::signed;
use crate::event_log::append::LogError;
use crate::event_log::batch::Rows;
use crate::event_log::store::{REACTIONS, ReactionCheckpoint};

/// Makes the rows of the workspaces that begin with this batch.
pub(super) async fn begin(connection: &mut SqliteConnection, rows: &Rows<'_>) -> Result<(), LogError> {
    for event in rows.events.iter().filter(|event| event.placed.position == 1) {
        for reaction in REACTIONS {
            sqlx::query(
                "insert into reaction_checkpoints (reaction, workspace, position) values ($1, $2, 0) on conflict do nothing",
            )
            .bind(reaction)
            .bind(event.workspace.0)
            .execute(&mut *connection)
            .await?;
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

pub(super) async fn keep(
    connection: &mut SqliteConnection,
    checkpoints: &[ReactionCheckpoint],
) -> Result<(), LogError> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    move_on(&mut transaction, checkpoints).await?;
    transaction.commit().await?;
    Ok(())
}

pub(super) async fn move_on(
    connection: &mut SqliteConnection,
    checkpoints: &[ReactionCheckpoint],
) -> Result<(), LogError> {
    for chunk in checkpoints.chunks(100) {
        let mut query = QueryBuilder::<Sqlite>::new("with moved (reaction, workspace, position) as (");
        query.push_values(chunk, |mut row, checkpoint| {
            row.push_bind(checkpoint.reaction).push_bind(checkpoint.workspace.0).push_bind(signed(checkpoint.position));
        });
        query.push(
            ") update reaction_checkpoints as kept set position = moved.position from moved
             where moved.reaction = kept.reaction and moved.workspace = kept.workspace
             and moved.position > kept.position",
        );
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
