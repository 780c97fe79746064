//! What becomes of a value that a step changes: the same for a run and for a simulation.

use std::collections::BTreeSet;

use aggregates::Personal;
use aggregates::contact_attributes::{Attribute, Attributes};
use flows::turn::FieldOperation;
use serde_json::{Number, Value};

use crate::operations::contacts;
use crate::operations::field_values::FieldChange;
use crate::problem::Problem;

/// How a value goes together with the one that is there; nothing empties it.
pub(crate) const fn field_change(operation: FieldOperation) -> Option<FieldChange> {
    match operation {
        FieldOperation::Set => Some(FieldChange::Set),
        FieldOperation::Append => Some(FieldChange::Append),
        FieldOperation::Prepend => Some(FieldChange::Prepend),
        FieldOperation::Increase => Some(FieldChange::Increase),
        FieldOperation::Decrease => Some(FieldChange::Decrease),
        FieldOperation::Clear => None,
    }
}

/// What is set and what is emptied of a contact's attributes, `there` as they are; read like what a caller writes.
///
/// # Errors
/// `invalid_input` saying what such a value is.
pub(crate) fn attribute_change(
    attribute: Attribute,
    operation: FieldOperation,
    there: &Attributes,
    given: Value,
) -> Result<(Attributes, BTreeSet<Attribute>), Problem> {
    if operation == FieldOperation::Clear {
        return Ok((Attributes::default(), BTreeSet::from([attribute])));
    }
    let there = there.get(attribute).and_then(Personal::known).map(|text| Value::from(text.as_str()));
    let text = words(&variable(operation, there.as_ref(), given)?);
    let mut set = Attributes::default();
    set.set(attribute, Personal::Known(contacts::read_attribute(attribute, &text)?));
    Ok((set, BTreeSet::new()))
}

/// What a variable becomes; null takes it away.
///
/// # Errors
/// `invalid_input` when something else than numbers is to be added up.
pub(crate) fn variable(operation: FieldOperation, there: Option<&Value>, given: Value) -> Result<Value, Problem> {
    let joined = |first: &Value, second: &Value| match (first, second) {
        (Value::Array(first), Value::Array(second)) => Value::Array([first.clone(), second.clone()].concat()),
        (first, second) => Value::String(format!("{}{}", words(first), words(second))),
    };
    let there = there.unwrap_or(&Value::Null);
    Ok(match operation {
        FieldOperation::Set => given,
        FieldOperation::Clear => Value::Null,
        FieldOperation::Append if there.is_null() => given,
        FieldOperation::Prepend if there.is_null() => given,
        FieldOperation::Append => joined(there, &given),
        FieldOperation::Prepend => joined(&given, there),
        FieldOperation::Increase => Value::Number(sum(there, &given, 1.0)?),
        FieldOperation::Decrease => Value::Number(sum(there, &given, -1.0)?),
    })
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `there` (or 0) and `sign` times `given`; whole numbers stay whole.
fn sum(there: &Value, given: &Value, sign: f64) -> Result<Number, Problem> {
    let number = |value: &Value| match value {
        Value::Null => Some(0.0),
        Value::String(text) => text.trim().parse::<f64>().ok(),
        other => other.as_f64(),
    };
    let sum = number(there).zip(number(given)).map(|(there, given)| there + sign * given);
    let sum = sum.filter(|sum| sum.is_finite());
    let sum =
        sum.ok_or_else(|| Problem::invalid("value", "a variable that is no number cannot be increased or decreased"))?;
    let whole = (sum.fract() == 0.0 && sum.abs() < 9.0e15).then(|| Number::from(sum as i64));
    whole.or_else(|| Number::from_f64(sum)).ok_or_else(|| Problem::invalid("value", "the number is too large"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_put_together_as_the_operation_says() {
        use FieldOperation::{Append, Clear, Decrease, Increase, Prepend, Set};
        for (operation, there, given, result) in [
            (Set, Some(json!("a")), json!("b"), json!("b")),
            (Append, Some(json!("a")), json!("b"), json!("ab")),
            (Append, None, json!(["b"]), json!(["b"])),
            (Append, Some(json!(["a"])), json!(["b"]), json!(["a", "b"])),
            (Prepend, Some(json!("a")), json!(1), json!("1a")),
            (Increase, None, json!(2), json!(2)),
            (Increase, Some(json!(0.5)), json!("1"), json!(1.5)),
            (Decrease, Some(json!(1)), json!(3), json!(-2)),
            (Clear, Some(json!(1)), json!(null), json!(null)),
        ] {
            assert_eq!(variable(operation, there.as_ref(), given), Ok(result), "{operation:?}");
        }
        assert!(variable(Increase, Some(&json!("a")), json!(1)).is_err());
    }

    #[test]
    fn an_attribute_is_changed_as_the_operation_says_and_read_as_callers_write_it() {
        let there = Attributes { first_name: Some("Ana".to_owned().into()), ..Attributes::default() };
        let changed = |attribute, operation, given: &str| {
            attribute_change(attribute, operation, &there, json!(given))
                .map(|(set, clear)| (set.get(attribute).and_then(Personal::known).cloned(), clear.contains(&attribute)))
        };
        let known = |text: &str| Ok((Some(text.to_owned()), false));
        assert_eq!(changed(Attribute::FirstName, FieldOperation::Set, "Bo"), known("Bo"));
        assert_eq!(changed(Attribute::FirstName, FieldOperation::Append, "-Lena"), known("Ana-Lena"));
        assert_eq!(changed(Attribute::FirstName, FieldOperation::Prepend, "Maria "), known("Maria Ana"));
        assert_eq!(changed(Attribute::LastName, FieldOperation::Append, "Sand"), known("Sand"));
        assert_eq!(changed(Attribute::FirstName, FieldOperation::Clear, ""), Ok((None, true)));
        assert!(changed(Attribute::Email, FieldOperation::Set, "not an address").is_err());
    }
}
