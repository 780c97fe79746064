//! Read tables at a known position: one connection with one open read transaction, so that the rows and the position agree.

use std::sync::Arc;
use std::time::Duration;

use aggregates::ids::WorkspaceId;
use projections::Reader;
use projections::database::Connection;
use tokio::time::Instant;

use super::App;
use crate::event_log::append::LogError;
use crate::problem::{Code, Problem};

/// How long a read waits for tables that are behind.
const PATIENCE: Duration = Duration::from_secs(1);
/// The pause before it is looked again whether tables have caught up, or can at all.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What a query reads from.
pub struct ReadContext {
    /// The program, for the parts of a query that read the log.
    pub app: Arc<App>,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The position that the rows show.
    pub position: u64,
    /// Whether the rows are older than the head of the log at the call's arrival.
    pub stale: bool,
    /// The connection that queries take.
    pub reader: Reader,
}

impl ReadContext {
    /// What queries take: the connection, and the workspace that they are limited to.
    pub fn rows(&mut self) -> (&mut Connection, WorkspaceId) {
        (self.reader.connection(), self.workspace)
    }
}

impl App {
    /// Read tables that have reached the head of the log as of now, or `min_position` when that is later. Waits at most 1 s, then
    /// gives what there is, marked stale.
    ///
    /// # Errors
    /// `unavailable` when the tables cannot be read.
    pub async fn read(
        self: &Arc<Self>,
        workspace: WorkspaceId,
        min_position: Option<u64>,
    ) -> Result<ReadContext, Problem> {
        let head = self.log.head(workspace).await?;
        // A position that nobody has written yet is waited for, but only as long as for any other.
        let wanted = head.max(min_position.unwrap_or_default());
        self.tables_reach(workspace, wanted).await;
        let mut reader = self.reader().await.map_err(unreadable)?;
        let position = reader.position(workspace).await.map_err(unreadable)?;
        Ok(ReadContext { app: Arc::clone(self), workspace, position, stale: position < wanted, reader })
    }

    /// Waits, at most 1 s, until the tables of a workspace have reached `position`; tells whether they have.
    pub async fn tables_reach(&self, workspace: WorkspaceId, position: u64) -> bool {
        if self.projector.has_reached(workspace, position).await {
            return true;
        }
        let _awaiting = self.projector.awaiting();
        let mut folded = self.projector.folded();
        let deadline = Instant::now() + PATIENCE;
        while !self.projector.has_reached(workspace, position).await {
            if tokio::time::timeout_at(deadline, self.projector.wait(&mut folded)).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Waits until the tables show what the log holds by now, in every workspace whose tables do not stand still; or until the
    /// program ends.
    pub async fn tables_are_current(&self) {
        tokio::select! {
            () = self.stopping().cancelled() => {}
            () = self.tables_become_current() => {}
        }
    }

    async fn tables_become_current(&self) {
        let behind = loop {
            match self.workspaces_behind().await {
                Ok(behind) => break behind,
                Err(error) => tracing::warn!(%error, "whether the read tables are current cannot be told yet"),
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        };
        let _awaiting = self.projector.awaiting();
        let mut folded = self.projector.folded();
        for (workspace, head) in behind {
            while self.projector.standstill(workspace).is_none() && !self.projector.has_reached(workspace, head).await {
                // A standstill wakes nobody.
                let _folded_or_not = tokio::time::timeout(LOOK_AGAIN, self.projector.wait(&mut folded)).await;
            }
        }
    }

    /// The workspaces whose tables do not show the head of the log, with that head.
    async fn workspaces_behind(&self) -> Result<Vec<(WorkspaceId, u64)>, LogError> {
        let mut behind = Vec::new();
        for workspace in self.log().store().workspaces().await? {
            let head = self.log().head(workspace).await?;
            if self.projector.position(workspace) < head {
                behind.push((workspace, head));
            }
        }
        Ok(behind)
    }

    /// The tables as they are, of all workspaces: for whoever looks for work over all of them.
    ///
    /// # Errors
    /// `unavailable` when the tables cannot be read.
    pub async fn read_all(&self) -> Result<Reader, Problem> {
        self.reader().await.map_err(unreadable)
    }

    /// A moment of the tables that are current; of the new ones when they are swapped at that very time.
    async fn reader(&self) -> Result<Reader, projections::database::Error> {
        loop {
            let tables = self.projector.tables();
            match tables.read().await {
                Err(_) if !Arc::ptr_eq(&tables, &self.projector.tables()) => {}
                read => return read,
            }
        }
    }
}

fn unreadable(error: projections::database::Error) -> Problem {
    tracing::error!(%error, "the read tables cannot be read");
    drop(error);
    Problem::new(Code::Unavailable, "the read tables cannot be read right now").retry_after_ms(500)
}
