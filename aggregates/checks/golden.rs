//! The stored form of every event, as files that are written once and never edited: what an older version stored must be
//! read for ever, and written the same way until the event gets another version.
//!
//! `UPDATE_GOLDEN=1 cargo test -p aggregates golden` writes the files that are missing, and none that are there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::examples::examples;
use crate::event::{DecodeError, Event, VERSION};

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "golden"].iter().collect()
}

/// The stored form of the event `name`, from its golden file.
pub fn stored(name: &str) -> Option<Value> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).ok()?;
    Some(serde_json::from_str(&text).expect("a golden file is JSON"))
}

#[test]
fn there_is_an_example_of_every_event() {
    let names: Vec<_> = examples().iter().map(|event| (event.stream_type(), event.name())).collect();
    assert_eq!(names, Event::names().collect::<Vec<_>>());
}

#[test]
fn every_event_is_read_and_written_as_its_golden_file_says() {
    for event in examples() {
        let name = event.name();
        let payload = event.to_json().expect("an event has a JSON form");
        if std::env::var_os("UPDATE_GOLDEN").is_some() && stored(name).is_none() {
            let text = serde_json::to_string_pretty(&payload).expect("JSON has a text form");
            std::fs::write(folder().join(format!("{name}.json")), text + "\n").expect("the folder takes files");
        }
        let golden = stored(name).unwrap_or_else(|| panic!("golden/{name}.json is missing: see checks/golden.rs"));
        assert_eq!(payload, golden, "{name} is written differently than before: it needs another version");
        assert_eq!(Event::from_json(event.stream_type(), name, VERSION, golden), Ok(event));
    }
}

#[test]
fn every_golden_file_belongs_to_an_event() {
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .expect("the folder of golden files")
        .map(|entry| entry.expect("its entries").file_name().into_string().expect("names in Unicode"))
        .collect();
    assert_eq!(files, Event::names().map(|(_, name)| format!("{name}.json")).collect());
}

#[test]
fn the_name_in_the_payload_is_the_event_name() {
    for event in examples() {
        assert_eq!(event.to_json().expect("an event has a JSON form")["type"], event.name());
    }
}

#[test]
fn another_version_or_name_or_stream_is_unknown() {
    for event in examples() {
        let payload = event.to_json().expect("an event has a JSON form");
        let (kind, name) = (event.stream_type(), event.name());
        for version in [0, VERSION + 1, u16::MAX] {
            let unknown = DecodeError::Unknown { name: name.to_owned(), version };
            assert_eq!(Event::from_json(kind, name, version, payload.clone()), Err(unknown));
        }
        let other_kind =
            crate::stream::StreamType::ALL.into_iter().find(|other| *other != kind).expect("more than one kind");
        for (kind, name) in [(other_kind, name), (kind, "ContactAbducted"), (kind, "")] {
            let unknown = DecodeError::Unknown { name: name.to_owned(), version: VERSION };
            assert_eq!(Event::from_json(kind, name, VERSION, payload.clone()), Err(unknown));
        }
    }
}

#[test]
fn a_payload_of_another_event_is_malformed() {
    let payload = stored("ContactTagsAdded").expect("its golden file");
    let read = Event::from_json(crate::stream::StreamType::Contact, "ContactTagsRemoved", VERSION, payload);
    assert!(matches!(read, Err(DecodeError::Malformed { .. })), "{read:?}");
}

#[test]
fn the_error_of_a_malformed_payload_quotes_no_value() {
    const MARKER: &str = "marker-7f3a";
    let mut malformed = 0;
    for event in examples() {
        let payload = event.to_json().expect("an event has a JSON form");
        for wrong in [json!(MARKER), json!([MARKER]), json!({ MARKER: MARKER }), json!(7_331_733_117_u64), Value::Null]
        {
            for changed in with_one_part_replaced(&payload, &wrong) {
                let Err(error) = Event::from_json(event.stream_type(), event.name(), VERSION, changed) else {
                    continue;
                };
                malformed += 1;
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains(MARKER) && !shown.contains("7331733117"), "{shown}");
            }
        }
    }
    assert!(malformed > 100, "only {malformed} payloads were malformed");
}

/// `value` as often as it has parts, each time with another one replaced by `wrong`.
fn with_one_part_replaced(value: &Value, wrong: &Value) -> Vec<Value> {
    let mut all = vec![wrong.clone()];
    match value {
        Value::Object(members) => {
            for (name, part) in members {
                for changed in with_one_part_replaced(part, wrong) {
                    let mut object = members.clone();
                    object.insert(name.clone(), changed);
                    all.push(Value::Object(object));
                }
            }
        }
        Value::Array(items) => {
            for (index, part) in items.iter().enumerate() {
                for changed in with_one_part_replaced(part, wrong) {
                    let mut array = items.clone();
                    array[index] = changed;
                    all.push(Value::Array(array));
                }
            }
        }
        _ => {}
    }
    all
}
