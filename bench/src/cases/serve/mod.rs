//! Calls of tools over HTTP: ours, a read and a durable write on both databases, beside servers of others that only echo.

mod peers;
mod sessions;
pub(super) mod work;

use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;

use self::work::{AddTags, Echo, FindByEmail};
use crate::latencies::Measured;
use crate::load::{Load, Work};
use crate::mcp::{Dialect, Tool, begin_session};
use crate::ours::Database;
use crate::report::{Section, Table, Target};
use crate::rounds::median;
use crate::server::{Place, Product};
use crate::{Outcome, Settings};

/// Callers, each with a connection that it keeps.
const CONNECTIONS: usize = 50;
/// Contacts among whom one is looked for, or tagged.
const CONTACTS: usize = 10_000;

/// One row of the table.
struct Side {
    name: String,
    load: Load,
    rounds: Vec<Measured>,
}

impl Side {
    fn new(settings: &Settings, name: &str, tools: Vec<Tool>, work: Arc<dyn Work>) -> Self {
        let load = Load::new(tools, work, CONNECTIONS, Duration::from_secs_f64(settings.seconds));
        Self { name: name.to_owned(), load, rounds: Vec::new() }
    }

    fn median(&self, of: impl Fn(&Measured) -> f64) -> f64 {
        let values: Vec<f64> = self.rounds.iter().map(of).collect();
        median(&values).unwrap_or(f64::NAN)
    }

    fn per_second(&self) -> f64 {
        self.median(|round| round.per_second)
    }
}

/// Measures.
pub async fn run(settings: &Settings) -> Outcome<Section> {
    let mut products = Vec::new();
    let mut ours = Vec::new();
    for database in Database::ALL {
        let product = Product::start(settings, &Place::new(settings, database, "serve").await?).await?;
        ours.extend(our_sides(settings, database, &product).await?);
        products.push((database.name().to_owned(), product.server));
    }
    let peers = peers::start(settings).await?;
    let mut theirs: Vec<Side> =
        peers.iter().map(|peer| Side::new(settings, peer.name, vec![peer.tool()], Arc::new(Echo))).collect();
    let bar = ProgressBar::new((settings.rounds * (ours.len() + theirs.len())) as u64);
    for _ in 0..settings.rounds {
        for side in theirs.iter_mut().chain(&mut ours) {
            let measured = side.load.run().await.map_err(|error| format!("{}: {error}", side.name))?;
            side.rounds.push(measured);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let mut memory = Vec::new();
    for (name, server) in products {
        memory.push((format!("ours, {name}"), server.resident_kib()? / 1_024.0));
        server.end().await?;
    }
    for peer in peers {
        memory.push((peer.name.to_owned(), peer.server.resident_kib()? / 1_024.0));
        peer.server.end().await?;
    }
    let mut section = Section { about: about(settings), ..Section::default() };
    section.tables = vec![calls(&theirs, &ours), memory_table(&memory)];
    section.targets = targets(&theirs, &ours);
    sessions::measure(settings, &mut section).await?;
    Ok(section)
}

/// Fills it and makes its sides.
async fn our_sides(settings: &Settings, database: Database, product: &Product) -> Outcome<Vec<Side>> {
    let (address, token) = (product.server.address, product.token("bench").await?);
    let tool = |dialect: Dialect, name: &str| Tool::new(address, Some(&token), dialect, name);
    let tags = Arc::new(AddTags::fill(|name| tool(Dialect::Alone, name), CONTACTS).await?);
    let find = || Arc::new(FindByEmail { contacts: CONTACTS });
    let mut sessions = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        sessions.push(tool(begin_session(address, &token).await?, "list_contacts"));
    }
    let (database, read, write) = (database.name(), "list_contacts", "add_contact_tags");
    let side = |what: &str, tools, work| Side::new(settings, &format!("ours, {database}: {what}"), tools, work);
    Ok(vec![
        side("read", vec![tool(Dialect::Alone, read)], find()),
        side("write", vec![tool(Dialect::Alone, write)], tags),
        side("read, each in a session of 2025-06-18", sessions, find()),
    ])
}

fn about(settings: &Settings) -> String {
    format!(
        "`tools/call` over Streamable HTTP, {CONNECTIONS} connections that are kept, each with the next call as soon as the last is \
         answered; {} rounds of {} s in which all sides take turns, medians of the rounds. Ours is the program as users start it, \
         its limits of rates switched off: the read is `list_contacts` by an e-mail address drawn among {CONTACTS} contacts, the \
         write is `add_contact_tags`, of which each changes something and is answered when it is on disk. The others have one tool \
         that echoes a short text. Revision 2026-07-28, where nothing else is said, and without sessions; the TypeScript SDK is \
         spoken to as 2025-06-18. What asks runs on one thread of the same machine.",
        settings.rounds, settings.seconds
    )
}

fn calls(theirs: &[Side], ours: &[Side]) -> Table {
    let limit = theirs.first().map_or(f64::NAN, Side::per_second);
    let row = |side: &Side| {
        let per_second = side.per_second();
        vec![
            side.name.clone(),
            format!("{per_second:.0}"),
            format!("{:.2}", side.median(|round| round.p50_ms)),
            format!("{:.2}", side.median(|round| round.p99_ms)),
            format!("{:.1} %", 100.0 * per_second / limit),
        ]
    };
    Table {
        title: "Calls".to_owned(),
        columns: ["side", "calls/s", "p50 ms", "p99 ms", "of bare rmcp"].map(str::to_owned).to_vec(),
        rows: theirs.iter().chain(ours).map(row).collect(),
    }
}

fn memory_table(memory: &[(String, f64)]) -> Table {
    Table {
        title: "Resident memory after the rounds".to_owned(),
        columns: ["server", "MiB"].map(str::to_owned).to_vec(),
        rows: memory.iter().map(|(name, mib)| vec![name.clone(), format!("{mib:.1}")]).collect(),
    }
}

fn targets(theirs: &[Side], ours: &[Side]) -> Vec<Target> {
    let [limit, echoes @ ..] = theirs else { return Vec::new() };
    let mut targets = Vec::new();
    for (name, least) in [
        ("ours, SQLite: read", 0.7),
        ("ours, PostgreSQL: read", 0.45),
        ("ours, SQLite: write", 0.45),
        ("ours, PostgreSQL: write", 0.45),
    ] {
        let Some(side) = ours.iter().find(|side| side.name == name) else { continue };
        let share = side.per_second() / limit.per_second();
        targets.push(Target {
            what: format!("{name}: at least {:.0} % of bare rmcp", 100.0 * least),
            measured: format!("{:.1} %", 100.0 * share),
            reached: Some(share >= least),
        });
        for echo in echoes {
            let times = side.per_second() / echo.per_second();
            targets.push(Target {
                what: format!("{name}: at least 8 times the echo of {}", echo.name),
                measured: format!("{times:.1} times"),
                reached: Some(times >= 8.0),
            });
        }
    }
    targets
}
