//! A server elsewhere as a backend, over Streamable HTTP: every message is a POST, and its answer comes in the response. A server
//! that has no such endpoint is spoken to over legacy HTTP+SSE.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use futures::StreamExt;
use reqwest::{RequestBuilder, Response, StatusCode, Url, header};
use serde_json::Value;
use sse_stream::SseByteStream;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::backend::{Backend, Connector};
use super::envelope::{Envelope, Kind};
use super::legacy_sse;
use crate::problem::{Code, Problem};

const SESSION_ID: &str = "mcp-session-id";
const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// Where a message of the revisions without a handshake says which revision it is.
const VERSION_META: &str = "io.modelcontextprotocol/protocolVersion";
/// Longer than a server may be silent: it answers within 60 s and sends keep-alives every 15 s.
const SILENCE: Duration = Duration::from_secs(90);
/// Before a stream of notifications that ended is opened again.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// Which server, and what to ask of it.
#[derive(Clone)]
pub struct RemoteOptions {
    /// The instance, with or without `/api`; only its origin counts.
    pub url: Url,
    /// A workspace token.
    pub key: String,
    /// The toolsets to list.
    pub toolsets: Option<String>,
    /// Whether every write is refused.
    pub readonly: bool,
}

/// Connects to a server elsewhere.
pub struct RemoteConnector {
    server: Arc<Server>,
}

/// The server, and how to speak to it.
pub(super) struct Server {
    client: reqwest::Client,
    origin: Url,
    options: RemoteOptions,
    // Found out by the first message: a server's transport does not change.
    legacy: OnceLock<bool>,
}

impl RemoteConnector {
    /// A way to the server.
    ///
    /// # Errors
    /// When the URL is none of a server, or no secure connections can be made on this machine.
    pub fn new(options: RemoteOptions) -> Result<Self, Problem> {
        if !matches!(options.url.scheme(), "http" | "https") || options.url.host().is_none() {
            return Err(Problem::invalid("CHATBOTX_API_URL", "this is not the URL of a server"));
        }
        let mut origin = options.url.clone();
        origin.set_path("/");
        origin.set_query(None);
        origin.set_fragment(None);
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(SILENCE)
            // The token is for the server that was named, not for one that it names.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("chatbotx/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Problem::internal(&error))?;
        Ok(Self { server: Arc::new(Server { client, origin, options, legacy: OnceLock::new() }) })
    }
}

impl Connector for RemoteConnector {
    async fn connect(&mut self) -> Result<Backend, Problem> {
        let server = Arc::clone(&self.server);
        Ok(Backend::driven_by(|outgoing, incoming| {
            let mut tasks = JoinSet::new();
            tasks.spawn(async move {
                let conversation =
                    Conversation { server, incoming, session: None, version: None, calls: HashMap::new() };
                conversation.carry(outgoing).await;
            });
            tasks
        }))
    }
}

impl Server {
    /// The URL of an endpoint.
    pub(super) fn endpoint(&self, path: &str) -> Result<Url, Problem> {
        self.origin.join(path).map_err(|_| Problem::new(Code::Unavailable, "the server announced an unusable address"))
    }

    /// A request with the token. The token never goes to another origin.
    pub(super) fn request(&self, method: reqwest::Method, url: Url) -> Result<RequestBuilder, Problem> {
        if url.origin() != self.origin.origin() {
            return Err(Problem::new(Code::Forbidden, "the server announced an address at another origin"));
        }
        let mut request = self.client.request(method, url).bearer_auth(&self.options.key);
        if let Some(toolsets) = &self.options.toolsets {
            request = request.header("x-toolsets", toolsets);
        }
        if self.options.readonly {
            request = request.header("x-readonly", "1");
        }
        Ok(request)
    }
}

/// One MCP session at the server.
struct Conversation {
    server: Arc<Server>,
    incoming: mpsc::Sender<Result<String, Problem>>,
    session: Option<String>,
    version: Option<String>,
    calls: HashMap<String, AbortHandle>,
}

impl Conversation {
    async fn carry(mut self, mut outgoing: mpsc::UnboundedReceiver<String>) {
        let (failed, mut failures) = mpsc::unbounded_channel::<Problem>();
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                line = outgoing.recv() => {
                    let Some(line) = line else { return };
                    if self.server.legacy.get() == Some(&true) {
                        return legacy_sse::carry(&self.server, line, outgoing, &self.incoming).await;
                    }
                    match self.send(&line, &mut tasks, &failed).await {
                        Ok(Sent::Done) => {}
                        Ok(Sent::NoSuchEndpoint) => {
                            let _ = self.server.legacy.set(true);
                            return legacy_sse::carry(&self.server, line, outgoing, &self.incoming).await;
                        }
                        Err(problem) => return self.end(problem).await,
                    }
                }
                Some(problem) = failures.recv() => return self.end(problem).await,
                Some(_) = tasks.join_next() => {}
            }
        }
    }

    async fn end(&self, problem: Problem) {
        let _ = self.incoming.send(Err(problem)).await;
    }

    /// Sends one message. What opens a conversation and what asks for nothing is waited for, so that it is not overtaken.
    async fn send(
        &mut self,
        line: &str,
        tasks: &mut JoinSet<()>,
        failed: &mpsc::UnboundedSender<Problem>,
    ) -> Result<Sent, Problem> {
        let Some(envelope) = Envelope::read(line) else { return Ok(Sent::Done) };
        if envelope.method() == "notifications/cancelled"
            && let Some(call) = envelope.id_param("requestId").and_then(|id| self.calls.remove(&id))
        {
            call.abort();
        }
        if self.session.is_none() && self.version.is_none() && matches!(envelope.kind(), Kind::Notification) {
            // Without a handshake the end of a response stream cancels, and there are no other notifications.
            return Ok(Sent::Done);
        }
        let request = self.post(&envelope, line)?;
        let undecided = self.server.legacy.get().is_none();
        if let Kind::Request(id) = envelope.kind()
            && envelope.method() != "initialize"
            && !undecided
        {
            let (incoming, failed, has_session) = (self.incoming.clone(), failed.clone(), self.session.is_some());
            let call = tasks.spawn(async move {
                let outcome = async {
                    let response = checked(request.send().await.map_err(|error| unreachable(&error))?, has_session)?;
                    forward(response, &incoming, true).await.map(drop)
                };
                if let Err(problem) = outcome.await {
                    let _ = failed.send(problem);
                }
            });
            self.calls.retain(|_, call| !call.is_finished());
            self.calls.insert(id, call);
            return Ok(Sent::Done);
        }
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        if undecided && matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
            return Ok(Sent::NoSuchEndpoint);
        }
        let response = checked(response, self.session.is_some())?;
        let _ = self.server.legacy.set(false);
        let asks = matches!(envelope.kind(), Kind::Request(_));
        if envelope.method() == "initialize" {
            self.session = response.headers().get(SESSION_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        }
        if let Some(version) = forward(response, &self.incoming, asks).await? {
            self.version = Some(version);
        }
        if envelope.method() == "notifications/initialized" && self.session.is_some() {
            tasks.spawn(self.listen(failed.clone())?);
        }
        Ok(Sent::Done)
    }

    fn post(&self, envelope: &Envelope<'_>, line: &str) -> Result<RequestBuilder, Problem> {
        let mut request = self
            .server
            .request(reqwest::Method::POST, self.server.endpoint("/mcp")?)?
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header(header::CONTENT_TYPE, "application/json")
            .body(line.to_owned());
        if let Some(Value::String(version)) = envelope.meta(VERSION_META) {
            request = request.header(PROTOCOL_VERSION, version).header("mcp-method", envelope.method());
            let name = match envelope.method() {
                "tools/call" | "prompts/get" => envelope.text_param("name"),
                "resources/read" => envelope.text_param("uri"),
                _ => None,
            };
            return Ok(match name {
                Some(name) => request.header("mcp-name", header_value(&name)),
                None => request,
            });
        }
        Ok(self.in_session(request))
    }

    fn in_session(&self, request: RequestBuilder) -> RequestBuilder {
        let mut request = request;
        if let Some(session) = &self.session {
            request = request.header(SESSION_ID, session);
        }
        if let Some(version) = &self.version {
            request = request.header(PROTOCOL_VERSION, version);
        }
        request
    }

    /// Opens the stream of what the server says by itself, again and again.
    fn listen(
        &self,
        failed: mpsc::UnboundedSender<Problem>,
    ) -> Result<impl Future<Output = ()> + Send + 'static, Problem> {
        let url = self.server.endpoint("/mcp")?;
        let request = self.server.request(reqwest::Method::GET, url)?.header(header::ACCEPT, "text/event-stream");
        let request = self.in_session(request);
        let incoming = self.incoming.clone();
        Ok(async move {
            while let Some(request) = request.try_clone() {
                match request.send().await {
                    Ok(response) if response.status() == StatusCode::METHOD_NOT_ALLOWED => return,
                    Ok(response) => {
                        let outcome = match checked(response, true) {
                            Ok(response) => forward(response, &incoming, false).await.map(drop),
                            Err(problem) => Err(problem),
                        };
                        if let Err(problem) = outcome {
                            let _ = failed.send(problem);
                            return;
                        }
                    }
                    Err(error) => {
                        let _ = failed.send(unreachable(&error));
                        return;
                    }
                }
                tokio::time::sleep(REOPEN_AFTER).await;
            }
        })
    }
}

enum Sent {
    Done,
    NoSuchEndpoint,
}

/// Refuses a response that carries no messages. An ended session is a reason to begin another one.
pub(super) fn checked(response: Response, has_session: bool) -> Result<Response, Problem> {
    let status = response.status();
    let said = format!("the server at CHATBOTX_API_URL answered {status}");
    if status.is_success() || (status == StatusCode::BAD_REQUEST && is_json(&response)) {
        return Ok(response);
    }
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Problem::new(Code::Forbidden, said).hint("check CHATBOTX_API_KEY: it may be mistyped, expired or revoked")
        }
        StatusCode::NOT_FOUND if !has_session && is_json(&response) => return Ok(response),
        StatusCode::NOT_FOUND | StatusCode::TOO_MANY_REQUESTS => Problem::new(Code::Unavailable, said),
        status if status.is_server_error() => Problem::new(Code::Unavailable, said),
        _ => Problem::new(Code::InvalidInput, said).hint("check CHATBOTX_API_URL"),
    })
}

/// Gives the messages of a response to the client. `awaited` tells whether an answer has to be among them. Gives the revision that
/// was agreed on, when the answer says one.
async fn forward(
    response: Response,
    incoming: &mpsc::Sender<Result<String, Problem>>,
    awaited: bool,
) -> Result<Option<String>, Problem> {
    let mut answered = !awaited;
    let mut version = None;
    let mut messages = if is_json(&response) {
        let text = response.text().await.map_err(|error| unreachable(&error))?;
        futures::stream::iter([Ok(text)]).boxed()
    } else if content_type(&response).starts_with("text/event-stream") {
        let broke = |_| Problem::new(Code::Unavailable, "the connection to the server broke");
        let events = SseByteStream::new(response.bytes_stream());
        events.map(move |event| event.map(|event| event.data.unwrap_or_default()).map_err(broke)).boxed()
    } else {
        futures::stream::empty().boxed()
    };
    while let Some(message) = messages.next().await {
        let message = one_line(&message?);
        if message.is_empty() {
            continue;
        }
        if let Some(envelope) = Envelope::read(&message)
            && matches!(envelope.kind(), Kind::Response(_))
        {
            answered = true;
            version = envelope.agreed_version();
        }
        // When nobody takes it the conversation is over, and so is this.
        let _ = incoming.send(Ok(message)).await;
    }
    if answered {
        Ok(version)
    } else {
        Err(Problem::new(Code::Unavailable, "the server ended a call without an answer"))
    }
}

/// A message as one line: line breaks between members mean nothing in JSON, and those in texts are written `\n`.
pub(super) fn one_line(message: &str) -> String {
    message.trim().replace(['\r', '\n'], " ")
}

/// What is told when the server cannot be reached. Never holds the URL's query or the token.
pub(super) fn unreachable(error: &reqwest::Error) -> Problem {
    tracing::info!(error = ?error.to_string(), "the server cannot be reached");
    Problem::new(Code::Unavailable, "the server at CHATBOTX_API_URL cannot be reached")
}

fn is_json(response: &Response) -> bool {
    content_type(response).starts_with("application/json")
}

fn content_type(response: &Response) -> &str {
    response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A header value in the form of the 2026-07-28 revision: as it is when it is plain, wrapped otherwise.
fn header_value(text: &str) -> String {
    let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && text.trim() == text;
    if plain && !text.starts_with("=?base64?") {
        return text.to_owned();
    }
    format!("=?base64?{}?=", base64::engine::general_purpose::STANDARD.encode(text))
}
