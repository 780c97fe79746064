//! Callers over HTTP, each with a connection that it keeps: as many calls as are answered, or a given number in a second. They run on
//! one thread of their own, so that what asks costs little beside what answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::try_join_all;

use crate::Outcome;
use crate::http::Connection;
use crate::latencies::Measured;
use crate::mcp::Tool;

/// What is called. `Send`, so that another thread can take it.
pub trait Work: Send + Sync {
    /// Writes the arguments of the call `number`, and what its answer has to contain.
    fn next(&self, number: usize, arguments: &mut String, sign: &mut String);
}

/// Who calls what, and how fast.
#[derive(Clone)]
pub struct Load {
    /// The tool, as callers take it in turn: in a session of its own, where there are sessions.
    pub tools: Arc<[Tool]>,
    /// Its calls.
    pub work: Arc<dyn Work>,
    /// The number of the next call, also over rounds.
    pub next: Arc<AtomicUsize>,
    /// How many callers.
    pub connections: usize,
    /// How long.
    pub time: Duration,
    /// Calls in a second, of all callers together; as many as are answered when there is none.
    pub rate: Option<f64>,
}

impl Load {
    /// As many calls as are answered in `time`.
    pub fn new(tools: Vec<Tool>, work: Arc<dyn Work>, connections: usize, time: Duration) -> Self {
        Self { tools: tools.into(), work, next: Arc::new(AtomicUsize::new(0)), connections, time, rate: None }
    }

    /// Calls until the time is over.
    pub async fn run(&self) -> Outcome<Measured> {
        let load = self.clone();
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(load.call())
        })
        .await?
    }

    async fn call(self) -> Outcome<Measured> {
        let load = Arc::new(self);
        // Nobody waits for a connection, or for what a first call on it costs, while the clock runs.
        let opening = (0..load.connections).map(|place| Caller::open(&load, place));
        let callers = try_join_all(opening).await?;
        let began = Instant::now();
        let tasks =
            callers.into_iter().enumerate().map(|(place, caller)| tokio::spawn(caller.call_until(began, place)));
        let times: Outcome<Vec<Vec<Duration>>> = try_join_all(tasks).await?.into_iter().collect();
        Ok(Measured::of(began.elapsed(), times?.concat()))
    }
}

struct Caller {
    load: Arc<Load>,
    tool: Tool,
    connection: Connection,
    arguments: String,
    sign: String,
    request: Vec<u8>,
    body: Vec<u8>,
}

impl Caller {
    async fn open(load: &Arc<Load>, place: usize) -> Outcome<Self> {
        let tool = load.tools.get(place % load.tools.len().max(1)).ok_or("no tool")?.clone();
        let mut caller = Self {
            load: Arc::clone(load),
            connection: Connection::open(tool.address).await?,
            tool,
            arguments: String::new(),
            sign: String::new(),
            request: Vec::new(),
            body: Vec::new(),
        };
        caller.call().await?;
        Ok(caller)
    }

    async fn call(&mut self) -> Outcome<()> {
        let number = self.load.next.fetch_add(1, Ordering::Relaxed);
        self.arguments.clear();
        self.sign.clear();
        self.load.work.next(number, &mut self.arguments, &mut self.sign);
        self.tool.write(number, &self.arguments, &mut self.request);
        let head = self.connection.call(&self.request, &mut self.body).await?;
        if head.status == 200 && memchr::memmem::find(&self.body, self.sign.as_bytes()).is_some() {
            return Ok(());
        }
        let (arguments, body) = (&self.arguments, String::from_utf8_lossy(&self.body));
        Err(format!("{arguments} was answered with {} and without {}: {body}", head.status, self.sign).into())
    }

    async fn call_until(mut self, began: Instant, place: usize) -> Outcome<Vec<Duration>> {
        let mut times = Vec::new();
        let mut clock = self.load.rate.map(|rate| {
            let every = Duration::from_secs_f64(self.load.connections as f64 / rate);
            // One after another, not all at once.
            let first = began + every.mul_f64(place as f64 / self.load.connections as f64);
            tokio::time::interval_at(first.into(), every)
        });
        while began.elapsed() < self.load.time {
            if let Some(clock) = &mut clock {
                clock.tick().await;
            }
            let sent = Instant::now();
            self.call().await?;
            times.push(sent.elapsed());
        }
        Ok(times)
    }
}
