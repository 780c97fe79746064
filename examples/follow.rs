//! What a thousand followers of the event stream cost the writers: rounds without and with them, one after the other, in one run.
//!
//! `cargo run --release --example follow [-- --followers 1000 --rounds 4 --seconds 5 --writers 64]` prints a line for each round and the
//! comparison for each shape. The followers are real connections, held by a process of their own: reading is not the server's work, but
//! it takes place on the same machine. Compare the rounds of one run with one another, and with nothing else.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aggregates::ids::WorkspaceId;
use aggregates::token::Permission;
use chatbotx::app::{App, Caller, NewToken, OpenOptions};
use chatbotx::http::{self, Phase, Readiness};
use chatbotx::operations::{CallOptions, registry};
use chatbotx::settings::{Limits, Settings};
use futures::future::try_join_all;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// One follower of so many looks at the times of the events that it is told.
const LOOKING: usize = 50;

fn option(name: &str, default: usize) -> Outcome<usize> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == name) {
        Some(place) => Ok(arguments.get(place + 1).ok_or("a number is missing")?.parse()?),
        None => Ok(default),
    }
}

async fn call(app: &Arc<App>, caller: &Caller, name: &str, arguments: Value) -> Outcome<Value> {
    let arguments: Map<String, Value> = serde_json::from_value(arguments)?;
    let operation = registry::all().get(name).map_err(|problem| problem.message)?;
    let answer = operation.call(Arc::clone(app), caller.clone(), CallOptions::default(), arguments).await;
    answer.map_err(|problem| format!("{name}: {problem:?}").into())
}

/// The followers' side: connects them all, says so, reads until its input ends, then prints what it was told.
async fn follow(address: &str, token: &str, query: &str, followers: usize) -> Outcome<()> {
    let (bytes, delays) = (Arc::new(AtomicUsize::new(0)), Arc::new(std::sync::Mutex::new(Vec::new())));
    let mut connected = Vec::with_capacity(followers);
    for number in 0..followers {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!(
            "GET /api/v1/events{query} HTTP/1.1\r\nhost: {address}\r\nx-workspace-token: {token}\r\naccept: text/event-stream\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut first = vec![0; 4_096];
        let count = stream.read(&mut first).await?;
        if !first[..count].starts_with(b"HTTP/1.1 200") {
            return Err(format!("refused: {}", String::from_utf8_lossy(&first[..count])).into());
        }
        let (bytes, delays) = (Arc::clone(&bytes), Arc::clone(&delays));
        connected.push(tokio::spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                bytes.fetch_add(count, Ordering::Relaxed);
                if number % LOOKING == 0 {
                    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
                    if let (Some(at), Ok(mut delays)) = (recorded_at(&buffer[..count]), delays.lock()) {
                        delays.push(i64::try_from(now).unwrap_or(i64::MAX) - at);
                    }
                }
            }
        }));
    }
    println!("connected");
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    let mut delays = delays.lock().map_err(|_| "a follower panicked")?.clone();
    delays.sort_unstable();
    let at = |share: f64| delays.get((delays.len().saturating_sub(1) as f64 * share) as usize).copied().unwrap_or(0);
    println!("{} {} {}", bytes.load(Ordering::Relaxed), at(0.5), at(0.99));
    Ok(())
}

/// When the first event in these bytes was recorded, in microseconds.
fn recorded_at(bytes: &[u8]) -> Option<i64> {
    let text = String::from_utf8_lossy(bytes);
    let (_, rest) = text.split_once("\"at\":\"")?;
    let at: jiff::Timestamp = rest.split_once('"')?.0.parse().ok()?;
    Some(at.as_microsecond())
}

/// The process that holds the followers.
struct Followers(Child, BufReader<std::process::ChildStdout>);

impl Followers {
    fn connect(address: &str, token: &str, query: &str, number: usize) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--follow", address, token, query, &number.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut out = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        out.read_line(&mut line)?;
        if line.trim() == "connected" { Ok(Self(child, out)) } else { Err("the followers did not connect".into()) }
    }

    /// Bytes read in all, and the median and 99th percentile from the event's time to its reader, in microseconds.
    fn end(mut self) -> Outcome<(f64, f64, f64)> {
        self.0.stdin.take().ok_or("no input")?.write_all(b"\n")?;
        let mut line = String::new();
        self.1.read_line(&mut line)?;
        self.0.wait()?;
        let numbers: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [bytes, median, late] = numbers.as_slice() else { return Err("the followers said nothing".into()) };
        Ok((*bytes, *median, *late))
    }
}

/// Writers at full speed, or `rate` writes in a second all together: appends in a second, and the median and 99th percentile in ms.
async fn write(
    app: &Arc<App>,
    caller: &Caller,
    writers: usize,
    time: Duration,
    rate: Option<usize>,
) -> Outcome<(f64, f64, f64)> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let began = Instant::now();
    let tasks = (0..writers).map(|_| {
        let (app, caller) = (Arc::clone(app), caller.clone());
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            let mut clock =
                rate.map(|rate| tokio::time::interval(Duration::from_secs_f64(writers as f64 / rate as f64)));
            while began.elapsed() < time {
                if let Some(clock) = &mut clock {
                    clock.tick().await;
                }
                let name = format!("tag {}", NUMBER.fetch_add(1, Ordering::Relaxed));
                let sent = Instant::now();
                call(&app, &caller, "create_tag", json!({"name": name})).await?;
                latencies.push(sent.elapsed());
            }
            Outcome::Ok(latencies)
        })
    });
    let latencies: Outcome<Vec<Vec<Duration>>> = try_join_all(tasks).await?.into_iter().collect();
    let mut latencies = latencies?.concat();
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    Ok((latencies.len() as f64 / began.elapsed().as_secs_f64(), at(0.5), at(0.99)))
}

async fn token(app: &Arc<App>, workspace: WorkspaceId) -> Outcome<String> {
    let new = NewToken { name: "follow".into(), permission: Permission::Full, scopes: Vec::new(), expires_at: None };
    Ok(app.create_token(workspace, &new).await.map_err(|problem| problem.message)?.text)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, kind, address, token, query, number] = arguments.as_slice()
        && kind == "--follow"
    {
        return follow(address, token, query, number.parse()?).await;
    }
    let (followers, rounds) = (option("--followers", 1_000)?, option("--rounds", 4)?);
    let (writers, time) = (option("--writers", 64)?, Duration::from_secs(option("--seconds", 5)? as u64));
    let folder = std::env::temp_dir().join(format!("chatbotx-follow-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let options = OpenOptions::in_folder(folder.clone());
    let app = App::open(&options).await.map_err(|problem| problem.message)?;
    let workspace = app.create_workspace("Measured").await.map_err(|problem| problem.message)?;
    let quiet = app.create_workspace("Quiet").await.map_err(|problem| problem.message)?;
    let caller = Caller::local(workspace);
    let ana = call(&app, &caller, "create_contact", json!({"firstName": "Ana"})).await?;
    let hers = format!("?contactId={}", ana["contact"]["id"].as_str().unwrap_or_default());
    let (here, elsewhere) = (token(&app, workspace).await?, token(&app, quiet).await?);

    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?.to_string();
    let limits = Limits { streams_per_token: followers, event_streams: followers, ..Limits::default() };
    let (stop, readiness) = (CancellationToken::new(), Readiness::starting());
    readiness.set(Phase::Ready);
    let backend: Arc<dyn chatbotx::mcp::Backend> = Arc::<App>::clone(&app);
    let settings = Settings { limits, ..Settings::default() };
    let serving = tokio::spawn(http::serve(backend, settings, axum::Router::new(), listener, stop.clone(), readiness));

    // Once before anything counts: the first writes meet cold caches.
    write(&app, &caller, writers, time, None).await?;
    for (shape, token, query, rate) in [
        ("of another workspace", &elsewhere, "", None),
        ("of a contact about whom nothing happens", &here, hers.as_str(), None),
        ("of everything, 100 events/s", &here, "", Some(100)),
        ("of everything, writers at full speed", &here, "", None),
    ] {
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for round in 1..=rounds {
            let (alone, p50, p99) = write(&app, &caller, writers, time, rate).await?;
            println!("{shape}, round {round}, nobody follows: {alone:.0} appends/s, p50 {p50:.2} ms, p99 {p99:.2} ms");
            without.push(alone);
            let following = Followers::connect(&address, token, query, followers)?;
            let (followed, p50, p99) = write(&app, &caller, writers, time, rate).await?;
            let (bytes, seen_p50, seen_p99) = following.end()?;
            println!(
                "{shape}, round {round}, {followers} follow: {followed:.0} appends/s, p50 {p50:.2} ms, p99 {p99:.2} ms; \
                 seen after p50 {:.1} ms, p99 {:.1} ms, {:.0} MB/s read",
                seen_p50 / 1_000.0,
                seen_p99 / 1_000.0,
                bytes / 1e6 / time.as_secs_f64()
            );
            with.push(followed);
        }
        let sum = |rates: &[f64]| rates.iter().sum::<f64>();
        println!("{shape}: writers at {:.1} % of their speed without followers", 100.0 * sum(&with) / sum(&without));
    }
    stop.cancel();
    serving.await??;
    app.close().await;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
