//! The log as stock tools of cqrs-es see it, held against what the program itself says of the same events.

use std::collections::HashMap;

use aggregates::ids::{ContactId, format_id};
use aggregates::stream::StreamType;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use uuid::Uuid;

use super::postgres::{Postgres, url};
use super::{Expected, Subject, WORKSPACE, WhenHeld, batch, stored, unit};

/// A moment with digits at all places of its microseconds but the last.
const RECORDED_AT: i64 = 1_764_346_028_012_340;

#[tokio::test]
async fn every_kind_of_stream_is_seen_under_the_names_that_the_program_gives_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Postgres::open(folder.path()).await;
    let subject = Uuid::now_v7();
    let mut appended = unit(WORKSPACE, &[]);
    for kind in StreamType::ALL {
        let id = Uuid::now_v7();
        let mut event = stored(id, &aggregates::Event::Token(aggregates::token::Event::TokenRevoked {}));
        (event.stream_type, event.subject) = (kind, (kind == StreamType::Contact).then_some(subject));
        appended.expected.push((kind, id, Expected::Sequence(0)));
        appended.events.push(event);
    }
    let written = appended.events.clone();
    let outcomes = log.append(batch([&appended]), RECORDED_AT, WhenHeld::Wait).await.expect("written");
    outcomes.into_iter().for_each(|outcome| drop(outcome.expect("taken")));
    log.close().await;

    let mut connection = PgConnection::connect(&url(folder.path()).await).await.expect("the database");
    let rows = sqlx::query("select * from chatbotx_log.cqrs_events order by (metadata ->> 'position')::bigint")
        .fetch_all(&mut connection)
        .await
        .expect("rows");
    assert_eq!(rows.len(), written.len());
    for ((place, row), event) in rows.iter().enumerate().zip(&written) {
        assert_eq!(row.get::<String, _>("aggregate_type"), event.stream_type.name());
        assert_eq!(row.get::<String, _>("aggregate_id"), format_id(event.stream_type.prefix(), event.stream_id));
        assert_eq!(row.get::<i64, _>("sequence"), 1);
        assert_eq!(row.get::<String, _>("event_type"), event.name);
        assert_eq!(row.get::<String, _>("event_version"), event.version.to_string());
        assert_eq!(json(row, "payload").to_string().into_bytes(), event.payload);
        // What cqrs-es reads it as: a number or an object in it would fail here.
        let metadata: HashMap<String, String> = serde_json::from_value(json(row, "metadata")).expect("texts");
        assert_eq!(metadata["workspace"], WORKSPACE.to_string());
        assert_eq!(metadata["position"], (place + 1).to_string());
        assert_eq!(metadata["eventId"], event.id.to_string());
        assert_eq!(metadata.get("subject").cloned(), event.subject.map(|id| ContactId(id).to_string()));
        assert_eq!(metadata["recordedAt"], "2025-11-28T16:07:08.012340Z");
        assert_eq!(metadata["operation"], "test");
        assert_eq!(metadata["actor"], r#"{"kind":"system","id":"system"}"#);
        assert!(!metadata.contains_key("client"), "what is not there is not there");
    }
}

fn json(row: &sqlx::postgres::PgRow, column: &str) -> Value {
    let text = row.try_get_unchecked::<String, _>(column).expect("JSON");
    serde_json::from_str(&text).expect("JSON")
}
