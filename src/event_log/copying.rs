//! A log copied from one database into another: every event at its position, with its time and its hash, and all that is as durable.
//!
//! What is copied is what is stored: ciphertext stays ciphertext, and nothing is sealed anew. The copy is one transaction: it is there
//! as a whole, or not at all. Snapshots are left out; they are made anew from the events.

use std::collections::HashMap;

use aggregates::claim::ClaimKind;
use aggregates::ids::{TokenId, WorkspaceId};
use uuid::Uuid;

use super::MASTER_KEY_CHECK;
use super::append::{LogError, StoredEvent, StoredOutcome};
use super::batch::{EventRow, Head, Rows};
use super::merkle::Hash;
use super::store::{EventRange, LogStore, REACTIONS, ReactionCheckpoint};
use futures::future::BoxFuture;

/// Rows of one kind that are read at once.
const PAGE: usize = 1_000;

/// An outcome as stored: scope, hash of the key, outcome, until when it is kept (microseconds).
pub type KeptOutcome = (String, Hash, StoredOutcome, i64);

/// A copy under way. Dropping it leaves nothing behind.
pub trait LogCopy: Send {
    /// Writes rows; heads come with the last rows of their workspace.
    fn write<'a>(&'a mut self, rows: &'a Rows<'a>) -> BoxFuture<'a, Result<(), LogError>>;

    /// Writes what belongs to no event, and commits.
    fn finish(self: Box<Self>, rest: Rest) -> BoxFuture<'static, Result<(), LogError>>;
}

/// What belongs to no event.
#[derive(Debug, Default)]
pub struct Rest {
    /// When tokens were last used.
    pub token_uses: Vec<(WorkspaceId, TokenId, i64)>,
    /// How far the reactions have come.
    pub checkpoints: Vec<ReactionCheckpoint>,
    /// Properties of the log.
    pub properties: Vec<(&'static str, Vec<u8>)>,
}

/// Copies a whole log into an empty one; gives how many events that were. `progress` is told how many of how many are done.
///
/// # Errors
/// [`LogError::Damaged`] when the target is not empty, or what is read contradicts its own tree; what a database says.
pub async fn copy(
    from: &dyn LogStore,
    to: &dyn LogStore,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<u64, LogError> {
    let held = to.traces().await?;
    if !held.workspaces.is_empty() || held.malformed > 0 {
        return Err(LogError::Damaged("there is a log already where the copy should go".to_owned()));
    }
    let workspaces = from.workspaces().await?;
    let mut heads = Vec::with_capacity(workspaces.len());
    for workspace in workspaces {
        heads.push((workspace, from.head(workspace).await?));
    }
    let total = heads.iter().map(|(_, head)| head.frontier.size()).sum();
    let mut copy = to.begin_copy().await?;
    let mut done = 0;
    for (workspace, head) in &heads {
        let (events, claims) =
            copy_events(from, &mut *copy, *workspace, head, &|copied| progress(done + copied, total)).await?;
        copy_keys(from, &mut *copy, *workspace).await?;
        copy_outcomes(from, &mut *copy, *workspace).await?;
        tracing::info!(workspace.id = %workspace, events, claims, "copied");
        done += events;
    }
    let mut rest = Rest::default();
    for (workspace, _) in &heads {
        let uses = from.token_uses(*workspace).await?;
        rest.token_uses.extend(uses.into_iter().map(|(token, used_at)| (*workspace, token, used_at)));
    }
    for reaction in REACTIONS {
        let checkpoints = from.reaction_checkpoints(reaction).await?;
        rest.checkpoints.extend(checkpoints.into_iter().map(|(workspace, position)| ReactionCheckpoint {
            reaction,
            workspace,
            position,
        }));
    }
    if let Some(check) = from.kept_property(MASTER_KEY_CHECK).await? {
        rest.properties.push((MASTER_KEY_CHECK, check));
    }
    copy.finish(rest).await?;
    Ok(done)
}

/// The events of a workspace with their nodes, then its claims with the head; tells how many of each.
async fn copy_events(
    from: &dyn LogStore,
    copy: &mut dyn LogCopy,
    workspace: WorkspaceId,
    head: &Head,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<(u64, u64), LogError> {
    let mut tree = Head::default();
    while tree.frontier.size() < head.frontier.size() {
        let page: Vec<StoredEvent> = from.events(workspace, EventRange::After(tree.frontier.size()), PAGE).await?;
        let mut rows = Rows::default();
        for event in &page {
            if event.placed.position != tree.frontier.size() + 1 {
                let missing = tree.frontier.size() + 1;
                return Err(LogError::Damaged(format!("the event at position {missing} of {workspace} is missing")));
            }
            let nodes = tree.frontier.push(event.placed.leaf_hash);
            rows.nodes.extend(nodes.into_iter().map(|node| (workspace, node)));
            rows.events.push(EventRow::stored(event));
        }
        if page.is_empty() {
            return Err(LogError::Damaged(format!("the log of {workspace} ends before its head")));
        }
        copy.write(&rows).await?;
        progress(tree.frontier.size());
    }
    if tree.frontier != head.frontier {
        return Err(LogError::Damaged(format!(
            "the head of {workspace} is not that of its events: log verify says where"
        )));
    }
    let mut claims = 0;
    let mut after = None;
    loop {
        let page = from.claims(workspace, after, PAGE).await?;
        let Some((kind, hash, ..)) = page.last() else { break };
        after = Some((kind.clone(), *hash));
        claims += page.len() as u64;
        let mut rows = Rows::default();
        for (kind, hash, owner, position) in page {
            let kind = ClaimKind::from_name(&kind)
                .ok_or_else(|| LogError::Damaged(format!("{workspace} has a claim of an unknown kind")))?;
            rows.claims.insert((workspace, kind, hash), Some((owner, position)));
        }
        copy.write(&rows).await?;
    }
    copy.write(&Rows { heads: HashMap::from([(workspace, head.clone())]), ..Rows::default() }).await?;
    Ok((head.frontier.size(), claims))
}

async fn copy_keys(from: &dyn LogStore, copy: &mut dyn LogCopy, workspace: WorkspaceId) -> Result<(), LogError> {
    let mut after = Uuid::nil();
    loop {
        let page = from.subject_keys_after(workspace, after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = *last;
        let keys = page.iter().map(|(subject, wrapped)| ((workspace, *subject), wrapped.as_slice())).collect();
        copy.write(&Rows { keys, ..Rows::default() }).await?;
    }
}

async fn copy_outcomes(from: &dyn LogStore, copy: &mut dyn LogCopy, workspace: WorkspaceId) -> Result<(), LogError> {
    let mut after = (String::new(), [0; 32]);
    loop {
        let page = from.outcomes_after(workspace, after, PAGE).await?;
        let Some((scope, hash, ..)) = page.last() else { return Ok(()) };
        after = (scope.clone(), *hash);
        let outcomes = page
            .into_iter()
            .map(|(scope, hash, outcome, kept_until)| ((workspace, scope, hash), outcome, kept_until))
            .collect();
        copy.write(&Rows { outcomes, ..Rows::default() }).await?;
    }
}
