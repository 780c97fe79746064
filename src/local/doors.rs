//! Where the local authority and the command line meet the doors and the registry of operations.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::holder::McpSession;
use super::protocol::{Connection, McpOpening};
use crate::app::{App, Caller};
use crate::cli::{HttpOptions, Switch};
use crate::http::{self, Phase, Readiness};
use crate::mcp::{self, Access, Backend};
use crate::operations::{Operation, Selection, registry};
use crate::problem::Problem;
use crate::settings::{Limits, Settings};
use aggregates::token::Permission;

/// The operation of this name.
///
/// # Errors
/// `not_found` with near misses.
pub fn operation(name: &str) -> Result<&'static Operation, Problem> {
    registry::all().get(name)
}

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
        async move {
            let (read, write) = tokio::io::split(LocalStream(connection));
            if let Err(error) = mcp::serve_pipe(backend, access, read, write).await {
                tracing::debug!(%error, "a local MCP session ended early");
            }
        }
        .boxed()
    }))
}

/// A connection under a name of its own: the compiler cannot show that a future is `Send` which holds a `Box<dyn Pipe>` across rmcp's
/// generic transports.
struct LocalStream(Connection);

impl AsyncRead for LocalStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for LocalStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Serves HTTP until `stop`, or until the program ends by itself, then lets calls finish for up to 10 s.
///
/// # Errors
/// When the listener fails, or an option cannot be used.
pub async fn serve_http(
    app: Arc<App>,
    options: &HttpOptions,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), Problem> {
    let settings = Settings {
        listen: options.listen,
        public_url: options.public_url.clone(),
        allow_hosts: options.allow_host.clone(),
        allow_origins: options.allow_origin.clone(),
        trust_proxy: options.trust_proxy.clone(),
        url_tokens: options.url_tokens == Switch::On,
        limits: Limits::default(),
    };
    let readiness = Readiness::starting();
    readiness.set(Phase::Ready);
    let ending = app.stopping().clone();
    let stopping = stop.clone();
    tokio::spawn(async move {
        ending.cancelled().await;
        stopping.cancel();
    });
    let visitors = http::webchat::routes(Arc::clone(&app), stop.clone());
    http::serve(app, settings, visitors, listener, stop, readiness).await.map_err(|error| Problem::internal(&error))
}
