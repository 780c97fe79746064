//! Tags: the labels that contacts carry.

use aggregates::ids::TagId;
use aggregates::tag::{self, Tag};
use aggregates::token::Scope;
use projections::{Order, tags};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::List;
use super::call::Call;
use super::inputs::{Name, Paging, input_type, rfc3339};
use super::near_miss::candidates;
use super::operation::{Effect, Facts, Mutation, Query, Toolset};
use crate::app::{ReadContext, UnitOfWork};
use crate::problem::{Candidate, Code, Problem};

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

impl TagRef {
    /// The tag that is meant, if it exists; `field` is where the reference stands.
    ///
    /// # Errors
    /// `not_found` with near misses.
    pub(super) async fn resolve(&self, unit: &mut UnitOfWork, field: &str) -> Result<TagId, Problem> {
        if let Ok(id) = self.0.parse::<TagId>()
            && unit.load::<Tag>(id.0).await?.is_some()
        {
            return Ok(id);
        }
        if let Some(owner) = unit.claim_owner(&tag::name_claim(&self.0)).await? {
            return Ok(TagId(owner));
        }
        let mut context = unit.read().await?;
        Err(self.not_found(field, &mut context).await)
    }

    async fn not_found(&self, field: &str, context: &mut ReadContext) -> Problem {
        let (connection, workspace) = context.rows();
        match tags::near(connection, workspace, &self.0).await {
            Err(error) => error.into(),
            Ok(near) => Problem::new(Code::NotFound, "there is no such tag")
                .field(field)
                .value(self.0.as_str())
                .hint("list_tags shows the tags")
                .candidates(candidates(near)),
        }
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
        let (connection, workspace) = context.rows();
        let by_id = reference.0.parse::<TagId>().ok();
        let mut tag = tags::by_ids(connection, workspace, by_id.as_slice()).await?.pop();
        if tag.is_none() {
            tag = tags::by_name(connection, workspace, &reference.0).await?;
        }
        match tag {
            Some(tag) => found.push(tag.id),
            None => return Err(reference.not_found(&format!("tags[{index}]"), context).await),
        }
    }
    Ok(found)
}

/// The tag of that id or name; makes one of that name when there is none.
///
/// # Errors
/// `invalid_input` when the name shows nothing.
pub(super) async fn find_or_create(unit: &mut UnitOfWork, name: &str, field: &str) -> Result<TagId, Problem> {
    if let Ok(id) = name.parse::<TagId>() {
        // Whoever writes an id means a tag that exists, not one named like an id.
        return TagRef(name.to_owned()).resolve(unit, field).await.map(|_| id);
    }
    if let Some(owner) = unit.claim_owner(&tag::name_claim(name)).await? {
        return Ok(TagId(owner));
    }
    let id = unit.new_id();
    let made = unit.execute::<Tag>(id, tag::Command::Create { name: name.to_owned() }).await;
    made.map(|_| TagId(id)).map_err(|problem| problem.field(field))
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
        let after = self.paging.after(Order::Label)?;
        let mut context = call.read_from(after.as_ref()).await?;
        let (connection, workspace) = context.rows();
        let mut page = tags::list(connection, workspace, after.as_ref(), self.paging.limit()).await?;
        let list = List::fill(
            page.items.iter().map(|tag| TagView {
                contact_count: Some(tag.contact_count),
                created_at: Some(rfc3339(tag.created_at)),
                ..TagView::new(tag.id, &tag.name)
            }),
            None,
        )?;
        if list.len() < page.items.len() {
            page = tags::list(connection, workspace, after.as_ref(), list.len() as u64).await?;
        }
        Ok(list.led_on(page, context.position))
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
        if let Some(owner) = unit.claim_owner(&tag::name_claim(&self.name.0)).await? {
            let name = unit.load::<Tag>(owner).await?.map(|tag| tag.name.clone());
            return Err(Problem::new(Code::Conflict, "a tag of this name exists already")
                .field("name")
                .value(self.name.0.as_str())
                .hint("use the existing tag, or another name")
                .candidates([Candidate { id: TagId(owner).to_string(), name, reason: "has this name".to_owned() }]));
        }
        let id = unit.new_id();
        unit.execute::<Tag>(id, tag::Command::Create { name: self.name.0.clone() }).await?;
        Ok(TagId(id))
    }

    async fn render(outcome: TagId, unit: &mut UnitOfWork) -> Result<TagAnswer, Problem> {
        let name = unit.load::<Tag>(outcome.0).await?.map(|tag| tag.name.clone()).unwrap_or_default();
        Ok(TagAnswer { tag: TagView::new(outcome, &name) })
    }
}
