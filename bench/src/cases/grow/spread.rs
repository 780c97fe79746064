//! Writes by 1, 2, 3 processes to 1, 8, 64 workspaces on one PostgreSQL.

use futures::future::try_join_all;

use super::{CALLERS, Targets, WARM_SECONDS, make_tags, middle};
use crate::filling::{At, Progress, Sizes, caught_up, fill_people, open_log, prepare};
use crate::latencies::Measured;
use crate::ours::{Database, Ours};
use crate::peer::Peer;
use crate::report::{Section, Table, Target};
use crate::worker::{self, Task, Written};
use crate::{Outcome, Settings};

const PROCESSES: [usize; 3] = [1, 2, 3];
const WORKSPACES: [usize; 3] = [1, 8, 64];
/// About how many contacts there are in all.
const CONTACTS: u64 = 10_000;
/// What two measurements of the same may differ by and still count as equal.
const EQUAL: f64 = 0.95;

/// A database with so many workspaces, and what was measured on it with each number of processes.
struct Side {
    at: At,
    targets: Targets,
    measured: [Vec<Measured>; PROCESSES.len()],
}

/// Measures.
pub async fn run(settings: &Settings, section: &mut Section) -> Outcome<()> {
    let mut sides = Vec::new();
    for workspaces in WORKSPACES {
        sides.push(side(settings, workspaces).await?);
    }
    for _ in 0..settings.rounds {
        for (place, processes) in PROCESSES.into_iter().enumerate() {
            for side in &mut sides {
                let measured = round(settings, side, processes).await?;
                side.measured[place].push(measured);
            }
        }
    }
    section.tables.push(table(&sides));
    section.targets.extend(targets(&sides));
    Ok(())
}

async fn side(settings: &Settings, workspaces: usize) -> Outcome<Side> {
    let ours = Ours::open(settings, Database::Postgres, &format!("grow_{workspaces}")).await?;
    let mut ids = vec![ours.caller.workspace];
    for number in 1..workspaces {
        let made = ours.app.create_workspace(&format!("Measured {number}")).await;
        ids.push(made.map_err(|problem| problem.message)?);
    }
    let mut places = Vec::new();
    for some in ids.chunks(8) {
        places.extend(try_join_all(some.iter().map(|id| prepare(&ours.app, *id))).await?);
    }
    let tags = try_join_all(ids.iter().map(|id| make_tags(&ours.app, *id))).await?;
    ours.app.close().await;
    let at = At::of(&ours.options);
    let sizes = Sizes { contacts: CONTACTS / workspaces as u64, messages: 0, conversations: 0, first: 0 };
    let log = open_log(&at.options()).await?;
    for place in &places {
        let progress = Progress::new(&format!("filling one of {workspaces} workspaces"), sizes);
        fill_people(&log, place, sizes, &progress).await?;
        progress.ends();
    }
    log.store().close().await;
    let app = at.open().await?;
    caught_up(&app).await?;
    app.close().await;
    let targets = Targets { places: tags, contacts: 0..sizes.contacts, next: 0 };
    Ok(Side { at, targets, measured: Default::default() })
}

async fn round(settings: &Settings, side: &mut Side, processes: usize) -> Outcome<Measured> {
    let started = (0..processes).map(|number| {
        let at = &side.at;
        async move { worker::start(&format!("process {number}"), at).await }
    });
    let mut workers = try_join_all(started).await?;
    write(&mut side.targets, &mut workers, WARM_SECONDS).await?;
    let written = write(&mut side.targets, &mut workers, settings.seconds).await?;
    for worker in workers {
        worker.end().await?;
    }
    let slowest = |of: fn(&Measured) -> f64| written.iter().map(|it| of(&it.measured)).fold(0.0, f64::max);
    Ok(Measured {
        per_second: written.iter().map(|it| it.measured.per_second).sum(),
        p50_ms: slowest(|it| it.p50_ms),
        p99_ms: slowest(|it| it.p99_ms),
    })
}

/// Lets all processes write at once.
async fn write(targets: &mut Targets, workers: &mut [Peer], seconds: f64) -> Outcome<Vec<Written>> {
    let turns = workers.len();
    let tasks: Vec<Task> = (0..turns).map(|turn| Task::Write(targets.writes(seconds, turn, turns))).collect();
    let asked = workers.iter_mut().zip(&tasks).map(|(worker, task)| worker::ask::<Written>(worker, task));
    let written = try_join_all(asked).await?;
    targets.next = written.iter().map(|it| it.next).max().unwrap_or(targets.next);
    Ok(written)
}

fn table(sides: &[Side]) -> Table {
    let mut columns = vec!["PostgreSQL".to_owned()];
    columns.extend(PROCESSES.map(|processes| match processes {
        1 => "1 process: per second (p99)".to_owned(),
        _ => format!("{processes} processes"),
    }));
    let rows = sides.iter().zip(WORKSPACES).map(|(side, workspaces)| {
        let cell = |measured: &Vec<Measured>| {
            middle(measured).map_or_else(String::new, |it| format!("{:.0} ({:.0} ms)", it.per_second, it.p99_ms))
        };
        let mut row = vec![format!("{workspaces} workspace{}", if workspaces == 1 { "" } else { "s" })];
        row.extend(side.measured.iter().map(cell));
        row
    });
    Table { title: format!("`add_contact_tags`, {CALLERS} callers in all"), rows: rows.collect(), columns }
}

/// More of either is not slower than one, round by round.
fn targets(sides: &[Side]) -> Vec<Target> {
    let rate = |workspaces: usize, processes: usize| {
        let measured = sides.get(workspaces).and_then(|side| side.measured.get(processes));
        measured.and_then(|measured| middle(measured)).map(|it| it.per_second)
    };
    let mut targets = Vec::new();
    for (place, workspaces) in WORKSPACES.into_iter().enumerate() {
        for (turn, processes) in PROCESSES.into_iter().enumerate().skip(1) {
            targets.push(not_slower(
                format!("{processes} processes, workspaces: {workspaces}"),
                "1 process",
                rate(place, turn).zip(rate(place, 0)),
            ));
        }
    }
    for (place, workspaces) in WORKSPACES.into_iter().enumerate().skip(1) {
        for (turn, processes) in PROCESSES.into_iter().enumerate() {
            targets.push(not_slower(
                format!("{workspaces} workspaces, processes: {processes}"),
                "1 workspace",
                rate(place, turn).zip(rate(0, turn)),
            ));
        }
    }
    targets
}

fn not_slower(what: String, than: &str, rates: Option<(f64, f64)>) -> Target {
    let ratio = rates.map(|(more, one)| more / one);
    Target {
        what: format!("{what}: not slower than {than} (at least {EQUAL} times as fast)"),
        measured: ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        reached: ratio.map(|ratio| ratio >= EQUAL),
    }
}
