//! Tags: the labels that contacts carry.

use aggregates::ids::TagId;
use aggregates::tag::{self, Tag};
use aggregates::token::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::inputs::Name;
use super::operation::{Effect, Facts, Mutation, Toolset};
use crate::app::UnitOfWork;
use crate::problem::{Candidate, Code, Problem};

/// A tag as callers see it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TagView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

impl From<tag::Error> for Problem {
    fn from(error: tag::Error) -> Self {
        let message = error.to_string();
        match error {
            tag::Error::InvalidName => Self::invalid("name", message),
            tag::Error::Exists => Self::new(Code::Conflict, message),
        }
    }
}

/// Makes a tag. Names are unique without regard to case and accents. `add_contact_tags` makes missing tags by itself: this is for
/// tags that nobody carries yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateTag {
    /// The tag's name, for example `vip`.
    name: Name,
}

/// The answer of `create_tag`.
#[derive(Serialize, JsonSchema)]
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
        Ok(TagAnswer { tag: TagView { id: outcome.to_string(), name } })
    }
}
