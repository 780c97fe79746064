//! Read tables at a known position: one connection with one open read transaction, so that the rows and the position agree.

use std::sync::Arc;

use aggregates::ids::WorkspaceId;

use super::App;

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
}
