//! Bot fields: the variables of the workspace, the same for all contacts.

use aggregates::bot_field::{self, BotField};
use aggregates::claim::Claim;
use aggregates::field_value::FieldType;
use aggregates::ids::BotFieldId;
use aggregates::token::Scope;
use projections::bot_fields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::List;
use super::call::Call;
use super::custom_fields::Description;
use super::field_values::{FieldChange, parse};
use super::inputs::{Name, Paging, input_type, rfc3339};
use super::operation::{Effect, Facts, Mutation, Query, Toolset};
use super::unique_noun::{self, Deleted, DeletedAnswer, UniqueNoun};
use crate::app::UnitOfWork;
use crate::problem::{Code, Problem};

input_type! {
    /// A bot field that exists.
    BotFieldRef(String), {
        "type": "string", "minLength": 1, "maxLength": 255, "description": "A bot field's id or exact name."
    }
}

impl UniqueNoun for BotField {
    type Id = BotFieldId;
    type Row = bot_fields::BotField;
    const WHAT: &'static str = "bot field";
    const HINT: &'static str = "list_bot_fields shows the bot fields; create_bot_field makes one";

    fn name_claim(name: &str) -> Claim {
        bot_field::name_claim(name)
    }

    fn known_name(&self) -> &str {
        &self.name
    }
}

impl From<bot_field::Error> for Problem {
    fn from(error: bot_field::Error) -> Self {
        let message = error.to_string();
        match error {
            bot_field::Error::InvalidName => Self::invalid("name", message),
            bot_field::Error::InvalidDescription => Self::invalid("description", message),
            bot_field::Error::WrongType => Self::invalid("value", message),
            bot_field::Error::Exists => Self::new(Code::Conflict, message),
            bot_field::Error::Unknown => Self::new(Code::NotFound, message).field("field"),
        }
    }
}

/// A bot field as callers see it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BotFieldView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What its value is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// When it was made or last set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_at: Option<String>,
    /// Who did that: a token's id, or `local`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_by: Option<String>,
}

/// A row as callers see it.
fn shown(row: &bot_fields::BotField) -> BotFieldView {
    BotFieldView {
        id: row.id.to_string(),
        name: row.name.clone(),
        kind: row.field_type.into(),
        description: row.description.clone(),
        value: row.value.as_ref().map(|value| value.0.clone()),
        set_at: Some(rfc3339(row.set_at)),
        set_by: Some(row.actor_id.clone()),
    }
}

/// Shows the decided state of a bot field; nothing when it was deleted since.
async fn decided(unit: &mut UnitOfWork, id: BotFieldId) -> Result<Option<BotFieldView>, Problem> {
    Ok(unique_noun::living::<BotField>(unit, id.0).await?.map(|field| BotFieldView {
        id: id.to_string(),
        name: field.name,
        kind: field.field_type.into(),
        description: field.description,
        value: field.value.map(|value| value.to_value()),
        set_at: None,
        set_by: None,
    }))
}

/// A bot field, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BotFieldAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    bot_field: Option<BotFieldView>,
}

/// Bot fields, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BotFieldsAnswer {
    bot_fields: Vec<BotFieldView>,
}

/// Lists the bot fields (variables of the workspace, the same for all contacts) by name, with their values.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ListBotFields {
    #[serde(flatten)]
    paging: Paging,
}

impl Query for ListBotFields {
    type Output = List<BotFieldView>;
    const FACTS: Facts = Facts {
        name: "list_bot_fields",
        title: "List bot fields",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Admin],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/bot-fields",
    };

    async fn answer(self, call: &Call) -> Result<List<BotFieldView>, Problem> {
        unique_noun::listed::<BotField, _>(call, &self.paging, shown).await
    }
}

/// Shows a bot field: type, value, who set it and when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetBotField {
    field: BotFieldRef,
}

impl Query for GetBotField {
    type Output = BotFieldAnswer;
    const FACTS: Facts = Facts {
        name: "get_bot_field",
        title: "Get a bot field",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Admin],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/bot-fields/{field}",
    };

    async fn answer(self, call: &Call) -> Result<BotFieldAnswer, Problem> {
        let row = unique_noun::in_tables::<BotField>(&mut call.read().await?, &self.field.0, "field").await?;
        Ok(BotFieldAnswer { bot_field: Some(shown(&row)) })
    }
}

/// Makes a bot field: a variable of the workspace, the same for all contacts, for example opening hours. Not for personal data. The type
/// cannot be changed later; names are unique without regard to case and accents.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateBotField {
    /// The bot field's name, for example `opening hours`.
    name: Name,
    /// What its value is, as for custom fields.
    #[serde(rename = "type")]
    field_type: FieldType,
    description: Option<Description>,
    /// Its first value, as JSON of the type.
    value: Option<Value>,
}

impl Mutation for CreateBotField {
    type Outcome = BotFieldId;
    type Output = BotFieldAnswer;
    const FACTS: Facts = Facts {
        name: "create_bot_field",
        title: "Create a bot field",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Admin],
        effect: Effect::Write,
        idempotent: false,
        shows_customers_words: false,
        method: "POST",
        path: "/v1/bot-fields",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<BotFieldId, Problem> {
        let value = self.value.as_ref().map(|value| parse(self.field_type, value, "value")).transpose()?;
        unique_noun::refuse_taken::<BotField>(unit, &self.name.0, None).await?;
        let id = unit.new_id();
        let command = bot_field::Command::Create {
            name: self.name.0.clone(),
            field_type: self.field_type,
            description: self.description.as_ref().map(|text| text.0.clone()),
            value,
        };
        unit.execute::<BotField>(id, command).await?;
        Ok(BotFieldId(id))
    }

    async fn render(outcome: BotFieldId, unit: &mut UnitOfWork) -> Result<BotFieldAnswer, Problem> {
        Ok(BotFieldAnswer { bot_field: decided(unit, outcome).await? })
    }
}

/// A value for a bot field.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewValue {
    field: BotFieldRef,
    /// The value, as JSON of the bot field's type.
    value: Value,
    /// `set` (default); `append` or `prepend` to a text or list; `increase` or `decrease` a number.
    #[serde(default)]
    operation: FieldChange,
}

/// Sets one; `place` is where its parts stand in the input.
async fn set(
    unit: &mut UnitOfWork,
    reference: &BotFieldRef,
    (value, operation): (&Value, FieldChange),
    place: &str,
) -> Result<BotFieldId, Problem> {
    let (id, field) = unique_noun::resolve::<BotField>(unit, &reference.0, &format!("{place}field")).await?;
    let value = operation.apply(field.field_type, field.value.as_ref(), value, place)?;
    unit.execute::<BotField>(id.0, bot_field::Command::Set { value }).await?;
    Ok(id)
}

/// Sets the value of one bot field, for all flows and assistants that use it from now on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetBotField {
    field: BotFieldRef,
    /// The value, as JSON of the bot field's type.
    value: Value,
    /// `set` (default); `append` or `prepend` to a text or list; `increase` or `decrease` a number.
    #[serde(default)]
    operation: FieldChange,
}

impl Mutation for SetBotField {
    type Outcome = BotFieldId;
    type Output = BotFieldAnswer;
    const FACTS: Facts = Facts {
        name: "set_bot_field",
        title: "Set a bot field",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Admin],
        effect: Effect::Write,
        idempotent: false,
        shows_customers_words: false,
        method: "PUT",
        path: "/v1/bot-fields/{field}",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<BotFieldId, Problem> {
        set(unit, &self.field, (&self.value, self.operation), "").await
    }

    async fn render(outcome: BotFieldId, unit: &mut UnitOfWork) -> Result<BotFieldAnswer, Problem> {
        Ok(BotFieldAnswer { bot_field: decided(unit, outcome).await? })
    }
}

/// Sets several bot fields, 1 to 100, all or none: when one value is refused, nothing is set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetBotFields {
    /// Which bot fields to set to what, in this order.
    #[schemars(length(min = 1, max = 100))]
    fields: Vec<NewValue>,
}

impl Mutation for SetBotFields {
    type Outcome = Vec<BotFieldId>;
    type Output = BotFieldsAnswer;
    const FACTS: Facts = Facts {
        name: "set_bot_fields",
        title: "Set several bot fields",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Admin],
        effect: Effect::Write,
        idempotent: false,
        shows_customers_words: false,
        method: "PUT",
        path: "/v1/bot-fields",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<Vec<BotFieldId>, Problem> {
        let mut ids = Vec::new();
        for (index, new) in self.fields.iter().enumerate() {
            let id = set(unit, &new.field, (&new.value, new.operation), &format!("fields[{index}].")).await?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    async fn render(outcome: Vec<BotFieldId>, unit: &mut UnitOfWork) -> Result<BotFieldsAnswer, Problem> {
        let mut bot_fields = Vec::new();
        for id in outcome {
            bot_fields.extend(decided(unit, id).await?);
        }
        Ok(BotFieldsAnswer { bot_fields })
    }
}

/// Deletes a bot field with its value, for good. Its name is free again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteBotField {
    field: BotFieldRef,
}

impl Mutation for DeleteBotField {
    type Outcome = Deleted;
    type Output = DeletedAnswer;
    const FACTS: Facts = Facts {
        name: "delete_bot_field",
        title: "Delete a bot field",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Admin],
        effect: Effect::Destructive,
        idempotent: false,
        shows_customers_words: false,
        method: "DELETE",
        path: "/v1/bot-fields/{field}",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<Deleted, Problem> {
        let (id, BotField { name, .. }) = unique_noun::resolve::<BotField>(unit, &self.field.0, "field").await?;
        unit.execute::<BotField>(id.0, bot_field::Command::Delete).await?;
        Ok(Deleted { id: id.to_string(), name })
    }

    async fn render(outcome: Deleted, _: &mut UnitOfWork) -> Result<DeletedAnswer, Problem> {
        Ok(DeletedAnswer { deleted: outcome })
    }
}
