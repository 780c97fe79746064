//! Who does what for a workspace: rows that a process takes for a time, on the database's clock, and renews or gives back.

use std::time::Duration;

use aggregates::ids::WorkspaceId;
use uuid::Uuid;

use super::append::unsigned;
use super::connections::Connections;
use crate::event_log::append::{Fence, LogError};
use crate::event_log::store::Lease;

pub(super) async fn hold(
    connections: &Connections,
    purpose: &'static str,
    holder: Uuid,
    workspaces: &[WorkspaceId],
    time: Duration,
) -> Result<Vec<Lease>, LogError> {
    // In one order, so that two processes never wait for one another in a circle.
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "insert into chatbotx_log.leases as held (purpose, workspace, holder, epoch, held_until)
         select $1, workspace, $2, 1, clock_timestamp() + make_interval(secs => $4)
         from unnest($3::uuid[]) as w (workspace) order by workspace
         on conflict (purpose, workspace) do update set holder = excluded.holder, held_until = excluded.held_until,
             epoch = held.epoch + case when held.holder = excluded.holder then 0 else 1 end
         where held.holder = excluded.holder or held.held_until < clock_timestamp()
         returning workspace, epoch",
    )
    .bind(purpose)
    .bind(holder)
    .bind(workspaces.iter().map(|workspace| workspace.0).collect::<Vec<_>>())
    .bind(time.as_secs_f64())
    .fetch_all(connections)
    .await?;
    let lease = |(workspace, epoch)| Lease {
        workspace: WorkspaceId(workspace),
        fence: Some(Fence { purpose, epoch: unsigned(epoch) }),
    };
    Ok(rows.into_iter().map(lease).collect())
}

pub(super) async fn release(connections: &Connections, purpose: &'static str, holder: Uuid) -> Result<(), LogError> {
    // The row stays: its epoch must never be used again.
    sqlx::query("update chatbotx_log.leases set held_until = '-infinity' where purpose = $1 and holder = $2")
        .bind(purpose)
        .bind(holder)
        .execute(connections)
        .await?;
    Ok(())
}
