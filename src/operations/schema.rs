//! JSON Schemas from the types, in the subset that every model provider takes: no type arrays, no unions at the top, nothing
//! behind references, and no words that only cost tokens.

use std::sync::Arc;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::operation::Effect;

/// The schema of an input, and what the type's doc comment says.
pub(super) struct Input {
    /// The description for the reader of the tool list.
    pub(super) description: String,
    /// The schema.
    pub(super) schema: Map<String, Value>,
}

/// The schema of the arguments of `T`.
pub(super) fn input<T: JsonSchema>() -> Input {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let mut schema = generate::<T>(settings);
    tidy(&mut schema, Words::Kept);
    let mut schema = into_object(schema);
    let description = match schema.remove("description") {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    schema.entry("properties").or_insert_with(|| json!({}));
    schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    Input { description, schema }
}

/// Adds what every mutation takes.
pub(super) fn add_call_members(schema: &mut Map<String, Value>, effect: Effect) {
    let kept = if effect == Effect::ReachesCustomers { "7 days" } else { "24 h" };
    let members = json!({
        "idempotencyKey": {
            "type": "string", "minLength": 1, "maxLength": 255,
            "description": format!("Repeating the call with the same key has no second effect, for {kept}.")
        },
        "dryRun": {
            "type": "boolean",
            "description": "true: only answer what would be written."
        }
    });
    if let (Some(Value::Object(properties)), Value::Object(members)) = (schema.get_mut("properties"), members) {
        properties.extend(members);
    }
}

/// The schema of the answers of a query.
pub(super) fn output<T: JsonSchema>() -> Arc<Map<String, Value>> {
    Arc::new(answer::<T>(2))
}

/// The schema of the answers of a mutation: the real answer or that of a dry run, without a union at the top.
pub(super) fn mutation_output<T: JsonSchema>() -> Arc<Map<String, Value>> {
    // What a change answers with is shown whole by the getters: one level is enough.
    let mut schema = answer::<T>(1);
    let members = json!({
        "changed": {"type": "boolean"},
        "position": {"type": "integer"},
        "replayed": {"type": "boolean"},
        "dryRun": {"type": "boolean"},
        "wouldAppend": {"type": "array"},
        "reasons": {"type": "array"},
    });
    if let (Some(Value::Object(properties)), Value::Object(members)) = (schema.get_mut("properties"), members) {
        properties.extend(members);
    }
    schema.insert("required".to_owned(), json!(["changed"]));
    Arc::new(schema)
}

fn answer<T: JsonSchema>(levels: usize) -> Map<String, Value> {
    let mut schema = generate::<T>(SchemaSettings::draft2020_12().for_serialize());
    tidy(&mut schema, Words::OnlyWarnings);
    let required = schema.get("required").cloned();
    flatten(&mut schema, levels);
    let mut schema = into_object(schema);
    schema.remove("description");
    schema.extend(required.map(|required| ("required".to_owned(), required)));
    schema.entry("properties").or_insert_with(|| json!({}));
    schema
}

fn generate<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let settings = settings.with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let schema: Schema = SchemaGenerator::new(settings).into_root_schema_for::<T>();
    schema.to_value()
}

fn into_object(schema: Value) -> Map<String, Value> {
    match schema {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Which descriptions stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    /// All: a model writes by them.
    Kept,
    /// Those that mark a customer's words. A model sees the answers themselves.
    OnlyWarnings,
}

/// Brings a schema, and all within, into the subset.
fn tidy(schema: &mut Value, words: Words) {
    let Value::Object(members) = schema else { return };
    for noise in ["title", "$schema", "default", "uniqueItems"] {
        members.remove(noise);
    }
    // "uint32", "int64" and the like bind nobody.
    if members.get("format").and_then(Value::as_str).is_some_and(|format| format.contains("int") || format == "double")
    {
        members.remove("format");
    }
    if words == Words::OnlyWarnings {
        members.remove("minimum");
    }
    if let Some(Value::String(text)) = members.get_mut("description") {
        *text = joined_lines(text);
        if words == Words::OnlyWarnings {
            match text.starts_with("Untrusted") {
                true => "untrusted".clone_into(text),
                false => drop(members.remove("description")),
            }
        }
    }
    drop_null(members);
    for union in ["anyOf", "oneOf", "allOf"] {
        simplify_union(members, union);
    }
    if let Some(constant) = members.remove("const") {
        members.insert("enum".to_owned(), Value::Array(vec![constant]));
    }
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        properties.values_mut().for_each(|property| tidy(property, words));
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = members.get_mut(inner) {
            tidy(inner, words);
            // The array itself says what its texts are.
            if words == Words::Kept
                && let Some(texts) = inner.as_object_mut()
                && !texts.contains_key("properties")
            {
                texts.remove("description");
            }
        }
    }
}

/// Keeps the objects of an answer to `levels` below this one: what lies deeper is seen in the answers, and costs every reader of the
/// tool list.
fn flatten(schema: &mut Value, levels: usize) {
    let Value::Object(members) = schema else { return };
    if let Some(inner) = members.get_mut("items") {
        let is_object = inner.get("properties").is_some();
        if is_object && levels == 0 {
            members.remove("items");
        } else {
            flatten(inner, levels);
        }
    } else if members.contains_key("properties") && levels == 0 {
        members.retain(|name, _| name == "type");
    } else if let Some(Value::Object(properties)) = members.get_mut("properties") {
        properties.values_mut().for_each(|property| flatten(property, levels - 1));
        members.remove("required");
    }
}

/// "May be missing" is said by `required` alone.
fn drop_null(members: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            members.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = members.get_mut("enum") {
        choices.retain(|choice| !choice.is_null());
    }
}

/// Takes null out of a union; takes the union away where one member is left or all members are fixed texts.
fn simplify_union(members: &mut Map<String, Value>, union: &str) {
    let Some(Value::Array(mut choices)) = members.remove(union) else { return };
    choices.retain(|choice| choice.get("type").and_then(Value::as_str) != Some("null"));
    let texts: Option<Vec<Value>> = choices.iter().map(fixed_texts).collect::<Option<Vec<_>>>().map(|all| all.concat());
    match (texts, choices.len()) {
        (Some(texts), _) => {
            members.insert("type".to_owned(), json!("string"));
            members.insert("enum".to_owned(), Value::Array(texts));
        }
        (None, 1) => {
            let mut only = choices.remove(0);
            tidy(&mut only, Words::Kept);
            if let Value::Object(only) = only {
                for (name, value) in only {
                    members.entry(name).or_insert(value);
                }
            }
        }
        (None, _) => {
            members.insert(union.to_owned(), Value::Array(choices));
        }
    }
}

fn fixed_texts(choice: &Value) -> Option<Vec<Value>> {
    if let Some(Value::String(text)) = choice.get("const") {
        return Some(vec![json!(text)]);
    }
    match choice.get("enum") {
        Some(Value::Array(texts)) if texts.iter().all(Value::is_string) => Some(texts.clone()),
        _ => None,
    }
}

/// Undoes the line breaks of a doc comment; an empty line stays a break, and so does the one before a list item.
fn joined_lines(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for line in text.trim().lines().map(str::trim) {
        if line.is_empty() || line.starts_with("- ") {
            joined.push('\n');
        } else if !joined.is_empty() && !joined.ends_with('\n') {
            joined.push(' ');
        }
        joined.push_str(line);
    }
    joined
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    /// Which way.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Way {
        /// Upwards.
        Up,
        /// Downwards.
        Down,
    }

    /// Says what
    /// it is.
    ///
    /// More.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Example {
        /// A title.
        title: Option<String>,
        /// A number.
        number: Option<u32>,
        /// A way.
        way: Option<Way>,
        /// Anything.
        value: Value,
        /// Untrusted: a customer's words.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        texts: Vec<String>,
    }

    #[test]
    fn a_type_becomes_a_schema_in_the_portable_subset() {
        let Input { description, schema } = input::<Example>();
        assert_eq!(description, "Says what it is.\nMore.");
        assert_eq!(
            Value::Object(schema),
            json!({
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "title": {"type": "string", "description": "A title."},
                    "number": {"type": "integer", "minimum": 0, "description": "A number."},
                    "way": {"type": "string", "enum": ["up", "down"], "description": "A way."},
                    "value": {"description": "Anything."},
                    "texts": {"type": "array", "items": {"type": "string"}, "description": "Untrusted: a customer's words."},
                },
                "required": ["value"],
            })
        );
    }

    #[test]
    fn a_mutations_answer_may_be_that_of_a_dry_run() {
        let schema = mutation_output::<Example>();
        assert_eq!(schema["required"], json!(["changed"]));
        let properties = schema["properties"].as_object().expect("an object");
        for name in ["title", "changed", "position", "replayed", "dryRun", "wouldAppend", "reasons"] {
            assert!(properties.contains_key(name), "{name}");
        }
        assert_eq!(properties["title"], json!({"type": "string"}));
        assert_eq!(properties["texts"]["description"], "untrusted");
    }
}
