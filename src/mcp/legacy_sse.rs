//! Legacy HTTP+SSE (the transport of 2024-11-05), which rmcp no longer serves and many assistants still speak: a GET opens an event
//! stream whose first event names an address to post to; answers come back as events.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_stream::stream;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::service::serve_server_with_ct;
use rmcp::transport::Transport;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::{SendTimeoutError, TrySendError};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::access::Access;
use super::sessions::{Inbound, Sessions};
use super::streamable::Streamable;
use super::{Handler, Session, not_a_message};
use crate::http::refusal;
use crate::http::token_watch::WatchedStream;

/// Messages that a client may have posted and we not taken yet.
const INBOUND_MAX: usize = 64;
/// Answers that a client may not have read yet; one more, and the stream is closed.
const OUTBOUND_MAX: usize = 256;
/// Proxies drop a silent connection after a minute or less.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often the stream looks whether its session is still used.
const IDLE_LOOK: Duration = Duration::from_secs(60);
/// How long a post waits for a place in the queue.
const POST_PATIENCE: Duration = Duration::from_secs(10);

/// What a legacy stream needs besides its caller.
pub(super) struct Opening {
    pub handler: Handler,
    pub sessions: Arc<Sessions>,
    /// Ends the sessions that make room for this one.
    pub streamable: Streamable,
    /// Ends all streams when the server stops.
    pub stop: CancellationToken,
    /// Ends an unused stream.
    pub idle_max: Duration,
}

/// rmcp's view of the session.
struct Channels {
    inbound: mpsc::Receiver<ClientJsonRpcMessage>,
    outbound: mpsc::Sender<ServerJsonRpcMessage>,
    end: CancellationToken,
}

/// The client reads more slowly than we answer, or is gone.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the client does not take its messages")]
struct NotTaken;

impl Transport<RoleServer> for Channels {
    type Error = NotTaken;

    fn send(&mut self, item: ServerJsonRpcMessage) -> impl Future<Output = Result<(), NotTaken>> + Send + 'static {
        let sent = self.outbound.try_send(item).map_err(|error| {
            // A full queue ends the session: dropping one answer silently would leave its caller waiting for ever.
            if let TrySendError::Full(_) = error {
                tracing::warn!("a legacy stream was closed because its client does not read");
                self.end.cancel();
            }
            NotTaken
        });
        std::future::ready(sent)
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.inbound.recv().await
    }

    async fn close(&mut self) -> Result<(), NotTaken> {
        self.inbound.close();
        Ok(())
    }
}

/// What lives and ends with the stream's response body.
struct OpenStream {
    sessions: Arc<Sessions>,
    id: Arc<str>,
    watched: WatchedStream,
    _end_service: DropGuard,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.sessions.close(&self.id);
    }
}

/// Opens a session and answers with its event stream.
pub(super) async fn open(opening: Opening, access: Access, watched: WatchedStream) -> Response {
    let (queue, inbound) = mpsc::channel(INBOUND_MAX);
    let (outbound, answers) = mpsc::channel(OUTBOUND_MAX);
    let owner = access.owner();
    let Ok(opened) = opening.sessions.open(owner, Some(Inbound { access, queue })) else {
        return refusal::too_many("this token has too many open sessions", IDLE_LOOK);
    };
    opening.streamable.end(&opened.evicted).await;
    let end = CancellationToken::new();
    let channels = Channels { inbound, outbound, end: end.clone() };
    tokio::spawn(run(opening.handler, channels, end.clone()));
    let open =
        OpenStream { sessions: opening.sessions, id: opened.id, watched, _end_service: end.clone().drop_guard() };
    let events = events(open, answers, end, opening.stop, opening.idle_max);
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // nginx would otherwise collect events until its buffer is full.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

async fn run(handler: Handler, channels: Channels, end: CancellationToken) {
    // The error may quote what the client sent, which is not for the log.
    match serve_server_with_ct(Session(handler.for_session()), channels, end.clone()).await {
        Ok(running) => drop(running.waiting().await),
        Err(_) => tracing::debug!("a legacy stream ended before it was initialized"),
    }
    end.cancel();
}

fn events(
    open: OpenStream,
    mut answers: mpsc::Receiver<ServerJsonRpcMessage>,
    end: CancellationToken,
    stop: CancellationToken,
    idle_max: Duration,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    stream! {
        // A proxy may forward only `/mcp/sse`, so the address to post to is the same path.
        yield Ok(Event::default().event("endpoint").data(format!("/mcp/sse?sessionId={}", open.id)));
        let mut clock = tokio::time::interval(IDLE_LOOK);
        loop {
            let answer = tokio::select! {
                biased;
                () = open.watched.revoked().cancelled() => break,
                answer = answers.recv() => answer,
                () = end.cancelled() => break,
                () = stop.cancelled() => break,
                _ = clock.tick() => {
                    if open.sessions.idle(&open.id).is_none_or(|idle| idle >= idle_max) {
                        break;
                    }
                    continue;
                }
            };
            let Some(answer) = answer else { break };
            match serde_json::to_string(&answer) {
                Ok(text) => yield Ok(Event::default().event("message").data(text)),
                Err(error) => {
                    tracing::error!(%error, "an answer could not be written as JSON");
                    break;
                }
            }
        }
    }
}

/// The session id of a post, when its URL names one.
pub(super) fn session_id(query: Option<&str>) -> Option<String> {
    let pairs: HashMap<_, _> = form_urlencoded::parse(query?.as_bytes()).collect();
    pairs.get("sessionId").map(|id| id.clone().into_owned())
}

/// Takes a message into a session that the caller may use.
pub(super) async fn post(inbound: Inbound, headers: &HeaderMap, body: Body, bytes_max: usize) -> Response {
    // A form of a foreign page cannot send JSON without asking first.
    if !not_a_message::is_json(headers) {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return refusal::refuse(status, "unsupported_media_type", "the message must be application/json");
    }
    let Ok(bytes) = to_bytes(body, bytes_max).await else {
        let message = format!("a message has at most {bytes_max} bytes and must arrive whole");
        return refusal::refuse(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &message);
    };
    let Ok(mut message) = serde_json::from_slice::<ClientJsonRpcMessage>(&bytes) else {
        return not_a_message::refused();
    };
    message.insert_extension(inbound.access);
    match inbound.queue.send_timeout(message, POST_PATIENCE).await {
        Ok(()) => (StatusCode::ACCEPTED, "Accepted").into_response(),
        Err(SendTimeoutError::Closed(_)) => refusal::not_found("there is no such session; open the event stream again"),
        Err(SendTimeoutError::Timeout(_)) => refusal::too_many("the session takes no more messages now", POST_PATIENCE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_id_is_read_from_the_query_only() {
        assert_eq!(session_id(Some("sessionId=abc-_1")).as_deref(), Some("abc-_1"));
        assert_eq!(session_id(Some("x=1&sessionId=a%2Db")).as_deref(), Some("a-b"));
        assert_eq!(session_id(Some("sessionid=abc")), None);
        assert_eq!(session_id(None), None);
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_loses_its_session() {
        let (_queue, inbound) = mpsc::channel(1);
        let (outbound, _answers) = mpsc::channel(1);
        let end = CancellationToken::new();
        let mut channels = Channels { inbound, outbound, end: end.clone() };
        let answer = || {
            ServerJsonRpcMessage::response(rmcp::model::ServerResult::empty(()), rmcp::model::NumberOrString::Number(1))
        };
        channels.send(answer()).await.unwrap();
        assert!(!end.is_cancelled());
        channels.send(answer()).await.unwrap_err();
        assert!(end.is_cancelled());
    }
}
