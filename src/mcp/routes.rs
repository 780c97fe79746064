//! MCP over HTTP: which request goes to which transport, and that nobody gets to either without a token.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use super::access::Access;
use super::calls::Calls;
use super::legacy_sse::{self, Opening};
use super::sessions::Sessions;
use super::streamable::{Outcome, Streamable};
use super::{Backend, Handler, listening, not_a_message};
use crate::http::events::accepts_event_stream;
use crate::http::gate::{Gate, Identified};
use crate::http::refusal;
use crate::http::token_watch::WatchedStream;
use crate::settings::{Limits, Settings};

/// When a client that has too many sessions may try again: a session is called idle after this time.
const SESSION_WAIT: Duration = Duration::from_secs(60);
/// When a client that has too many streams may try again.
const STREAM_WAIT: Duration = Duration::from_secs(5);

/// The MCP endpoints' shared state.
pub struct Door {
    gate: Arc<Gate>,
    handler: Handler,
    sessions: Arc<Sessions>,
    streamable: Streamable,
    limits: Limits,
    /// Ends all event streams.
    stop: CancellationToken,
}

impl Door {
    /// The endpoints behind `gate`. `stop` ends all event streams.
    #[must_use]
    pub fn new(
        backend: Arc<dyn Backend>,
        gate: Arc<Gate>,
        calls: Arc<Calls>,
        settings: &Settings,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let limits = settings.limits;
        let handler = Handler::new(backend, calls);
        let sessions = Sessions::new(&limits);
        let served = handler.clone();
        #[cfg(feature = "conformance")]
        let served = super::conformance::Served::over(served, settings.conformance.is_some());
        let streamable = Streamable::new(served, Arc::clone(&sessions), &limits, stop.clone());
        Arc::new(Self { gate, handler, sessions, streamable, limits, stop })
    }

    async fn streamable(&self, mut parts: Parts, mut body: Body, caller: Identified) -> Response {
        let access = match Access::requested(caller.caller, &parts.uri, &parts.headers) {
            Ok(access) => access,
            Err(problem) => return refusal::problem(&problem),
        };
        // A client that listens without a session holds a stream as one that listens in a session does.
        let listens = listening::asks_for_it(&parts.headers);
        let watched = match parts.method {
            _ if listens || parts.method == Method::GET => match self.gate.watch.open(&caller.token) {
                Some(watched) => watched,
                None => return too_many_streams(),
            },
            _ => self.gate.watch.answer(&caller.token),
        };
        if listens {
            body = match listening::prepare(&self.handler, &access, &mut parts, body, self.limits.body_bytes).await {
                Ok(body) => body,
                Err(response) => return response,
            };
        }
        let session = self.gate.watch.session(&caller.token);
        let says_json = not_a_message::is_json(&parts.headers);
        // Without a session rmcp gives no response before the call's answer: a call that waits must not outlive its token.
        let outcome = tokio::select! {
            outcome = self.streamable.handle(Request::from_parts(parts, body), access, session) => outcome,
            () = watched.revoked().cancelled() => {
                return refusal::unauthenticated(true, "the token is unknown, expired or revoked");
            }
        };
        match outcome {
            Outcome::UnknownSession => refusal::not_found("there is no such session; initialize again"),
            Outcome::Full => refusal::too_many("this token has too many open sessions", SESSION_WAIT),
            // rmcp says so of a body that it cannot read, too, though its type is the right one.
            Outcome::Answered(response) if says_json && response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                not_a_message::refused()
            }
            Outcome::Answered(response) if is_event_stream(response.headers()) => end_when_revoked(response, watched),
            Outcome::Answered(response) => response,
        }
    }

    async fn legacy_open(&self, parts: &Parts, caller: Identified) -> Response {
        if !accepts_event_stream(&parts.headers) {
            return refusal::refuse(
                StatusCode::NOT_ACCEPTABLE,
                "not_acceptable",
                "this answers with text/event-stream",
            );
        }
        let access = match Access::requested(caller.caller, &parts.uri, &parts.headers) {
            Ok(access) => access,
            Err(problem) => return refusal::problem(&problem),
        };
        let Some(watched) = self.gate.watch.open(&caller.token) else { return too_many_streams() };
        let opening = Opening {
            handler: self.handler.clone(),
            sessions: Arc::clone(&self.sessions),
            streamable: self.streamable.clone(),
            stop: self.stop.clone(),
            idle_max: self.limits.stream_idle,
        };
        legacy_sse::open(opening, access, watched).await
    }

    /// A post to a legacy session. Its id proves that the stream's opener sent it: it was given to a checked token only, and
    /// clients do not copy a token from the stream's URL. A token that is sent all the same must be the owner's.
    async fn legacy_post(&self, mut parts: Parts, body: Body, id: &str) -> Response {
        let owner = match self.gate.identify_if_shown(&mut parts).await {
            Ok(caller) => caller.map(|one| Access::new(one.caller).owner()),
            Err(response) => return response,
        };
        match self.sessions.legacy(id, owner.as_ref()) {
            Some(inbound) => legacy_sse::post(inbound, &parts.headers, body, self.limits.body_bytes).await,
            None if owner.is_some() => refusal::not_found("there is no such session; open the event stream again"),
            None => self
                .gate
                .failed(&parts)
                .unwrap_or_else(|| refusal::not_found("there is no such session; open the event stream again")),
        }
    }
}

/// The routes of MCP.
pub fn routes(door: Arc<Door>) -> Router {
    Router::new()
        .route("/mcp", any(mcp))
        .route("/mcp/sse", any(sse))
        .route("/mcp/messages", any(messages))
        .with_state(door)
}

async fn mcp(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    match door.gate.identify(&mut parts).await {
        Ok(caller) => door.streamable(parts, body, caller).await,
        Err(response) => response,
    }
}

async fn sse(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if parts.method == Method::POST
        && let Some(id) = legacy_sse::session_id(parts.uri.query())
    {
        return door.legacy_post(parts, body, &id).await;
    }
    let caller = match door.gate.identify(&mut parts).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    // Clients that were given only this address may speak Streamable HTTP to it: they post without a session id, then name theirs.
    let speaks_streamable = parts.headers.contains_key("mcp-session-id");
    match parts.method {
        Method::HEAD => ([(header::CONTENT_TYPE, "text/event-stream")], Body::empty()).into_response(),
        Method::GET if !speaks_streamable => door.legacy_open(&parts, caller).await,
        Method::GET | Method::POST | Method::DELETE => door.streamable(parts, body, caller).await,
        _ => not_allowed("GET, HEAD, POST, DELETE"),
    }
}

async fn messages(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match legacy_sse::session_id(parts.uri.query()) {
        _ if parts.method != Method::POST => not_allowed("POST"),
        Some(id) => door.legacy_post(parts, body, &id).await,
        None => {
            refusal::refuse(StatusCode::BAD_REQUEST, "invalid_input", "the URL needs the sessionId of an event stream")
        }
    }
}

fn too_many_streams() -> Response {
    refusal::too_many("this token has too many open streams", STREAM_WAIT)
}

fn not_allowed(methods: &'static str) -> Response {
    let mut response = refusal::refuse(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "use another method here");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    response
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

/// Lets the stream end when its token is revoked.
fn end_when_revoked(response: Response, watched: WatchedStream) -> Response {
    response.map(|body| {
        let revoked = watched.revoked().clone().cancelled_owned();
        let stream = body.into_data_stream().take_until(revoked);
        Body::from_stream(stream.map(move |chunk| {
            // The stream counts as open as long as its body lives.
            let _open = &watched;
            chunk
        }))
    })
}
