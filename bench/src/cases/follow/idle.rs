//! Many streams of events that wait, and what each of them holds in the server.

use std::time::Duration;

use serde_json::json;

use super::{Followed, followers};
use crate::ours::Database;
use crate::report::{Section, Table, Target};
use crate::{Outcome, Settings};

/// Streams.
const STREAMS: usize = 15_000;
/// Longer than the server's time between two signs of life, so that each stream has sent one.
const WAIT: Duration = Duration::from_secs(17);
/// The most that one may hold, in KiB.
const KIB_MAX: f64 = 24.0;

/// Opens them, waits, looks at the memory, and sees whether all are told of an event.
pub(super) async fn measure(settings: &Settings, section: &mut Section) -> Outcome<()> {
    let streams = if settings.full { STREAMS } else { STREAMS / 10 };
    let (program, token) = Followed::start(settings, Database::Sqlite).await?;
    let server = &program.product.server;
    program.write(Duration::ZERO, None).await?;
    let before = server.resident_kib()?;
    let mut followers = followers()?;
    let connect = json!({"address": server.address, "path": "/api/v1/events", "tokens": [token], "number": streams});
    followers.ask(&json!({"connect": connect})).await?;
    tokio::time::sleep(WAIT).await;
    let idle = (server.resident_kib()? - before) / streams as f64;
    followers.ask(&json!("reset")).await?;
    program
        .tag
        .call(&mut crate::http::Connection::open(server.address).await?, &json!({"name": "seen by all"}))
        .await?;
    let mut told = json!({});
    for _ in 0..100 {
        told = followers.ask(&json!("count")).await?;
        if told["events"] == streams {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if told["events"] != streams || told["ended"] != 0 {
        return Err(format!("{streams} streams were told {told}").into());
    }
    let after = (server.resident_kib()? - before) / streams as f64;
    followers.end().await?;
    program.product.server.end().await?;
    section.tables.push(Table {
        title: format!(
            "{streams} streams on which nothing happens for {} s; then one event, which all are told",
            WAIT.as_secs()
        ),
        columns: ["", "KiB for each stream"].map(str::to_owned).to_vec(),
        rows: vec![
            vec!["idle".to_owned(), format!("{idle:.1}")],
            vec!["after the event".to_owned(), format!("{after:.1}")],
        ],
    });
    section.targets.push(Target {
        what: format!("an idle stream: at most {KIB_MAX} KiB"),
        measured: format!("{idle:.1} KiB"),
        reached: Some(idle <= KIB_MAX),
    });
    Ok(())
}
