//! Writes as the log grows from nothing to its end.

use sqlx::{Connection, Executor, PgConnection};

use super::super::Keep;
use super::{Targets, WARM_SECONDS, make_tags, middle};
use crate::filling::{At, Place, Progress, Sizes, fill_messages, fill_people, open_log, prepare};
use crate::latencies::Measured;
use crate::ours::{Database, Ours};
use crate::report::{Section, Table, Target};
use crate::worker::{self, Task, Written};
use crate::{Outcome, Settings};

/// The log is measured at its beginning and after each of so many parts.
const PARTS: u64 = 4;
/// How many new contacts are written to at each point.
const CONTACTS: u64 = 5_000;
/// The numbers that one part's people and messages may have.
const NUMBERS: u64 = 50_000_000;
/// How much slower or faster a point may be than the beginning.
const FLAT: f64 = 0.15;

/// What was measured when the log had so many events.
struct Point {
    events: u64,
    measured: Measured,
}

/// Measures.
pub async fn run(settings: &Settings, database: Database, section: &mut Section, keep: &mut Keep<'_>) -> Outcome<()> {
    let end = settings.sized(10_000_000);
    let ours = Ours::open(settings, database, "grow_long").await?;
    let place = prepare(&ours.app, ours.caller.workspace).await?;
    let (workspace, tags) = make_tags(&ours.app, ours.caller.workspace).await?;
    ours.app.close().await;
    let at = At::of(&ours.options);
    let mut points = Vec::new();
    for part in 0..=PARTS {
        if part > 0 {
            let sizes = Sizes { first: part * NUMBERS, ..Sizes::of_events(end / PARTS) };
            lengthen(&at, database, &place, sizes).await?;
        }
        // Those who are written to are new at each point: what was done to others has no part in it.
        let first = NUMBERS * (PARTS + 1) + part * CONTACTS;
        let sizes = Sizes { contacts: CONTACTS, messages: 0, conversations: 0, first };
        let events = lengthen(&at, database, &place, sizes).await?;
        settle(&at, database).await?;
        let contacts = first..first + CONTACTS;
        let mut targets = Targets { places: vec![(workspace, tags.clone())], contacts, next: 0 };
        points.push(Point { events, measured: measure(settings, &at, &mut targets).await? });
        if part > 0 {
            section.tables.pop();
        }
        section.tables.push(table(database, &points));
        keep(section)?;
    }
    section.targets.push(target(database, &points));
    Ok(())
}

/// Appends; gives how many events the log has then.
async fn lengthen(at: &At, database: Database, place: &Place, sizes: Sizes) -> Outcome<u64> {
    let log = open_log(&at.options()).await?;
    let progress = Progress::new(&format!("lengthening the log on {}", database.name()), sizes);
    let keys = fill_people(&log, place, sizes, &progress).await?;
    if sizes.messages > 0 {
        fill_messages(&log, place, keys, sizes, &progress).await?;
    }
    progress.ends();
    let events = log.head(place.workspace).await?;
    log.store().close().await;
    Ok(events)
}

/// Lets the tables catch up, and the server do what it would else do during the measurement because so much was written at once.
async fn settle(at: &At, database: Database) -> Outcome<()> {
    at.open().await?.close().await;
    if let (Database::Postgres, Some(url)) = (database, at.options().database_url) {
        let mut connection = PgConnection::connect(&url).await?;
        connection.execute("vacuum (analyze)").await?;
        connection.execute("checkpoint").await?;
        connection.close().await?;
    }
    Ok(())
}

async fn measure(settings: &Settings, at: &At, targets: &mut Targets) -> Outcome<Measured> {
    let mut worker = worker::start("grow", at).await?;
    let mut measured = Vec::new();
    for round in 0..=settings.rounds {
        let seconds = if round == 0 { WARM_SECONDS } else { settings.seconds };
        let written: Written = worker::ask(&mut worker, &Task::Write(targets.writes(seconds, 0, 1))).await?;
        targets.next = written.next;
        if round > 0 {
            measured.push(written.measured);
        }
    }
    worker.end().await?;
    middle(&measured).ok_or_else(|| "nothing was measured".into())
}

fn table(database: Database, points: &[Point]) -> Table {
    let begin = points.first().map_or(f64::NAN, |point| point.measured.per_second);
    let rows = points.iter().map(|Point { events, measured }| {
        vec![
            format!("{events} events"),
            format!("{:.0}", measured.per_second),
            format!("{:.2}", measured.per_second / begin),
            format!("{:.1}", measured.p50_ms),
            format!("{:.1}", measured.p99_ms),
        ]
    });
    Table {
        title: format!("{}: `add_contact_tags` as the log grows", database.name()),
        columns: ["log", "per second", "of the beginning", "p50, ms", "p99, ms"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

fn target(database: Database, points: &[Point]) -> Target {
    let rates = points.iter().map(|point| point.measured.per_second);
    let begin = points.first().map_or(f64::NAN, |point| point.measured.per_second);
    let least = rates.fold(f64::INFINITY, f64::min) / begin;
    Target {
        what: format!("{}: flat within 15 % from the beginning to the end", database.name()),
        measured: format!("the slowest point has {least:.2} of the beginning"),
        reached: least.is_finite().then_some(least >= 1.0 - FLAT),
    }
}
