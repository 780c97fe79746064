//! All read tables built anew from the log, beside merely reading it.

use crate::filling::{Filled, Sizes, filled};
use crate::ours::Database;
use crate::report::{Section, Table, Target};
use crate::rounds::median;
use crate::worker::{self, Passed, Task};
use crate::{Outcome, Settings};

/// How many times as long the long log is.
const TIMES: u64 = 4;
/// How much more memory the long log may take, in MiB, before it counts as growing: what two runs of the same differ by.
const FLAT_MIB: f64 = 24.0;

/// What was found of one log on one database.
struct Side {
    database: Database,
    filled: Filled,
    read: Vec<Passed>,
    built: Vec<Passed>,
}

impl Side {
    /// Each pass in a process of its own, so that its memory is its own.
    async fn round(&mut self) -> Outcome<()> {
        let mut worker = worker::start("replay", &self.filled.at).await?;
        self.read.push(worker::ask(&mut worker, &Task::Read).await?);
        worker.end().await?;
        let mut worker = worker::start("replay", &self.filled.at).await?;
        self.built.push(worker::ask(&mut worker, &Task::Rebuild).await?);
        worker.end().await
    }

    fn row(&self) -> Option<Vec<String>> {
        let (read, built) = (middle(&self.read, |it| it.per_second)?, middle(&self.built, |it| it.per_second)?);
        Some(vec![
            format!("{}, {} events", self.database.name(), self.filled.events),
            format!("{read:.0}"),
            format!("{built:.0}"),
            format!("{:.2}", built / read),
            format!("{:.0}", middle(&self.built, |it| it.before_mib)?),
            format!("{:.0}", middle(&self.built, |it| it.peak_mib)?),
        ])
    }
}

fn middle(passes: &[Passed], what: impl Fn(&Passed) -> f64) -> Option<f64> {
    median(&passes.iter().map(what).collect::<Vec<_>>())
}

/// Measures.
pub async fn run(settings: &Settings) -> Outcome<Section> {
    let long = settings.sized(1_000_000);
    let mut sides = Vec::new();
    for database in Database::ALL {
        for (name, events) in [("replay_short", long / TIMES), ("replay_long", long)] {
            let filled = filled(settings, database, name, Sizes::of_events(events)).await?;
            sides.push(Side { database, filled, read: Vec::new(), built: Vec::new() });
        }
    }
    for _ in 0..settings.rounds {
        for side in &mut sides {
            side.round().await?;
        }
    }
    let columns = ["log", "read, events/s", "rebuilt, events/s", "ratio", "memory before, MiB", "highest, MiB"];
    let rows = sides.iter().filter_map(Side::row).collect();
    let title = "Every event read, and every read table built anew with its indexes".to_owned();
    let table = Table { title, columns: columns.map(str::to_owned).to_vec(), rows };
    Ok(Section {
        about: format!(
            "A log of people, tags, fields, conversations and messages is read from its first event to its last through the program's own \
             reading (checked, unsealed, in its types), and then all read tables are built anew from it, indexes and full text included, by \
             `projections rebuild`. Each pass is in a process of its own, whose memory (VmRSS) is looked at every 10 ms; PostgreSQL's own \
             processes are not counted. Medians of {} alternating rounds.",
            settings.rounds
        ),
        tables: vec![table],
        targets: targets(&sides),
    })
}

fn targets(sides: &[Side]) -> Vec<Target> {
    let mut targets = Vec::new();
    for pair in sides.chunks(2) {
        let [short, long] = pair else { continue };
        let database = long.database;
        let least = if database == Database::Sqlite { 100_000.0 } else { 50_000.0 };
        let built = middle(&long.built, |it| it.per_second);
        targets.push(Target {
            what: format!("{}: at least {least:.0} events/s rebuilt", database.name()),
            measured: built.map_or_else(String::new, |built| format!("{built:.0}")),
            reached: built.map(|built| built >= least),
        });
        let grown = middle(&long.built, |it| it.peak_mib).zip(middle(&short.built, |it| it.peak_mib));
        let grown = grown.map(|(long, short)| long - short);
        targets.push(Target {
            what: format!(
                "{}: memory flat (at most {FLAT_MIB:.0} MiB more for {TIMES} times as many events)",
                database.name()
            ),
            measured: grown.map_or_else(String::new, |grown| format!("{grown:+.0} MiB")),
            reached: grown.map(|grown| grown <= FLAT_MIB),
        });
    }
    targets
}
