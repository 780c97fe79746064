//! The check of a document's form against the schema that authors read, so that what is documented and what is accepted cannot differ.
//! It tells every fault, not only the first.

mod expected;
mod members;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use crate::finding::{Code, Finding};
use crate::schema;

/// A schema, or a part of one.
type Schema = Map<String, Value>;

static WHOLE: LazyLock<Schema> = LazyLock::new(|| schema::document().as_object().cloned().unwrap_or_default());

/// The patterns of the schema, ready for use. One that is no pattern fits nothing.
static PATTERNS: LazyLock<BTreeMap<String, Option<Regex>>> = LazyLock::new(|| {
    let mut found = BTreeMap::new();
    collect_patterns(&Value::Object(WHOLE.clone()), &mut found);
    found
});

fn collect_patterns(schema: &Value, found: &mut BTreeMap<String, Option<Regex>>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(pattern)) = members.get("pattern") {
                found.entry(pattern.clone()).or_insert_with(|| Regex::new(pattern).ok());
            }
            members.values().for_each(|member| collect_patterns(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_patterns(item, found)),
        _ => {}
    }
}

/// Everything that is wrong with the form of a document.
pub(crate) fn check(document: &Value) -> Vec<Finding> {
    let mut check = Check { findings: Vec::new() };
    check.value(&WHOLE, document, "");
    check.findings
}

/// Everything that is wrong with the form of a part, named as the schema names it; paths begin within the part.
pub(crate) fn check_part(name: &str, part: &Value) -> Vec<Finding> {
    let mut check = Check { findings: Vec::new() };
    if let Some(schema) = definition(name) {
        check.value(schema, part, "");
    }
    check.findings
}

/// The integers up to this size that a float holds exactly (2^53).
const EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// The value with every number in one spelling: `1.0` and `1` are one number in JSON Schema, and a whole one where whole ones are
/// asked for.
pub(crate) fn canonical(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT_INTEGER => {
                #[expect(clippy::cast_possible_truncation, reason = "an integer of at most 53 bit")]
                let integer = float as i64;
                Value::from(integer)
            }
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), canonical(value))).collect(),
        other => other.clone(),
    }
}

/// What fits the schema and cannot be read all the same.
pub(crate) fn unread(path: &str, error: &serde_json::Error) -> Finding {
    Finding::new(Code::InvalidForm, path, format!("cannot be read: {error}"))
}

fn definition(name: &str) -> Option<&'static Schema> {
    WHOLE.get("$defs")?.get(name)?.as_object()
}

/// The schema that a schema refers to, or itself. One that is referred to may do no more than refer on.
fn resolved(schema: &Schema) -> &Schema {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
    name.and_then(definition).map_or(schema, resolved)
}

struct Check {
    findings: Vec<Finding>,
}

impl Check {
    fn value(&mut self, schema: &Schema, value: &Value, path: &str) {
        let schema = resolved(schema);
        if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
            return self.one_of(schema, branches, value, path);
        }
        if !is_of_type(schema, value) || !is_chosen(schema, value) || !is_within(schema, value) {
            return self.findings.push(expected::misfit(schema, value, path));
        }
        match value {
            Value::Array(items) => {
                let Some(inner) = schema.get("items").and_then(Value::as_object) else { return };
                for (index, item) in items.iter().enumerate() {
                    self.value(inner, item, &format!("{path}[{index}]"));
                }
            }
            Value::Object(members) => self.members(schema, members, path),
            _ => {}
        }
    }

    /// A value that may have several forms: those of its type count.
    fn one_of(&mut self, schema: &Schema, branches: &[Value], value: &Value, path: &str) {
        let branches = branches.iter().filter_map(Value::as_object).map(resolved);
        let close: Vec<&Schema> = branches.filter(|branch| is_of_type(branch, value)).collect();
        if !is_of_type(schema, value) || close.is_empty() {
            return self.findings.push(expected::misfit(schema, value, path));
        }
        if let [only] = close.as_slice() {
            return self.value(only, value, path);
        }
        let fits = |branch: &&Schema| {
            let mut check = Self { findings: Vec::new() };
            check.value(branch, value, path);
            check.findings.is_empty()
        };
        if !close.iter().any(fits) {
            self.findings.push(expected::misfit(schema, value, path));
        }
    }
}

fn is_of_type(schema: &Schema, value: &Value) -> bool {
    let is = |name: &str| match (name, value) {
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("number", Value::Number(_))
        | ("string", Value::String(_))
        | ("array", Value::Array(_))
        | ("object", Value::Object(_)) => true,
        ("integer", Value::Number(number)) => number.is_i64() || number.is_u64(),
        _ => false,
    };
    match schema.get("type") {
        Some(Value::String(name)) => is(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

fn is_chosen(schema: &Schema, value: &Value) -> bool {
    let is_constant = schema.get("const").is_none_or(|constant| constant == value);
    let choices = schema.get("enum").and_then(Value::as_array);
    is_constant && choices.is_none_or(|choices| choices.contains(value))
}

/// Whether sizes and patterns are kept.
fn is_within(schema: &Schema, value: &Value) -> bool {
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    let size = |size: usize, least: &str, most: &str| {
        #[expect(clippy::cast_precision_loss, reason = "sizes are far below what a float holds exactly")]
        let size = size as f64;
        limit(least).is_none_or(|least| size >= least) && limit(most).is_none_or(|most| size <= most)
    };
    match value {
        Value::String(text) => size(text.chars().count(), "minLength", "maxLength") && fits_pattern(schema, text),
        Value::Array(items) => size(items.len(), "minItems", "maxItems"),
        Value::Object(members) => size(members.len(), "minProperties", "maxProperties"),
        Value::Number(number) => number.as_f64().is_some_and(|number| {
            limit("minimum").is_none_or(|least| number >= least) && limit("maximum").is_none_or(|most| number <= most)
        }),
        _ => true,
    }
}

fn fits_pattern(schema: &Schema, text: &str) -> bool {
    let Some(pattern) = schema.get("pattern").and_then(Value::as_str) else { return true };
    PATTERNS.get(pattern).and_then(Option::as_ref).is_some_and(|pattern| pattern.is_match(text))
}
