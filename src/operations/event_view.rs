//! Events as callers see them: personal data in clear, what was erased left out, times in RFC 3339.

use aggregates::Recorded;
use aggregates::ids::format_id;
use aggregates::metadata::{ActorKind, Client};
use aggregates::personal::{ERASED_MEMBER, PERSONAL_MEMBER};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::inputs::rfc3339;
use super::untrusted;
use crate::problem::Problem;

/// An event.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// Its place in the workspace's log.
    pub position: u64,
    /// What happened.
    #[serde(rename = "type")]
    pub name: &'static str,
    /// When it was recorded.
    pub at: String,
    /// In which stream.
    pub stream: StreamView,
    /// The contact whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<String>,
    /// The conversation in which it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// Who did it.
    pub actor: ActorView,
    /// Untrusted: the members of the event; may hold customers' words.
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    pub data: Value,
}

/// A stream.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StreamView {
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its id.
    pub id: String,
}

/// Who did something.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ActorView {
    /// The kind.
    #[schemars(with = "String")]
    pub kind: ActorKind,
    /// Its id.
    pub id: String,
    /// The program used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
}

/// Shows an event.
///
/// # Errors
/// `internal` when it has no JSON form.
pub fn view(recorded: &Recorded) -> Result<EventView, Problem> {
    let mut data = recorded.event.to_json().map_err(|error| Problem::internal(&error))?;
    reveal(&mut data);
    if let Value::Object(members) = &mut data {
        // Stands beside the data already; a token's digest is nobody's business.
        members.remove("type");
        members.remove("digest");
        show_times(members);
    }
    let kind = recorded.event.stream_type();
    let actor = &recorded.metadata.actor;
    Ok(EventView {
        position: recorded.position,
        name: recorded.event.name(),
        at: rfc3339(recorded.recorded_at),
        stream: StreamView { kind: kind.name(), id: format_id(kind.prefix(), recorded.stream_id) },
        contact_id: recorded.event.subject(recorded.stream_id).map(|id| id.to_string()),
        conversation_id: recorded.conversation().map(|id| id.to_string()),
        actor: ActorView { kind: actor.kind, id: actor.id.clone(), client: recorded.metadata.client.clone() },
        data,
    })
}

/// The event as one line of JSON, with hidden characters written out, as every answer has them.
///
/// # Errors
/// `internal` when it has no JSON form.
pub fn line(recorded: &Recorded) -> Result<String, Problem> {
    let mut shown = serde_json::to_value(view(recorded)?).map_err(|error| Problem::internal(&error))?;
    untrusted::show_all(&mut shown);
    Ok(shown.to_string())
}

/// Shows times as all times are shown: they are stored in microseconds.
pub(super) fn show_times(members: &mut Map<String, Value>) {
    for name in ["expiresAt", "previousExpiresAt", "until", "settlesAt"] {
        if let Some(time) = members.get(name).and_then(Value::as_i64) {
            members.insert(name.to_owned(), Value::String(rfc3339(time)));
        }
    }
}

/// Puts personal values in the place of their marks, and takes out what was erased.
pub(super) fn reveal(value: &mut Value) {
    if let Value::Object(members) = value {
        if members.len() == 1
            && let Some(known) = members.remove(PERSONAL_MEMBER)
        {
            *value = known;
        } else {
            members.retain(|_, member| !is_erased(member));
        }
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(reveal),
        Value::Array(items) => {
            items.retain(|item| !is_erased(item));
            items.iter_mut().for_each(reveal);
        }
        _ => {}
    }
}

fn is_erased(value: &Value) -> bool {
    value.as_object().is_some_and(|members| members.len() == 1 && members.contains_key(ERASED_MEMBER))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn personal_values_stand_in_clear_and_erased_ones_are_gone() {
        let mut value = json!({
            "attributes": {"firstName": {"$personal": "Ana"}, "email": {"$erased": true}},
            "identities": [{"user": {"$personal": {"type": "text", "value": "x"}}}, {"$erased": true}],
        });
        reveal(&mut value);
        assert_eq!(
            value,
            json!({"attributes": {"firstName": "Ana"}, "identities": [{"user": {"type": "text", "value": "x"}}]})
        );
    }
}
