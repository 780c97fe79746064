//! Custom fields: the workspace's own places for values on contacts.

use aggregates::claim::Claim;
use aggregates::custom_field::{self, CustomField};
use aggregates::field_value::FieldType;
use aggregates::ids::FieldId;
use aggregates::token::Scope;
use projections::custom_fields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::List;
use super::call::Call;
use super::inputs::{Name, Paging, input_type, rfc3339};
use super::operation::{Effect, Facts, Mutation, Query, Toolset};
use super::unique_noun::{self, Deleted, DeletedAnswer, UniqueNoun};
use crate::app::UnitOfWork;
use crate::problem::{Code, Problem};

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

impl UniqueNoun for CustomField {
    type Id = FieldId;
    type Row = custom_fields::CustomField;
    const WHAT: &'static str = "custom field";
    const HINT: &'static str = "list_custom_fields shows the fields; create_custom_field makes one";

    fn name_claim(name: &str) -> Claim {
        custom_field::name_claim(name)
    }

    fn known_name(&self) -> &str {
        &self.name
    }
}

impl FieldRef {
    /// The field that is meant, and its definition; `place` is where the reference stands.
    ///
    /// # Errors
    /// `not_found` with near misses.
    pub(super) async fn resolve(&self, unit: &mut UnitOfWork, place: &str) -> Result<(FieldId, CustomField), Problem> {
        unique_noun::resolve::<CustomField>(unit, &self.0, place).await
    }
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
        unique_noun::listed::<CustomField, _>(call, &self.paging, shown).await
    }
}

/// Shows the definition of a custom field: name, type, description.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetCustomField {
    field: FieldRef,
}

impl Query for GetCustomField {
    type Output = FieldAnswer;
    const FACTS: Facts = Facts {
        name: "get_custom_field",
        title: "Get a custom field",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/custom-fields/{field}",
    };

    async fn answer(self, call: &Call) -> Result<FieldAnswer, Problem> {
        let row = unique_noun::in_tables::<CustomField>(&mut call.read().await?, &self.field.0, "field").await?;
        Ok(FieldAnswer { custom_field: shown(&row) })
    }
}

/// A row as callers see it.
fn shown(row: &custom_fields::CustomField) -> FieldView {
    FieldView {
        id: row.id.to_string(),
        name: row.name.clone(),
        kind: row.field_type.into(),
        description: row.description.clone(),
        created_at: Some(rfc3339(row.created_at)),
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
        unique_noun::refuse_taken::<CustomField>(unit, &self.name.0, None).await?;
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
        decided(unit, outcome).await
    }
}

/// Shows the decided state of a field's definition.
async fn decided(unit: &mut UnitOfWork, id: FieldId) -> Result<FieldAnswer, Problem> {
    let field = unit.load::<CustomField>(id.0).await?.cloned().unwrap_or_default();
    Ok(FieldAnswer {
        custom_field: FieldView {
            id: id.to_string(),
            name: field.name,
            kind: field.field_type.into(),
            description: field.description,
            created_at: None,
        },
    })
}

/// Changes the name or the description of a custom field. Its type cannot change, and the values on contacts stay.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateCustomField {
    field: FieldRef,
    /// The new name.
    name: Option<Name>,
    /// What the field is for; an empty text takes it away.
    #[schemars(length(max = 1000))]
    description: Option<String>,
}

impl Mutation for UpdateCustomField {
    type Outcome = FieldId;
    type Output = FieldAnswer;
    const FACTS: Facts = Facts {
        name: "update_custom_field",
        title: "Update a custom field",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: false,
        method: "PATCH",
        path: "/v1/custom-fields/{field}",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<FieldId, Problem> {
        if self.name.is_none() && self.description.is_none() {
            return Err(Problem::invalid("name", "is missing: give a name, a description, or both"));
        }
        let (id, _) = self.field.resolve(unit, "field").await?;
        let name = self.name.as_ref().map(|name| name.0.clone());
        if let Some(name) = &name {
            unique_noun::refuse_taken::<CustomField>(unit, name, Some(id)).await?;
        }
        let command = custom_field::Command::Update { name, description: self.description.clone() };
        unit.execute::<CustomField>(id.0, command).await?;
        Ok(id)
    }

    async fn render(outcome: FieldId, unit: &mut UnitOfWork) -> Result<FieldAnswer, Problem> {
        decided(unit, outcome).await
    }
}

/// Deletes a custom field, and with it its value on every contact, for good. Its name is free again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteCustomField {
    field: FieldRef,
}

impl Mutation for DeleteCustomField {
    type Outcome = Deleted;
    type Output = DeletedAnswer;
    const FACTS: Facts = Facts {
        name: "delete_custom_field",
        title: "Delete a custom field",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Destructive,
        idempotent: false,
        shows_customers_words: false,
        method: "DELETE",
        path: "/v1/custom-fields/{field}",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<Deleted, Problem> {
        let (id, CustomField { name, .. }) = self.field.resolve(unit, "field").await?;
        unit.execute::<CustomField>(id.0, custom_field::Command::Delete).await?;
        Ok(Deleted { id: id.to_string(), name })
    }

    async fn render(outcome: Deleted, _: &mut UnitOfWork) -> Result<DeletedAnswer, Problem> {
        Ok(DeletedAnswer { deleted: outcome })
    }
}
