//! A contact's values of custom fields.

use aggregates::contact::{Command, Contact};
use aggregates::custom_field::CustomField;
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
use super::custom_fields::FieldRef;
use super::field_values::{FieldChange, FieldValueView};
use super::inputs::rfc3339;
use super::operation::{Effect, Facts, Mutation, Query, Toolset};
use super::unique_noun;
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
        value: row.field.value.map(|value| value.0),
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

/// Shows one custom field of a contact: name, type, value, who set it and when. Without a value there is none in the answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetContactCustomField {
    contact_id: ContactRef,
    field: FieldRef,
}

impl Query for GetContactCustomField {
    type Output = FieldValueAnswer;
    const FACTS: Facts = Facts {
        name: "get_contact_custom_field",
        title: "Get a contact's custom field",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "GET",
        path: "/v1/contacts/{contactId}/custom-fields/{field}",
    };

    async fn answer(self, call: &Call) -> Result<FieldValueAnswer, Problem> {
        let mut context = call.read().await?;
        let contact = self.contact_id.in_tables(&mut context).await?;
        let field = unique_noun::in_tables::<CustomField>(&mut context, &self.field.0, "field").await?;
        let (connection, workspace) = context.rows();
        let rows = contact_fields::of_contacts(connection, workspace, &[contact]).await?;
        let row = rows.into_iter().find(|row| row.field.field == field.id && row.field.value.is_some());
        let none = || FieldValueView {
            id: field.id.to_string(),
            name: field.name.clone(),
            kind: field.field_type.into(),
            value: None,
            set_at: None,
            set_by: None,
        };
        Ok(FieldValueAnswer { contact_id: contact.to_string(), custom_field: Some(row.map_or_else(none, shown)) })
    }
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
    operation: FieldChange,
}

/// Sets several custom fields of a contact, 1 to 100, all or none: when one value is refused, nothing is set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SetContactCustomFields {
    contact_id: ContactRef,
    /// Which fields to set to what, in this order.
    #[schemars(length(min = 1, max = 100))]
    fields: Vec<NewValue>,
}

/// A value for a field.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewValue {
    field: FieldRef,
    /// The value, as JSON of the field's type.
    value: Value,
    /// As in `set_contact_custom_field`: `set` (default), `append`, `prepend`, `increase` or `decrease`.
    #[serde(default)]
    operation: FieldChange,
}

/// Takes the value of one custom field of a contact away. Without a value nothing changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ClearContactCustomField {
    contact_id: ContactRef,
    field: FieldRef,
}

/// Takes the values of several custom fields of a contact away, 1 to 100, all or none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ClearContactCustomFields {
    contact_id: ContactRef,
    /// Which fields.
    #[schemars(length(min = 1, max = 100))]
    fields: Vec<FieldRef>,
}

/// Which values were set or cleared.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FieldsChanged {
    contact: ContactId,
    fields: Vec<FieldId>,
}

/// A value, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FieldValueAnswer {
    contact_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_field: Option<FieldValueView>,
}

/// The values of the fields that were named.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FieldValuesAnswer {
    contact_id: String,
    custom_fields: Vec<FieldValueView>,
}

/// Sets one field; `place` is where its parts stand in the input.
async fn set(
    unit: &mut UnitOfWork,
    contact: ContactId,
    reference: &FieldRef,
    (value, operation): (&Value, FieldChange),
    place: &str,
) -> Result<FieldId, Problem> {
    let (field, definition) = reference.resolve(unit, &format!("{place}field")).await?;
    let state = load(unit, contact).await?;
    let there = state.fields.get(&field).and_then(|value| value.known());
    let value = operation.apply(definition.field_type, there, value, place)?;
    unit.execute::<Contact>(contact.0, Command::SetField { field, value }).await?;
    Ok(field)
}

/// The decided values of fields, without those that have none.
async fn values(unit: &mut UnitOfWork, outcome: &FieldsChanged) -> Result<Vec<FieldValueView>, Problem> {
    let state = load(unit, outcome.contact).await?;
    let mut views = Vec::new();
    for field in &outcome.fields {
        let value = state.fields.get(field).and_then(|value| value.known());
        if let Some((definition, value)) = unique_noun::living::<CustomField>(unit, field.0).await?.zip(value) {
            views.push(FieldValueView::new(*field, &definition.name, definition.field_type, value));
        }
    }
    Ok(views)
}

impl Mutation for SetContactCustomField {
    type Outcome = FieldsChanged;
    type Output = FieldValueAnswer;
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

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<FieldsChanged, Problem> {
        let contact = self.contact_id.in_unit(unit).await?;
        let field = set(unit, contact, &self.field, (&self.value, self.operation), "").await?;
        Ok(FieldsChanged { contact, fields: vec![field] })
    }

    async fn render(outcome: FieldsChanged, unit: &mut UnitOfWork) -> Result<FieldValueAnswer, Problem> {
        let custom_field = values(unit, &outcome).await?.pop();
        Ok(FieldValueAnswer { contact_id: outcome.contact.to_string(), custom_field })
    }
}

impl Mutation for SetContactCustomFields {
    type Outcome = FieldsChanged;
    type Output = FieldValuesAnswer;
    const FACTS: Facts = Facts {
        name: "set_contact_custom_fields",
        title: "Set several custom fields of a contact",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Write,
        idempotent: false,
        shows_customers_words: false,
        method: "PUT",
        path: "/v1/contacts/{contactId}/custom-fields",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<FieldsChanged, Problem> {
        let contact = self.contact_id.in_unit(unit).await?;
        let mut fields = Vec::new();
        for (index, new) in self.fields.iter().enumerate() {
            let place = format!("fields[{index}].");
            let field = set(unit, contact, &new.field, (&new.value, new.operation), &place).await?;
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        Ok(FieldsChanged { contact, fields })
    }

    async fn render(outcome: FieldsChanged, unit: &mut UnitOfWork) -> Result<FieldValuesAnswer, Problem> {
        let custom_fields = values(unit, &outcome).await?;
        Ok(FieldValuesAnswer { contact_id: outcome.contact.to_string(), custom_fields })
    }
}

/// A field that has no value any more.
#[derive(Debug, Serialize, JsonSchema)]
struct ClearedField {
    id: String,
    name: String,
}

/// The fields that have no value any more.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClearedAnswer {
    contact_id: String,
    cleared: Vec<ClearedField>,
}

async fn clear<'f>(
    unit: &mut UnitOfWork,
    contact: &ContactRef,
    references: impl IntoIterator<Item = (String, &'f FieldRef)> + Send,
) -> Result<FieldsChanged, Problem> {
    let contact = contact.in_unit(unit).await?;
    let mut fields = Vec::new();
    for (place, reference) in references.into_iter().collect::<Vec<_>>() {
        fields.push(reference.resolve(unit, &place).await?.0);
    }
    let command = Command::ClearFields { fields: fields.iter().copied().collect() };
    unit.execute::<Contact>(contact.0, command).await?;
    Ok(FieldsChanged { contact, fields })
}

async fn cleared(outcome: FieldsChanged, unit: &mut UnitOfWork) -> Result<ClearedAnswer, Problem> {
    let mut cleared = Vec::new();
    for field in &outcome.fields {
        if let Some(definition) = unique_noun::living::<CustomField>(unit, field.0).await? {
            cleared.push(ClearedField { id: field.to_string(), name: definition.name });
        }
    }
    Ok(ClearedAnswer { contact_id: outcome.contact.to_string(), cleared })
}

impl Mutation for ClearContactCustomField {
    type Outcome = FieldsChanged;
    type Output = ClearedAnswer;
    const FACTS: Facts = Facts {
        name: "clear_contact_custom_field",
        title: "Clear a contact's custom field",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: false,
        method: "DELETE",
        path: "/v1/contacts/{contactId}/custom-fields/{field}",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<FieldsChanged, Problem> {
        clear(unit, &self.contact_id, [("field".to_owned(), &self.field)]).await
    }

    async fn render(outcome: FieldsChanged, unit: &mut UnitOfWork) -> Result<ClearedAnswer, Problem> {
        cleared(outcome, unit).await
    }
}

impl Mutation for ClearContactCustomFields {
    type Outcome = FieldsChanged;
    type Output = ClearedAnswer;
    const FACTS: Facts = Facts {
        name: "clear_contact_custom_fields",
        title: "Clear several custom fields of a contact",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: false,
        method: "DELETE",
        path: "/v1/contacts/{contactId}/custom-fields",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<FieldsChanged, Problem> {
        let placed = self.fields.iter().enumerate().map(|(index, field)| (format!("fields[{index}]"), field));
        clear(unit, &self.contact_id, placed).await
    }

    async fn render(outcome: FieldsChanged, unit: &mut UnitOfWork) -> Result<ClearedAnswer, Problem> {
        cleared(outcome, unit).await
    }
}
