//! This program as a process of its own under another one of it: for what is only true of a whole process, such as its memory, and for
//! several processes on one database. It is asked as the peers are.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aggregates::ids::{TagId, WorkspaceId};
use chatbotx::app::{App, Caller, unheard};
use chatbotx::event_log::store::EventRange;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::Outcome;
use crate::filling::{At, contact_id};
use crate::latencies::Measured;
use crate::ours::call;
use crate::peer::Peer;

/// The argument that makes a worker of this program.
pub const WORKER: &str = "worker";
/// How many events are read at once, as the program itself does.
const PAGE: usize = 2_000;
/// How often the memory is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What a worker is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Task {
    /// Read every event of the log.
    Read,
    /// Build every read table anew.
    Rebuild,
    /// Let callers add tags to contacts.
    Write(Writes),
}

/// What callers do, several at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Writes {
    /// Where: workspaces with the tags that there are. Calls go to them in turn.
    pub places: Vec<(WorkspaceId, Vec<TagId>)>,
    /// The contacts of each place, by number.
    pub contacts: Range<u64>,
    /// How many callers.
    pub callers: usize,
    /// For how long.
    pub seconds: f64,
    /// The first pair of contact and tag that nobody has taken yet.
    pub from: u64,
    /// This one of so many processes, which take the pairs in turn.
    pub turn: (u64, u64),
}

/// What reading or folding a log took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Passed {
    /// How many events.
    pub events: u64,
    /// How many in a second.
    pub per_second: f64,
    /// The process's memory before, in MiB.
    pub before_mib: f64,
    /// The most memory that it had.
    pub peak_mib: f64,
}

/// What came of writes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Written {
    /// How fast.
    pub measured: Measured,
    /// The first pair that nobody has taken yet.
    pub next: u64,
}

/// Starts a worker on a database; it has caught up when this returns.
pub async fn start(name: &str, at: &At) -> Outcome<Peer> {
    let program = std::env::current_exe()?;
    let mut worker = Peer::start(name, Command::new(program).arg(WORKER).arg(serde_json::to_string(at)?))?;
    worker.ask(&json!("Ready")).await?;
    Ok(worker)
}

/// Asks a worker.
pub async fn ask<T: for<'d> Deserialize<'d>>(worker: &mut Peer, task: &Task) -> Outcome<T> {
    Ok(serde_json::from_value(worker.ask(&serde_json::to_value(task)?).await?)?)
}

/// Is one: answers lines until there are no more.
pub async fn run(at: &str) -> Outcome<()> {
    let at: At = serde_json::from_str(at)?;
    let app = at.open().await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut output = tokio::io::stdout();
    while let Some(line) = lines.next_line().await? {
        let question: Value = serde_json::from_str(&line)?;
        let answer = if question == "Ready" { Ok(json!({})) } else { answer(&app, question).await };
        let answer = answer.unwrap_or_else(|error| json!({ "error": error.to_string() }));
        output.write_all(format!("{answer}\n").as_bytes()).await?;
        output.flush().await?;
    }
    app.close().await;
    Ok(())
}

async fn answer(app: &Arc<App>, question: Value) -> Outcome<Value> {
    Ok(match serde_json::from_value(question)? {
        Task::Read => serde_json::to_value(passed(read_log(app)).await?)?,
        Task::Rebuild => serde_json::to_value(passed(rebuild(app)).await?)?,
        Task::Write(writes) => serde_json::to_value(write(app, &writes).await?)?,
    })
}

/// Does something with all events, and looks at the memory meanwhile.
async fn passed(work: impl Future<Output = Outcome<u64>>) -> Outcome<Passed> {
    let before_mib = resident_mib()?;
    let ended = Arc::new(AtomicBool::new(false));
    // A thread of its own: the program's own threads are busy.
    let looking = std::thread::spawn({
        let ended = Arc::clone(&ended);
        move || {
            let mut peak = 0.0_f64;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(resident_mib().unwrap_or_default());
                std::thread::sleep(LOOK);
            }
            peak
        }
    });
    let began = Instant::now();
    let events = work.await;
    let took = began.elapsed();
    ended.store(true, Ordering::Relaxed);
    let peak_mib = looking.join().map_err(|_| "the memory could not be looked at")?;
    let events = events?;
    Ok(Passed { events, per_second: events as f64 / took.as_secs_f64(), before_mib, peak_mib })
}

async fn read_log(app: &Arc<App>) -> Outcome<u64> {
    let mut read = 0;
    for workspace in app.log().store().workspaces().await? {
        let mut position = 0;
        loop {
            let entries = app.log().entries(workspace, EventRange::After(position), PAGE).await?;
            let Some(last) = entries.last() else { break };
            position = last.recorded.position;
            read += entries.len() as u64;
        }
    }
    Ok(read)
}

async fn rebuild(app: &Arc<App>) -> Outcome<u64> {
    app.rebuild_projections(&unheard()).await.map_err(|problem| problem.message.into())
}

/// The memory of this process.
fn resident_mib() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    let kib: f64 = line.split_whitespace().nth(1).ok_or("no VmRSS")?.parse()?;
    Ok(kib / 1024.0)
}

/// Lets callers add tags to contacts for a while.
pub async fn write(app: &Arc<App>, writes: &Writes) -> Outcome<Written> {
    let taken = Arc::new(AtomicU64::new(0));
    let writes = Arc::new(writes.clone());
    let began = Instant::now();
    let callers = (0..writes.callers).map(|_| {
        let (app, writes, taken) = (Arc::clone(app), Arc::clone(&writes), Arc::clone(&taken));
        tokio::spawn(async move {
            let mut times = Vec::new();
            while began.elapsed().as_secs_f64() < writes.seconds {
                let (turn, turns) = writes.turn;
                let pair = writes.from + taken.fetch_add(1, Ordering::Relaxed) * turns + turn;
                let (workspace, arguments) = writes.pair(pair)?;
                let sent = Instant::now();
                let answer = call(&app, &Caller::local(workspace), "add_contact_tags", arguments).await?;
                times.push(sent.elapsed());
                if answer["changed"] != true {
                    return Err(format!("a call has changed nothing: {answer}").into());
                }
            }
            Outcome::Ok(times)
        })
    });
    let times: Outcome<Vec<Vec<Duration>>> = try_join_all(callers).await?.into_iter().collect();
    let measured = Measured::of(began.elapsed(), times?.concat());
    Ok(Written { measured, next: writes.from + taken.load(Ordering::Relaxed) * writes.turn.1 })
}

impl Writes {
    /// Every pair of contact and tag is met once, and neighbouring calls meet other workspaces and contacts.
    fn pair(&self, number: u64) -> Outcome<(WorkspaceId, Value)> {
        let places = self.places.len() as u64;
        let (place, number) = (usize::try_from(number % places)?, number / places);
        let contacts = self.contacts.end - self.contacts.start;
        let (workspace, tags) = &self.places[place];
        let contact = contact_id(*workspace, self.contacts.start + number % contacts);
        let tag = tags.get(usize::try_from(number / contacts)?).ok_or("there are no more tags to add")?;
        Ok((*workspace, json!({ "contactId": contact.to_string(), "tagIds": [tag.to_string()] })))
    }
}
