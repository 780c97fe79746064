//! The data folder as a backend: the process that holds it, which may become this one.

use super::backend::{Backend, Connector};
use crate::local::protocol::{McpOpening, Opening};
use crate::local::reach::Reach;
use crate::problem::Problem;

/// Connects to the folder's holder, and holds the folder when it is free.
pub struct LocalConnector<'a> {
    reach: &'a mut Reach,
    opening: Opening,
}

impl<'a> LocalConnector<'a> {
    /// Backends that speak MCP as `opening` says. `reach` stays with the caller, who ends a holder in order.
    pub fn new(reach: &'a mut Reach, opening: McpOpening) -> Self {
        Self { reach, opening: Opening::Mcp(opening) }
    }
}

impl Connector for LocalConnector<'_> {
    async fn connect(&mut self) -> Result<Backend, Problem> {
        self.reach.connect(&self.opening).await.map(Backend::over)
    }
}
