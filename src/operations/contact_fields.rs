//! A contact's values of custom fields.

use aggregates::contact::{Command, Contact};
use aggregates::custom_field::CustomField;
use aggregates::field_value::FieldValue;
use aggregates::ids::{ContactId, FieldId};
use aggregates::token::Scope;
use projections::contact_fields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::List;
use super::call::Call;
use super::contact_reference::ContactRef;
use super::contacts::load;
use super::custom_fields::{FieldRef, FieldValueView, parse_value};
use super::inputs::rfc3339;
use super::operation::{Effect, Facts, Mutation, Query, Toolset};
use crate::app::UnitOfWork;
use crate::problem::Problem;

/// Lists the custom field values of a contact: name, type, value, who set it and when. Fields without a value are left out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListContactCustomFields {
    contact_id: ContactRef,
}

/// A row as callers see it.
pub(super) fn shown(row: contact_fields::Shown) -> FieldValueView {
    FieldValueView {
        id: row.field.field.to_string(),
        name: row.name,
        kind: row.field_type.into(),
        value: row.field.value.map_or(Value::Null, |value| value.0),
        set_at: Some(rfc3339(row.field.set_at)),
        set_by: Some(row.field.actor_id),
    }
}

impl Query for ListContactCustomFields {
    type Output = List<FieldValueView>;
    const FACTS: Facts = Facts {
        name: "list_contact_custom_fields",
        title: "List a contact's custom fields",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Core, Toolset::Contacts],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "GET",
        path: "/v1/contacts/{contactId}/custom-fields",
    };

    async fn answer(self, call: &Call) -> Result<List<FieldValueView>, Problem> {
        let mut context = call.read().await?;
        let contact = self.contact_id.in_tables(&mut context).await?;
        let (connection, workspace) = context.rows();
        let mut rows = contact_fields::of_contacts(connection, workspace, &[contact]).await?;
        // What was erased has no value any more.
        rows.retain(|row| row.field.value.is_some());
        let all = rows.len();
        Ok(List::fill(rows.into_iter().map(shown), None)?.cut_from(all))
    }
}

/// How a value goes together with the one that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Change {
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

/// Sets the value of one custom field of a contact. The field must exist (`list_custom_fields`, `create_custom_field`), and the value be of
/// its type: text, number, boolean, date, datetime, time, url, email, phone or list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SetContactCustomField {
    contact_id: ContactRef,
    field: FieldRef,
    /// The value, as JSON of the field's type: numbers and true/false without quotes, a list as an array of texts.
    value: Value,
    /// How: `set` (default); `append` or `prepend` to a text or list; `increase` or `decrease` a number. A missing value counts as empty
    /// or 0.
    #[serde(default)]
    operation: Change,
}

/// Which value was set.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FieldSet {
    contact: ContactId,
    field: FieldId,
}

/// A value, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FieldSetAnswer {
    contact_id: String,
    custom_field: Option<FieldValueView>,
}

impl Mutation for SetContactCustomField {
    type Outcome = FieldSet;
    type Output = FieldSetAnswer;
    const FACTS: Facts = Facts {
        name: "set_contact_custom_field",
        title: "Set a contact's custom field",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Core, Toolset::Contacts],
        effect: Effect::Write,
        // `append` and `increase` do more each time.
        idempotent: false,
        shows_customers_words: false,
        method: "PUT",
        path: "/v1/contacts/{contactId}/custom-fields/{field}",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<FieldSet, Problem> {
        let contact = self.contact_id.in_unit(unit).await?;
        let (field, definition) = self.field.resolve(unit, "field").await?;
        let given = parse_value(&definition, &self.value, "value")?;
        let state = load(unit, contact).await?;
        let there = state.fields.get(&field).and_then(|value| value.known());
        let value = combined(self.operation, there, given)?;
        // Together they may be more than the field takes.
        let value = parse_value(&definition, &value.to_value(), "value")?;
        unit.execute::<Contact>(contact.0, Command::SetField { field, value }).await?;
        Ok(FieldSet { contact, field })
    }

    async fn render(outcome: FieldSet, unit: &mut UnitOfWork) -> Result<FieldSetAnswer, Problem> {
        let state = load(unit, outcome.contact).await?;
        let value = state.fields.get(&outcome.field).and_then(|value| value.known());
        let definition = unit.load::<CustomField>(outcome.field.0).await?;
        Ok(FieldSetAnswer {
            contact_id: outcome.contact.to_string(),
            custom_field: definition
                .zip(value)
                .map(|(field, value)| FieldValueView::new(outcome.field, &field.name, field.field_type, value)),
        })
    }
}

fn combined(change: Change, there: Option<&FieldValue>, given: FieldValue) -> Result<FieldValue, Problem> {
    let empty = || match &given {
        FieldValue::List(_) => FieldValue::List(Vec::new()),
        FieldValue::Number(_) => FieldValue::Number(0.into()),
        _ => FieldValue::Text(String::new()),
    };
    let there = there.cloned().unwrap_or_else(empty);
    Ok(match (change, there, given) {
        (Change::Set, _, given) => given,
        (Change::Append, FieldValue::Text(there), FieldValue::Text(given)) => FieldValue::Text(there + &given),
        (Change::Prepend, FieldValue::Text(there), FieldValue::Text(given)) => FieldValue::Text(given + &there),
        (Change::Append, FieldValue::List(there), FieldValue::List(given)) => FieldValue::List([there, given].concat()),
        (Change::Prepend, FieldValue::List(there), FieldValue::List(given)) => {
            FieldValue::List([given, there].concat())
        }
        (Change::Increase, FieldValue::Number(there), FieldValue::Number(given)) => {
            FieldValue::Number(sum(&there, &given, 1)?)
        }
        (Change::Decrease, FieldValue::Number(there), FieldValue::Number(given)) => {
            FieldValue::Number(sum(&there, &given, -1)?)
        }
        _ => {
            return Err(Problem::invalid("operation", "does not go with the type of this field").hint(
                "append and prepend go with text and list, increase and decrease with number; set goes with all",
            ));
        }
    })
}

/// `there + sign * given`; whole numbers stay whole and exact.
fn sum(there: &serde_json::Number, given: &serde_json::Number, sign: i64) -> Result<serde_json::Number, Problem> {
    let whole = || there.as_i64()?.checked_add(given.as_i64()?.checked_mul(sign)?);
    let broken = || serde_json::Number::from_f64(there.as_f64()? + given.as_f64()? * sign as f64);
    whole().map(Into::into).or_else(broken).ok_or_else(|| Problem::invalid("value", "makes a number that is too large"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(value: &Value) -> FieldValue {
        match value {
            Value::Number(number) => FieldValue::Number(number.clone()),
            Value::Array(_) => FieldValue::List(vec![value[0].as_str().unwrap_or_default().to_owned()]),
            other => FieldValue::Text(other.as_str().unwrap_or_default().to_owned()),
        }
    }

    #[test]
    fn values_go_together_as_the_operation_says() {
        for (change, there, given, result) in [
            (Change::Set, Some(json!("a")), json!("b"), json!("b")),
            (Change::Append, Some(json!("a")), json!("b"), json!("ab")),
            (Change::Prepend, Some(json!("a")), json!("b"), json!("ba")),
            (Change::Append, Some(json!(["a"])), json!(["b"]), json!(["a", "b"])),
            (Change::Append, None, json!("b"), json!("b")),
            (Change::Increase, Some(json!(2)), json!(3), json!(5)),
            (Change::Increase, Some(json!(0.5)), json!(1), json!(1.5)),
            (Change::Decrease, None, json!(3), json!(-3)),
        ] {
            let there = there.as_ref().map(value);
            let combined = combined(change, there.as_ref(), value(&given)).map(|value| value.to_value());
            assert_eq!(combined, Ok(result), "{change:?}");
        }
    }

    #[test]
    fn an_operation_that_does_not_go_with_the_type_is_refused() {
        let refused = combined(Change::Increase, Some(&value(&json!("a"))), value(&json!("b")));
        assert_eq!(refused.map_err(|problem| problem.field), Err(Some("operation".to_owned())));
    }
}
