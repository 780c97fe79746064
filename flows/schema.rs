//! The JSON Schema of flow documents, from the types that read them and whose comments are what a model reads.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::document::Form;
use crate::steps::KINDS;

/// A small document that works, where a custom field `score` holds numbers.
pub const EXAMPLE: &str = include_str!("example.yaml");

/// The JSON Schema (2020-12) of a flow document.
#[must_use]
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Form>().to_value();
    tidy(&mut schema);
    schema
}

/// The schema of one kind of step, with all that it refers to; nothing when there is no such kind.
#[must_use]
pub fn step(kind: &str) -> Option<Value> {
    let whole = document();
    let definitions = whole.get("$defs")?.as_object()?;
    let members = definitions.get("step")?.get("properties")?;
    let (form, next) = (members.get(kind).filter(|_| kind != "next")?, members.get("next")?);
    let mut needed = Map::new();
    collect(form, definitions, &mut needed);
    collect(next, definitions, &mut needed);
    Some(json!({
        "type": "object",
        "properties": {kind: form, "next": next},
        "required": [kind],
        "additionalProperties": false,
        "$defs": needed,
    }))
}

/// The kinds of steps, each in a sentence.
#[must_use]
pub fn kinds() -> Vec<(&'static str, String)> {
    let whole = document();
    let does = |kind: &str| {
        let reference = whole.pointer(&format!("/$defs/step/properties/{kind}"))?;
        let name = reference.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
        let form = name.map_or(Some(reference), |name| whole.get("$defs")?.get(name))?;
        form.get("description")?.as_str().map(str::to_owned)
    };
    KINDS.iter().map(|kind| (kind.name, does(kind.name).unwrap_or_default())).collect()
}

/// Takes in what `schema` refers to, and what that refers to.
fn collect(schema: &Value, definitions: &Map<String, Value>, needed: &mut Map<String, Value>) {
    match schema {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
            if let Some((name, definition)) = name.and_then(|name| definitions.get_key_value(name))
                && !needed.contains_key(name)
            {
                needed.insert(name.clone(), definition.clone());
                collect(definition, definitions, needed);
            }
            members.values().for_each(|member| collect(member, definitions, needed));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, definitions, needed)),
        _ => {}
    }
}

/// Takes out what binds nobody, and says "may be missing" by `required` alone: null is nothing that an author writes.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            // A member may have one of these names: then it holds a schema.
            for noise in ["title", "format", "default"] {
                if members.get(noise).is_some_and(|value| !value.is_object()) {
                    members.remove(noise);
                }
            }
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            drop_null(members);
            fold_choices(members);
            members.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// The types of an optional member.
fn drop_null(members: &mut Map<String, Value>) {
    // A list of all types is any value, null included.
    if let Some(Value::Array(types)) = members.get_mut("type")
        && let [only, null] = types.as_slice()
        && null == "null"
    {
        let only = only.clone();
        members.insert("type".to_owned(), only);
        if let Some(Value::Array(choices)) = members.get_mut("enum") {
            choices.retain(|choice| !choice.is_null());
        }
    }
    let Some(Value::Array(mut branches)) = members.remove("anyOf") else { return };
    let is_null = |branch: &Value| branch.get("type").is_some_and(|name| name == "null");
    branches.retain(|branch| !is_null(branch));
    match (branches.len(), branches.pop()) {
        (1, Some(Value::Object(only))) => {
            for (name, value) in only {
                members.entry(name).or_insert(value);
            }
        }
        (_, last) => {
            branches.extend(last);
            members.insert("anyOf".to_owned(), Value::Array(branches));
        }
    }
}

/// A choice among fixed texts, each with its description, becomes a list of the texts; the descriptions go into one.
fn fold_choices(members: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = members.get("oneOf") else { return };
    let text = |branch: &Value| branch.get("const").and_then(Value::as_str).map(str::to_owned);
    let Some(texts) = branches.iter().map(text).collect::<Option<Vec<String>>>() else { return };
    let meaning = |branch: &Value| Some(format!("{}: {}", text(branch)?, branch.get("description")?.as_str()?));
    let meanings: Vec<String> = branches.iter().filter_map(meaning).collect();
    let own = members.get("description").and_then(Value::as_str).unwrap_or_default();
    let whole = format!("{own} {}", meanings.join(" "));
    members.remove("oneOf");
    members.insert("description".to_owned(), Value::from(whole.split_whitespace().collect::<Vec<_>>().join(" ")));
    members.insert("type".to_owned(), json!("string"));
    members.insert("enum".to_owned(), json!(texts));
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
