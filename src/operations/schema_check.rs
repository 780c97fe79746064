//! Checks arguments against the schema that callers read, so that what is documented and what is accepted cannot differ, and says
//! what is wrong in words that lead to a right call.

use serde_json::{Map, Value};

use super::near_miss::near_names;
use crate::problem::Problem;

/// Checks `arguments` against `schema`. Null counts as missing wherever a member may be missing.
///
/// # Errors
/// `invalid_input` naming the first member that does not fit, its value, and what is expected.
pub(super) fn check(schema: &Map<String, Value>, arguments: &Map<String, Value>) -> Result<(), Problem> {
    check_object(schema, arguments, "")
}

/// The schema of the member at `path` (as in `buttons[0].title`), if there is one.
pub(super) fn at<'a>(schema: &'a Map<String, Value>, path: &str) -> Option<&'a Map<String, Value>> {
    let mut here = schema;
    for part in path.split('.') {
        let (name, indices) = part.split_once('[').map_or((part, 0), |(name, rest)| (name, rest.matches(']').count()));
        here = here.get("properties")?.get(name)?.as_object()?;
        for _ in 0..indices {
            here = here.get("items")?.as_object()?;
        }
    }
    Some(here)
}

/// What a schema expects, as the end of the sentence "must be …".
pub(super) fn expected(schema: &Map<String, Value>) -> String {
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        let names: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
        return format!("one of {}", names.join(", "));
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => match schema.get("pattern").and_then(Value::as_str).and_then(id_prefix) {
            Some(prefix) => format!("an id: `{prefix}_` and 26 characters of 0-9 a-z"),
            None => format!("a text{}", range(schema, "minLength", "maxLength", "characters")),
        },
        Some("integer") => format!("a whole number{}", range(schema, "minimum", "maximum", "")),
        Some("number") => "a number".to_owned(),
        Some("boolean") => "true or false (not in quotes)".to_owned(),
        Some("array") => format!("an array{}", range(schema, "minItems", "maxItems", "items")),
        Some("object") => {
            let names: Vec<&str> = properties(schema).into_iter().flat_map(Map::keys).map(String::as_str).collect();
            format!("an object with the members {}", names.join(", "))
        }
        _ => "another value".to_owned(),
    }
}

fn id_prefix(pattern: &str) -> Option<&str> {
    pattern.strip_prefix('^').and_then(|rest| rest.split_once("_[")).map(|(prefix, _)| prefix)
}

fn range(schema: &Map<String, Value>, least: &str, most: &str, unit: &str) -> String {
    let limit = |name: &str| schema.get(name).and_then(Value::as_i64);
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    let of = if unit.is_empty() { "" } else { " of" };
    match (limit(least), limit(most)) {
        (Some(least), Some(most)) if unit.is_empty() => format!(" from {least} to {most}"),
        (Some(least), Some(most)) => format!("{of} {least} to {most}{unit}"),
        (Some(least), None) => format!("{of} at least {least}{unit}"),
        (None, Some(most)) => format!("{of} at most {most}{unit}"),
        (None, None) => String::new(),
    }
}

fn properties(schema: &Map<String, Value>) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

fn check_object(schema: &Map<String, Value>, members: &Map<String, Value>, path: &str) -> Result<(), Problem> {
    let nothing = Map::new();
    let known = properties(schema).unwrap_or(&nothing);
    let required = |name: &str| {
        schema.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|known| known == name))
    };
    for (name, value) in members {
        let place = join(path, name);
        match known.get(name).map(Value::as_object) {
            None => return Err(unknown_member(&place, name, known)),
            Some(_) if value.is_null() && !required(name) => {}
            Some(Some(inner)) => check_value(inner, value, &place)?,
            // The schema `true`.
            Some(None) => {}
        }
    }
    if let Some(missing) = known.keys().find(|name| required(name) && !members.contains_key(*name)) {
        let place = join(path, missing);
        let expected = known[missing].as_object().map_or_else(|| "a value".to_owned(), expected);
        return Err(Problem::invalid(place, format!("{missing} is missing: it must be {expected}")));
    }
    Ok(())
}

fn join(path: &str, name: &str) -> String {
    // An unknown name is the caller's text and may be of any length.
    let name: String = name.chars().take(100).collect();
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

fn unknown_member(place: &str, name: &str, known: &Map<String, Value>) -> Problem {
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    let hint = if names.is_empty() {
        "call it without arguments".to_owned()
    } else {
        format!("the members are: {}", names.join(", "))
    };
    Problem::invalid(place, "there is no such member in this call")
        .hint(hint)
        .candidates(near_names(name, names.iter().copied()))
}

fn check_value(schema: &Map<String, Value>, value: &Value, path: &str) -> Result<(), Problem> {
    let fits = match (schema.get("type").and_then(Value::as_str), value) {
        (None, _) | (Some("boolean"), Value::Bool(_)) | (Some("number"), Value::Number(_)) => true,
        (Some("string"), Value::String(text)) => within(schema, "minLength", "maxLength", || text.chars().count()),
        (Some("integer"), Value::Number(number)) => whole(number).is_some_and(|number| {
            let limit = |name: &str| schema.get(name).and_then(Value::as_i64).map(i128::from);
            limit("minimum").is_none_or(|least| number >= least) && limit("maximum").is_none_or(|most| number <= most)
        }),
        (Some("array"), Value::Array(items)) => within(schema, "minItems", "maxItems", || items.len()),
        (Some("object"), Value::Object(_)) => true,
        _ => false,
    };
    let choices = schema.get("enum").and_then(Value::as_array);
    if !fits || choices.is_some_and(|choices| !choices.contains(value)) {
        return Err(misfit(schema, value, path));
    }
    match value {
        Value::Array(items) => {
            let Some(inner) = schema.get("items").and_then(Value::as_object) else { return Ok(()) };
            items.iter().enumerate().try_for_each(|(index, item)| check_value(inner, item, &format!("{path}[{index}]")))
        }
        Value::Object(members) if schema.contains_key("properties") => check_object(schema, members, path),
        _ => Ok(()),
    }
}

/// `1.0` is a whole number in JSON, as JSON Schema has it.
fn whole(number: &serde_json::Number) -> Option<i128> {
    number.as_i128().or_else(|| number.as_f64().filter(|float| float.fract() == 0.0).map(|float| float as i128))
}

fn within(schema: &Map<String, Value>, least: &str, most: &str, size: impl Fn() -> usize) -> bool {
    let limit = |name: &str| schema.get(name).and_then(Value::as_u64).map(|limit| limit as usize);
    limit(least).is_none_or(|least| size() >= least) && limit(most).is_none_or(|most| size() <= most)
}

pub(super) fn misfit(schema: &Map<String, Value>, value: &Value, path: &str) -> Problem {
    let problem = Problem::invalid(path, format!("must be {}", expected(schema))).value(value.clone());
    match (schema.get("enum").and_then(Value::as_array), value) {
        (Some(choices), Value::String(text)) => {
            problem.candidates(near_names(text, choices.iter().filter_map(Value::as_str)))
        }
        (None, Value::String(text)) if is_quoted_json(schema, text) => {
            problem.hint("send the JSON itself, not its text in quotes")
        }
        _ => problem,
    }
}

/// Whether `text` looks like the object or array that is expected.
fn is_quoted_json(schema: &Map<String, Value>, text: &str) -> bool {
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => text.trim_start().starts_with('{'),
        Some("array") => text.trim_start().starts_with('['),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    fn schema() -> Map<String, Value> {
        object(&json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "contactId": {"type": "string", "minLength": 1, "maxLength": 10},
                "limit": {"type": "integer", "minimum": 1, "maximum": 100},
                "sort": {"type": "string", "enum": ["name", "created"]},
                "value": {"description": "any"},
                "buttons": {"type": "array", "maxItems": 2, "items": {
                    "type": "object", "properties": {"title": {"type": "string", "maxLength": 3}}, "required": ["title"]}},
            },
            "required": ["contactId"],
        }))
    }

    fn problem(arguments: &Value) -> Problem {
        check(&schema(), &object(arguments)).expect_err("must be refused")
    }

    #[test]
    fn what_fits_is_accepted_and_null_counts_as_missing() {
        for arguments in [
            json!({"contactId": "x", "limit": 100, "sort": "name", "value": [1], "buttons": [{"title": "abc"}]}),
            json!({"contactId": "ßßßßßßßßßß", "limit": 1.0, "sort": null, "value": null}),
        ] {
            assert_eq!(check(&schema(), &object(&arguments)), Ok(()), "{arguments}");
        }
    }

    #[test]
    fn an_unknown_member_is_refused_with_near_misses() {
        let problem = problem(&json!({"contact_id": "x"}));
        assert_eq!(problem.field.as_deref(), Some("contact_id"));
        assert_eq!(problem.candidates[0].id, "contactId");
        assert!(problem.hint.expect("a hint").contains("buttons"));
    }

    #[test]
    fn a_misfit_names_its_place_its_value_and_what_is_expected() {
        for (arguments, field, message) in [
            (json!({}), "contactId", "contactId is missing: it must be a text of 1 to 10 characters"),
            (json!({"contactId": null}), "contactId", "must be a text of 1 to 10 characters"),
            (json!({"contactId": ""}), "contactId", "must be a text of 1 to 10 characters"),
            (json!({"contactId": "x", "limit": "5"}), "limit", "must be a whole number from 1 to 100"),
            (json!({"contactId": "x", "limit": 101}), "limit", "must be a whole number from 1 to 100"),
            (json!({"contactId": "x", "limit": 1.5}), "limit", "must be a whole number from 1 to 100"),
            (json!({"contactId": "x", "sort": "nam"}), "sort", "must be one of name, created"),
            (
                json!({"contactId": "x", "buttons": [{"title": "abc"}, {"title": "abcd"}]}),
                "buttons[1].title",
                "must be a text of at most 3 characters",
            ),
            (json!({"contactId": "x", "buttons": [1]}), "buttons[0]", "must be an object with the members title"),
            (json!({"contactId": "x", "buttons": [{}, {}, {}]}), "buttons", "must be an array of at most 2 items"),
        ] {
            let problem = problem(&arguments);
            assert_eq!((problem.field.as_deref(), problem.message.as_str()), (Some(field), message), "{arguments}");
        }
        assert_eq!(problem(&json!({"contactId": "x", "sort": "nam"})).candidates[0].id, "name");
    }

    #[test]
    fn json_in_quotes_is_refused_with_the_way_out() {
        let quoted = problem(&json!({"contactId": "x", "buttons": "[{\"title\": \"a\"}]"}));
        assert_eq!(quoted.field.as_deref(), Some("buttons"));
        assert!(quoted.hint.is_some_and(|hint| hint.contains("not its text")));
        assert_eq!(problem(&json!({"contactId": "x", "buttons": "a, b"})).hint, None);
    }

    #[test]
    fn a_place_leads_to_its_schema() {
        let schema = schema();
        let title = at(&schema, "buttons[1].title").expect("a schema");
        assert_eq!(expected(title), "a text of at most 3 characters");
        assert_eq!(at(&schema, "buttons[1].colour"), None);
    }
}
