//! The whole network door over a program without a log, and a client for it, for tests.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::Readiness;
use super::serve::Server;
use crate::mcp::Backend;
use crate::mcp::test_backend::TestBackend;
use crate::settings::Settings;

/// The doors over a program without a log.
pub struct Doors<B> {
    pub backend: Arc<B>,
    pub server: Server,
}

pub fn doors_with(settings: &Settings) -> Doors<TestBackend> {
    doors_over(TestBackend::new(), settings)
}

pub fn doors_over<B: Backend>(backend: Arc<B>, settings: &Settings) -> Doors<B> {
    let server = Server::new(backend.clone(), settings, Router::new(), Readiness::starting());
    Doors { backend, server }
}

pub fn doors() -> Doors<TestBackend> {
    doors_with(&Settings::default())
}

/// Headers that every MCP client sends.
const CLIENT: [(&str, &str); 3] =
    [("host", "localhost"), ("accept", "application/json, text/event-stream"), ("content-type", "application/json")];

impl<B> Doors<B> {
    pub async fn send(&self, method: Method, uri: &str, headers: &[(&str, &str)], body: Option<Value>) -> Response {
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

    pub async fn status(&self, method: Method, uri: &str, headers: &[(&str, &str)]) -> StatusCode {
        self.send(method, uri, headers, None).await.status()
    }

    /// Opens a Streamable HTTP session.
    pub async fn session(&self, uri: &str, token: &str) -> String {
        let response = self.send(Method::POST, uri, &[("x-workspace-token", token)], Some(initialize())).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.headers()["mcp-session-id"].to_str().unwrap().to_owned()
    }

    /// Opens a legacy stream; gives it and the address to post to.
    pub async fn stream(&self, uri: &str, token: &str) -> (Events, String) {
        let response = self.send(Method::GET, uri, &[("x-workspace-token", token)], None).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let mut events = Events::of(response);
        let (event, address) = events.next().await.unwrap();
        assert_eq!(event, "endpoint");
        (events, address)
    }
}

/// An event stream that is being read.
pub struct Events {
    body: Body,
    text: String,
}

impl Events {
    pub fn of(response: Response) -> Self {
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event's name and data; nothing when the stream ended.
    pub async fn next(&mut self) -> Option<(String, String)> {
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

    pub async fn json(&mut self) -> Value {
        loop {
            let (_, data) = self.next().await.expect("the stream ended before an answer");
            // Signs of life are for those tests that look at them.
            if !data.is_empty() && !data.contains("notifications/progress") {
                return serde_json::from_str(&data).unwrap();
            }
        }
    }
}

pub fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18",
        "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}})
}

pub fn ping(id: u32) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "ping"})
}

pub async fn answer(response: Response) -> Value {
    Events::of(response).json().await
}

impl<B> Doors<B> {
    /// A call by a client of the revision without sessions.
    pub async fn call(&self, uri: &str, name: &str, arguments: Value) -> Value {
        let params = json!({"name": name, "arguments": arguments});
        answer(self.request(GOOD, uri, "tools/call", params).await).await
    }

    /// A request by a client of the revision without sessions, which wants to be told of progress.
    pub async fn request(&self, token: (&str, &str), uri: &str, method: &str, mut params: Value) -> Response {
        params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}, "progressToken": "signs",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"}, "chatbotx/requestId": "req_1"});
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        let request = json!({"jsonrpc": "2.0", "id": 3, "method": method, "params": params});
        let mut headers = vec![token, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        headers.extend((!name.is_empty()).then_some(("mcp-name", name.as_str())));
        self.send(Method::POST, uri, &headers, Some(request)).await
    }
}

/// The problem in a tool result, which has nothing beside it.
pub fn problem(answer: &Value) -> Value {
    let result = &answer["result"];
    assert_eq!((&result["isError"], result.get("structuredContent")), (&json!(true), None), "{answer}");
    assert_eq!(result["content"].as_array().unwrap().len(), 1);
    serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap()
}

pub const GOOD: (&str, &str) = ("x-workspace-token", "good");
pub const OTHER: (&str, &str) = ("x-workspace-token", "other");
