//! The log of a workspace for an auditor, event by event: never more than a page of it in memory.

use std::sync::Arc;

use aggregates::ids::WorkspaceId;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;

use crate::app::{App, Moment};
use crate::event_log::append::StoredEvent;
use crate::event_log::store::EventRange;
use crate::operations::exported;
use crate::problem::Problem;

/// Events read at once. Each may have 256 kB.
const PAGE: usize = 200;

/// Sends every event behind `after` up to `until` as `{"event","done","total"}`, in the order of the log. The result says how many they
/// were, up to which position, and the root of the Merkle tree there.
///
/// # Errors
/// `invalid_input` for a position that does not exist; `unavailable` when the log cannot be read, or nobody listens any more.
pub async fn export(
    app: &Arc<App>,
    workspace: WorkspaceId,
    after: u64,
    until: Option<Moment>,
    listener: &Sender<Value>,
) -> Result<Value, Problem> {
    let until = app.position_at(workspace, until).await?;
    let total = until.saturating_sub(after);
    let mut position = after;
    while position < until {
        let limit = usize::try_from(until - position).map_or(PAGE, |rest| rest.min(PAGE));
        let page = app.log().store().events(workspace, EventRange::After(position), limit).await?;
        let Some(last) = page.last().map(|event| event.placed.position) else { break };
        for line in lines(app, workspace, page).await? {
            let done = line.0 - after;
            if listener.send(json!({ "event": line.1, "done": done, "total": total })).await.is_err() {
                return Ok(json!({}));
            }
        }
        position = last;
    }
    let root = app.log().root_at(workspace, until).await?;
    Ok(json!({ "workspace": workspace, "events": position - after, "until": until, "root": root }))
}

async fn lines(app: &Arc<App>, workspace: WorkspaceId, page: Vec<StoredEvent>) -> Result<Vec<(u64, Value)>, Problem> {
    let entries = app.log().decode(workspace, page.clone()).await?;
    let pairs = page.iter().zip(&entries);
    pairs.map(|(stored, entry)| Ok((stored.placed.position, exported(stored, &entry.recorded)?))).collect()
}
