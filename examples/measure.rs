//! A first look at speed: durable writes, reads and rebuilds, with the machine's own fsync time beside them.
//!
//! `cargo run --release --example measure [-- --contacts 100000]` prints one line for each figure. The figures are of one run on one
//! machine: compare them with the fsync time that stands beside them, not with those of another machine.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chatbotx::app::{App, Caller, NewToken, OpenOptions, unheard};
use chatbotx::http::{self, Phase, Readiness};
use chatbotx::operations::{CallOptions, registry};
use chatbotx::settings::{Limits, Settings};
use futures::future::try_join_all;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long each figure is measured.
const PHASE: Duration = Duration::from_secs(5);
/// Tags that contacts are given, one by one.
const TAGS: usize = 200;
/// Contacts that are met again and again.
const KNOWN_CONTACTS: usize = 5_000;

async fn call(app: &Arc<App>, caller: &Caller, name: &str, arguments: Value) -> Outcome<Value> {
    let arguments: Map<String, Value> = serde_json::from_value(arguments)?;
    let operation = registry::all().get(name).map_err(|problem| problem.message)?;
    let answer = operation.call(Arc::clone(app), caller.clone(), CallOptions::default(), arguments).await;
    answer.map_err(|problem| format!("{name}: {problem:?}").into())
}

/// The time of one small append with fsync, the median of 200.
fn fsync_time(folder: &Path) -> Outcome<Duration> {
    let mut file = std::fs::File::create(folder.join("fsync"))?;
    let mut times = Vec::with_capacity(200);
    for _ in 0..200 {
        let began = Instant::now();
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times[100])
}

fn resident_mib() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).unwrap_or("0").parse()?;
    Ok(kib / 1024.0)
}

/// Every pair of contact and tag once: each call changes something.
struct Pairs {
    contacts: Vec<String>,
    tags: Vec<String>,
    next: AtomicUsize,
}

impl Pairs {
    fn take(&self) -> Value {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // Neighbouring calls meet different contacts, as those of different people do.
        let contact = &self.contacts[number % self.contacts.len()];
        let tag = &self.tags[(number / self.contacts.len()) % self.tags.len()];
        json!({"contactId": contact, "tagIds": [tag]})
    }
}

fn report(what: &str, took: Duration, mut latencies: Vec<Duration>) {
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    let rate = latencies.len() as f64 / took.as_secs_f64();
    println!("{what}: {rate:.0}/s, p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99));
}

async fn through_operations(
    app: &Arc<App>,
    caller: &Caller,
    pairs: &Arc<Pairs>,
    callers: usize,
    which: &str,
) -> Outcome<()> {
    let began = Instant::now();
    let tasks = (0..callers).map(|_| {
        let (app, caller, pairs) = (Arc::clone(app), caller.clone(), Arc::clone(pairs));
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            while began.elapsed() < PHASE {
                let sent = Instant::now();
                let answer = call(&app, &caller, "add_contact_tags", pairs.take()).await?;
                assert_eq!(answer["changed"], true);
                latencies.push(sent.elapsed());
            }
            Outcome::Ok(latencies)
        })
    });
    let latencies: Outcome<Vec<Vec<Duration>>> = try_join_all(tasks).await?.into_iter().collect();
    report(
        &format!("add_contact_tags through the operations, {callers} callers, {which}"),
        began.elapsed(),
        latencies?.concat(),
    );
    Ok(())
}

async fn through_mcp(address: SocketAddr, token: &str, pairs: &Arc<Pairs>, connections: usize) -> Outcome<()> {
    let began = Instant::now();
    let tasks = (0..connections).map(|_| {
        let (pairs, token) = (Arc::clone(pairs), token.to_owned());
        tokio::spawn(async move {
            // One client for each task: a connection of its own.
            let client = reqwest::Client::builder().tcp_nodelay(true).build()?;
            let mut latencies = Vec::new();
            while began.elapsed() < PHASE {
                let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                    "name": "add_contact_tags", "arguments": pairs.take(),
                    "_meta": {
                        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                        "io.modelcontextprotocol/clientCapabilities": {},
                    },
                }});
                let sent = Instant::now();
                let answer = client
                    .post(format!("http://{address}/mcp"))
                    .bearer_auth(&token)
                    .header("accept", "application/json, text/event-stream")
                    .header("mcp-protocol-version", "2026-07-28")
                    .header("mcp-method", "tools/call")
                    .header("mcp-name", "add_contact_tags")
                    .json(&body)
                    .send()
                    .await?
                    .error_for_status()?
                    .text()
                    .await?;
                assert!(answer.contains("\"changed\":true"), "{answer}");
                latencies.push(sent.elapsed());
            }
            Outcome::Ok(latencies)
        })
    });
    let latencies: Outcome<Vec<Vec<Duration>>> = try_join_all(tasks).await?.into_iter().collect();
    report(&format!("add_contact_tags through MCP, {connections} connections"), began.elapsed(), latencies?.concat());
    Ok(())
}

async fn fill(app: &Arc<App>, caller: &Caller, contacts: usize) -> Outcome<Pairs> {
    let began = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let tasks = (0..256).map(|_| {
        let (app, caller, next) = (Arc::clone(app), caller.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            let mut ids = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= contacts {
                    return Outcome::Ok(ids);
                }
                let arguments = json!({
                    "firstName": format!("Name{}", number % 5_000), "lastName": format!("Family{number}"),
                    "email": format!("person{number}@example.com"), "phone": format!("+49170{number:07}"),
                });
                let answer = call(&app, &caller, "create_contact", arguments).await?;
                ids.push(answer["contact"]["id"].as_str().unwrap_or_default().to_owned());
            }
        })
    });
    let ids: Outcome<Vec<Vec<String>>> = try_join_all(tasks).await?.into_iter().collect();
    println!("create_contact, 256 callers: {:.0}/s", contacts as f64 / began.elapsed().as_secs_f64());
    let mut tags = Vec::with_capacity(TAGS);
    for number in 0..TAGS {
        let answer = call(app, caller, "create_tag", json!({"name": format!("tag {number}")})).await?;
        tags.push(answer["tag"]["id"].as_str().unwrap_or_default().to_owned());
    }
    Ok(Pairs { contacts: ids?.concat(), tags, next: AtomicUsize::new(0) })
}

async fn reads(app: &Arc<App>, caller: &Caller) -> Outcome<()> {
    for (what, arguments) in [
        ("the first page", json!({})),
        ("by phone", json!({"phone": "+491700004711"})),
        ("by e-mail", json!({"email": "person4711@example.com"})),
        ("part of a name", json!({"query": "family471"})),
        ("one letter", json!({"query": "f"})),
        ("a rare tag, by name", json!({"tags": ["tag 0"], "sort": "name"})),
        ("counted", json!({"withCount": true})),
    ] {
        let mut latencies = Vec::new();
        let began = Instant::now();
        for _ in 0..50 {
            let sent = Instant::now();
            call(app, caller, "list_contacts", arguments.clone()).await?;
            latencies.push(sent.elapsed());
        }
        report(&format!("list_contacts, {what}"), began.elapsed(), latencies);
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let contacts = match arguments.iter().position(|argument| argument == "--contacts") {
        Some(place) => arguments.get(place + 1).ok_or("--contacts takes a number")?.parse()?,
        None => 100_000,
    };
    let folder = std::env::temp_dir().join(format!("chatbotx-measure-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    println!("one 4 KiB append with fdatasync: {:.3} ms", fsync_time(&folder)?.as_secs_f64() * 1_000.0);
    let options = OpenOptions::in_folder(folder.clone());
    let began = Instant::now();
    let app = App::open(&options).await.map_err(|problem| problem.message)?;
    println!("time to open an empty folder: {:.1} ms", began.elapsed().as_secs_f64() * 1_000.0);
    let workspace = app.create_workspace("Measured").await.map_err(|problem| problem.message)?;
    println!("memory, idle: {:.1} MiB", resident_mib()?);
    let caller = Caller::local(workspace);
    let pairs = Arc::new(fill(&app, &caller, contacts).await?);
    // Every contact once: the states come from the log.
    through_operations(&app, &caller, &pairs, 64, "contacts from the log").await?;
    // A few contacts again and again: the states are in memory. The first tag they may have already.
    let known = pairs.contacts.iter().take(KNOWN_CONTACTS).cloned().collect();
    let pairs = Arc::new(Pairs { contacts: known, tags: pairs.tags[1..].to_vec(), next: AtomicUsize::new(0) });
    for callers in [1, 64, 512] {
        through_operations(&app, &caller, &pairs, callers, "contacts in memory").await?;
    }

    let new = NewToken {
        name: "measure".to_owned(),
        permission: aggregates::token::Permission::Full,
        scopes: Vec::new(),
        expires_at: None,
    };
    let token = app.create_token(workspace, &new).await.map_err(|problem| problem.message)?.text;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let limits = Limits { calls_per_token: 0, calls_per_workspace: 0, ..Limits::default() };
    let settings = Settings { listen: address, limits, ..Settings::default() };
    let (stop, readiness) = (CancellationToken::new(), Readiness::starting());
    readiness.set(Phase::Ready);
    let backend: Arc<dyn chatbotx::mcp::Backend> = Arc::<App>::clone(&app);
    let more = http::webchat::routes(Arc::clone(&app), stop.clone());
    let serving = tokio::spawn(http::serve(backend, settings, more, listener, stop.clone(), readiness));
    through_mcp(address, &token, &pairs, 50).await?;
    stop.cancel();
    serving.await??;

    reads(&app, &caller).await?;
    let began = Instant::now();
    let events = app.rebuild_projections(&unheard()).await.map_err(|problem| problem.message)?;
    println!("projections rebuild: {:.0} events/s ({events} events)", events as f64 / began.elapsed().as_secs_f64());
    let began = Instant::now();
    let verification = app.verify(&unheard()).await.map_err(|problem| problem.message)?;
    let size = verification.workspaces.iter().map(|workspace| workspace.size).sum::<u64>();
    println!("log verify: {:.0} events/s", size as f64 / began.elapsed().as_secs_f64());
    assert!(verification.ok, "the log does not verify: {:?}", verification.workspaces);
    println!("memory, after all this: {:.1} MiB", resident_mib()?);
    app.close().await;
    drop(app);
    let began = Instant::now();
    let app = App::open(&options).await.map_err(|problem| problem.message)?;
    println!("time to open the full folder: {:.1} ms", began.elapsed().as_secs_f64() * 1_000.0);
    app.close().await;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
