//! Folding a whole log into tables that nobody reads yet.
//!
//! What is met again and again, such as the contact of every message, stays in memory from page to page and is written once, when there
//! is too much of it or at the end. Until then the tables fit no position of the log, so they have no checkpoint: a crash in between
//! leaves tables that have to be made anew, as those that have no indexes yet have to be anyway.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aggregates::Recorded;
use aggregates::ids::WorkspaceId;

use crate::checkpoint::{self, Checkpoint, Held};
use crate::database::Connection;
use crate::fold::{FoldError, Touched};
use crate::read_tables::ReadTables;

/// How many rows of one table stay in memory: enough that a page's own are written in bulk, and few enough not to be felt.
const ROWS_IN_MEMORY: usize = 8_000;

/// A log on its way into new tables.
pub struct WholeFold<'t> {
    tables: &'t ReadTables,
    touched: Touched,
    /// The last position of every workspace so far.
    reached: BTreeMap<WorkspaceId, u64>,
    /// [`ROWS_IN_MEMORY`]; the tests have room for fewer.
    rows_in_memory: usize,
}

impl ReadTables {
    /// Begins to fold a whole log into these tables, which are new.
    #[must_use]
    pub fn fold_whole(&self) -> WholeFold<'_> {
        self.fold_whole_with(ROWS_IN_MEMORY)
    }

    pub(crate) fn fold_whole_with(&self, rows_in_memory: usize) -> WholeFold<'_> {
        WholeFold { tables: self, touched: Touched::default(), reached: BTreeMap::new(), rows_in_memory }
    }
}

impl WholeFold<'_> {
    /// Folds the next events, of each workspace in the order of its positions.
    ///
    /// # Errors
    /// As [`ReadTables::fold`]. The tables are of no use then, nor when this is given up before its end.
    pub async fn fold(&mut self, page: &[Arc<Recorded>]) -> Result<(), FoldError> {
        for event in page {
            let reached = self.reached.entry(event.workspace).or_default();
            if event.position != *reached + 1 {
                let (workspace, expected) = (event.workspace, *reached + 1);
                return Err(FoldError::Gap { workspace, expected, found: event.position });
            }
            *reached = event.position;
        }
        let most = self.rows_in_memory;
        if let Some(file) = self.tables.file() {
            let (mut touched, page) = (std::mem::take(&mut self.touched), page.to_vec());
            let folding = async move |connection: &mut Connection| {
                fold_page(&mut touched, connection, &page, most).await?;
                Ok::<_, FoldError>(touched)
            };
            self.touched = file.write(folding).await?;
            return Ok(());
        }
        let mut transaction = self.tables.begin_write().await?;
        fold_page(&mut self.touched, &mut transaction, page, most).await?;
        Ok(transaction.commit().await?)
    }

    /// Writes what is still in memory, and the checkpoints: each workspace's last event that was folded.
    ///
    /// # Errors
    /// [`FoldError::Gap`] for a checkpoint that is not where the events ended; otherwise as [`ReadTables::fold`].
    pub async fn finish(mut self, ends: &[Checkpoint]) -> Result<(), FoldError> {
        for end in ends {
            let reached = self.reached.get(&end.workspace).copied().unwrap_or_default();
            if end.position != reached {
                let (workspace, expected) = (end.workspace, reached);
                return Err(FoldError::Gap { workspace, expected, found: end.position });
            }
        }
        let mut transaction = self.tables.begin_write().await?;
        self.touched.spill(&mut transaction, 0).await?;
        self.set(&mut transaction, ends).await?;
        Ok(transaction.commit().await?)
    }

    async fn set(&self, connection: &mut Connection, ends: &[Checkpoint]) -> Result<(), FoldError> {
        let workspaces: BTreeSet<WorkspaceId> = ends.iter().map(|end| end.workspace).collect();
        checkpoint::hold(connection, &workspaces, Held::Wait).await?;
        Ok(checkpoint::set(connection, &ends.iter().collect::<Vec<_>>()).await?)
    }
}

/// Folds a page, and writes what is more than `most` rows of a table by then.
async fn fold_page(
    touched: &mut Touched,
    connection: &mut Connection,
    page: &[Arc<Recorded>],
    most: usize,
) -> Result<(), FoldError> {
    let events: Vec<&Recorded> = page.iter().map(AsRef::as_ref).collect();
    touched.load(connection, &events).await?;
    for event in events {
        touched.apply(event)?;
    }
    touched.spill(connection, most).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, empty, ends};

    #[tokio::test]
    async fn what_is_missing_in_between_or_at_the_end_is_told() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        given.tag(workspace, "VIP");
        let (events, reached) = (&given.events, ends(&given.events));
        for tables in empty().await {
            let gap = tables.fold_whole().fold(&events[1..]).await;
            assert!(matches!(gap, Err(FoldError::Gap { expected: 1, found: 2, .. })), "{gap:?}");
            let mut folding = tables.fold_whole();
            folding.fold(&events[..1]).await.expect("a page");
            assert!(matches!(folding.finish(&reached).await, Err(FoldError::Gap { expected: 1, found: 2, .. })));
            let mut folding = tables.fold_whole();
            folding.fold(events).await.expect("a page");
            folding.finish(&reached).await.expect("an end");
            assert_eq!(tables.checkpoint(workspace).await.expect("a checkpoint").position, 2);
        }
    }
}
