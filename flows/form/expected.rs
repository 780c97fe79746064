//! What a schema expects, in words.

use serde_json::Value;

use super::{Schema, resolved};
use crate::finding::{Code, Finding, near};

/// The most of an author's text that a message quotes, in characters.
const MAX_QUOTED: usize = 60;

/// What a schema expects, as the end of the sentence "must be …".
pub(super) fn of(schema: &Schema) -> String {
    let schema = resolved(schema);
    if let Some(constant) = schema.get("const") {
        return constant.to_string();
    }
    if let Some(choices) = texts(schema, "enum") {
        return format!("one of {}", choices.join(", "));
    }
    if let Some(examples) = texts(schema, "examples") {
        return format!("a text such as {}", examples.join(", "));
    }
    if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
        let forms: Vec<String> = branches.iter().filter_map(Value::as_object).map(of).collect();
        return forms.join(", or ");
    }
    match schema.get("type") {
        Some(Value::String(name)) => of_type(schema, name),
        _ => "another value".to_owned(),
    }
}

fn of_type(schema: &Schema, name: &str) -> String {
    match name {
        "string" => match schema.get("pattern").and_then(Value::as_str) {
            Some(pattern) => format!("a text that fits {pattern}"),
            None => format!("a text{}", range(schema, ("minLength", "maxLength"), " of", " characters")),
        },
        "integer" => format!("a whole number{}", range(schema, ("minimum", "maximum"), "", "")),
        "number" => format!("a number{}", range(schema, ("minimum", "maximum"), "", "")),
        "boolean" => "true or false (not in quotes)".to_owned(),
        "array" => format!("an array{}", range(schema, ("minItems", "maxItems"), " of", " items")),
        "object" => match schema.get("properties").and_then(Value::as_object) {
            Some(known) => {
                let names: Vec<&str> = known.keys().map(String::as_str).collect();
                format!("an object with the members {}", names.join(", "))
            }
            None => format!("an object{}", range(schema, ("minProperties", "maxProperties"), " of", " members")),
        },
        other => other.to_owned(),
    }
}

fn texts<'s>(schema: &'s Schema, member: &str) -> Option<Vec<&'s str>> {
    Some(schema.get(member)?.as_array()?.iter().filter_map(Value::as_str).collect())
}

fn range(schema: &Schema, (least, most): (&str, &str), of: &str, unit: &str) -> String {
    let limit = |name: &str| schema.get(name).and_then(Value::as_i64);
    match (limit(least), limit(most)) {
        (Some(least), Some(most)) if unit.is_empty() => format!(" from {least} to {most}"),
        (Some(least), Some(most)) => format!("{of} {least} to {most}{unit}"),
        (Some(least), None) => format!("{of} at least {least}{unit}"),
        (None, Some(most)) => format!("{of} at most {most}{unit}"),
        (None, None) => String::new(),
    }
}

/// The finding that a value does not fit.
pub(super) fn misfit(schema: &Schema, value: &Value, path: &str) -> Finding {
    let finding = Finding::new(Code::InvalidForm, path, format!("must be {}{}", of(schema), found(value)));
    let known = choices(schema);
    let description = schema.get("description").and_then(Value::as_str);
    match value {
        Value::Null => finding.hint("leave the member out when there is nothing to say"),
        Value::String(text) if is_quoted_json(schema, text) => {
            finding.hint("write the JSON itself, not its text in quotes")
        }
        Value::String(text) if !known.is_empty() => {
            let finding = finding.candidates(near(text, known.iter().map(String::as_str)));
            match description {
                Some(description) => finding.hint(description),
                None => finding,
            }
        }
        Value::String(_) if schema.contains_key("pattern") => match description {
            Some(description) => finding.hint(description),
            None => finding,
        },
        _ => finding,
    }
}

/// The texts that would fit, if there are a few.
fn choices(schema: &Schema) -> Vec<String> {
    let own = texts(schema, "enum").unwrap_or_default().into_iter().map(str::to_owned);
    let branches = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    own.chain(branches.flat_map(choices)).collect()
}

/// What was written instead, shortly.
fn found(value: &Value) -> String {
    match value {
        Value::Null => ", not null".to_owned(),
        Value::Bool(truth) => format!(", not {truth}"),
        Value::Number(number) => format!(", not {number}"),
        Value::String(text) if text.chars().count() > MAX_QUOTED => {
            format!(", not a text of {} characters", text.chars().count())
        }
        Value::String(_) => format!(", not {value}"),
        Value::Array(items) => format!(", not an array of {}", items.len()),
        Value::Object(members) => format!(", not an object of {} members", members.len()),
    }
}

/// Whether `text` looks like the object or array that is expected.
fn is_quoted_json(schema: &Schema, text: &str) -> bool {
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => text.trim_start().starts_with('{'),
        Some("array") => text.trim_start().starts_with('['),
        _ => false,
    }
}
