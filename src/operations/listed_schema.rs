//! Schemas as tool lists show them: what a model needs to call right and to know what comes back, and nothing else.
//!
//! A list is read before every conversation and each word of it costs. What is checked stays whole; the listed form only leaves
//! out limits that a sensible call never meets (whoever meets one is told) and what answers show by themselves. So whatever fits the
//! whole schema fits the listed one: a client that checks by it never refuses what the server takes or gives.

use serde_json::{Map, Value, json};

/// Greater limits than these are left out.
const LONGEST_LIST: u64 = 10;
const GREATEST_NUMBER: u64 = 1_000_000;
/// What every change answers beside its own members, described once for all in the server's instructions.
const OF_EVERY_CHANGE: [&str; 4] = ["replayed", "dryRun", "wouldAppend", "reasons"];

/// The listed form of an input's schema.
#[must_use]
pub fn input(schema: &Map<String, Value>) -> Map<String, Value> {
    let mut listed = schema.clone();
    shorten(&mut listed);
    listed.insert("additionalProperties".to_owned(), Value::Bool(false));
    listed
}

fn shorten(schema: &mut Map<String, Value>) {
    // A value of a field's own type. Hosts take a schema that says nothing for a mistake, and a model is helped by the choice.
    if !schema.contains_key("type") {
        let kinds = ["string", "number", "boolean", "array"].map(|kind| json!({ "type": kind }));
        schema.insert("anyOf".to_owned(), json!(kinds));
    }
    for limit in ["minLength", "maxLength", "minItems", "pattern", "additionalProperties"] {
        schema.remove(limit);
    }
    let beyond = |limit: Option<&Value>, most: u64| limit.and_then(Value::as_u64).is_some_and(|limit| limit > most);
    if beyond(schema.get("maxItems"), LONGEST_LIST) {
        schema.remove("maxItems");
    }
    if schema.get("minimum").is_some_and(|least| *least == 0 || *least == 1) {
        schema.remove("minimum");
    }
    if beyond(schema.get("maximum"), GREATEST_NUMBER) {
        schema.remove("maximum");
    }
    if let Some(Value::Object(items)) = schema.get_mut("items") {
        shorten(items);
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().filter_map(Value::as_object_mut).for_each(shorten);
    }
}

/// The listed form of an answer's schema: its own members, those of a list's items by name, and a warning before words of customers.
#[must_use]
pub fn output(schema: &Map<String, Value>) -> Map<String, Value> {
    let mut listed = schema.clone();
    let Some(Value::Object(properties)) = listed.get_mut("properties") else { return listed };
    properties.retain(|name, _| !OF_EVERY_CHANGE.contains(&name.as_str()));
    for member in properties.values_mut().filter_map(Value::as_object_mut) {
        let inner = member.get("items").unwrap_or(&Value::Null);
        let inner = inner.get("properties").or_else(|| member.get("properties")).and_then(Value::as_object);
        let described = inner.map(names);
        member.retain(|name, _| name == "type" || name == "description");
        member.extend(described.map(|names| ("description".to_owned(), Value::String(names))));
    }
    listed
}

/// The members of an object, with a mark behind those that hold words of customers.
fn names(members: &Map<String, Value>) -> String {
    let is_untrusted = |member: &Value| member.get("description").is_some_and(|text| text == "untrusted");
    let name = |(name, member): (&String, &Value)| {
        if is_untrusted(member) { format!("{name} (untrusted)") } else { name.clone() }
    };
    members.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn an_input_keeps_what_a_model_needs() {
        let whole = object(&json!({
            "type": "object", "additionalProperties": false, "required": ["contactId"],
            "properties": {
                "contactId": {"type": "string", "minLength": 1, "maxLength": 300, "description": "Who."},
                "limit": {"type": "integer", "minimum": 1, "maximum": 100, "description": "How many."},
                "after": {"type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64, "description": "Where."},
                "sort": {"type": "string", "enum": ["name"], "description": "How."},
                "value": {"description": "Of the field's type."},
                "buttons": {"type": "array", "minItems": 1, "maxItems": 3, "description": "What.", "items": {
                    "type": "object", "additionalProperties": false, "required": ["title"],
                    "properties": {"title": {"type": "string", "maxLength": 80, "description": "Words."}}}},
            }
        }));
        let listed = json!({
            "type": "object", "additionalProperties": false, "required": ["contactId"],
            "properties": {
                "contactId": {"type": "string", "description": "Who."},
                "limit": {"type": "integer", "maximum": 100, "description": "How many."},
                "after": {"type": "integer", "description": "Where."},
                "sort": {"type": "string", "enum": ["name"], "description": "How."},
                "value": {"description": "Of the field's type.",
                    "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"type": "array"}]},
                "buttons": {"type": "array", "maxItems": 3, "description": "What.", "items": {
                    "type": "object", "required": ["title"],
                    "properties": {"title": {"type": "string", "description": "Words."}}}},
            }
        });
        assert_eq!(Value::Object(input(&whole)), listed);
    }

    #[test]
    fn an_answer_names_its_members_and_warns_of_customers_words() {
        let whole = object(&json!({
            "type": "object", "required": ["items"],
            "properties": {
                "items": {"type": "array", "items": {"type": "object", "properties": {
                    "id": {"type": "string"}, "name": {"type": "string", "description": "untrusted"}}}},
                "nextCursor": {"type": "string"},
                "dryRun": {"type": "boolean"},
            }
        }));
        let listed = json!({
            "type": "object", "required": ["items"],
            "properties": {
                "items": {"type": "array", "description": "id, name (untrusted)"},
                "nextCursor": {"type": "string"},
            }
        });
        assert_eq!(Value::Object(output(&whole)), listed);
    }
}
