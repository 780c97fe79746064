//! `events.md`: every event with its members, written from the code and the golden files, so that it cannot be out of date.
//!
//! `UPDATE_EVENTS_MD=1 cargo test -p aggregates events_page` writes it.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use super::golden::stored;
use crate::event::{Event, VERSION};
use crate::personal::PERSONAL_MEMBER;
use crate::stream::StreamType;

const INTRODUCTION: &str = "# Events

Everything that happens in a workspace, under the names by which it is stored and shown. Written from the code by
`UPDATE_EVENTS_MD=1 cargo test -p aggregates events_page`; a test fails when this page is out of date.

Names and members are storage: an event that was released is never edited, it gets another version.
A *personal* member is stored encrypted under the key of its contact; when that key is deleted, it reads as erased.
";

/// The sentence above the variant `name` in the aggregate's file.
fn sentence(kind: StreamType, name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), &format!("{}.rs", kind.name())].iter().collect();
    let source = std::fs::read_to_string(path).expect("an aggregate's file is named as its stream type");
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let declares = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '(', ',']));
    let variant = lines.iter().position(|line| declares(line)).expect("a variant on a line of its own");
    let begin = lines[..variant].iter().rposition(|line| !line.starts_with("///")).map_or(0, |before| before + 1);
    lines[begin..variant].iter().map(|line| line.trim_start_matches('/').trim()).collect::<Vec<_>>().join(" ")
}

fn members(kind: StreamType, name: &str, payload: &Value) -> String {
    let mut rows = String::new();
    for (member, value) in payload.as_object().expect("a payload is an object") {
        if member == "type" {
            continue;
        }
        let mut without = payload.clone();
        without.as_object_mut().expect("a payload is an object").remove(member);
        let optional = Event::from_json(kind, name, VERSION, without).is_ok();
        let personal = value.to_string().contains(PERSONAL_MEMBER);
        let notes: Vec<&str> = [(optional, "optional"), (personal, "personal")]
            .into_iter()
            .filter_map(|(is, note)| is.then_some(note))
            .collect();
        let _ = writeln!(rows, "| `{member}` | {} | `{}` |", notes.join(", "), in_clear(value));
    }
    if rows.is_empty() {
        return "No members.\n".to_owned();
    }
    format!("| member | | example |\n|---|---|---|\n{rows}")
}

/// The value as callers see it.
fn in_clear(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .get(PERSONAL_MEMBER)
            .map_or_else(|| object.iter().map(|(name, part)| (name.clone(), in_clear(part))).collect(), in_clear),
        Value::Array(items) => items.iter().map(in_clear).collect(),
        other => other.clone(),
    }
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut last = None;
    for (kind, name) in Event::names() {
        if last.replace(kind) != Some(kind) {
            let _ = write!(page, "\n## `{}` (ids `{}_…`)\n", kind.name(), kind.prefix());
        }
        let payload = stored(name).unwrap_or_else(|| panic!("golden/{name}.json is missing"));
        let _ = write!(page, "\n### `{name}`\n\n{}\n\n{}", sentence(kind, name), members(kind, name, &payload));
    }
    page
}

#[test]
fn the_page_of_events_says_what_the_code_says() {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "events.md"].iter().collect();
    let page = page();
    if std::env::var_os("UPDATE_EVENTS_MD").is_some() {
        std::fs::write(&path, &page).expect("events.md can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "events.md is out of date: UPDATE_EVENTS_MD=1 cargo test -p aggregates events_page");
}

#[test]
fn every_event_has_a_sentence() {
    for (kind, name) in Event::names() {
        let sentence = sentence(kind, name);
        assert!(sentence.ends_with('.') && !sentence.contains("//"), "{name}: {sentence}");
    }
}
