//! Proves that a workspace's log is what was once written: every event against its leaf, every leaf against the tree, every stream
//! without gaps, and the claims against those that follow from the events.

use std::collections::HashMap;

use aggregates::claim::ClaimChange;
use aggregates::ids::WorkspaceId;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::EventLog;
use super::append::{LogError, NewEvent, StoredEvent};
use super::batch::Head;
use super::merkle::{Frontier, Hash, Node, leaf_hash};
use super::store::EventRange;

const PAGE: usize = 2_000;

/// What was found in one workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceVerification {
    /// The workspace.
    pub id: WorkspaceId,
    /// How many events there are.
    pub size: u64,
    /// The root of the tree over them, in hex.
    pub root: String,
    /// The first position that is not as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<BadPosition>,
}

/// A position that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BadPosition {
    /// The position.
    pub position: u64,
    /// What is wrong with it.
    pub reason: String,
}

fn bad(position: u64, reason: impl Into<String>) -> BadPosition {
    BadPosition { position, reason: reason.into() }
}

/// What was found in a workspace whose tree, as far as it was walked, is `frontier`.
pub(super) fn finding(
    workspace: WorkspaceId,
    frontier: &Frontier,
    bad: Option<(u64, String)>,
) -> WorkspaceVerification {
    let root = frontier.root().iter().map(|byte| format!("{byte:02x}")).collect();
    let first_bad = bad.map(|(position, reason)| BadPosition { position, reason });
    WorkspaceVerification { id: workspace, size: frontier.size(), root, first_bad }
}

/// A walk over one workspace's log.
pub(super) struct Walk {
    pub(super) workspace: WorkspaceId,
    pub(super) frontier: Frontier,
    pub(super) recorded_at: i64,
    pub(super) sequences: HashMap<Uuid, (u64, aggregates::stream::StreamType)>,
    /// Otherwise streams go on that began before: the first event of each that is met is taken at its word.
    pub(super) from_the_beginning: bool,
    pub(super) claims: HashMap<(String, Hash), (Uuid, u64)>,
    /// Completed nodes of the page at hand, to be compared with the stored ones.
    pub(super) nodes: Vec<(u64, Node)>,
}

impl EventLog {
    /// Verifies a workspace's log; `progress` is told the position and the size from time to time.
    ///
    /// # Errors
    /// When the database cannot be read. What is wrong with the log is an answer, not an error.
    pub async fn verify(
        &self,
        workspace: WorkspaceId,
        progress: &(dyn Fn(u64, u64) + Send + Sync + 'static),
    ) -> Result<WorkspaceVerification, LogError> {
        // A head that cannot be read is a finding, not a failure.
        let head = match self.store.head(workspace).await {
            Err(LogError::Damaged(_)) => None,
            head => Some(head?),
        };
        let mut walk = Walk {
            workspace,
            frontier: Frontier::default(),
            recorded_at: i64::MIN,
            sequences: HashMap::new(),
            from_the_beginning: true,
            claims: HashMap::new(),
            nodes: Vec::new(),
        };
        let first_bad = match self.walk(&mut walk, head.as_ref(), progress).await? {
            Some(bad) => Some(bad),
            None => match self.find_beyond(&walk).await? {
                Some(bad) => Some(bad),
                None => self.compare_claims(&walk).await?,
            },
        };
        Ok(finding(workspace, &walk.frontier, first_bad.map(|bad| (bad.position, bad.reason))))
    }

    pub(super) async fn walk(
        &self,
        walk: &mut Walk,
        head: Option<&Head>,
        progress: &(dyn Fn(u64, u64) + Send + Sync + 'static),
    ) -> Result<Option<BadPosition>, LogError> {
        let until = head.map_or(u64::MAX, |head| head.frontier.size());
        loop {
            let after = walk.frontier.size();
            let mut page = match self.store.events(walk.workspace, EventRange::After(after), PAGE).await {
                Ok(page) => page,
                // One of the next events has a column that is none of its kind: look for it one by one.
                Err(LogError::Damaged(_) | LogError::Database(_)) => {
                    match self.store.events(walk.workspace, EventRange::After(after), 1).await {
                        Ok(page) => page,
                        Err(error) => {
                            return Ok(Some(bad(after + 1, format!("the stored event cannot be read: {error}"))));
                        }
                    }
                }
                Err(error) => return Err(error),
            };
            // What was appended since the head was read is verified the next time.
            if head.is_some_and(|head| head.frontier.size() > after) {
                page.retain(|event| event.placed.position <= until);
            }
            if page.is_empty() {
                break;
            }
            for event in &page {
                if let Err(bad) = walk.check(event) {
                    return Ok(Some(bad));
                }
            }
            if let Some(bad) = self.check_contents(walk, &page).await? {
                return Ok(Some(bad));
            }
            if let Some(bad) = self.compare_nodes(walk).await? {
                return Ok(Some(bad));
            }
            let size = walk.frontier.size();
            progress(size, head.map_or(size, |head| head.frontier.size()));
            if walk.frontier.size() >= until && head.is_some() {
                break;
            }
        }
        let size = walk.frontier.size();
        match head {
            None => Ok(Some(bad(size, "the head of the log cannot be read"))),
            Some(head) if head.frontier.size() != size => {
                Ok(Some(bad(size + 1, format!("the head says {} events, there are {size}", head.frontier.size()))))
            }
            Some(head) if head.frontier != walk.frontier => {
                Ok(Some(bad(size, "the head's tree is not that of the events")))
            }
            Some(head) if size > 0 && head.recorded_at != walk.recorded_at => {
                Ok(Some(bad(size, "the head's time is not that of the last event")))
            }
            Some(_) => Ok(None),
        }
    }

    /// Looks for events outside of what the head counts: before the first position, or behind the last.
    pub(super) async fn find_beyond(&self, walk: &Walk) -> Result<Option<BadPosition>, LogError> {
        let size = walk.frontier.size();
        let is_empty = |page: Result<Vec<StoredEvent>, LogError>| match page {
            Ok(page) => Ok(page.is_empty()),
            Err(LogError::Damaged(_)) => Ok(false),
            Err(error) => Err(error),
        };
        if !is_empty(self.store.events(walk.workspace, EventRange::Before(1), 1).await)? {
            return Ok(Some(bad(1, "an event stands before the first position")));
        }
        if is_empty(self.store.events(walk.workspace, EventRange::After(size), 1).await)? {
            return Ok(None);
        }
        // An event that was appended meanwhile moved the head in the same transaction, so a head asked for now knows of it.
        let known = self.store.head(walk.workspace).await?.frontier.size();
        Ok((known == size).then(|| bad(size + 1, "the event stands behind the head of the log")))
    }

    /// Unseals a page and follows its claims.
    async fn check_contents(&self, walk: &mut Walk, page: &[StoredEvent]) -> Result<Option<BadPosition>, LogError> {
        let entries = match self.decode(walk.workspace, page.to_vec()).await {
            Ok(entries) => entries,
            Err(LogError::Damaged(reason)) => {
                let position =
                    first_number(&reason).unwrap_or_else(|| page.first().map_or(0, |event| event.placed.position));
                return Ok(Some(bad(position, reason)));
            }
            Err(LogError::Decode(error)) => {
                for event in page {
                    if self.decode(walk.workspace, vec![event.clone()]).await.is_err() {
                        return Ok(Some(bad(event.placed.position, error.to_string())));
                    }
                }
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        for (entry, stored) in entries.iter().zip(page) {
            let recorded = &entry.recorded;
            if recorded.event.subject(recorded.stream_id).map(Uuid::from) != stored.subject {
                return Ok(Some(bad(recorded.position, "the stored subject is not that of the event")));
            }
            for change in recorded.event.claims(recorded.stream_id) {
                match change {
                    ClaimChange::Take { claim, owner } => {
                        let key = (claim.kind.name().to_owned(), self.master.hash_claim(&claim));
                        let held = walk.claims.entry(key).or_insert((owner, recorded.position));
                        if held.0 != owner {
                            return Ok(Some(bad(
                                recorded.position,
                                "the event takes a claim that another stream holds",
                            )));
                        }
                    }
                    ClaimChange::Release { claim } => {
                        walk.claims.remove(&(claim.kind.name().to_owned(), self.master.hash_claim(&claim)));
                    }
                }
            }
        }
        Ok(None)
    }

    async fn compare_nodes(&self, walk: &mut Walk) -> Result<Option<BadPosition>, LogError> {
        let completed = std::mem::take(&mut walk.nodes);
        let mut by_level: HashMap<u8, Vec<&(u64, Node)>> = HashMap::new();
        for node in &completed {
            by_level.entry(node.1.level).or_default().push(node);
        }
        let mut found: Option<BadPosition> = None;
        for (level, nodes) in by_level {
            let first = nodes.first().map_or(0, |(_, node)| node.index);
            let stored = self.store.nodes(walk.workspace, level, first, nodes.len()).await.unwrap_or_default();
            let differing = nodes.iter().enumerate().find(|(place, (_, node))| stored.get(*place) != Some(node));
            if let Some((_, (position, _))) = differing
                && found.as_ref().is_none_or(|bad| *position < bad.position)
            {
                found = Some(bad(*position, "a stored node of the tree is not that of the events"));
            }
        }
        Ok(found)
    }

    async fn compare_claims(&self, walk: &Walk) -> Result<Option<BadPosition>, LogError> {
        let mut unseen = walk.claims.clone();
        let mut after = None;
        loop {
            let page = match self.store.claims(walk.workspace, after.clone(), PAGE).await {
                Ok(page) => page,
                Err(error @ (LogError::Damaged(_) | LogError::Database(_))) => {
                    return Ok(Some(bad(walk.frontier.size(), format!("the stored claims cannot be read: {error}"))));
                }
                Err(error) => return Err(error),
            };
            let Some((kind, hash, ..)) = page.last() else { break };
            after = Some((kind.clone(), *hash));
            for (kind, hash, owner, position) in page {
                let derived = unseen.remove(&(kind.clone(), hash));
                if position > walk.frontier.size() && derived.is_none() && position <= self.head(walk.workspace).await?
                {
                    // Taken by an event that was appended while we looked.
                    continue;
                }
                match derived {
                    Some(derived) if derived == (owner, position) => {}
                    Some((_, taken)) => {
                        return Ok(Some(bad(
                            taken,
                            format!("the stored claim of the kind {kind} is not that of the event"),
                        )));
                    }
                    None => {
                        return Ok(Some(bad(position, format!("no event takes the stored claim of the kind {kind}"))));
                    }
                }
            }
        }
        let missing = unseen.into_iter().min_by_key(|(_, (_, position))| *position);
        // One that a later event released while we looked is not missing: ask again.
        if let Some(((kind, _), (_, position))) = missing
            && self.store.head(walk.workspace).await?.frontier.size() == walk.frontier.size()
        {
            return Ok(Some(bad(position, format!("the claim of the kind {kind} that the event takes is not stored"))));
        }
        Ok(None)
    }
}

fn first_number(text: &str) -> Option<u64> {
    text.split(|letter: char| !letter.is_ascii_digit()).find(|part| !part.is_empty())?.parse().ok()
}

impl Walk {
    fn check(&mut self, event: &StoredEvent) -> Result<(), BadPosition> {
        let expected = self.frontier.size() + 1;
        let placed = event.placed;
        if placed.position != expected {
            return Err(bad(expected, "the event is missing"));
        }
        let before = if self.from_the_beginning { 0 } else { placed.sequence.saturating_sub(1) };
        let (last, kind) = self.sequences.entry(event.stream_id).or_insert((before, event.stream_type));
        if placed.sequence != *last + 1 || *kind != event.stream_type {
            return Err(bad(expected, "the event does not follow the one before it in its stream"));
        }
        *last = placed.sequence;
        if placed.recorded_at < self.recorded_at {
            return Err(bad(expected, "the event is earlier than the one before it"));
        }
        self.recorded_at = placed.recorded_at;
        let name = aggregates::Event::names().find(|(kind, name)| *kind == event.stream_type && *name == event.name);
        let Some((_, name)) = name else {
            return Err(bad(expected, "the event's type is not known to this version of the program"));
        };
        let again = NewEvent {
            stream_type: event.stream_type,
            stream_id: event.stream_id,
            id: event.id,
            name,
            version: event.version,
            subject: event.subject,
            payload: event.payload.clone(),
            metadata: event.metadata.clone(),
        };
        let leaf = leaf_hash(self.workspace, placed.position, placed.sequence, placed.recorded_at, &again);
        if leaf != placed.leaf_hash {
            return Err(bad(expected, "the event is not the one that was written: its hash differs"));
        }
        self.nodes.extend(self.frontier.push(leaf).into_iter().map(|node| (expected, node)));
        Ok(())
    }
}
