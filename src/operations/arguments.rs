//! From a call's arguments to the typed input of an operation.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::schema_check;
use crate::problem::Problem;

/// What a mutation's arguments say about the call itself.
#[derive(Debug, Default, PartialEq)]
pub(super) struct CallMembers {
    pub(super) idempotency_key: Option<String>,
    pub(super) dry_run: bool,
}

/// Takes `idempotencyKey` and `dryRun` out of arguments that were checked.
pub(super) fn take_call_members(arguments: &mut Map<String, Value>) -> CallMembers {
    let idempotency_key = match arguments.remove("idempotencyKey") {
        Some(Value::String(key)) => Some(key),
        _ => None,
    };
    CallMembers { idempotency_key, dry_run: arguments.remove("dryRun") == Some(Value::Bool(true)) }
}

/// Reads arguments that were checked against `schema` as `T`, whose own rules (an id's form, for example) may go further.
///
/// # Errors
/// `invalid_input` naming the member, its value and what is expected; never with serde's own words, which quote values.
pub(super) fn read<T: DeserializeOwned>(
    schema: &Map<String, Value>,
    mut arguments: Map<String, Value>,
) -> Result<T, Problem> {
    for (name, value) in &mut arguments {
        // `20.0` is a whole number in JSON Schema, but not to serde.
        let whole =
            schema_check::at(schema, name).and_then(|inner| inner.get("type")).is_some_and(|kind| kind == "integer");
        if let (true, Some(number)) = (whole, value.as_f64().filter(|_| value.is_f64())) {
            *value = Value::from(number as i64);
        }
    }
    let given = Value::Object(arguments);
    serde_path_to_error::deserialize(&given).map_err(|error| {
        let path = error.path().to_string();
        let Some(value) = value_at(&given, &path) else {
            return Problem::new(crate::problem::Code::InvalidInput, "the arguments do not have the form of this call");
        };
        match schema_check::at(schema, &path) {
            Some(inner) => schema_check::misfit(inner, value, &path),
            None => Problem::invalid(path, "does not have the form that this call expects").value(value.clone()),
        }
    })
}

fn value_at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let pointer = path.replace('[', ".").replace(']', "").replace('.', "/");
    value.pointer(&format!("/{pointer}"))
}

/// SHA-256 of the arguments in canonical form: members sorted by name, no blanks.
pub(super) fn fingerprint(arguments: &Map<String, Value>) -> [u8; 32] {
    let mut text = String::new();
    write_object(arguments, &mut text);
    Sha256::digest(text.as_bytes()).into()
}

fn write_object(members: &Map<String, Value>, text: &mut String) {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    text.push('{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push(':');
        write_canonical(value, text);
    }
    text.push('}');
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => write_object(members, text),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use aggregates::ids::TagId;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[derive(Debug, PartialEq, Deserialize, schemars::JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Example {
        /// Tags.
        tag_ids: Vec<TagId>,
    }

    #[test]
    fn the_members_of_the_call_are_taken_out() {
        let mut arguments = object(&json!({"idempotencyKey": "k", "dryRun": true, "name": "x"}));
        let taken = take_call_members(&mut arguments);
        assert_eq!(taken, CallMembers { idempotency_key: Some("k".to_owned()), dry_run: true });
        assert_eq!(arguments, object(&json!({"name": "x"})));
    }

    #[test]
    fn a_malformed_id_is_refused_without_serdes_words() {
        let schema = super::super::schema::input::<Example>().schema;
        let tag = TagId(uuid::Uuid::from_u128(1));
        let read_well = read::<Example>(&schema, object(&json!({"tagIds": [tag.to_string()]})));
        assert_eq!(read_well, Ok(Example { tag_ids: vec![tag] }));
        let problem = read::<Example>(&schema, object(&json!({"tagIds": ["tag_00000000000000000000000001", "vip"]})))
            .expect_err("must be refused");
        assert_eq!(problem.field.as_deref(), Some("tagIds[1]"));
        assert_eq!(problem.message, "must be an id: `tag_` and 26 characters of 0-9 a-z");
        assert_eq!(problem.value, Some(json!("vip")));
    }

    #[test]
    fn the_order_of_members_does_not_matter_to_the_fingerprint_and_everything_else_does() {
        let one = object(&json!({"a": {"x": 1, "y": [true, "t"]}, "b": 2}));
        let same = object(&serde_json::from_str(r#"{"b": 2, "a": {"y": [true, "t"], "x": 1}}"#).expect("JSON"));
        let other = object(&json!({"a": {"x": 1, "y": ["t", true]}, "b": 2}));
        assert_eq!(fingerprint(&one), fingerprint(&same));
        assert_ne!(fingerprint(&one), fingerprint(&other));
    }
}
