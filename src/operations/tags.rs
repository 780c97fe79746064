//! Tags: the labels that contacts carry.

use aggregates::claim::Claim;
use aggregates::ids::TagId;
use aggregates::tag::{self, Tag};
use aggregates::token::Scope;
use projections::tags;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::List;
use super::call::Call;
use super::inputs::{Name, Paging, input_type, rfc3339};
use super::operation::{Effect, Facts, Mutation, Query, Toolset};
use super::unique_noun::{self, Deleted, DeletedAnswer, UniqueNoun};
use crate::app::{ReadContext, UnitOfWork};
use crate::problem::{Code, Problem};

input_type! {
    /// A tag that exists.
    TagRef(String), {
        "type": "string", "minLength": 1, "maxLength": 255, "description": "A tag's id or exact name. It must exist."
    }
}

/// A tag as callers see it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TagView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many contacts carry it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_count: Option<i64>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

impl TagView {
    /// The tag alone.
    #[must_use]
    pub fn new(id: TagId, name: &str) -> Self {
        Self { id: id.to_string(), name: name.to_owned(), contact_count: None, created_at: None }
    }
}

impl From<tag::Error> for Problem {
    fn from(error: tag::Error) -> Self {
        let message = error.to_string();
        match error {
            tag::Error::InvalidName => Self::invalid("name", message),
            tag::Error::Exists => Self::new(Code::Conflict, message),
            tag::Error::Unknown => Self::new(Code::NotFound, message).field("tag"),
        }
    }
}

impl UniqueNoun for Tag {
    type Id = TagId;
    type Row = tags::Tag;
    const WHAT: &'static str = "tag";
    const HINT: &'static str = "list_tags shows the tags";

    fn name_claim(name: &str) -> Claim {
        tag::name_claim(name)
    }

    fn known_name(&self) -> &str {
        &self.name
    }
}

impl TagRef {
    /// The tag that is meant, if it exists; `field` is where the reference stands.
    ///
    /// # Errors
    /// `not_found` with near misses.
    pub(super) async fn resolve(&self, unit: &mut UnitOfWork, field: &str) -> Result<TagId, Problem> {
        unique_noun::resolve::<Tag>(unit, &self.0, field).await.map(|(id, _)| id)
    }
}

/// The tags that a filter names, for a query.
///
/// # Errors
/// `not_found` with near misses.
pub(super) async fn all_in_tables(
    references: Option<&[TagRef]>,
    context: &mut ReadContext,
) -> Result<Vec<TagId>, Problem> {
    let mut found = Vec::new();
    for (index, reference) in references.unwrap_or_default().iter().enumerate() {
        found.push(unique_noun::in_tables::<Tag>(context, &reference.0, &format!("tags[{index}]")).await?.id);
    }
    Ok(found)
}

/// The tag of that id or name; makes one of that name when there is none.
///
/// # Errors
/// `invalid_input` when the name shows nothing.
pub(crate) async fn find_or_create(unit: &mut UnitOfWork, name: &str, field: &str) -> Result<TagId, Problem> {
    if name.parse::<TagId>().is_ok() {
        // Whoever writes an id means a tag that exists, not one named like an id.
        return TagRef(name.to_owned()).resolve(unit, field).await;
    }
    if let Some((id, _)) = unique_noun::of_name::<Tag>(unit, name).await? {
        return Ok(id);
    }
    let id = unit.new_id();
    let made = unit.execute::<Tag>(id, tag::Command::Create { name: name.to_owned() }).await;
    made.map(|_| TagId(id)).map_err(|problem| problem.field(field))
}

/// A row as callers see it.
fn shown(row: &tags::Tag) -> TagView {
    TagView {
        contact_count: Some(row.contact_count),
        created_at: Some(rfc3339(row.created_at)),
        ..TagView::new(row.id, &row.name)
    }
}

/// Lists the tags of the workspace by name, with the number of contacts that carry each.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ListTags {
    #[serde(flatten)]
    paging: Paging,
}

impl Query for ListTags {
    type Output = List<TagView>;
    const FACTS: Facts = Facts {
        name: "list_tags",
        title: "List tags",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/tags",
    };

    async fn answer(self, call: &Call) -> Result<List<TagView>, Problem> {
        unique_noun::listed::<Tag, _>(call, &self.paging, shown).await
    }
}

/// Shows a tag, with the number of contacts that carry it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetTag {
    tag: TagRef,
}

impl Query for GetTag {
    type Output = TagAnswer;
    const FACTS: Facts = Facts {
        name: "get_tag",
        title: "Get a tag",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/tags/{tag}",
    };

    async fn answer(self, call: &Call) -> Result<TagAnswer, Problem> {
        let row = unique_noun::in_tables::<Tag>(&mut call.read().await?, &self.tag.0, "tag").await?;
        Ok(TagAnswer { tag: shown(&row) })
    }
}

/// Makes a tag. Names are unique without regard to case and accents. `add_contact_tags` makes missing tags by itself: this is for
/// tags that nobody carries yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateTag {
    /// The tag's name, for example `vip`.
    name: Name,
}

/// A tag, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TagAnswer {
    /// The tag.
    pub tag: TagView,
}

impl Mutation for CreateTag {
    type Outcome = TagId;
    type Output = TagAnswer;
    const FACTS: Facts = Facts {
        name: "create_tag",
        title: "Create a tag",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Write,
        idempotent: false,
        shows_customers_words: false,
        method: "POST",
        path: "/v1/tags",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<TagId, Problem> {
        unique_noun::refuse_taken::<Tag>(unit, &self.name.0, None).await?;
        let id = unit.new_id();
        unit.execute::<Tag>(id, tag::Command::Create { name: self.name.0.clone() }).await?;
        Ok(TagId(id))
    }

    async fn render(outcome: TagId, unit: &mut UnitOfWork) -> Result<TagAnswer, Problem> {
        decided(unit, outcome).await
    }
}

/// Shows the decided state of a tag.
async fn decided(unit: &mut UnitOfWork, id: TagId) -> Result<TagAnswer, Problem> {
    let name = unit.load::<Tag>(id.0).await?.map(|tag| tag.name.clone()).unwrap_or_default();
    Ok(TagAnswer { tag: TagView::new(id, &name) })
}

/// Renames a tag. The contacts that carry it keep it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateTag {
    tag: TagRef,
    /// The new name.
    name: Name,
}

impl Mutation for UpdateTag {
    type Outcome = TagId;
    type Output = TagAnswer;
    const FACTS: Facts = Facts {
        name: "update_tag",
        title: "Rename a tag",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: false,
        method: "PATCH",
        path: "/v1/tags/{tag}",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<TagId, Problem> {
        let id = self.tag.resolve(unit, "tag").await?;
        unique_noun::refuse_taken::<Tag>(unit, &self.name.0, Some(id)).await?;
        unit.execute::<Tag>(id.0, tag::Command::Rename { name: self.name.0.clone() }).await?;
        Ok(id)
    }

    async fn render(outcome: TagId, unit: &mut UnitOfWork) -> Result<TagAnswer, Problem> {
        decided(unit, outcome).await
    }
}

/// Deletes a tag: it leaves every contact that carries it, for good. Its name is free again. `get_tag` says how many carry it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteTag {
    tag: TagRef,
}

impl Mutation for DeleteTag {
    type Outcome = Deleted;
    type Output = DeletedAnswer;
    const FACTS: Facts = Facts {
        name: "delete_tag",
        title: "Delete a tag",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Destructive,
        idempotent: false,
        shows_customers_words: false,
        method: "DELETE",
        path: "/v1/tags/{tag}",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<Deleted, Problem> {
        let (id, Tag { name, .. }) = unique_noun::resolve::<Tag>(unit, &self.tag.0, "tag").await?;
        unit.execute::<Tag>(id.0, tag::Command::Delete).await?;
        Ok(Deleted { id: id.to_string(), name })
    }

    async fn render(outcome: Deleted, _: &mut UnitOfWork) -> Result<DeletedAnswer, Problem> {
        Ok(DeletedAnswer { deleted: outcome })
    }
}
