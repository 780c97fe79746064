//! The sides of the comparison on one database, each open on a database or file of its own.

use std::path::{Path, PathBuf};

use serde_json::json;
use tokio::process::Command;

use super::limit::Limit;
use super::new_file;
use super::operations::Operations;
use super::plain;
use crate::latencies::Measured;
use crate::ours::{Database, new_database};
use crate::peer::Peer;
use crate::{Outcome, Settings};

/// One side.
pub struct Side {
    /// As the tables call it.
    pub name: &'static str,
    runs: Runs,
}

enum Runs {
    Ours(Box<Operations>),
    PlainPostgres(plain::OnPostgres),
    PlainSqlite(plain::OnSqlite),
    Limit(Limit),
    Peer(Peer),
}

/// A peer: as the tables call it, and its command line but for the database or file, which comes last.
struct Program {
    name: &'static str,
    runs: &'static [&'static str],
}

pub const OURS: &str = "ChatbotX";
pub const PLAIN: &str = "plain one-row INSERT";
pub const LIMIT: &str = "limit: 256 rows a transaction";
pub const POSTGRES_ES: &str = "postgres-es";
pub const UMADB: &str = "UmaDB";

/// Words that begin with `+` are below the folder of the peers. Of 10, 32, 64 and 100 connections 32 were the fastest for postgres-es with
/// 64 callers; with 512 its own default of 10 was as fast.
const ON_POSTGRES: [Program; 3] = [
    Program { name: POSTGRES_ES, runs: &["+cqrs/release/cqrs-peers", "postgres-es:32"] },
    Program {
        name: "eventsourcing",
        runs: &["+eventsourcing/venv/bin/python", "bench/peers/eventsourcing/write.py", "postgres"],
    },
    Program { name: "emmett-postgresql", runs: &["node", "+emmett/write.mjs", "postgres"] },
];
const ON_SQLITE: [Program; 6] = [
    Program { name: "sqlite-es, FULL", runs: &["+cqrs/release/cqrs-peers", "sqlite-es-full"] },
    Program { name: "sqlite-es, NORMAL (not durable)", runs: &["+cqrs/release/cqrs-peers", "sqlite-es"] },
    Program { name: UMADB, runs: &["+cqrs/release/cqrs-peers", "umadb"] },
    Program { name: "UmaDB, conditional", runs: &["+cqrs/release/cqrs-peers", "umadb-conditional"] },
    Program {
        name: "eventsourcing",
        runs: &["+eventsourcing/venv/bin/python", "bench/peers/eventsourcing/write.py", "sqlite"],
    },
    Program { name: "emmett-sqlite", runs: &["node", "+emmett/write.mjs", "sqlite"] },
];

impl Program {
    fn command(&self, settings: &Settings, place: &str) -> Command {
        let below =
            |word: &&str| word.strip_prefix('+').map_or_else(|| PathBuf::from(word), |path| settings.peers.join(path));
        let mut words = self.runs.iter().map(below);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).arg(place);
        command
    }
}

impl Side {
    /// Opens all of a database; those peers that cannot be opened are told by name with the reason.
    pub async fn open_all(
        settings: &Settings,
        database: Database,
        turns: usize,
    ) -> Outcome<(Vec<Self>, Vec<(&'static str, String)>)> {
        let ours = Operations::open(settings, database, turns).await?;
        let (plain, limit, programs) = match database {
            Database::Postgres => {
                let plain = Runs::PlainPostgres(plain::OnPostgres::open(settings).await?);
                (plain, Limit::on_postgres(settings).await?, ON_POSTGRES.as_slice())
            }
            Database::Sqlite => {
                let plain = Runs::PlainSqlite(plain::OnSqlite::open(settings).await?);
                (plain, Limit::on_sqlite(settings).await?, ON_SQLITE.as_slice())
            }
        };
        let mut sides = vec![
            Self { name: OURS, runs: Runs::Ours(Box::new(ours)) },
            Self { name: PLAIN, runs: plain },
            Self { name: LIMIT, runs: Runs::Limit(limit) },
        ];
        let mut missing = Vec::new();
        for (number, program) in programs.iter().enumerate() {
            let name = format!("write_peer_{number}");
            let place = match database {
                Database::Postgres => new_database(settings, &name).await?,
                Database::Sqlite => text(&new_file(settings, &name)?)?,
            };
            match Peer::start(program.name, &mut program.command(settings, &place)) {
                Ok(peer) => sides.push(Self { name: program.name, runs: Runs::Peer(peer) }),
                Err(error) => missing.push((program.name, error.to_string())),
            }
        }
        Ok((sides, missing))
    }

    /// Whether the number of callers means nothing to it.
    pub const fn is_limit(&self) -> bool {
        matches!(self.runs, Runs::Limit(_))
    }

    /// Whether a failure of it is ours to mend, rather than a peer's to be told.
    pub const fn is_peer(&self) -> bool {
        matches!(self.runs, Runs::Peer(_))
    }

    /// A turn.
    pub async fn measure(&mut self, callers: usize, seconds: f64) -> Outcome<Measured> {
        match &mut self.runs {
            Runs::Ours(side) => side.measure(callers, seconds).await,
            Runs::PlainPostgres(side) => side.measure(callers, seconds).await,
            Runs::PlainSqlite(side) => side.measure(callers, seconds).await,
            Runs::Limit(side) => side.measure(seconds).await,
            Runs::Peer(peer) => {
                let answer = peer.ask(&json!({"callers": callers, "seconds": seconds})).await?;
                Ok(serde_json::from_value(answer)?)
            }
        }
    }

    /// The longest time that its read tables needed after a turn, in milliseconds, when it has any.
    pub fn longest_lag_ms(&self) -> Option<f64> {
        match &self.runs {
            Runs::Ours(side) => Some(side.longest_lag.as_secs_f64() * 1_000.0),
            _ => None,
        }
    }

    /// Ends it.
    pub async fn close(self) -> Outcome<()> {
        match self.runs {
            Runs::Ours(side) => side.close().await,
            Runs::Peer(peer) => peer.end().await,
            Runs::PlainPostgres(_) | Runs::PlainSqlite(_) | Runs::Limit(_) => Ok(()),
        }
    }
}

fn text(path: &Path) -> Outcome<String> {
    Ok(path.to_str().ok_or("a folder whose name is not UTF-8")?.to_owned())
}
