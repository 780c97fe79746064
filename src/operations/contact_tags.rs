//! The tags of a contact.

use std::collections::BTreeSet;

use aggregates::contact::{Command, Contact};
use aggregates::ids::{ContactId, TagId};
use aggregates::token::Scope;
use projections::contact_tags;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::List;
use super::call::Call;
use super::contact_reference::ContactRef;
use super::contacts::{load, tag_views};
use super::inputs::Name;
use super::operation::{Effect, Facts, Mutation, Query, Toolset};
use super::tags::{self, TagRef, TagView};
use crate::app::UnitOfWork;
use crate::problem::Problem;

/// The most tags in one call.
const MAX_TAGS: usize = 100;

/// Adds tags to a contact, 1 to 100 in a call. A tag named in `tags` or `tag` that does not exist is made. Adding a tag that is there
/// already changes nothing. Answers with all tags of the contact, and with those that were new.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AddContactTags {
    contact_id: ContactRef,
    /// Names of tags to add.
    #[schemars(length(min = 1, max = 100))]
    tags: Option<Vec<Name>>,
    /// Ids of tags to add.
    #[schemars(length(min = 1, max = 100))]
    tag_ids: Option<Vec<TagRef>>,
    /// The name of a single tag.
    tag: Option<Name>,
    /// The id of a single tag.
    tag_id: Option<TagRef>,
}

/// Removes tags from a contact, 1 to 100 in a call. The tags must exist; removing one that the contact does not carry changes nothing.
/// Answers with the tags that are left, and with those that were removed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RemoveContactTags {
    contact_id: ContactRef,
    /// Names of tags to remove.
    #[schemars(length(min = 1, max = 100))]
    tags: Option<Vec<TagRef>>,
    /// Ids of tags to remove.
    #[schemars(length(min = 1, max = 100))]
    tag_ids: Option<Vec<TagRef>>,
    /// The name of a single tag.
    tag: Option<TagRef>,
    /// The id of a single tag.
    tag_id: Option<TagRef>,
}

/// What a change of tags did.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Tagged {
    contact: ContactId,
    changed: BTreeSet<TagId>,
}

/// A contact's tags after some were added.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddedAnswer {
    contact_id: String,
    tags: Vec<TagView>,
    added: Vec<TagView>,
}

/// A contact's tags after some were removed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RemovedAnswer {
    contact_id: String,
    tags: Vec<TagView>,
    removed: Vec<TagView>,
}

/// References with the place where each stands.
fn placed<'a, T>(
    member: &'a str,
    one: Option<&'a T>,
    list_name: &'a str,
    list: Option<&'a Vec<T>>,
) -> Vec<(String, &'a T)> {
    let one = one.map(|only| (member.to_owned(), only));
    let list = list.into_iter().flatten().enumerate().map(|(index, item)| (format!("{list_name}[{index}]"), item));
    one.into_iter().chain(list).collect()
}

fn check_number(tags: usize) -> Result<(), Problem> {
    match tags {
        0 => Err(Problem::invalid("tags", "is missing: name at least one tag, in tags, tagIds, tag or tagId")),
        1..=MAX_TAGS => Ok(()),
        _ => Err(Problem::invalid("tags", format!("must be at most {MAX_TAGS} tags in one call"))),
    }
}

impl Mutation for AddContactTags {
    type Outcome = Tagged;
    type Output = AddedAnswer;
    const FACTS: Facts = Facts {
        name: "add_contact_tags",
        title: "Add tags to a contact",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Core, Toolset::Contacts],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: false,
        method: "POST",
        path: "/v1/contacts/{contactId}/tags",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<Tagged, Problem> {
        let names = placed("tag", self.tag.as_ref(), "tags", self.tags.as_ref());
        let ids = placed("tagId", self.tag_id.as_ref(), "tagIds", self.tag_ids.as_ref());
        check_number(names.len() + ids.len())?;
        let contact = self.contact_id.in_unit(unit).await?;
        let before = load(unit, contact).await?.tags;
        let mut wanted = BTreeSet::new();
        for (place, id) in ids {
            wanted.insert(id.resolve(unit, &place).await?);
        }
        for (place, name) in names {
            wanted.insert(tags::find_or_create(unit, &name.0, &place).await?);
        }
        let changed = wanted.difference(&before).copied().collect();
        unit.execute::<Contact>(contact.0, Command::AddTags { tags: wanted }).await?;
        Ok(Tagged { contact, changed })
    }

    async fn render(outcome: Tagged, unit: &mut UnitOfWork) -> Result<AddedAnswer, Problem> {
        let carried = load(unit, outcome.contact).await?.tags;
        Ok(AddedAnswer {
            contact_id: outcome.contact.to_string(),
            tags: tag_views(unit, carried).await?,
            added: tag_views(unit, outcome.changed).await?,
        })
    }
}

impl Mutation for RemoveContactTags {
    type Outcome = Tagged;
    type Output = RemovedAnswer;
    const FACTS: Facts = Facts {
        name: "remove_contact_tags",
        title: "Remove tags from a contact",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Core, Toolset::Contacts],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: false,
        method: "DELETE",
        path: "/v1/contacts/{contactId}/tags",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<Tagged, Problem> {
        let mut references = placed("tag", self.tag.as_ref(), "tags", self.tags.as_ref());
        references.extend(placed("tagId", self.tag_id.as_ref(), "tagIds", self.tag_ids.as_ref()));
        check_number(references.len())?;
        let contact = self.contact_id.in_unit(unit).await?;
        let before = load(unit, contact).await?.tags;
        let mut unwanted = BTreeSet::new();
        for (place, tag) in references {
            unwanted.insert(tag.resolve(unit, &place).await?);
        }
        let changed = unwanted.intersection(&before).copied().collect();
        unit.execute::<Contact>(contact.0, Command::RemoveTags { tags: unwanted }).await?;
        Ok(Tagged { contact, changed })
    }

    async fn render(outcome: Tagged, unit: &mut UnitOfWork) -> Result<RemovedAnswer, Problem> {
        let carried = load(unit, outcome.contact).await?.tags;
        Ok(RemovedAnswer {
            contact_id: outcome.contact.to_string(),
            tags: tag_views(unit, carried).await?,
            removed: tag_views(unit, outcome.changed).await?,
        })
    }
}

/// Lists the tags that a contact carries, by name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListContactTags {
    contact_id: ContactRef,
}

impl Query for ListContactTags {
    type Output = List<TagView>;
    const FACTS: Facts = Facts {
        name: "list_contact_tags",
        title: "List a contact's tags",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/contacts/{contactId}/tags",
    };

    async fn answer(self, call: &Call) -> Result<List<TagView>, Problem> {
        let mut context = call.read().await?;
        let contact = self.contact_id.in_tables(&mut context).await?;
        let (connection, workspace) = context.rows();
        let carried = contact_tags::of_contacts(connection, workspace, &[contact]).await?;
        let list = List::fill(carried.iter().map(|shown| TagView::new(shown.tag.tag, &shown.name)), None)?;
        Ok(list.cut_from(carried.len()))
    }
}
