//! Listings of the folder's owner: events as they happened and as they happen, and tokens.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc::Sender;

use super::control::call;
use crate::app::{App, Caller, Replayed, TokenSummary};
use crate::problem::{Code, Problem};

/// How long one look for new events takes when there are none; watching is one such look after the other.
const LOOK_MS: u64 = 25_000;
/// Most events of one look, and of one page.
const PAGE: u32 = 100;

/// Sends every event behind `after` (or from now on) that is of one of `types`, without end.
///
/// # Errors
/// What the operation `wait_for_events` refuses. It ends in order when nobody listens any more.
pub async fn watch(
    app: &Arc<App>,
    caller: &Caller,
    after: Option<u64>,
    types: &[String],
    listener: &Sender<Value>,
) -> Result<Value, Problem> {
    let mut after = after;
    while !listener.is_closed() {
        let mut arguments =
            Map::from_iter([("timeoutMs".to_owned(), json!(LOOK_MS)), ("limit".to_owned(), json!(PAGE))]);
        if let Some(after) = after {
            arguments.insert("after".to_owned(), json!(after));
        }
        if !types.is_empty() {
            arguments.insert("types".to_owned(), json!(types));
        }
        let mut answer = call(app, caller, "wait_for_events", arguments).await?;
        for event in items(&mut answer) {
            if listener.send(event).await.is_err() {
                return Ok(json!({}));
            }
        }
        after = answer.get("nextAfter").and_then(Value::as_u64).or(after);
    }
    Ok(json!({}))
}

/// Sends the last `lines` events, the oldest first, and with `follow` what happens after them.
///
/// # Errors
/// What the operations `list_events` and `wait_for_events` refuse.
pub async fn tail(
    app: &Arc<App>,
    caller: &Caller,
    lines: u32,
    follow: bool,
    listener: &Sender<Value>,
) -> Result<Value, Problem> {
    let mut events = Vec::new();
    let mut before: Option<u64> = None;
    while (events.len() as u64) < u64::from(lines) {
        let limit = PAGE.min(lines.saturating_sub(u32::try_from(events.len()).unwrap_or(u32::MAX)));
        let mut arguments = Map::from_iter([("limit".to_owned(), json!(limit))]);
        if let Some(before) = before {
            arguments.insert("before".to_owned(), json!(before));
        }
        // The newest first; a page may be cut short for its size, so only an empty one is the end.
        let page = items(&mut call(app, caller, "list_events", arguments).await?);
        let Some(oldest) = page.last().and_then(position) else { break };
        events.extend(page);
        if oldest <= 1 {
            break;
        }
        before = Some(oldest);
    }
    let last = events.first().and_then(position).unwrap_or(0);
    for event in events.into_iter().rev() {
        if listener.send(event).await.is_err() {
            return Ok(json!({}));
        }
    }
    if follow { watch(app, caller, Some(last), &[], listener).await } else { Ok(json!({})) }
}

/// A token as it is listed.
#[must_use]
pub fn token(token: &TokenSummary) -> Value {
    let mut shown = json!({
        "id": token.id,
        "name": token.name,
        "permission": token.permission,
        "createdAt": rfc3339(token.created_at),
        "revoked": token.revoked,
    });
    if !token.scopes.is_empty() {
        shown["scopes"] = json!(token.scopes);
    }
    let times = [
        ("expiresAt", token.expires_at),
        ("previousExpiresAt", token.previous_expires_at),
        ("lastUsedAt", token.last_used_at),
    ];
    for (member, time) in times {
        if let Some(time) = time {
            shown[member] = json!(rfc3339(time));
        }
    }
    shown
}

/// What came of a replay.
#[must_use]
pub fn replayed(replayed: &Replayed) -> Value {
    let mut shown = json!(replayed);
    for (workspace, row) in replayed.workspaces.iter().zip(shown["workspaces"].as_array_mut().into_iter().flatten()) {
        if let Some(time) = workspace.recorded_at {
            row["at"] = json!(rfc3339(time));
        }
    }
    shown
}

/// A time in microseconds since the epoch as RFC 3339 in UTC.
#[must_use]
pub fn rfc3339(microseconds: i64) -> String {
    jiff::Timestamp::from_microsecond(microseconds).unwrap_or(jiff::Timestamp::MAX).to_string()
}

fn items(answer: &mut Value) -> Vec<Value> {
    match answer.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

fn position(event: &Value) -> Option<u64> {
    event.get("position").and_then(Value::as_u64)
}

/// What is refused when there is no answer to be had from the process that holds the folder.
#[must_use]
pub fn ended_without_an_answer() -> Problem {
    Problem::new(Code::Unavailable, "the process that holds the data folder ended before it answered")
        .hint("look whether it was done before you repeat it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_token_leaves_out_what_it_does_not_have() {
        let summary = TokenSummary {
            id: uuid::Uuid::from_u128(1).into(),
            name: "claude".into(),
            permission: aggregates::token::Permission::ReadOnly,
            scopes: Vec::new(),
            created_at: 1_000_000,
            expires_at: Some(1_500_000),
            previous_expires_at: None,
            last_used_at: None,
            revoked: false,
        };
        assert_eq!(
            token(&summary),
            json!({
                "id": "tok_00000000000000000000000001",
                "name": "claude",
                "permission": "read_only",
                "createdAt": "1970-01-01T00:00:01Z",
                "expiresAt": "1970-01-01T00:00:01.5Z",
                "revoked": false,
            })
        );
    }
}
