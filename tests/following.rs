//! Following the log: whoever follows is told every event once, in order, however often it is cut off and however far it falls behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aggregates::token::Permission;
use chatbotx::app::{App, EventFilter, Following, NewToken, Step};
use chatbotx::http::{Phase, Readiness, serve};
use chatbotx::mcp::Backend;
use chatbotx::settings::{Limits, Settings};
use futures::StreamExt;
use futures::future::join_all;
use rand::RngExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Program, call_as};

/// How often the client of the story is cut off.
const CUTS: usize = 100;
/// Writers that go on all the time.
const WRITERS: usize = 6;
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes tags with several writers, as long as `goes_on` says so of the tag's number.
async fn write(program: &Program, prefix: &str, goes_on: impl Fn(usize) -> bool) {
    let next = AtomicUsize::new(0);
    let writers = (0..WRITERS).map(async |_| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if !goes_on(number) {
                return;
            }
            program.done("create_tag", json!({"name": format!("{prefix} {number}")})).await;
        }
    });
    join_all(writers).await;
}

/// The positions that a follower is told until it has seen `last`.
async fn positions_until(following: &mut Following, last: u64) -> Vec<u64> {
    let mut positions = Vec::new();
    while following.position() < last {
        let step = tokio::time::timeout(PATIENCE, following.next()).await.expect("in time").expect("readable");
        if let Step::Events(batch) = step.expect("the program runs") {
            positions.extend(batch.events().iter().map(|event| event.position));
        }
    }
    positions
}

#[tokio::test]
async fn every_follower_is_told_each_event_once_whether_it_keeps_up_or_not() {
    let program = Program::start().await;
    let workspace = program.caller.workspace;
    let head = program.head().await;
    let mut keeping_up = program.app.follow(workspace, EventFilter::default(), None).await.expect("readable");
    let mut falling_behind = program.app.follow(workspace, EventFilter::default(), Some(0)).await.expect("readable");
    let tags = EventFilter { types: ["TagCreated"].into(), ..EventFilter::default() };
    let mut tags = program.app.follow(workspace, tags, Some(0)).await.expect("readable");
    // More events than are kept for followers.
    let last = head + 5_000;
    let (told, ()) = tokio::join!(positions_until(&mut keeping_up, last), write(&program, "tag", |n| n < 5_000));
    assert_eq!(told, (head + 1..=last).collect::<Vec<_>>());
    assert_eq!(positions_until(&mut falling_behind, last).await, (1..=last).collect::<Vec<_>>());
    assert_eq!(positions_until(&mut tags, last).await, (head + 1..=last).collect::<Vec<_>>());
    drop((keeping_up, falling_behind, tags));
    assert_eq!(program.app.followers(), 0);
}

#[tokio::test]
async fn who_is_not_concerned_is_not_woken_and_yet_gets_on() {
    let program = Program::start().await;
    let ana = program.done("create_contact", json!({"firstName": "Ana"})).await;
    let ana = ana["contact"]["id"].as_str().expect("an id").to_owned();
    let filter = EventFilter { contact: ana.parse().ok(), ..EventFilter::default() };
    let mut hers = program.app.follow(program.caller.workspace, filter, None).await.expect("readable");
    let mut all = program.app.follow(program.caller.workspace, EventFilter::default(), None).await.expect("readable");
    program.done("create_tag", json!({"name": "VIP"})).await;
    let head = program.head().await;
    assert_eq!(positions_until(&mut all, head).await, [head]);
    assert!(futures::poll!(Box::pin(hers.next())).is_pending());
    assert_eq!(hers.position(), head, "nothing about Ana up to here");
    program.done("add_contact_tags", json!({"contactId": ana, "tags": ["VIP"]})).await;
    let head = program.head().await;
    assert_eq!(positions_until(&mut hers, head).await, [head]);
}

#[tokio::test]
async fn a_burst_is_answered_as_one_when_it_may_settle() {
    let program = Program::start().await;
    let head = program.head().await;
    let waiting = program.done("wait_for_events", json!({"after": head, "settleMs": 1_000, "types": ["TagCreated"]}));
    let (answer, ()) = tokio::join!(waiting, write(&program, "tag", |number| number < 40));
    assert_eq!(answer["items"].as_array().expect("items").len(), 40, "{answer}");
    assert_eq!(answer["nextAfter"], program.head().await);
    // Whoever is in a hurry is answered with the first of them.
    let waiting = program.done("wait_for_events", json!({"after": program.head().await, "settleMs": 0}));
    let (answer, ()) = tokio::join!(waiting, write(&program, "next", |number| number < 40));
    let first = answer["items"].as_array().expect("items").len();
    assert!((1..40).contains(&first), "{first}");
}

/// A server over the program, and a token for it.
struct Served {
    address: std::net::SocketAddr,
    token: String,
    stop: CancellationToken,
}

async fn served(program: &Program) -> Served {
    let new =
        NewToken { name: "reader".into(), permission: Permission::ReadOnly, scopes: Vec::new(), expires_at: None };
    let token = program.app.create_token(program.caller.workspace, &new).await.expect("a token").text;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, readiness) = (CancellationToken::new(), Readiness::starting());
    readiness.set(Phase::Ready);
    let backend: Arc<dyn Backend> = Arc::<App>::clone(&program.app);
    let settings = Settings { limits: Limits::default(), ..Settings::default() };
    tokio::spawn(serve(backend, settings, axum::Router::new(), listener, stop.clone(), readiness));
    Served { address, token, stop }
}

/// What a client has seen that is cut off again and again, and where it goes on.
struct CutClient {
    http: reqwest::Client,
    url: String,
    token: String,
    last_id: Option<u64>,
    seen: Vec<(u64, Value)>,
}

impl CutClient {
    fn new(served: &Served, query: &str) -> Self {
        let url = format!("http://{}/api/v1/events{query}", served.address);
        let http = reqwest::Client::new();
        Self { http, url, token: served.token.clone(), last_id: None, seen: Vec::new() }
    }

    /// Reads until so many bytes came, wherever that is, or until `last` was reached.
    async fn read(&mut self, mut bytes: usize, last: u64) {
        let mut request = self.http.get(&self.url).bearer_auth(&self.token);
        if let Some(id) = self.last_id {
            request = request.header("last-event-id", id.to_string());
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        let mut chunks = response.bytes_stream();
        let mut text = Vec::new();
        while self.last_id.is_none_or(|id| id < last) && bytes > 0 {
            let chunk = tokio::time::timeout(PATIENCE, chunks.next()).await.expect("in time");
            let chunk = chunk.expect("the stream goes on").expect("the connection stands");
            let taken = &chunk[..chunk.len().min(bytes)];
            bytes -= taken.len();
            text.extend(taken);
            while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = text.drain(..end + 2).collect();
                self.take(std::str::from_utf8(&block).expect("UTF-8"));
            }
        }
    }

    /// Takes a whole block. What was cut in the middle does not count.
    fn take(&mut self, block: &str) {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        let id = field("id: ").expect("every block has an id").parse().expect("a position");
        self.last_id = Some(id);
        if let Some(data) = field("data: ") {
            self.seen.push((id, serde_json::from_str(data).expect("JSON in one line")));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_cut_off_a_hundred_times_under_load_sees_every_event_once_in_order() {
    let program = Program::start().await;
    let served = served(&program).await;
    let head = program.head().await;
    let mut all = CutClient::new(&served, &format!("?after={head}"));
    let mut contacts = CutClient::new(&served, &format!("?after={head}&types=ContactCreated"));
    let done = AtomicBool::new(false);
    let cutting = async {
        for _ in 0..CUTS {
            let bytes = rand::rng().random_range(100..20_000);
            all.read(bytes, u64::MAX).await;
            contacts.read(rand::rng().random_range(100..2_000), head + 2).await;
        }
        done.store(true, Ordering::Relaxed);
    };
    let other_writer = async {
        let mut number = 0;
        while !done.load(Ordering::Relaxed) {
            let arguments = json!({"firstName": format!("Person {number}")});
            call_as(&program.app, &program.caller, "create_contact", arguments).await.expect("created");
            number += 1;
        }
    };
    tokio::join!(cutting, write(&program, "tag", |_| !done.load(Ordering::Relaxed)), other_writer);
    let last = program.head().await;
    all.read(usize::MAX, last).await;
    let positions: Vec<u64> = all.seen.iter().map(|(id, _)| *id).collect();
    assert_eq!(positions, (head + 1..=last).collect::<Vec<_>>(), "every event once, in order");
    assert!(all.seen.iter().all(|(id, event)| event["position"] == *id));
    let expected: Vec<u64> =
        all.seen.iter().filter(|(_, event)| event["type"] == "ContactCreated").map(|(id, _)| *id).collect();
    while contacts.seen.len() < expected.len() {
        contacts.read(usize::MAX, expected[expected.len() - 1]).await;
    }
    let seen: Vec<u64> = contacts.seen.iter().map(|(id, _)| *id).collect();
    assert_eq!(seen, expected, "a filter cuts nothing off and adds nothing");
    served.stop.cancel();
}
