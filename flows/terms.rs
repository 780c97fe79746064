//! The small words of the language, each with the one form that the schema tells: names of steps, durations, places for values,
//! filters. What passes their patterns is read without an error; what does not is told by the check of the form.

use std::borrow::Cow;

use aggregates::filter::parse_duration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value, json};

use crate::turn::Target;
use crate::words::ATTRIBUTES;

/// The longest text with templates, in characters.
pub const MAX_TEXT_CHARS: usize = 10_000;
/// The longest name of a tag, a field or a flow, in characters.
pub const MAX_NAME_CHARS: usize = 255;
/// The longest duration: 365 days, in microseconds.
pub const MAX_DURATION_US: i64 = 365 * 24 * 3_600 * 1_000_000;
/// How many objects inside one another a variable's value may have.
pub const MAX_VALUE_DEPTH: usize = 3;
/// What the name of a variable is.
pub(crate) const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]{0,63}$";
/// Members that the log reads as sealed values.
pub(crate) const RESERVED: [&str; 3] = ["$personal", "$sealed", "$erased"];

/// How a form is called in the schema.
macro_rules! called {
    ($name:literal) => {
        fn schema_name() -> Cow<'static, str> {
            Cow::Borrowed($name)
        }
    };
}

/// The name of a step of the same document: 1 to 64 of A-Z a-z 0-9 _ and -.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "stepName")]
pub struct StepName(
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,64}$"), extend("examples" = ["ask", "say_goodbye"]))] pub String,
);

/// A duration, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duration(pub i64);

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // One that is too long is told by validation: it can be read all the same.
        Ok(Self(parse_duration(&text).unwrap_or(i64::MAX)))
    }
}

impl JsonSchema for Duration {
    called!("duration");

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration of at most 365 days: a whole number and s, m, h, d or w.",
            "type": "string", "pattern": "^[1-9][0-9]{0,8}[smhdw]$", "examples": ["30s", "24h", "7d"]
        })
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| de::Error::custom("must be a place for a value, such as contact.email"))
    }
}

impl Target {
    /// Reads a place for a value, as in `contact.email`, `customField.score`, `bot.opens` and `run.plan`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (root, name) = text.split_once('.')?;
        if name.is_empty() {
            return None;
        }
        match root {
            "contact" => serde_json::from_value(json!(name)).ok().map(Self::Contact),
            "customField" => Some(Self::CustomField(name.to_owned())),
            "bot" => Some(Self::BotField(name.to_owned())),
            "run" => Some(Self::Variable(name.to_owned())),
            _ => None,
        }
    }
}

impl JsonSchema for Target {
    called!("target");

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let attributes = ATTRIBUTES.map(|attribute| format!("contact.{attribute}"));
        let variable = VARIABLE.trim_start_matches('^');
        json_schema!({
            "description": "A place for a value: an attribute of the contact, customField.<name or id>, bot.<name or id of a bot field> or run.<variable>.",
            "type": "string",
            "examples": ["contact.email", "customField.score", "bot.opens", "run.plan"],
            "anyOf": [
                {"enum": attributes},
                {"pattern": r"^(customField|bot)\.[^ ]", "maxLength": MAX_NAME_CHARS + 12},
                {"pattern": format!(r"^run\.{variable}")}
            ]
        })
    }
}

/// A filter as it is written; what it means is told by [`aggregates::filter`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct FilterText(pub Value);

impl JsonSchema for FilterText {
    called!("filter");

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A condition on the contact: {\"field\": \"tag\", \"op\": \"eq\", \"value\": \"VIP\"}, or several in {\"all\": [...]}, {\"any\": [...]} or {\"not\": {...}}. list_filter_fields tells fields and operators.",
            "type": "object"
        })
    }
}

/// Variables with their values.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Variables(pub Map<String, Value>);

impl JsonSchema for Variables {
    called!("variables");

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Variables of a run with their values.",
            "type": "object",
            "propertyNames": {"pattern": VARIABLE},
            "additionalProperties": generator.subschema_for::<AnyValue>()
        })
    }
}

/// Any JSON value that can be stored: objects are nested at most [`MAX_VALUE_DEPTH`] deep.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct AnyValue(pub Value);

impl JsonSchema for AnyValue {
    called!("value");

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        level(generator, 0)
    }
}

/// A value within `depth` objects.
fn level(generator: &mut SchemaGenerator, depth: usize) -> Schema {
    let name = |depth: usize| if depth == 0 { "value".to_owned() } else { format!("valueWithin{depth}") };
    let items = json!({"$ref": format!("#/$defs/{}", name(depth))});
    if depth == MAX_VALUE_DEPTH {
        return json_schema!({"type": ["string", "number", "boolean", "null", "array"], "items": items});
    }
    let deeper = level(generator, depth + 1);
    generator.definitions_mut().insert(name(depth + 1), deeper.into());
    let mut schema = json_schema!({
        "type": ["string", "number", "boolean", "null", "array", "object"],
        "items": items,
        "propertyNames": {"not": {"enum": RESERVED}},
        "additionalProperties": {"$ref": format!("#/$defs/{}", name(depth + 1))}
    });
    if depth == 0 {
        let description = format!("Any value; objects nested at most {MAX_VALUE_DEPTH} deep.");
        schema.insert("description".to_owned(), description.into());
    }
    schema
}
