//! The web chat's HTTP door: what a widget on a website calls for its visitor.
//!
//! It is open to the public by its nature: anybody may become a visitor. What a visitor may do is bounded here, by address and by
//! visitor, apart from the limits of tokens.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aggregates::ids::MessageId;
use aggregates::message::Status;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::peer::ClientAddress;
use super::rate_window::RateWindow;
use super::refusal;
use crate::app::App;
use crate::channels::webchat::{self, Account, InboundText, OutgoingMessages, Session};
use crate::problem::Problem;

/// The largest body of a request, in bytes: the longest text in four-byte characters, escaped, with room to spare.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// New visitors from one address in 10 s.
const VISITORS_PER_ADDRESS: u32 = 100;
/// Messages and receipts of one visitor in 10 s.
const WRITES_PER_VISITOR: u32 = 200;
/// Visitors' streams that may be open at a time.
const STREAMS: usize = 4_096;
/// Streams from one address that may be open at a time: offices share one.
const STREAMS_PER_ADDRESS: usize = 256;
/// A comment is sent after this time without a message, so that nobody on the way takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Door {
    app: Arc<App>,
    /// Ends the event streams.
    stop: CancellationToken,
    visitors: RateWindow<IpAddr>,
    writes: RateWindow<String>,
    streams: Arc<Semaphore>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place among the streams, given back when it is dropped.
struct Place {
    _stream: OwnedSemaphorePermit,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Place {
    fn take(door: &Door, address: IpAddr) -> Option<Self> {
        let stream = Arc::clone(&door.streams).try_acquire_owned().ok()?;
        let mut open = door.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let number = open.entry(address).or_default();
        if *number >= STREAMS_PER_ADDRESS {
            return None;
        }
        *number += 1;
        Some(Self { _stream: stream, by_address: Arc::clone(&door.by_address), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = open.get_mut(&self.address) {
            *number -= 1;
            if *number == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// The routes; `stop` ends the event streams.
pub fn routes(app: Arc<App>, stop: CancellationToken) -> Router {
    let door = Door {
        app,
        stop,
        visitors: RateWindow::new(VISITORS_PER_ADDRESS),
        writes: RateWindow::new(WRITES_PER_VISITOR),
        streams: Arc::new(Semaphore::new(STREAMS)),
        by_address: Arc::default(),
    };
    Router::new()
        .route("/webchat/{account}/visitors", post(create_visitor))
        .route("/webchat/{account}/messages", post(receive))
        .route("/webchat/{account}/events", get(events))
        .route("/webchat/{account}/receipts", post(receipt))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(cross_origin())
        .with_state(Arc::new(door))
}

/// A widget on a page of another origin may call these routes when the operator allows that origin. Every origin that comes this far is
/// allowed: others were refused at the front of the door, before any route.
fn cross_origin() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, HeaderName::from_static("last-event-id")])
        .max_age(Duration::from_hours(1))
}

/// Why a request ends early: an answer already.
struct Refused(Response);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(refusal::problem(&problem))
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| {
        // Where it is wrong, and for a wrong name which are right; serde quotes no values of texts for these shapes but unknown names.
        let message =
            format!("the body is not what is expected here (line {}, column {})", error.line(), error.column());
        let problem = Problem::new(crate::problem::Code::InvalidInput, message)
            .hint("send a JSON object with the documented members only");
        Refused::from(problem)
    })
}

async fn session(door: &Door, account: &str, headers: &HeaderMap) -> Result<Session, Refused> {
    let account = Account::find(&door.app, account).await?;
    let secret = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, secret)| secret.trim());
    let shown = secret.is_some();
    secret.and_then(|secret| Session::open(&door.app, account, secret)).ok_or_else(|| {
        Refused(refusal::unauthenticated(shown, "this needs `Authorization: Bearer` with a visitor's secret"))
    })
}

fn may_write(door: &Door, session: &Session) -> Result<(), Refused> {
    door.writes
        .count(session.visitor.id().to_owned())
        .map_err(|wait| Refused(refusal::too_many("this visitor writes too often", wait)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewVisitor {
    #[serde(default)]
    name: Option<String>,
}

async fn create_visitor(
    State(door): State<Arc<Door>>,
    Path(account): Path<String>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    body: Bytes,
) -> Result<Response, Refused> {
    door.visitors
        .count(address)
        .map_err(|wait| Refused(refusal::too_many("too many new visitors come from this address", wait)))?;
    let account = Account::find(&door.app, &account).await?;
    let new: NewVisitor = if body.is_empty() { NewVisitor { name: None } } else { read(&body)? };
    let (visitor, secret) = webchat::new_visitor(&door.app, account, new.name.as_deref())?;
    Ok((StatusCode::CREATED, Json(json!({"visitorId": visitor.id(), "secret": secret}))).into_response())
}

async fn receive(
    State(door): State<Arc<Door>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let session = session(&door, &account, &headers).await?;
    may_write(&door, &session)?;
    let inbound: InboundText = read(&body)?;
    let received = webchat::receive(&session, &inbound).await?;
    Ok((StatusCode::ACCEPTED, Json(received)).into_response())
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReceiptState {
    Delivered,
    Read,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Receipt {
    message_id: MessageId,
    state: ReceiptState,
}

async fn receipt(
    State(door): State<Arc<Door>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let session = session(&door, &account, &headers).await?;
    may_write(&door, &session)?;
    let receipt: Receipt = read(&body)?;
    let status = match receipt.state {
        ReceiptState::Delivered => Status::Delivered,
        ReceiptState::Read => Status::Read,
    };
    let status = webchat::receipt(&session, receipt.message_id, status).await?;
    Ok(Json(json!({"messageId": receipt.message_id, "status": status})).into_response())
}

async fn events(
    State(door): State<Arc<Door>>,
    Path(account): Path<String>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let session = session(&door, &account, &headers).await?;
    let cursor = match headers.get("last-event-id") {
        None => 0,
        Some(value) => value.to_str().ok().and_then(|text| text.trim().parse::<u64>().ok()).ok_or_else(|| {
            Problem::invalid("Last-Event-ID", "must be the id of an event of this stream, a whole number")
        })?,
    };
    let place = Place::take(&door, address)
        .ok_or_else(|| Refused(refusal::too_many("too many visitors listen at this moment", Duration::from_secs(5))))?;
    let mut messages = OutgoingMessages::after(session, cursor);
    let stop = door.stop.clone();
    let stream = async_stream::stream! {
        let _place = place;
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => break,
                next = messages.next() => next,
            };
            match next {
                Ok(Some(message)) => {
                    let event = Event::default().event("message").id(message.position.to_string());
                    // A text and a few buttons always have a JSON form.
                    let Ok(event) = event.json_data(&message) else { break };
                    yield Ok::<Event, Infallible>(event);
                }
                Ok(None) => break,
                Err(problem) => {
                    tracing::warn!(%problem, "a visitor's stream ends early");
                    break;
                }
            }
        }
    };
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response())
}
