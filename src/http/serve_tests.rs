//! The whole network door over a program without a log: who gets in, whose session is whose, and how it ends.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::mcp::test_backend::TestBackend;
use crate::settings::Limits;

struct Doors {
    backend: Arc<TestBackend>,
    server: Server,
}

fn doors_with(settings: &Settings) -> Doors {
    let backend = TestBackend::new();
    let server = Server::new(backend.clone(), settings, Router::new(), Readiness::starting());
    Doors { backend, server }
}

fn doors() -> Doors {
    doors_with(&Settings::default())
}

/// Headers that every MCP client sends.
const CLIENT: [(&str, &str); 3] =
    [("host", "localhost"), ("accept", "application/json, text/event-stream"), ("content-type", "application/json")];

impl Doors {
    async fn send(&self, method: Method, uri: &str, headers: &[(&str, &str)], body: Option<Value>) -> Response {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in CLIENT.iter().filter(|(name, _)| headers.iter().all(|(given, _)| given != name)) {
            request = request.header(*name, *value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.server.router().oneshot(request.body(body).unwrap()).await.unwrap()
    }

    async fn status(&self, method: Method, uri: &str, headers: &[(&str, &str)]) -> StatusCode {
        self.send(method, uri, headers, None).await.status()
    }

    /// Opens a Streamable HTTP session.
    async fn session(&self, uri: &str, token: &str) -> String {
        let response = self.send(Method::POST, uri, &[("x-workspace-token", token)], Some(initialize())).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.headers()["mcp-session-id"].to_str().unwrap().to_owned()
    }

    /// Opens a legacy stream; gives it and the address to post to.
    async fn stream(&self, uri: &str, token: &str) -> (Events, String) {
        let response = self.send(Method::GET, uri, &[("x-workspace-token", token)], None).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let mut events = Events { body: response.into_body(), text: String::new() };
        let (event, address) = events.next().await.unwrap();
        assert_eq!(event, "endpoint");
        (events, address)
    }
}

/// An event stream that is being read.
struct Events {
    body: Body,
    text: String,
}

impl Events {
    /// The next event's name and data; nothing when the stream ended.
    async fn next(&mut self) -> Option<(String, String)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    event
                        .lines()
                        .filter_map(|line| line.strip_prefix(name))
                        .map(str::trim)
                        .collect::<Vec<_>>()
                        .join("\n")
                };
                let found = (field("event:"), field("data:"));
                self.text = rest.to_owned();
                return Some(found);
            }
            let frame = self.body.frame().await?.unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    async fn json(&mut self) -> Value {
        loop {
            let (_, data) = self.next().await.expect("the stream ended before an answer");
            if !data.is_empty() {
                return serde_json::from_str(&data).unwrap();
            }
        }
    }
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18",
        "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}})
}

fn ping(id: u32) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "ping"})
}

async fn answer(response: Response) -> Value {
    Events { body: response.into_body(), text: String::new() }.json().await
}

const GOOD: (&str, &str) = ("x-workspace-token", "good");
const OTHER: (&str, &str) = ("x-workspace-token", "other");

#[tokio::test]
async fn nobody_gets_in_without_a_valid_token_on_any_transport() {
    let doors = doors();
    for (method, uri) in [
        (Method::POST, "/mcp"),
        (Method::GET, "/mcp"),
        (Method::DELETE, "/mcp"),
        (Method::GET, "/mcp/sse"),
        (Method::HEAD, "/mcp/sse"),
        (Method::POST, "/mcp/sse"),
        (Method::GET, "/metrics"),
    ] {
        for headers in [&[][..], &[("x-workspace-token", "wrong")], &[GOOD, ("authorization", "Bearer other")]] {
            let response = doors.send(method.clone(), uri, headers, Some(initialize())).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {uri} {headers:?}");
            assert!(response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer"));
            assert!(!response.headers().contains_key("mcp-session-id"));
        }
    }
}

#[tokio::test]
async fn every_place_for_a_token_opens_the_door_and_url_tokens_can_be_switched_off() {
    let places: [(&str, &[(&str, &str)]); 4] = [
        ("/mcp", &[GOOD]),
        ("/mcp", &[("authorization", "Bearer good")]),
        ("/mcp?token=good", &[]),
        ("/mcp/sse?workspace_token=good", &[]),
    ];
    let on = doors();
    let off = doors_with(&Settings { url_tokens: false, ..Settings::default() });
    for (uri, headers) in places {
        let response = on.send(Method::POST, uri, headers, Some(initialize())).await;
        assert_eq!(answer(response).await["result"]["serverInfo"]["name"], "chatbotx", "{uri}");
        let expected = if uri.contains('?') { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
        assert_eq!(off.send(Method::POST, uri, headers, Some(initialize())).await.status(), expected, "{uri}");
    }
}

#[tokio::test]
async fn a_streamable_session_is_only_there_for_its_token() {
    for uri in ["/mcp", "/mcp/sse"] {
        let doors = doors();
        let session = doors.session(uri, "good").await;
        let mine = [GOOD, ("mcp-session-id", session.as_str())];
        let foreign = [OTHER, ("mcp-session-id", session.as_str())];
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let response = doors.send(Method::POST, uri, &mine, Some(initialized)).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        assert_eq!(answer(doors.send(Method::POST, uri, &mine, Some(ping(7))).await).await["id"], 7);
        for method in [Method::POST, Method::GET, Method::DELETE] {
            let response = doors.send(method.clone(), uri, &foreign, Some(ping(8))).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{method} {uri}");
        }
        assert_eq!(doors.status(Method::GET, uri, &mine).await, StatusCode::OK, "nobody else ended it");
        assert_eq!(doors.status(Method::DELETE, uri, &mine).await, StatusCode::ACCEPTED);
        assert_eq!(doors.send(Method::POST, uri, &mine, Some(ping(9))).await.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_client_without_a_handshake_is_answered_without_a_session() {
    let doors = doors();
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    let request = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": {"_meta": meta}});
    let headers = [GOOD, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")];
    let response = doors.send(Method::POST, "/mcp", &headers, Some(request)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key("mcp-session-id"));
    let answer = answer(response).await;
    assert_eq!(answer["result"]["tools"], json!([]));
    assert_eq!(answer["result"]["cacheScope"], "private");
}

#[tokio::test]
async fn a_legacy_session_answers_on_its_stream_to_posts_that_name_it() {
    let doors = doors();
    let (mut events, address) = doors.stream("/mcp/sse?toolsets=all", "good").await;
    assert!(address.starts_with("/mcp/sse?sessionId="), "{address}");
    let response = doors.send(Method::POST, &address, &[], Some(initialize())).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(events.json().await["result"]["serverInfo"]["name"], "chatbotx");
    let alias = address.replace("/mcp/sse?", "/mcp/messages?");
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(doors.send(Method::POST, &alias, &[GOOD], Some(initialized)).await.status(), StatusCode::ACCEPTED);
    assert_eq!(doors.send(Method::POST, &alias, &[], Some(ping(2))).await.status(), StatusCode::ACCEPTED);
    assert_eq!(events.json().await["id"], 2);
    let list = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"});
    assert_eq!(doors.send(Method::POST, &address, &[], Some(list)).await.status(), StatusCode::ACCEPTED);
    assert_eq!(events.json().await["result"]["tools"], json!([]));
}

#[tokio::test]
async fn a_legacy_session_takes_nothing_from_others() {
    let doors = doors();
    let (events, address) = doors.stream("/mcp/sse", "good").await;
    let post = async |uri: &str, headers: &[(&str, &str)]| {
        doors.send(Method::POST, uri, headers, Some(initialize())).await.status()
    };
    assert_eq!(post(&address, &[OTHER]).await, StatusCode::NOT_FOUND);
    assert_eq!(post(&address, &[("x-workspace-token", "wrong")]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(post("/mcp/sse?sessionId=guessed", &[]).await, StatusCode::NOT_FOUND);
    assert_eq!(post("/mcp/messages?sessionId=guessed", &[GOOD]).await, StatusCode::NOT_FOUND);
    assert_eq!(post("/mcp/messages", &[GOOD]).await, StatusCode::BAD_REQUEST);
    assert_eq!(post(&address, &[("content-type", "text/plain")]).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let id = address.split_once('=').unwrap().1;
    assert_eq!(post("/mcp", &[GOOD, ("mcp-session-id", id)]).await, StatusCode::NOT_FOUND);
    assert_eq!(post(&address, &[GOOD]).await, StatusCode::ACCEPTED);
    drop(events);
    assert_eq!(post(&address, &[GOOD]).await, StatusCode::NOT_FOUND, "the session ended with its stream");
}

#[tokio::test]
async fn probes_open_no_session() {
    let limits = Limits { sessions_per_token: 1, ..Limits::default() };
    let doors = doors_with(&Settings { limits, ..Settings::default() });
    let response = doors.send(Method::HEAD, "/mcp/sse", &[GOOD], None).await;
    assert_eq!(
        (response.status(), &response.headers()["content-type"]),
        (StatusCode::OK, &"text/event-stream".parse().unwrap())
    );
    let json_only = [GOOD, ("accept", "application/json")];
    assert_eq!(doors.status(Method::GET, "/mcp/sse", &json_only).await, StatusCode::NOT_ACCEPTABLE);
    let _events = doors.stream("/mcp/sse", "good").await;
    let response = doors.send(Method::GET, "/mcp/sse", &[GOOD], None).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "the one place was free until then");
    assert!(response.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(
        doors.send(Method::POST, "/mcp", &[GOOD], Some(initialize())).await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(doors.send(Method::POST, "/mcp", &[OTHER], Some(initialize())).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_revoked_token_ends_its_streams_on_both_transports() {
    let doors = doors();
    let (mut legacy, address) = doors.stream("/mcp/sse", "good").await;
    let (mut other, _) = doors.stream("/mcp/sse", "other").await;
    let session = doors.session("/mcp", "good").await;
    let headers = [GOOD, ("mcp-session-id", session.as_str())];
    let response = doors.send(Method::GET, "/mcp", &headers, None).await;
    let mut standalone = Events { body: response.into_body(), text: String::new() };
    standalone.next().await.expect("the first event of the stream");
    doors.server.gate.watch.look().await;
    doors.backend.revoke("good");
    doors.server.gate.watch.look().await;
    assert_eq!(legacy.next().await, None);
    assert_eq!(standalone.next().await, None);
    drop(legacy);
    assert_eq!(doors.send(Method::POST, &address, &[], Some(ping(1))).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(doors.send(Method::POST, "/mcp", &headers, Some(ping(1))).await.status(), StatusCode::UNAUTHORIZED);
    doors.server.streams_end.cancel();
    assert_eq!(other.next().await, None, "the other token's stream was open until the server stopped");
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused_on_every_route() {
    let doors = doors();
    for uri in ["/mcp", "/mcp/sse", "/mcp/messages", "/healthz", "/readyz", "/metrics", "/elsewhere"] {
        let status = async |headers: &[(&str, &str)]| doors.status(Method::GET, uri, headers).await;
        assert_eq!(status(&[GOOD, ("host", "evil.example")]).await, StatusCode::FORBIDDEN, "{uri}");
        assert_eq!(status(&[GOOD, ("origin", "https://evil.example")]).await, StatusCode::FORBIDDEN, "{uri}");
    }
    let headers = [GOOD, ("origin", "http://localhost:3000")];
    let response = doors.send(Method::POST, "/mcp", &headers, Some(initialize())).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().keys().all(|name| !name.as_str().starts_with("access-control")), "CORS is closed");
}

#[tokio::test]
async fn what_is_not_ours_is_not_found_and_tells_no_referrer() {
    let doors = doors();
    for uri in
        ["/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server/mcp", "/register", "/"]
    {
        let response = doors.send(Method::GET, uri, &[], None).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{uri}");
        assert_eq!(response.headers()[header::REFERRER_POLICY], "no-referrer");
    }
}

#[tokio::test]
async fn an_address_that_fails_too_often_has_to_wait() {
    let limits = Limits { failed_authentications_per_address: 3, ..Limits::default() };
    let doors =
        doors_with(&Settings { limits, trust_proxy: vec!["0.0.0.0/32".parse().unwrap()], ..Settings::default() });
    let from = |address| [("x-workspace-token", "wrong"), ("x-forwarded-for", address)];
    for _ in 0..3 {
        assert_eq!(doors.status(Method::GET, "/mcp", &from("192.0.2.1")).await, StatusCode::UNAUTHORIZED);
    }
    let response = doors.send(Method::GET, "/mcp", &from("192.0.2.1"), None).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(response.headers()[header::RETRY_AFTER].to_str().unwrap().parse::<u32>().unwrap() <= 10);
    assert_eq!(doors.status(Method::GET, "/mcp", &from("192.0.2.2")).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn numbers_need_a_token_unless_this_machine_asks_without_a_proxy() {
    let doors = doors();
    let ask = async |peer: &str, headers: &[(&str, &str)]| {
        let mut request = Request::get("/metrics").header("host", "localhost").extension(Peer(peer.parse().unwrap()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        doors.server.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    };
    assert_eq!(ask("127.0.0.1:9", &[]).await, StatusCode::OK);
    assert_eq!(ask("127.0.0.1:9", &[("x-forwarded-for", "192.0.2.1")]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("192.0.2.1:9", &[]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("192.0.2.1:9", &[GOOD]).await, StatusCode::OK);
}

#[tokio::test]
async fn a_stopping_server_ends_its_streams_and_then_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (shutdown, readiness) = (CancellationToken::new(), Readiness::starting());
    readiness.set(Phase::Ready);
    let backend = TestBackend::new();
    let serving = tokio::spawn(serve(
        backend,
        Settings::default(),
        Router::new(),
        listener,
        shutdown.clone(),
        Arc::clone(&readiness),
    ));
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /mcp/sse?token=good HTTP/1.1\r\nhost: {address}\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut seen = String::new();
    let mut buffer = [0_u8; 4_096];
    while !seen.contains("sessionId=") {
        let count = client.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the stream ended: {seen}");
        seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), client.read_to_end(&mut Vec::new())).await;
    ended.expect("an open stream outlived the server").unwrap();
    serving.await.unwrap().unwrap();
    assert_eq!(readiness.phase(), Phase::Draining);
}

#[tokio::test]
async fn a_draining_server_takes_nothing_new_but_tells_its_health() {
    let doors = doors();
    doors.server.readiness.set(Phase::Draining);
    let response = doors.send(Method::POST, "/mcp", &[GOOD], Some(initialize())).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let headers: &HeaderMap = response.headers();
    assert!(headers.contains_key(header::RETRY_AFTER));
    assert_eq!(doors.status(Method::GET, "/readyz", &[]).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(doors.status(Method::GET, "/healthz", &[]).await, StatusCode::OK);
}
