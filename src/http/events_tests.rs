//! Following events over HTTP: who may, what is asked for, and how a stream begins and ends.

use std::sync::Arc;
use std::time::Duration;

use aggregates::ids::WorkspaceId;
use aggregates::token::Scope;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::test_doors::{Doors, doors_over};
use crate::app::{App, Caller, CreatedToken, NewToken, OpenOptions};
use crate::operations::{CallOptions, registry};
use crate::settings::{Limits, Settings};

const EVENTS: &str = "/api/v1/events";

/// A program with a workspace, and its doors.
struct House {
    _folder: tempfile::TempDir,
    app: Arc<App>,
    workspace: WorkspaceId,
    token: CreatedToken,
    doors: Doors<App>,
}

async fn token(app: &Arc<App>, workspace: WorkspaceId, name: &str, scopes: Vec<Scope>) -> CreatedToken {
    let new = NewToken { name: name.to_owned(), permission: Default::default(), scopes, expires_at: None };
    app.create_token(workspace, &new).await.unwrap()
}

impl House {
    async fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = App::open(&OpenOptions::in_folder(folder.path())).await.unwrap();
        let workspace = app.create_workspace("Bakery").await.unwrap();
        let token = token(&app, workspace, "follower", Vec::new()).await;
        let doors = doors_over(Arc::clone(&app), &Settings { limits, ..Settings::default() });
        Self { _folder: folder, app, workspace, token, doors }
    }

    async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    async fn call(&self, name: &str, arguments: Value) -> Value {
        let operation = registry::all().get(name).unwrap();
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let caller = Caller::local(self.workspace);
        operation.call(Arc::clone(&self.app), caller, CallOptions::default(), arguments).await.unwrap()
    }

    async fn ask(&self, query: &str, headers: &[(&str, &str)]) -> Response {
        let mut all = vec![("x-workspace-token", self.token.text.as_str())];
        all.extend(headers);
        self.doors.send(Method::GET, &format!("{EVENTS}{query}"), &all, None).await
    }

    async fn open(&self, query: &str, headers: &[(&str, &str)]) -> Blocks {
        let response = self.ask(query, headers).await;
        assert_eq!(response.status(), StatusCode::OK);
        Blocks { body: response.into_body(), text: String::new() }
    }

    async fn head(&self) -> u64 {
        self.app.head(self.workspace).await.unwrap()
    }

    async fn close(self) {
        self.app.close().await;
    }
}

/// A stream of events that is being read.
struct Blocks {
    body: Body,
    text: String,
}

impl Blocks {
    /// The next block as its lines; nothing when the stream ended.
    async fn next(&mut self) -> Option<Vec<String>> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let lines = block.lines().map(str::to_owned).collect();
                self.text = rest.to_owned();
                return Some(lines);
            }
            let frame = self.body.frame().await?.unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    /// The next event's position, type and itself, past blocks that hold none.
    async fn event(&mut self) -> (u64, String, Value) {
        loop {
            let lines = self.next().await.expect("the stream ended before an event");
            let field = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if let Some(data) = field("data: ") {
                let position = field("id: ").unwrap().parse().unwrap();
                return (position, field("event: ").unwrap(), serde_json::from_str(&data).unwrap());
            }
        }
    }
}

async fn problem(response: Response) -> Value {
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

#[tokio::test]
async fn a_stream_says_at_once_where_it_begins_and_then_what_happens() {
    let house = House::new().await;
    let response = house.ask("", &[]).await;
    for (name, value) in
        [("content-type", "text/event-stream"), ("cache-control", "no-store"), ("x-accel-buffering", "no")]
    {
        assert_eq!(response.headers()[name], value);
    }
    let mut blocks = Blocks { body: response.into_body(), text: String::new() };
    let head = house.head().await;
    assert_eq!(blocks.next().await.unwrap(), ["retry: 2000", ": connected", &format!("id: {head}")]);
    house.call("create_tag", json!({"name": "VIP\u{200b}\nnext"})).await;
    let (position, name, event) = blocks.event().await;
    assert_eq!((position, name.as_str()), (head + 1, "TagCreated"));
    let listed = house.call("list_events", json!({"limit": 1})).await;
    assert_eq!(event, listed["items"][0], "followed and listed events are the same");
    house.close().await;
}

#[tokio::test]
async fn following_goes_on_behind_what_is_said_and_the_last_id_goes_before_after() {
    let house = House::new().await;
    let head = house.head().await;
    for number in 0..5 {
        house.call("create_tag", json!({"name": format!("tag {number}")})).await;
    }
    let mut all = house.open("?after=0", &[]).await;
    assert_eq!(all.event().await.1, "WorkspaceCreated");
    let mut later = house.open(&format!("?after={}", head + 2), &[]).await;
    assert_eq!(later.event().await.2["data"]["name"], "tag 2");
    let id = (head + 4).to_string();
    let mut resumed = house.open("?after=0", &[("last-event-id", &id)]).await;
    assert_eq!(resumed.event().await.2["data"]["name"], "tag 4");
    house.close().await;
}

#[tokio::test]
async fn filters_let_through_what_they_name() {
    let house = House::new().await;
    let ana = house.call("create_contact", json!({"firstName": "Ana", "email": "ana@example.org"})).await;
    let ana = ana["contact"]["id"].as_str().unwrap().to_owned();
    let mut hers = house.open("?contactId=email:ana@example.org", &[]).await;
    let mut tags = house.open("?types=TagCreated,ContactTagsRemoved", &[]).await;
    house.call("create_contact", json!({"firstName": "Bo"})).await;
    house.call("add_contact_tags", json!({"contactId": ana, "tags": ["VIP"]})).await;
    let (position, name, event) = hers.event().await;
    assert_eq!((name.as_str(), &event["contactId"]), ("ContactTagsAdded", &json!(ana)));
    assert_eq!(position, house.head().await, "what is about others was left out");
    assert_eq!(tags.event().await.1, "TagCreated");
    house.close().await;
}

#[tokio::test]
async fn a_filter_that_lets_nothing_through_still_says_how_far_it_is() {
    let house = House::new().await;
    let mut blocks = house.open("?types=MessageReceived", &[]).await;
    blocks.next().await.unwrap();
    for number in 0..3 {
        house.call("create_tag", json!({"name": format!("tag {number}")})).await;
    }
    let head = format!("id: {}", house.head().await);
    // From here on time passes when nothing else happens: a heartbeat is the next thing that can.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    while blocks.next().await.unwrap() != [": nothing up to here", &head] {}
    assert_eq!(began.elapsed().as_secs() % 15, 0, "{:?}", began.elapsed());
    tokio::time::resume();
    house.close().await;
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_with_a_reason() {
    let house = House::new().await;
    let nobody = "contact_00000000000000000000000000";
    let cases = [
        ("?after=99".to_owned(), 400, "after"),
        ("?after=soon".to_owned(), 400, "after"),
        ("?after=1&after=2".to_owned(), 400, "after"),
        ("?types=TagCreatd".to_owned(), 400, "types[0]"),
        ("?types=".to_owned(), 400, "types[0]"),
        ("?conversationId=x".to_owned(), 400, "conversationId"),
        (format!("?contactId={nobody}"), 404, "contactId"),
        ("?contactId=Ana".to_owned(), 400, "contactId"),
    ];
    for (query, status, field) in cases {
        let response = house.ask(&query, &[]).await;
        assert_eq!(response.status().as_u16(), status, "{query}");
        assert_eq!(problem(response).await["field"], field, "{query}");
    }
    let unknown = house.ask("?contact=x", &[]).await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
    assert!(problem(unknown).await["hint"].as_str().unwrap().contains("contactId"));
    let typo = problem(house.ask("?types=TagCreatd", &[]).await).await;
    assert_eq!(typo["candidates"][0]["id"], "TagCreated");
    for id in ["99", "soon", "-1"] {
        let response = house.ask("", &[("last-event-id", id)]).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{id}");
        assert_eq!(problem(response).await["field"], "Last-Event-ID");
    }
    assert_eq!(house.ask("", &[("accept", "application/json")]).await.status(), StatusCode::NOT_ACCEPTABLE);
    assert_eq!(house.ask("", &[("last-event-id", "")]).await.status(), StatusCode::OK, "an empty id is none");
    house.close().await;
}

#[tokio::test]
async fn only_a_token_with_the_right_follows_and_only_its_own_workspace() {
    let house = House::new().await;
    let without = house.doors.send(Method::GET, EVENTS, &[], None).await;
    assert_eq!(without.status(), StatusCode::UNAUTHORIZED);
    assert!(without.headers().contains_key(header::WWW_AUTHENTICATE));
    let people = token(&house.app, house.workspace, "people", vec![Scope::ContactsRead]).await;
    let response = house.doors.send(Method::GET, EVENTS, &[("x-workspace-token", &people.text)], None).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(problem(response).await["hint"].as_str().unwrap().contains("events:read"));
    let elsewhere = house.app.create_workspace("Neighbour").await.unwrap();
    let neighbour = token(&house.app, elsewhere, "neighbour", vec![Scope::EventsRead]).await;
    let in_url = format!("{EVENTS}?token={}&after=0", neighbour.text);
    let response = house.doors.send(Method::GET, &in_url, &[], None).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut theirs = Blocks { body: response.into_body(), text: String::new() };
    house.call("create_tag", json!({"name": "not theirs"})).await;
    let new = NewToken { name: "two".to_owned(), permission: Default::default(), scopes: Vec::new(), expires_at: None };
    house.app.create_token(elsewhere, &new).await.unwrap();
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != "TokenCreated") || names.len() < 3 {
        names.push(theirs.event().await.1);
    }
    assert!(!names.contains(&"TagCreated".to_owned()), "{names:?}");
    house.close().await;
}

#[tokio::test]
async fn streams_are_capped_for_each_token_and_in_all() {
    let house = House::with(Limits { streams_per_token: 1, event_streams: 2, ..Limits::default() }).await;
    let first = house.open("", &[]).await;
    let refused = house.ask("", &[]).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()[header::RETRY_AFTER], "5");
    let mut streams = Vec::new();
    for (name, status) in [("second", StatusCode::OK), ("third", StatusCode::TOO_MANY_REQUESTS)] {
        let token = token(&house.app, house.workspace, name, Vec::new()).await;
        let response = house.doors.send(Method::GET, EVENTS, &[("x-workspace-token", &token.text)], None).await;
        assert_eq!(response.status(), status, "{name}");
        streams.push((token, response));
    }
    drop(first);
    let third = [("x-workspace-token", streams[1].0.text.as_str())];
    let response = house.doors.send(Method::GET, EVENTS, &third, None).await;
    assert_eq!(response.status(), StatusCode::OK, "a stream that ended gives its place back");
    house.close().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_with_the_server() {
    let house = House::new().await;
    let mut blocks = house.open("", &[]).await;
    blocks.next().await.unwrap();
    let other = token(&house.app, house.workspace, "other", Vec::new()).await;
    let response = house.doors.send(Method::GET, EVENTS, &[("x-workspace-token", &other.text)], None).await;
    let mut others = Blocks { body: response.into_body(), text: String::new() };
    others.next().await.unwrap();
    house.app.revoke_token(house.workspace, house.token.id).await.unwrap();
    house.doors.server.gate.watch.look().await;
    while let Some(lines) = blocks.next().await {
        assert!(lines.iter().any(|line| line.starts_with("event: Token")), "told after its end: {lines:?}");
    }
    assert_eq!(others.event().await.1, "TokenRevoked", "another token's stream goes on");
    house.doors.server.drain().await;
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), others.next()).await.unwrap(), None);
    house.close().await;
}
