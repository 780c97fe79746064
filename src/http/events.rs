//! `GET /api/v1/events`: the events of a workspace as they happen, as server-sent events. A client that is cut off says in
//! `Last-Event-ID` how far it came, and is told everything behind it, each event once, in order.
//!
//! Every event has its position as `id`, its type as `event`, and itself as `data`, in one line. Blocks with an `id` and nothing else
//! say that nothing fits up to there: a filter that lets little through must not make coming back expensive.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aggregates::Recorded;
use async_stream::stream;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use futures::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, interval_at};
use tokio_util::sync::CancellationToken;

use super::gate::Gate;
use super::refusal;
use super::token_watch::WatchedStream;
use crate::app::{App, Following, Step};
use crate::mcp::Backend;
use crate::operations::event_filter::{Wish, must_exist, wished};
use crate::operations::event_view;
use crate::problem::{Code, Problem};
use crate::settings::Limits;

/// Proxies drop a silent connection after a minute or less.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// When a client that was cut off should come back, in milliseconds.
const RETRY_MS: u32 = 2_000;
/// When a client that has too many streams may try again.
const STREAM_WAIT: Duration = Duration::from_secs(5);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

struct Door {
    app: Arc<App>,
    gate: Arc<Gate>,
    places: Arc<Semaphore>,
    /// Ends the streams.
    stop: CancellationToken,
}

/// What an open stream holds: its place among all, and its place among its token's.
struct Place {
    watched: WatchedStream,
    _among_all: OwnedSemaphorePermit,
}

/// The route; none over a program without a log. `stop` ends the streams.
pub(super) fn routes(backend: &Arc<dyn Backend>, gate: &Arc<Gate>, limits: &Limits, stop: CancellationToken) -> Router {
    let Some(app) = Arc::clone(backend).app() else { return Router::new() };
    let places = Arc::new(Semaphore::new(limits.event_streams));
    let door = Door { app, gate: Arc::clone(gate), places, stop };
    Router::new().route("/api/v1/events", get(events)).with_state(Arc::new(door))
}

/// Whether the client takes an event stream: a probe that asks for something else must not open one.
pub(crate) fn accepts_event_stream(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    values.peek().is_none()
        || values.any(|value| ["text/event-stream", "text/*", "*/*"].iter().any(|kind| value.contains(kind)))
}

async fn events(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    open(&door, &mut parts).await.unwrap_or_else(|refused| refused)
}

async fn open(door: &Arc<Door>, parts: &mut Parts) -> Result<Response, Response> {
    let identified = door.gate.identify(parts).await?;
    if !accepts_event_stream(&parts.headers) {
        let message = "this answers with text/event-stream; the operation list_events gives pages of events";
        return Err(refusal::refuse(StatusCode::NOT_ACCEPTABLE, "not_acceptable", message));
    }
    let too_many = |message| refusal::too_many(message, STREAM_WAIT);
    let watched =
        door.gate.watch.open(&identified.token).ok_or_else(|| too_many("this token has too many open streams"))?;
    let among_all = Arc::clone(&door.places).try_acquire_owned();
    let among_all = among_all.map_err(|_| too_many("too many streams of events are open at this moment"))?;
    let place = Place { watched, _among_all: among_all };
    let following = follow(door, parts, &identified.caller).await.map_err(|problem| refusal::problem(&problem))?;
    let mut response = Response::new(Body::from_stream(told(following, place, door.stop.clone())));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would otherwise collect events until its buffer is full.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

async fn follow(door: &Door, parts: &Parts, caller: &crate::app::Caller) -> Result<Following, Problem> {
    let (wish, mut after) = asked(parts.uri.query().unwrap_or_default())?;
    let mut member = "after";
    // An empty one is what a client sends that has seen no event.
    if let Some(last) = parts.headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) {
        member = "Last-Event-ID";
        after = Some(position(member, last.to_str().unwrap_or("…"))?);
    }
    let filter = wished(&door.app, caller, wish).await?;
    if let Some(after) = after {
        must_exist(member, after, door.app.head(caller.workspace).await?)?;
    }
    door.app.follow(caller.workspace, filter, after).await
}

/// What the URL asks for: which events, and behind which position.
fn asked(query: &str) -> Result<(Wish, Option<u64>), Problem> {
    let (mut wish, mut after) = (Wish::default(), None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let member = match name.as_ref() {
            "after" => &mut after,
            "types" => &mut wish.types,
            "contactId" => &mut wish.contact,
            "conversationId" => &mut wish.conversation,
            _ => {
                return Err(Problem::new(Code::InvalidInput, "there is no such parameter")
                    .value(name.as_ref())
                    .hint("the parameters are after, types, contactId and conversationId"));
            }
        };
        if member.replace(value.into_owned()).is_some() {
            return Err(Problem::invalid(name, "is given twice"));
        }
    }
    Ok((wish, after.map(|text| position("after", &text)).transpose()?))
}

fn position(member: &str, text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| {
        Problem::invalid(member, "must be the position of an event, as its id says")
            .value(text)
            .hint(format!("leave {member} out to begin from now on"))
    })
}

/// The stream, from its greeting to its end: of the server, of the token, or of the client's patience.
fn told(mut following: Following, place: Place, stop: CancellationToken) -> impl Stream<Item = Result<Bytes, Problem>> {
    stream! {
        // All of it: both places are held as long as the stream lives.
        let place = place;
        // At once: a client knows that it is connected, and where it goes on if it is cut off before the first event.
        yield Ok(Bytes::from(format!("retry: {RETRY_MS}\n: connected\nid: {}\n\n", following.position())));
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        loop {
            let step = tokio::select! {
                biased;
                () = place.watched.revoked().cancelled() => break,
                () = stop.cancelled() => break,
                _ = heartbeat.tick() => Ok(Some(Step::Passed(following.position()))),
                step = following.next() => step,
            };
            let bytes = match step {
                Ok(Some(Step::Events(batch))) => following.encoded(&batch, blocks),
                Ok(Some(Step::Passed(position))) => Ok(Bytes::from(format!(": nothing up to here\nid: {position}\n\n"))),
                Ok(None) => break,
                Err(problem) => Err(problem),
            };
            match bytes {
                Ok(bytes) => yield Ok(bytes),
                Err(problem) => {
                    // The client comes back behind the last event that it was told.
                    tracing::warn!(%problem, "a stream of events ends early");
                    break;
                }
            }
        }
    }
}

/// Events in the form of server-sent events.
fn blocks(events: &[Arc<Recorded>]) -> Result<Bytes, Problem> {
    let mut text = String::with_capacity(events.len() * 512);
    for event in events {
        let line = event_view::line(event)?;
        // Writing into a String cannot fail.
        let _ = write!(text, "id: {}\nevent: {}\ndata: {line}\n\n", event.position, event.event.name());
    }
    Ok(Bytes::from(text))
}
