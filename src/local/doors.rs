//! Where the local authority and the command line meet the doors and the registry of operations.

use std::sync::Arc;

use super::holder::McpSession;
use super::protocol::McpOpening;
use crate::app::{App, Caller};
use crate::cli::HttpOptions;
use crate::operations::Operation;
use crate::problem::Problem;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The operation of this name.
///
/// # Errors
/// `not_found` with near misses.
#[expect(clippy::unimplemented, reason = "the registry is being written")]
pub fn operation(_name: &str) -> Result<&'static Operation, Problem> {
    unimplemented!()
}

/// MCP over a local connection, with the tools that the opening asks for.
///
/// # Errors
/// `invalid_input` for unknown toolsets.
#[expect(clippy::unimplemented, reason = "the MCP door is being written")]
pub fn mcp_session(_app: &Arc<App>, _caller: Caller, _opening: &McpOpening) -> Result<McpSession, Problem> {
    unimplemented!()
}

/// Serves HTTP until `stop`, then lets calls finish for up to 10 s.
///
/// # Errors
/// When the listener fails, or an option cannot be used.
#[expect(clippy::unimplemented, clippy::unused_async, reason = "the HTTP door is being written")]
pub async fn serve_http(
    _app: Arc<App>,
    _options: &HttpOptions,
    _listener: TcpListener,
    _stop: CancellationToken,
) -> Result<(), Problem> {
    unimplemented!()
}
