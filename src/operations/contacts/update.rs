//! Changing a contact's attributes.

use aggregates::contact::{Command, Contact, Source};
use aggregates::contact_attributes::Attribute;
use aggregates::ids::ContactId;
use aggregates::token::Scope;
use schemars::JsonSchema;
use serde::Deserialize;

use super::attributes::ChangedAttributes;
use super::create::refuse_taken;
use super::view::{ContactAnswer, show};
use crate::app::UnitOfWork;
use crate::operations::contact_reference::ContactRef;
use crate::operations::operation::{Effect, Facts, Mutation, Toolset};
use crate::problem::Problem;

/// Changes a contact: attributes that are given are set, those named in `clear` are emptied, the others stay. Refused with `conflict`,
/// naming the owner, when another contact holds the e-mail or phone. Tags and custom fields have operations of their own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct UpdateContact {
    contact_id: ContactRef,
    #[serde(flatten)]
    attributes: ChangedAttributes,
    /// Attributes to empty, for example ["phone"].
    #[schemars(length(min = 1, max = 9))]
    clear: Option<Vec<Attribute>>,
}

impl Mutation for UpdateContact {
    type Outcome = ContactId;
    type Output = ContactAnswer;
    const FACTS: Facts = Facts {
        name: "update_contact",
        title: "Update a contact",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: true,
        method: "PATCH",
        path: "/v1/contacts/{contactId}",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<ContactId, Problem> {
        let (set, mut clear) = self.attributes.read()?;
        clear.extend(self.clear.iter().flatten());
        if set.is_empty() && clear.is_empty() {
            return Err(Problem::invalid("contactId", "there is nothing to change besides")
                .hint("give attributes to set, or name some in clear"));
        }
        let id = self.contact_id.in_unit(unit).await?;
        refuse_taken(unit, &set, None, Some(id)).await?;
        unit.execute::<Contact>(id.0, Command::Update { source: Source::Workspace, set, clear }).await?;
        Ok(id)
    }

    async fn render(outcome: ContactId, unit: &mut UnitOfWork) -> Result<ContactAnswer, Problem> {
        Ok(ContactAnswer { contact: show(unit, outcome).await? })
    }
}
