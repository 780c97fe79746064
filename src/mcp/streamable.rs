//! Streamable HTTP: rmcp's service, with sessions that are bound to their owner and counted. rmcp itself only asks whether a session
//! exists, and opens any number of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use futures::Stream;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError, SessionTransport, create_local_session,
};
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId, SessionManager};
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService, WorkerTransport};
use tokio_util::sync::CancellationToken;

#[cfg(not(feature = "conformance"))]
use super::Handler as Served;
use super::access::{Access, Owner};
#[cfg(feature = "conformance")]
use super::conformance::Served;
use super::sessions::{Full, Sessions};
use crate::http::token_watch::WatchedStream;
use crate::settings::Limits;

/// For how long rmcp keeps an answer for a client whose connection broke: enough to come back after the 3 s that it is told to wait.
/// rmcp looks through all that it keeps at every message, so it is not more.
const ANSWERS_KEPT: Duration = Duration::from_secs(10);
/// rmcp's header that names a session.
const SESSION_ID: &str = "mcp-session-id";

tokio::task_local! {
    /// For whom the request that is being handled opens a session: rmcp does not tell its session manager.
    static OPENING: Opening;
}

struct Opening {
    owner: Owner,
    refused: Arc<AtomicBool>,
    watched: Mutex<Option<WatchedStream>>,
}

/// What came of a request.
pub enum Outcome {
    /// rmcp's answer.
    Answered(Response),
    /// The session belongs to nobody, or to somebody else.
    UnknownSession,
    /// There are too many sessions.
    Full,
}

/// Streamable HTTP for any number of callers.
#[derive(Clone)]
pub struct Streamable {
    service: StreamableHttpService<Served, BoundSessions>,
    manager: Arc<BoundSessions>,
}

impl Streamable {
    /// Serves until `stop`, which ends all streams.
    #[must_use]
    pub fn new(served: Served, sessions: Arc<Sessions>, limits: &Limits, stop: CancellationToken) -> Self {
        // Host and Origin were checked at the front of the door, for all routes by the same rules.
        let mut config = StreamableHttpServerConfig::default().disable_allowed_hosts();
        config.cancellation_token = stop;
        config.max_request_body_bytes = limits.body_bytes;
        let mut local = LocalSessionManager::default();
        local.session_config.keep_alive = Some(limits.session_idle);
        local.session_config.completed_cache_ttl = ANSWERS_KEPT;
        let manager = Arc::new_cyclic(|this| BoundSessions { local, sessions, this: Weak::clone(this) });
        let service = StreamableHttpService::new(move || Ok(served.for_session()), Arc::clone(&manager), config);
        Self { service, manager }
    }

    /// Ends sessions that had to make room.
    pub async fn end(&self, evicted: &[SessionId]) {
        self.manager.end(evicted).await;
    }

    /// Handles a request of an authenticated caller. A session that it opens ends when `watched` says that its token is revoked.
    pub async fn handle(&self, mut request: Request<Body>, access: Access, watched: WatchedStream) -> Outcome {
        let owner = access.owner();
        if let Some(id) = request.headers().get(SESSION_ID)
            && !id.to_str().is_ok_and(|id| self.manager.sessions.holds(id, &owner))
        {
            return Outcome::UnknownSession;
        }
        request.extensions_mut().insert(access);
        let refused = Arc::new(AtomicBool::new(false));
        let opening = Opening { owner, refused: Arc::clone(&refused), watched: Mutex::new(Some(watched)) };
        let response = OPENING.scope(opening, self.service.handle(request)).await;
        if refused.load(Ordering::Relaxed) {
            return Outcome::Full;
        }
        Outcome::Answered(response.map(Body::new))
    }
}

/// rmcp's sessions in memory, opened and closed together with ours.
struct BoundSessions {
    local: LocalSessionManager,
    sessions: Arc<Sessions>,
    /// Itself, for what ends sessions later.
    this: Weak<Self>,
}

impl BoundSessions {
    async fn end(&self, evicted: &[SessionId]) {
        for id in evicted {
            // A session that fails to close is gone from our table, so nobody reaches it any more.
            let _ = self.local.close_session(id).await;
        }
    }

    /// Closes the session when its token is revoked; until then it looks after the token.
    fn end_with_its_token(&self, id: SessionId, ended: CancellationToken, watched: WatchedStream) {
        let this = Weak::clone(&self.this);
        tokio::spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = watched.revoked().cancelled() => if let Some(this) = this.upgrade() {
                    this.sessions.close(&id);
                    this.end(&[id]).await;
                }
            }
        });
    }
}

/// Why a session cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SessionFailure {
    /// There are too many.
    #[error(transparent)]
    Full(#[from] Full),
    /// It is opened by a request that has no caller: a fault of ours.
    #[error("a session needs a caller")]
    NoCaller,
    /// rmcp's own.
    #[error(transparent)]
    Local(#[from] LocalSessionManagerError),
}

impl SessionManager for BoundSessions {
    type Error = SessionFailure;
    type Transport = SessionTransport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), SessionFailure> {
        let (owner, refused, watched) = OPENING
            .try_with(|opening| {
                let watched = opening.watched.lock().unwrap_or_else(PoisonError::into_inner).take();
                (opening.owner.clone(), Arc::clone(&opening.refused), watched)
            })
            .map_err(|_| SessionFailure::NoCaller)?;
        let opened = self.sessions.open(owner, None).inspect_err(|_| refused.store(true, Ordering::Relaxed))?;
        self.end(&opened.evicted).await;
        if let Some(watched) = watched {
            self.end_with_its_token(Arc::clone(&opened.id), opened.ended, watched);
        }
        let (handle, worker) = create_local_session(Arc::clone(&opened.id), self.local.session_config.clone());
        self.local.sessions.write().await.insert(Arc::clone(&opened.id), handle);
        Ok((opened.id, WorkerTransport::spawn(worker)))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, SessionFailure> {
        Ok(self.local.initialize_session(id, message).await?)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, SessionFailure> {
        Ok(self.local.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), SessionFailure> {
        self.sessions.close(id);
        Ok(self.local.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionFailure> {
        Ok(self.local.create_stream(id, message).await?)
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), SessionFailure> {
        Ok(self.local.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionFailure> {
        Ok(self.local.create_standalone_stream(id).await?)
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionFailure> {
        Ok(self.local.resume(id, last_event_id).await?)
    }
}
