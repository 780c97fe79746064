//! How soon the program is ready, and what it holds then: with nothing in it, and with a long log.

use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::json;

use super::serve::work::AddTags;
use crate::http::Connection;
use crate::load::{Load, Work};
use crate::mcp::{Dialect, Tool};
use crate::ours::{Database, new_database};
use crate::report::{Section, Table, Target};
use crate::rounds::median;
use crate::server::{Place, Product};
use crate::{Outcome, Settings};

/// Events in the long log.
const EVENTS: usize = 1_000_000;
/// Contacts whom they are about.
const CONTACTS: usize = 10_000;
/// Callers that write it.
const WRITERS: usize = 256;
/// How long the program rests before its memory is looked at.
const REST: Duration = Duration::from_secs(3);
/// The longest until it is ready, in milliseconds, and the most that it may hold, in MB.
const READY_MS_MAX: f64 = 300.0;
const RESIDENT_MB_MAX: f64 = 40.0;

/// One row of the table: starts on one place, or each time on a new one.
struct Side {
    name: String,
    long: Option<Place>,
    database: Database,
    ready_ms: Vec<f64>,
    resident_mb: Vec<f64>,
}

/// Measures.
pub async fn run(settings: &Settings) -> Outcome<Section> {
    let events = if settings.full { EVENTS } else { EVENTS / 10 };
    let sqlite = Place::new(settings, Database::Sqlite, "start_long").await?;
    let events = fill(settings, &sqlite, events).await?;
    let postgres = copy(settings, &sqlite).await?;
    let side = |what: String, database, long| {
        let name = format!("{}, {what}", Database::name(database));
        Side { name, long, database, ready_ms: Vec::new(), resident_mb: Vec::new() }
    };
    let mut sides = vec![
        side("empty".to_owned(), Database::Sqlite, None),
        side("empty".to_owned(), Database::Postgres, None),
        side(format!("{events} events"), Database::Sqlite, Some(sqlite)),
        side(format!("{events} events"), Database::Postgres, Some(postgres)),
    ];
    let bar = ProgressBar::new((settings.rounds * sides.len()) as u64);
    for _ in 0..settings.rounds {
        for side in &mut sides {
            side.start(settings).await?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let binary_mb = std::fs::metadata(&settings.program)?.len() as f64 / 1e6;
    let rows = sides
        .iter()
        .map(|side| vec![side.name.clone(), format!("{:.0}", side.ready()), format!("{:.1}", side.resident())]);
    let table = Table {
        title: format!("Starts of the program, whose file has {binary_mb:.1} MB"),
        columns: ["", "ready after ms", "resident MB"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
    };
    Ok(Section {
        about: format!(
            "From the start of the process until `/readyz` answers 200, asked every millisecond, and the resident memory {} s later; \
             {} starts of each in turn, medians. The empty ones make their folder, tables and first workspace; the long logs are about \
             {CONTACTS} contacts and were in the page cache.",
            REST.as_secs(),
            settings.rounds
        ),
        tables: vec![table],
        targets: sides.iter().filter(|side| side.long.is_some()).flat_map(Side::targets).collect(),
    })
}

impl Side {
    async fn start(&mut self, settings: &Settings) -> Outcome<()> {
        let place = match &self.long {
            Some(place) => place.clone(),
            None => Place::new(settings, self.database, "start_empty").await?,
        };
        let product = Product::start(settings, &place).await?;
        tokio::time::sleep(REST).await;
        self.ready_ms.push(product.ready_after.as_secs_f64() * 1_000.0);
        self.resident_mb.push(product.server.resident_kib()? * 1_024.0 / 1e6);
        product.server.end().await
    }

    fn ready(&self) -> f64 {
        median(&self.ready_ms).unwrap_or(f64::NAN)
    }

    fn resident(&self) -> f64 {
        median(&self.resident_mb).unwrap_or(f64::NAN)
    }

    fn targets(&self) -> [Target; 2] {
        [
            Target {
                what: format!("{}: ready within {READY_MS_MAX} ms", self.name),
                measured: format!("{:.0} ms", self.ready()),
                reached: Some(self.ready() <= READY_MS_MAX),
            },
            Target {
                what: format!("{}: at most {RESIDENT_MB_MAX} MB when idle", self.name),
                measured: format!("{:.1} MB", self.resident()),
                reached: Some(self.resident() <= RESIDENT_MB_MAX),
            },
        ]
    }
}

/// Writes a log of at least so many events through the door; gives how many it has then.
async fn fill(settings: &Settings, place: &Place, events: usize) -> Outcome<u64> {
    let product = Product::start(settings, place).await?;
    let (address, token) = (product.server.address, product.token("bench").await?);
    let tool = |name: &str| Tool::new(address, Some(&token), Dialect::Alone, name);
    let tags: Arc<dyn Work> = Arc::new(AddTags::fill(tool, CONTACTS).await?);
    let load = Load::new(vec![tool("add_contact_tags")], tags, WRITERS, Duration::from_secs(1));
    let bar = ProgressBar::new(events as u64);
    let mut connection = Connection::open(address).await?;
    // Every call is one event, and the last one of a batch says how many there are.
    let mut position = 0;
    for number in 0_u32.. {
        let answer = tool("create_tag").call(&mut connection, &json!({"name": format!("batch {number}")})).await?;
        position = answer["position"].as_u64().ok_or("a change without a position")?;
        bar.set_position(position);
        if position >= events as u64 {
            break;
        }
        load.run().await?;
    }
    bar.finish_and_clear();
    product.server.end().await?;
    Ok(position)
}

/// The same log on PostgreSQL, as users move there, with its read tables built.
async fn copy(settings: &Settings, sqlite: &Place) -> Outcome<Place> {
    let url = new_database(settings, "start_long").await?;
    let from = format!("sqlite:{}", sqlite.folder.join("events.db").display());
    let mut migrate = tokio::process::Command::new(&settings.program);
    migrate
        .args(["migrate", "--from", &from, "--to", &url, "--data"])
        .arg(&sqlite.folder)
        .stdout(std::process::Stdio::null());
    if !migrate.status().await?.success() {
        return Err("the log was not copied".into());
    }
    let place = Place::new(settings, Database::Postgres, "start_long_copy").await?;
    std::fs::copy(sqlite.folder.join("master.key"), place.folder.join("master.key"))?;
    let place = Place { database_url: Some(url), ..place };
    // The first start builds the tables and is ready when it has.
    Product::start(settings, &place).await?.server.end().await?;
    Ok(place)
}
