//! Custom fields: the workspace's own places for values on contacts.

use aggregates::custom_field::{self, CustomField};
use aggregates::field_value::{FieldType, FieldValue};
use aggregates::ids::FieldId;
use aggregates::token::Scope;
use projections::{Order, custom_fields};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::List;
use super::call::Call;
use super::inputs::{Name, Paging, input_type, rfc3339};
use super::near_miss::candidates;
use super::operation::{Effect, Facts, Mutation, Query, Toolset};
use crate::app::UnitOfWork;
use crate::problem::{Candidate, Code, Problem};

input_type! {
    /// A custom field.
    FieldRef(String), {
        "type": "string", "minLength": 1, "maxLength": 255, "description": "A custom field's id or exact name."
    }
}

input_type! {
    /// What a field is for.
    Description(String), {
        "type": "string", "minLength": 1, "maxLength": 1000, "description": "What the field is for, for whoever fills it."
    }
}

impl From<custom_field::Error> for Problem {
    fn from(error: custom_field::Error) -> Self {
        let message = error.to_string();
        match error {
            custom_field::Error::InvalidName => Self::invalid("name", message),
            custom_field::Error::InvalidDescription => Self::invalid("description", message),
            custom_field::Error::Exists => Self::new(Code::Conflict, message),
            custom_field::Error::Unknown => Self::new(Code::NotFound, message).field("field"),
        }
    }
}

impl FieldRef {
    /// The field that is meant, and its definition; `place` is where the reference stands.
    ///
    /// # Errors
    /// `not_found` with near misses.
    pub(super) async fn resolve(&self, unit: &mut UnitOfWork, place: &str) -> Result<(FieldId, CustomField), Problem> {
        let by_id = self.0.parse::<FieldId>().ok().map(|id| id.0);
        let by_name = unit.claim_owner(&custom_field::name_claim(&self.0)).await?;
        for id in by_id.into_iter().chain(by_name) {
            if let Some(definition) = unit.load::<CustomField>(id).await? {
                return Ok((FieldId(id), definition.clone()));
            }
        }
        let mut context = unit.read().await?;
        let (connection, workspace) = context.rows();
        let near = custom_fields::near(connection, workspace, &self.0).await?;
        Err(Problem::new(Code::NotFound, "there is no such custom field")
            .field(place)
            .value(self.0.as_str())
            .hint("list_custom_fields shows the fields; create_custom_field makes one")
            .candidates(candidates(near)))
    }
}

/// Reads a value of the field's type; `place` is where it stands.
///
/// # Errors
/// `invalid_input` saying what such a value is.
pub(super) fn parse_value(definition: &CustomField, value: &Value, place: &str) -> Result<FieldValue, Problem> {
    FieldValue::parse(definition.field_type, value)
        .map_err(|error| Problem::invalid(place, error.to_string()).value(value.clone()))
}

fn type_name(field_type: FieldType) -> &'static str {
    field_type.into()
}

/// A custom field as callers see it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
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
    pub value: Value,
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
            kind: type_name(field_type),
            value: value.to_value(),
            set_at: None,
            set_by: None,
        }
    }
}

/// Lists the custom fields of the workspace by name: what may be kept about a contact besides its attributes, and of which type the values
/// are.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ListCustomFields {
    #[serde(flatten)]
    paging: Paging,
}

impl Query for ListCustomFields {
    type Output = List<FieldView>;
    const FACTS: Facts = Facts {
        name: "list_custom_fields",
        title: "List custom fields",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/custom-fields",
    };

    async fn answer(self, call: &Call) -> Result<List<FieldView>, Problem> {
        let after = self.paging.after(Order::Label)?;
        let mut context = call.read_from(after.as_ref()).await?;
        let (connection, workspace) = context.rows();
        let mut page = custom_fields::list(connection, workspace, after.as_ref(), self.paging.limit()).await?;
        let list = List::fill(
            page.items.iter().map(|field| FieldView {
                id: field.id.to_string(),
                name: field.name.clone(),
                kind: type_name(field.field_type),
                description: field.description.clone(),
                created_at: Some(rfc3339(field.created_at)),
            }),
            None,
        )?;
        if list.len() < page.items.len() {
            page = custom_fields::list(connection, workspace, after.as_ref(), list.len() as u64).await?;
        }
        Ok(list.led_on(page, context.position))
    }
}

/// Makes a custom field: a named place for a value on every contact. The type cannot be changed later. Names are unique without regard to
/// case and accents.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateCustomField {
    /// The field's name, for example `plan`.
    name: Name,
    /// What its values are: `datetime` is RFC 3339 with its offset, `date` is YYYY-MM-DD, `list` is up to 100 texts.
    #[serde(rename = "type")]
    field_type: FieldType,
    description: Option<Description>,
}

/// A custom field, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldAnswer {
    /// The field.
    pub custom_field: FieldView,
}

impl Mutation for CreateCustomField {
    type Outcome = FieldId;
    type Output = FieldAnswer;
    const FACTS: Facts = Facts {
        name: "create_custom_field",
        title: "Create a custom field",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Write,
        idempotent: false,
        shows_customers_words: false,
        method: "POST",
        path: "/v1/custom-fields",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<FieldId, Problem> {
        if let Some(owner) = unit.claim_owner(&custom_field::name_claim(&self.name.0)).await? {
            let name = unit.load::<CustomField>(owner).await?.map(|field| field.name.clone());
            return Err(Problem::new(Code::Conflict, "a custom field of this name exists already")
                .field("name")
                .value(self.name.0.as_str())
                .hint("use the existing field, or another name")
                .candidates([Candidate { id: FieldId(owner).to_string(), name, reason: "has this name".to_owned() }]));
        }
        let id = unit.new_id();
        let command = custom_field::Command::Create {
            name: self.name.0.clone(),
            field_type: self.field_type,
            description: self.description.as_ref().map(|text| text.0.clone()),
        };
        unit.execute::<CustomField>(id, command).await?;
        Ok(FieldId(id))
    }

    async fn render(outcome: FieldId, unit: &mut UnitOfWork) -> Result<FieldAnswer, Problem> {
        let field = unit.load::<CustomField>(outcome.0).await?.cloned().unwrap_or_default();
        Ok(FieldAnswer {
            custom_field: FieldView {
                id: outcome.to_string(),
                name: field.name,
                kind: type_name(field.field_type),
                description: field.description,
                created_at: None,
            },
        })
    }
}
