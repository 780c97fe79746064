//! Values of custom fields and bot fields: read from an input, put together with the value that is there, and shown.

use aggregates::field_value::{FieldType, FieldValue};
use aggregates::ids::FieldId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::problem::Problem;

/// Reads a value of a type; `place` is where it stands.
///
/// # Errors
/// `invalid_input` saying what such a value is.
pub(super) fn parse(field_type: FieldType, value: &Value, place: &str) -> Result<FieldValue, Problem> {
    FieldValue::parse(field_type, value)
        .map_err(|error| Problem::invalid(place, error.to_string()).value(value.clone()))
}

/// How a value goes together with the one that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FieldChange {
    /// Replaces it.
    #[default]
    Set,
    /// Goes behind it.
    Append,
    /// Goes before it.
    Prepend,
    /// Is added to it.
    Increase,
    /// Is taken from it.
    Decrease,
}

impl FieldChange {
    /// The value that a field of this type has afterwards; `place` is where `value` and `operation` stand, such as `fields[2].`.
    ///
    /// # Errors
    /// `invalid_input` when `given` is not of the type, when the operation does not go with it, or when both values together are more
    /// than the type takes.
    pub(crate) fn apply(
        self,
        field_type: FieldType,
        there: Option<&FieldValue>,
        given: &Value,
        place: &str,
    ) -> Result<FieldValue, Problem> {
        let value_place = format!("{place}value");
        let given = parse(field_type, given, &value_place)?;
        if self == Self::Set {
            return Ok(given);
        }
        let there = there.cloned();
        let together = match (self, given) {
            (Self::Append, FieldValue::Text(given)) => FieldValue::Text(text(there) + &given),
            (Self::Prepend, FieldValue::Text(given)) => FieldValue::Text(given + &text(there)),
            (Self::Append, FieldValue::List(given)) => FieldValue::List([list(there), given].concat()),
            (Self::Prepend, FieldValue::List(given)) => FieldValue::List([given, list(there)].concat()),
            (Self::Increase, FieldValue::Number(given)) => FieldValue::Number(sum(there, &given, 1, &value_place)?),
            (Self::Decrease, FieldValue::Number(given)) => FieldValue::Number(sum(there, &given, -1, &value_place)?),
            _ => {
                let kind: &str = field_type.into();
                return Err(Problem::invalid(format!("{place}operation"), "does not go with the type of this field")
                    .hint(format!("a field of the type {kind} takes {}", operations(field_type))));
            }
        };
        // Together they may be more than the field takes.
        parse(field_type, &together.to_value(), &value_place)
    }
}

const fn operations(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Text | FieldType::List => "set, append and prepend",
        FieldType::Number => "set, increase and decrease",
        _ => "set only",
    }
}

/// What is there, or an empty text.
fn text(there: Option<FieldValue>) -> String {
    match there {
        Some(FieldValue::Text(text)) => text,
        _ => String::new(),
    }
}

/// What is there, or an empty list.
fn list(there: Option<FieldValue>) -> Vec<String> {
    match there {
        Some(FieldValue::List(items)) => items,
        _ => Vec::new(),
    }
}

/// What is there (or 0) `+ sign * given`; whole numbers stay whole and exact.
fn sum(there: Option<FieldValue>, given: &Number, sign: i64, place: &str) -> Result<Number, Problem> {
    let there = match there {
        Some(FieldValue::Number(number)) => number,
        _ => 0.into(),
    };
    let whole = || there.as_i64()?.checked_add(given.as_i64()?.checked_mul(sign)?);
    let broken = || Number::from_f64(there.as_f64()? + given.as_f64()? * sign as f64);
    whole().map(Into::into).or_else(broken).ok_or_else(|| Problem::invalid(place, "makes a number that is too large"))
}

/// A contact's value of a field.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldValueView {
    /// The field's id.
    pub id: String,
    /// The field's name.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Untrusted: the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// When it was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_at: Option<String>,
    /// Who set it: a token's or a channel account's id, or `local`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_by: Option<String>,
}

impl FieldValueView {
    /// The value alone.
    #[must_use]
    pub fn new(id: FieldId, name: &str, field_type: FieldType, value: &FieldValue) -> Self {
        Self {
            id: id.to_string(),
            name: name.to_owned(),
            kind: field_type.into(),
            value: Some(value.to_value()),
            set_at: None,
            set_by: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(change: FieldChange, kind: FieldType, there: Option<Value>, given: &Value) -> Result<Value, Problem> {
        let there = there.map(|value| FieldValue::parse(kind, &value).expect("a value of the type"));
        change.apply(kind, there.as_ref(), given, "").map(|value| value.to_value())
    }

    #[test]
    fn values_go_together_as_the_operation_says() {
        use FieldChange::{Append, Decrease, Increase, Prepend, Set};
        use FieldType::{Date, List, Number, Text};
        for (change, kind, there, given, result) in [
            (Set, Text, Some(json!("a")), json!("b"), json!("b")),
            (Set, Date, None, json!("2026-11-23"), json!("2026-11-23")),
            (Append, Text, Some(json!("a")), json!("b"), json!("ab")),
            (Prepend, Text, Some(json!("a")), json!("b"), json!("ba")),
            (Append, List, Some(json!(["a"])), json!(["b"]), json!(["a", "b"])),
            (Prepend, List, Some(json!(["a"])), json!(["b"]), json!(["b", "a"])),
            (Append, Text, None, json!("b"), json!("b")),
            (Increase, Number, Some(json!(2)), json!(3), json!(5)),
            (Increase, Number, Some(json!(0.5)), json!(1), json!(1.5)),
            (Decrease, Number, None, json!(3), json!(-3)),
        ] {
            assert_eq!(applied(change, kind, there, &given), Ok(result), "{change:?}");
        }
    }

    #[test]
    fn an_operation_that_does_not_go_with_the_type_is_refused_with_those_that_do() {
        use FieldChange::{Append, Increase};
        for (change, kind, given, hint) in [
            (Increase, FieldType::Text, json!("b"), "a field of the type text takes set, append and prepend"),
            (Append, FieldType::Number, json!(1), "a field of the type number takes set, increase and decrease"),
            (Append, FieldType::Url, json!("https://a.example"), "a field of the type url takes set only"),
            (Increase, FieldType::Boolean, json!(true), "a field of the type boolean takes set only"),
        ] {
            let refused = change.apply(kind, None, &given, "fields[1].").expect_err("must be refused");
            assert_eq!((refused.field.as_deref(), refused.hint.as_deref()), (Some("fields[1].operation"), Some(hint)));
        }
    }

    #[test]
    fn what_is_too_much_together_is_refused() {
        let half = json!("x".repeat(6_000));
        let refused = applied(FieldChange::Append, FieldType::Text, Some(half.clone()), &half);
        assert_eq!(refused.map_err(|problem| problem.field), Err(Some("value".to_owned())));
    }
}
