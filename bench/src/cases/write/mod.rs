//! **write**: how many small commands a second are durable, and how long one takes, beside other event stores, a plain INSERT and the limit.

mod callers;
mod commands;
mod figures;
mod limit;
mod operations;
mod plain;
mod rows;
mod sides;
mod targets;

use std::path::PathBuf;

use figures::Figures;
use indicatif::{ProgressBar, ProgressStyle};
use sides::Side;

use crate::machine::Machine;
use crate::ours::Database;
use crate::report::{Section, Table};
use crate::{Outcome, Settings};

/// How many callers there are at once, each waiting for its answer.
const CALLERS: [usize; 4] = [1, 8, 64, 512];
/// What the limit is kept under: it has no callers.
const NO_CALLERS: usize = 0;
/// What each side does once before it is measured.
const WARM_UP_CALLERS: usize = 8;
const WARM_UP_SECONDS: f64 = 1.0;

/// The case.
pub async fn run(settings: &Settings, machine: &Machine) -> Outcome<Section> {
    let mut figures = Figures::default();
    let mut databases = Vec::new();
    let mut missing = Vec::new();
    for database in Database::ALL {
        let (sides, absent) = Side::open_all(settings, database, settings.rounds * CALLERS.len()).await?;
        databases.push((database, sides));
        missing.extend(absent.into_iter().map(|(name, reason)| format!("{name} on {}: {reason}", database.name())));
    }
    let turns = databases
        .iter()
        .flat_map(|(_, sides)| sides)
        .map(|side| if side.is_limit() { 1 } else { CALLERS.len() })
        .sum::<usize>();
    let progress = bar((turns * settings.rounds) as u64)?;
    for (database, sides) in &mut databases {
        warm_up(*database, sides, &mut figures).await?;
    }
    for round in 0..settings.rounds {
        for (database, sides) in &mut databases {
            take_turns(*database, sides, round, settings, &mut figures, &progress).await?;
        }
    }
    progress.finish_and_clear();
    let names: Vec<_> = databases.iter().map(|(database, sides)| (*database, names(sides))).collect();
    for (database, sides) in databases {
        for side in sides {
            if let Some(lag) = side.longest_lag_ms() {
                figures.lag(database, lag);
            }
            side.close().await?;
        }
    }
    let tables =
        names.iter().flat_map(|(database, names)| CALLERS.map(|callers| table(&figures, *database, names, callers)));
    let mut about = about(settings);
    for reason in &missing {
        about.push_str(&format!("\n\nNot measured: {reason}."));
    }
    Ok(Section { about, tables: tables.collect(), targets: targets::all(&figures, machine.flush_ms) })
}

async fn warm_up(database: Database, sides: &mut [Side], figures: &mut Figures) -> Outcome<()> {
    for side in sides {
        if let Err(error) = side.measure(WARM_UP_CALLERS, WARM_UP_SECONDS).await {
            if !side.is_peer() {
                return Err(error);
            }
            let callers = if side.is_limit() { [NO_CALLERS].as_slice() } else { &CALLERS };
            callers.iter().for_each(|callers| figures.fail(database, *callers, side.name, error.to_string()));
        }
    }
    Ok(())
}

/// One round: every other one goes backwards, so that nobody always comes after the same side.
async fn take_turns(
    database: Database,
    sides: &mut [Side],
    round: usize,
    settings: &Settings,
    figures: &mut Figures,
    progress: &ProgressBar,
) -> Outcome<()> {
    let mut order: Vec<usize> = (0..sides.len()).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    for callers in CALLERS {
        for place in &order {
            let Some(side) = sides.get_mut(*place) else { continue };
            if side.is_limit() && callers != CALLERS[0] {
                continue;
            }
            let kept_under = if side.is_limit() { NO_CALLERS } else { callers };
            progress.inc(1);
            progress.set_message(format!("round {}, {}, {callers} callers, {}", round + 1, database.name(), side.name));
            if figures.failure(database, kept_under, side.name).is_some() {
                continue;
            }
            match side.measure(callers, settings.seconds).await {
                Ok(measured) => figures.put(database, kept_under, side.name, measured),
                Err(error) if side.is_peer() => figures.fail(database, kept_under, side.name, error.to_string()),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn names(sides: &[Side]) -> Vec<(&'static str, bool)> {
    sides.iter().map(|side| (side.name, side.is_limit())).collect()
}

fn table(figures: &Figures, database: Database, names: &[(&'static str, bool)], callers: usize) -> Table {
    let ours = figures.medians(database, callers, sides::OURS);
    let rows = names.iter().map(|(name, is_limit)| {
        let kept_under = if *is_limit { NO_CALLERS } else { callers };
        let cells = match figures.medians(database, kept_under, name) {
            Some(measured) => [
                format!("{:.0}", measured.per_second),
                ours.map_or_else(String::new, |ours| format!("{:.2}", ours.per_second / measured.per_second)),
                format!("{:.2}", measured.p50_ms),
                format!("{:.2}", measured.p99_ms),
            ],
            None => {
                let reason = figures.failure(database, kept_under, name).unwrap_or("not measured");
                [format!("failed: {reason}"), String::new(), String::new(), String::new()]
            }
        };
        [vec![(*name).to_owned()], cells.to_vec()].concat()
    });
    let columns = ["side", "calls/s", "ours is x times", "p50 ms", "p99 ms"].map(str::to_owned).to_vec();
    let word = if callers == 1 { "caller" } else { "callers" };
    Table { title: format!("{}, {callers} {word}", database.name()), rows: rows.collect(), columns }
}

fn bar(turns: u64) -> Outcome<ProgressBar> {
    let style = ProgressStyle::with_template("write {bar:30} {pos}/{len} {elapsed_precise} {msg}")?;
    Ok(ProgressBar::new(turns).with_style(style))
}

/// A new file in the folder of the run; what an earlier run has left there is removed.
fn new_file(settings: &Settings, name: &str) -> Outcome<PathBuf> {
    let folder = settings.folder.join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder.join("events.db"))
}

fn about(settings: &Settings) -> String {
    format!(
        "One command adds a tag to one of {} contacts, which is one event of the same content for every side; a caller waits for its answer \
before it calls again. Medians of {} rounds of {} s for each side and number of callers; every other round goes through the sides backwards. \
Everything but ours, the plain INSERT and the limit runs in a process of its own, load generator included, and idles between its turns.

- ChatbotX: `add_contact_tags` through the operations, with the Merkle tree, claims, sealing and idempotency; the projectors run meanwhile.
- plain one-row INSERT: a transaction for each row of the shape of our log, with its indexes. PostgreSQL: sqlx with a connection for each caller, \
up to 100. SQLite: WAL, synchronous=FULL, one connection that callers wait for.
- limit: one writer, 256 rows of that shape in each transaction, `unnest` or one INSERT of many rows; its times are of whole transactions.
- postgres-es 0.5.0: `CqrsFramework`, which loads the contact's events, decides and commits; a connection for each caller, up to 32.
- sqlite-es 0.5.0: the same, 10 connections as in its `default_sqlite_pool`, which opens SQLite with synchronous=NORMAL: what it confirms may \
be lost when the power fails. FULL is the same pool with synchronous=FULL.
- UmaDB 0.7.8, embedded: its engine and the blocking writer that its server runs by default, without the gRPC; one plain append of one event for \
each call. Conditional: with the condition that nothing was appended for the contact since the caller saw it last.
- eventsourcing 9.5.6 (Python): an `Application` that gets the aggregate, triggers the event and saves; a thread for each caller, up to 10 \
connections to PostgreSQL, the library's own pool on SQLite.
- emmett-postgresql 0.42.0 and emmett-sqlite 0.42.4 (Node, with emmett 0.42.0): `CommandHandler`, which reads the stream, decides and appends; \
up to 10 connections to PostgreSQL. On SQLite calls at the same time fail as busy, so that they wait for one another, on one connection.",
        commands::CONTACTS,
        settings.rounds,
        settings.seconds,
    )
}
