//! Followers of the event stream in a program of their own, so that reading is not the server's work: real connections, on one thread.
//!
//! A line of JSON on standard input says what to do, and one on standard output what came of it: `{"connect": …}` once, then `"reset"`
//! and `"count"` as often as wanted. It ends when its input does.

use std::cell::RefCell;
use std::error::Error;
use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// One follower of so many looks at the times of the events that it is told: looking costs more than reading.
const LOOKING: usize = 50;
/// Followers come from this many addresses in turn: one has 28,000 ports, and those of closed connections rest for a minute.
const SOURCES: u8 = 16;

/// What is to be done.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Question {
    Connect(Connect),
    Reset,
    Count,
}

/// Whom to follow.
#[derive(Clone, Deserialize)]
struct Connect {
    address: SocketAddr,
    /// Path and query.
    path: String,
    /// Tokens, used in turn.
    tokens: Vec<String>,
    number: usize,
}

/// What is read at once.
const BUFFER: usize = 64 * 1024;

/// What the followers were told since the last reset.
#[derive(Default)]
struct Told {
    /// What is being looked at.
    buffer: Vec<u8>,
    /// Bytes, by all.
    bytes: usize,
    /// Events, by all.
    events: usize,
    /// From an event's time until it was read, by those who look, in microseconds.
    delays: Vec<i64>,
    /// Followers whose stream ended.
    ended: usize,
    /// Since when.
    since: Option<Instant>,
}

fn main() -> Outcome<()> {
    let limit = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit })?;
    let (send, mut questions) = mpsc::channel::<String>(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if send.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = Rc::new(RefCell::new(Told::default()));
    LocalSet::new().block_on(&runtime, async move {
        while let Some(line) = questions.recv().await {
            let answer = answer(&line, &told).await.unwrap_or_else(|error| json!({"error": error.to_string()}));
            println!("{answer}");
            std::io::stdout().flush()?;
        }
        Ok(())
    })
}

async fn answer(line: &str, told: &Rc<RefCell<Told>>) -> Outcome<Value> {
    match serde_json::from_str(line)? {
        Question::Connect(connect) => {
            for place in 0..connect.number {
                let stream = open(&connect, place).await?;
                tokio::task::spawn_local(follow(stream, Rc::clone(told), place.is_multiple_of(LOOKING)));
            }
            Ok(json!({"connected": connect.number}))
        }
        Question::Reset => {
            let ended = told.take().ended;
            *told.borrow_mut() = Told { ended, since: Some(Instant::now()), ..Told::default() };
            Ok(json!({}))
        }
        Question::Count => {
            let mut told = told.borrow_mut();
            told.delays.sort_unstable();
            let delays = &told.delays;
            let at = |share: f64| {
                let place = (delays.len().saturating_sub(1) as f64 * share) as usize;
                delays.get(place).map(|delay| *delay as f64 / 1_000.0)
            };
            Ok(json!({
                "bytes": told.bytes, "events": told.events, "ended": told.ended,
                "seconds": told.since.map(|since| since.elapsed().as_secs_f64()), "p50_ms": at(0.5), "p99_ms": at(0.99),
            }))
        }
    }
}

async fn open(connect: &Connect, place: usize) -> Outcome<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let source = 2 + u8::try_from(place % usize::from(SOURCES))?;
    socket.bind((Ipv4Addr::new(127, 0, 0, source), 0).into())?;
    let mut stream = socket.connect(connect.address).await?;
    let token = connect.tokens.get(place % connect.tokens.len().max(1)).ok_or("no token")?;
    let (path, address) = (&connect.path, connect.address);
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\naccept: text/event-stream\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    // The stream greets at once, behind which it is followed.
    let mut read = Vec::new();
    while memchr::memmem::find(&read, b": connected").is_none() {
        if stream.read_buf(&mut read).await? == 0 || !read.starts_with(b"HTTP/1.1 200") {
            return Err(format!("follower {place} was refused: {}", String::from_utf8_lossy(&read)).into());
        }
    }
    Ok(stream)
}

async fn follow(stream: TcpStream, told: Rc<RefCell<Told>>, looks: bool) {
    /// Where an event's data begins, of which each has one line.
    const DATA: &[u8] = b"\ndata: ";
    let mut kept = Vec::new();
    loop {
        let readable = stream.readable().await;
        let told = &mut *told.borrow_mut();
        // All read into one buffer, behind what was left of their last line: thousands of followers need no thousands of buffers.
        let buffer = &mut told.buffer;
        buffer.resize(BUFFER, 0);
        buffer[..kept.len()].copy_from_slice(&kept);
        let count = match readable.and_then(|()| stream.try_read(&mut buffer[kept.len()..])) {
            Ok(count @ 1..) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            _ => {
                told.ended += 1;
                return;
            }
        };
        told.bytes += count;
        let read = &buffer[..kept.len() + count];
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let whole = memchr::memrchr(b'\n', read).unwrap_or(0);
        let mut begin = 0;
        while let Some(place) = memchr::memmem::find(&read[begin..whole], DATA) {
            begin += place + DATA.len();
            told.events += 1;
            if looks && let Some(at) = recorded_at(&read[begin..whole]) {
                told.delays.push(i64::try_from(now).unwrap_or(i64::MAX) - at);
            }
        }
        // From the last line break on: it may be the one before an event's data.
        kept.clear();
        kept.extend_from_slice(&read[whole..]);
    }
}

/// When the event whose data begins here was recorded, in microseconds.
fn recorded_at(data: &[u8]) -> Option<i64> {
    let rest = &data[memchr::memmem::find(data, br#""at":""#)? + 6..];
    let text = std::str::from_utf8(&rest[..memchr::memchr(b'"', rest)?]).ok()?;
    Some(text.parse::<jiff::Timestamp>().ok()?.as_microsecond())
}
