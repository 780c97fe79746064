//! From an append to a thousand followers of the event stream, what they cost the writers, and what a stream holds that waits.

mod idle;

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::http::Connection;
use crate::latencies::Measured;
use crate::load::{Load, Work};
use crate::mcp::{Dialect, Tool};
use crate::ours::Database;
use crate::peer::Peer;
use crate::report::{Section, Table, Target};
use crate::rounds::median;
use crate::server::{Place, Product};
use crate::{Outcome, Settings};

/// Followers.
const FOLLOWERS: usize = 1_000;
/// Callers that write, each with a connection that it keeps.
const WRITERS: usize = 64;
/// Events in a second, where the writers do not go at full speed.
const RATE: f64 = 100.0;
/// The longest that 99 of 100 events may take to a follower, in milliseconds.
const SEEN_MS_MAX: f64 = 50.0;

/// Tags that were not there before.
struct NewTag(AtomicUsize);

impl Work for NewTag {
    fn next(&self, _: usize, arguments: &mut String, sign: &mut String) {
        // Writing into a string cannot fail. The number is this work's own, since several loads share it.
        let _ = write!(arguments, r#"{{"name":"tag {}"}}"#, self.0.fetch_add(1, Ordering::Relaxed));
        sign.push_str(r#""changed":true"#);
    }
}

/// Whom the followers follow, and how fast is written.
struct Shape {
    name: String,
    place: usize,
    token: String,
    path: String,
    rate: Option<f64>,
    /// Whether they are told what is written.
    told: bool,
    rounds: Vec<Round>,
}

/// Writers without followers and with them.
struct Round {
    alone: Measured,
    followed: Measured,
    count: Value,
}

/// The program on one database, with its writers.
struct Followed {
    product: Product,
    tag: Tool,
    work: Arc<NewTag>,
}

impl Followed {
    async fn start(settings: &Settings, database: Database) -> Outcome<(Self, String)> {
        let product = Product::start(settings, &Place::new(settings, database, "follow").await?).await?;
        let token = product.token("bench").await?;
        let tag = Tool::new(product.server.address, Some(&token), Dialect::Alone, "create_tag");
        Ok((Self { product, tag, work: Arc::new(NewTag(AtomicUsize::new(0))) }, token))
    }

    async fn write(&self, time: Duration, rate: Option<f64>) -> Outcome<Measured> {
        let work: Arc<dyn Work> = Arc::<NewTag>::clone(&self.work);
        let mut load = Load::new(vec![self.tag.clone()], work, WRITERS, time);
        load.rate = rate;
        load.run().await
    }
}

/// Measures.
pub async fn run(settings: &Settings) -> Outcome<Section> {
    let mut programs = Vec::new();
    let mut shapes = Vec::new();
    for (place, database) in Database::ALL.into_iter().enumerate() {
        let (followed, token) = Followed::start(settings, database).await?;
        shapes.extend(shapes_of(database, place, &followed, &token).await?);
        programs.push(followed);
    }
    let time = Duration::from_secs_f64(settings.seconds);
    // Once before anything counts: the first writes meet cold caches.
    for program in &programs {
        program.write(time, None).await?;
    }
    let bar = ProgressBar::new((settings.rounds * shapes.len()) as u64);
    for _ in 0..settings.rounds {
        for shape in &mut shapes {
            let program = programs.get(shape.place).ok_or("a shape without a program")?;
            shape.rounds.push(round(program, shape, time).await?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    for program in programs {
        program.product.server.end().await?;
    }
    let mut section = Section { about: about(settings), ..Section::default() };
    section.tables.push(table(&shapes));
    section.targets.extend(shapes.iter().filter(|shape| shape.told && shape.rate.is_some()).map(target));
    idle::measure(settings, &mut section).await?;
    Ok(section)
}

async fn shapes_of(database: Database, place: usize, program: &Followed, token: &str) -> Outcome<Vec<Shape>> {
    let everything = "/api/v1/events".to_owned();
    let shape = |what: &str, token: &str, path: &str, rate, told| {
        let name = format!("{}: {what}", database.name());
        Shape { name, place, token: token.to_owned(), path: path.to_owned(), rate, told, rounds: Vec::new() }
    };
    let slow = shape("of everything, 100 events/s", token, &everything, Some(RATE), true);
    let fast = shape("of everything, full speed", token, &everything, None, true);
    if database == Database::Postgres {
        return Ok(vec![slow, fast]);
    }
    let address = program.product.server.address;
    let create = Tool::new(address, Some(token), Dialect::Alone, "create_contact");
    let ana = create.call(&mut Connection::open(address).await?, &json!({"firstName": "Ana"})).await?;
    let hers = format!("{everything}?contactId={}", ana["contact"]["id"].as_str().ok_or("a contact without an id")?);
    let quiet = program.product.command_line(&["workspace", "create", "--name", "Quiet", "--json"]).await?;
    let elsewhere = quiet["token"].as_str().ok_or("a workspace without a token")?;
    Ok(vec![
        shape("of another workspace, full speed", elsewhere, &everything, None, false),
        shape("of a contact about whom nothing happens, full speed", token, &hers, None, false),
        slow,
        fast,
    ])
}

async fn round(program: &Followed, shape: &Shape, time: Duration) -> Outcome<Round> {
    let alone = program.write(time, shape.rate).await?;
    let mut followers = followers()?;
    let connect = json!({"address": program.product.server.address, "path": shape.path, "tokens": [shape.token],
        "number": FOLLOWERS});
    followers.ask(&json!({"connect": connect})).await?;
    followers.ask(&json!("reset")).await?;
    let followed = program.write(time, shape.rate).await?;
    let count = followers.ask(&json!("count")).await?;
    if count["ended"] != 0 || shape.told != count["p99_ms"].is_f64() {
        return Err(format!("{}: the followers were told {count}", shape.name).into());
    }
    followers.end().await?;
    Ok(Round { alone, followed, count })
}

/// Starts the program that holds followers.
fn followers() -> Outcome<Peer> {
    Peer::start("followers", &mut Command::new(std::env::current_exe()?.with_file_name("followers")))
}

impl Shape {
    fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        let values: Vec<f64> = self.rounds.iter().map(of).collect();
        median(&values).unwrap_or(f64::NAN)
    }

    /// The median over the rounds of what the followers counted.
    fn counted(&self, what: &str) -> f64 {
        self.median(|round| round.count[what].as_f64().unwrap_or(f64::NAN))
    }
}

fn about(settings: &Settings) -> String {
    format!(
        "{WRITERS} connections call `create_tag`, durably, without followers and with {FOLLOWERS} that follow `GET /api/v1/events`, one \
         after the other in each of {} rounds of {} s; medians of the rounds. The followers are connections of one other program on the \
         same machine, so that reading takes part of it. \"Seen\" is from an event's time, which is before its commit, until a follower \
         has read it, of every 50th follower. At full speed the followers together are given a bounded number of bytes in a second: they \
         fall behind as long as that lasts, and lose nothing.",
        settings.rounds, settings.seconds
    )
}

fn table(shapes: &[Shape]) -> Table {
    let row = |shape: &Shape| {
        let (alone, followed) =
            (shape.median(|round| round.alone.per_second), shape.median(|round| round.followed.per_second));
        let seconds = shape.median(|round| round.count["seconds"].as_f64().unwrap_or(f64::NAN));
        let seen = |what: &str| if shape.told { format!("{:.1}", shape.counted(what)) } else { "–".to_owned() };
        vec![
            shape.name.clone(),
            format!("{alone:.0}"),
            format!("{followed:.0}"),
            format!("{:.1} %", 100.0 * followed / alone),
            format!("{:.2}", shape.median(|round| round.followed.p99_ms)),
            seen("p50_ms"),
            seen("p99_ms"),
            format!("{:.1}", shape.counted("bytes") / 1e6 / seconds),
        ]
    };
    let columns =
        ["followers", "writes/s alone", "followed", "ratio", "p99 ms", "seen p50 ms", "seen p99 ms", "MB/s read"];
    Table {
        title: format!("Writers, and what {FOLLOWERS} followers see"),
        columns: columns.map(str::to_owned).to_vec(),
        rows: shapes.iter().map(row).collect(),
    }
}

fn target(shape: &Shape) -> Target {
    let seen = shape.counted("p99_ms");
    Target {
        what: format!("{}: 99 of 100 events are seen within {SEEN_MS_MAX} ms", shape.name),
        measured: format!("{seen:.1} ms"),
        reached: Some(seen <= SEEN_MS_MAX),
    }
}
