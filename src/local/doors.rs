//! Where the local authority meets the doors.

use std::io;
use std::sync::Arc;

use futures::FutureExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::holder::McpSession;
use super::protocol::McpOpening;
use crate::app::{App, Caller};
use crate::http::{self, Phase, Readiness};
use crate::mcp::{self, Access, Backend};
use crate::operations::Selection;
use crate::problem::Problem;
use crate::settings::Settings;
use aggregates::token::Permission;

/// MCP over a local connection, with the tools that the opening asks for.
///
/// # Errors
/// `invalid_input` for unknown toolsets.
pub fn mcp_session(app: &Arc<App>, mut caller: Caller, opening: &McpOpening) -> Result<McpSession, Problem> {
    if opening.readonly {
        caller.permission = Permission::ReadOnly;
    }
    let selection = Selection::parse(opening.toolsets.as_deref().unwrap_or_default())?;
    let access = Access { caller, selection };
    let backend: Arc<dyn Backend> = Arc::<App>::clone(app);
    Ok(Box::new(move |connection| {
        // The future is made outside of a block of ours: inside one the compiler cannot show that it is `Send`.
        let (read, write) = tokio::io::split(connection);
        let ended = |outcome: io::Result<()>| {
            if let Err(error) = outcome {
                tracing::debug!(%error, "a local MCP session ended early");
            }
        };
        mcp::serve_pipe(backend, access, read, write).map(ended).boxed()
    }))
}

/// Serves HTTP until `stop`, or until the program ends by itself, then lets calls finish for up to 10 s.
///
/// # Errors
/// When the listener fails.
pub async fn serve_http(
    app: Arc<App>,
    settings: Settings,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), Problem> {
    let readiness = Readiness::starting();
    app.run_beside(ready_when_current(Arc::clone(&app), Arc::clone(&readiness)));
    let ending = app.stopping().clone();
    let stopping = stop.clone();
    tokio::spawn(async move {
        ending.cancelled().await;
        stopping.cancel();
    });
    let visitors = http::webchat::routes(Arc::clone(&app), stop.clone());
    http::serve(app, settings, visitors, listener, stop, readiness).await.map_err(|error| Problem::internal(&error))
}

/// Tables of a new version begin empty: until they show what the log held at the start, other processes answer better.
async fn ready_when_current(app: Arc<App>, readiness: Arc<Readiness>) {
    app.tables_are_current().await;
    readiness.set(Phase::Ready);
}
