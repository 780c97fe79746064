//! The end of a log verified without its beginning: the tree as it stood there follows from the stored nodes.

use std::collections::HashMap;

use aggregates::ids::WorkspaceId;

use super::EventLog;
use super::append::LogError;
use super::merkle::{Frontier, Hash};
use super::store::EventRange;
use super::verify::{Walk, WorkspaceVerification, finding};

impl EventLog {
    /// The frontier of a workspace's tree when it had `size` leaves, from the stored nodes; nothing when some are missing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn frontier_at(&self, workspace: WorkspaceId, size: u64) -> Result<Option<Frontier>, LogError> {
        let mut hashes: Vec<Hash> = Vec::new();
        let mut begins = 0;
        for level in (0..64_u8).rev().filter(|level| size >> level & 1 == 1) {
            let found = if level == 0 {
                let leaf = self.store().events(workspace, EventRange::After(begins), 1).await?.into_iter().next();
                leaf.filter(|event| event.placed.position == begins + 1).map(|event| event.placed.leaf_hash)
            } else {
                let index = begins >> level;
                let node = self.store().nodes(workspace, level, index, 1).await?.into_iter().next();
                node.filter(|node| node.index == index).map(|node| node.hash)
            };
            let Some(hash) = found else { return Ok(None) };
            hashes.push(hash);
            begins += 1 << level;
        }
        Ok(Frontier::from_bytes(size, &hashes.concat()))
    }

    /// The root of a workspace's tree when it had `size` leaves, in hex, as [`Self::verify`] tells it.
    ///
    /// # Errors
    /// [`LogError::Damaged`] when stored nodes are missing; when the database cannot be read.
    pub async fn root_at(&self, workspace: WorkspaceId, size: u64) -> Result<String, LogError> {
        let frontier = self.frontier_at(workspace, size).await?;
        let frontier = frontier.ok_or_else(|| LogError::Damaged("nodes of the tree are missing".to_owned()))?;
        Ok(frontier.root().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Verifies the last `last` events of a workspace's log: each against its leaf, the leaves against the tree, times and places.
    /// What lies before, and the claims, are taken for sound; of the whole only [`Self::verify`] can tell.
    ///
    /// # Errors
    /// When the database cannot be read. What is wrong with the log is an answer, not an error.
    pub async fn verify_last(&self, workspace: WorkspaceId, last: u64) -> Result<WorkspaceVerification, LogError> {
        let head = match self.store().head(workspace).await {
            Err(LogError::Damaged(reason)) => return Ok(finding(workspace, &Frontier::default(), Some((0, reason)))),
            head => head?,
        };
        let begins = head.frontier.size().saturating_sub(last);
        let Some(frontier) = self.frontier_at(workspace, begins).await? else {
            let reason = "the stored nodes of the tree are not whole".to_owned();
            return Ok(finding(workspace, &head.frontier, Some((begins, reason))));
        };
        let before = match begins.checked_sub(1) {
            Some(before) => self.store().events(workspace, EventRange::After(before), 1).await?,
            None => Vec::new(),
        };
        let mut walk = Walk {
            workspace,
            frontier,
            recorded_at: before.first().map_or(i64::MIN, |event| event.placed.recorded_at),
            sequences: HashMap::new(),
            from_the_beginning: begins == 0,
            claims: HashMap::new(),
            nodes: Vec::new(),
        };
        let found = match self.walk(&mut walk, Some(&head), &|_, _| {}).await? {
            Some(bad) => Some(bad),
            None => self.find_beyond(&walk).await?,
        };
        Ok(finding(workspace, &walk.frontier, found.map(|bad| (bad.position, bad.reason))))
    }
}
