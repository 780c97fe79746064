//! Peers of the write case: `cqrs-peers SIDE PLACE` opens an event store at a URL or in a file and answers each line of JSON,
//! `{"callers": 64, "seconds": 3.0}`, with what so many callers measured in that time.
//!
//! The side `postgres-es:32` is postgres-es with at most 32 connections.

#[path = "../../../src/cases/write/callers.rs"]
mod callers;
#[path = "../../../src/cases/write/commands.rs"]
mod commands;
mod contact;
mod framework;
#[path = "../../../src/latencies.rs"]
mod latencies;
mod uma;

use std::io::Write;
use std::path::Path;

use latencies::Measured;
use serde::Deserialize;
use sqlx::sqlite::SqliteSynchronous;
use tokio::io::{AsyncBufReadExt, BufReader};
use uma::Appends;

/// What went wrong, in words.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A turn.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    callers: usize,
    seconds: f64,
}

enum Side {
    Postgres(framework::Postgres),
    Sqlite(framework::Sqlite),
    Uma(uma::Uma),
}

impl Side {
    async fn open(name: &str, place: &str) -> Outcome<Self> {
        if let Some(most_connections) = name.strip_prefix("postgres-es:") {
            return Ok(Self::Postgres(framework::Postgres::open(place, most_connections.parse()?).await?));
        }
        Ok(match name {
            "sqlite-es" => Self::Sqlite(framework::Sqlite::open(place, SqliteSynchronous::Normal).await?),
            "sqlite-es-full" => Self::Sqlite(framework::Sqlite::open(place, SqliteSynchronous::Full).await?),
            "umadb" => Self::Uma(uma::Uma::open(Path::new(place), Appends::Plain)?),
            "umadb-conditional" => Self::Uma(uma::Uma::open(Path::new(place), Appends::Conditional)?),
            _ => return Err(format!("there is no side {name}").into()),
        })
    }

    async fn measure(&self, turn: Turn) -> Outcome<Measured> {
        match self {
            Self::Postgres(side) => side.measure(turn).await,
            Self::Sqlite(side) => side.measure(turn).await,
            Self::Uma(side) => side.measure(turn).await,
        }
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, place] = arguments.as_slice() else { return Err("usage: cqrs-peers SIDE PLACE".into()) };
    let side = Side::open(name, place).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match side.measure(serde_json::from_str(&line)?).await {
            Ok(measured) => serde_json::to_value(measured)?,
            Err(error) => serde_json::json!({"error": error.to_string()}),
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
