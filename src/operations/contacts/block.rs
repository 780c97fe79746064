//! Contacts who are written to no more, because the workspace says so.

use aggregates::Personal;
use aggregates::contact::{Command, Contact};
use aggregates::ids::ContactId;
use aggregates::token::Scope;
use schemars::JsonSchema;
use serde::Deserialize;

use super::view::{ContactAnswer, show};
use crate::app::UnitOfWork;
use crate::operations::contact_reference::ContactRef;
use crate::operations::inputs::Reason;
use crate::operations::operation::{Effect, Facts, Mutation, Toolset};
use crate::problem::Problem;

/// Blocks a contact: nothing can be sent to it until `unblock_contact`. What it writes is still kept. The customer is not told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::operations) struct BlockContact {
    contact_id: ContactRef,
    reason: Option<Reason>,
}

impl Mutation for BlockContact {
    type Outcome = ContactId;
    type Output = ContactAnswer;
    const FACTS: Facts = Facts {
        name: "block_contact",
        title: "Block a contact",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: true,
        method: "POST",
        path: "/v1/contacts/{contactId}/block",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<ContactId, Problem> {
        let id = self.contact_id.in_unit(unit).await?;
        let reason = self.reason.as_ref().map(|reason| Personal::Known(reason.0.clone()));
        unit.execute::<Contact>(id.0, Command::Block { reason }).await?;
        Ok(id)
    }

    async fn render(outcome: ContactId, unit: &mut UnitOfWork) -> Result<ContactAnswer, Problem> {
        Ok(ContactAnswer { contact: show(unit, outcome).await? })
    }
}

/// Lifts the block from a contact: it can be written to again, unless it opted out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::operations) struct UnblockContact {
    contact_id: ContactRef,
}

impl Mutation for UnblockContact {
    type Outcome = ContactId;
    type Output = ContactAnswer;
    const FACTS: Facts = Facts {
        name: "unblock_contact",
        title: "Unblock a contact",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: true,
        method: "POST",
        path: "/v1/contacts/{contactId}/unblock",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<ContactId, Problem> {
        let id = self.contact_id.in_unit(unit).await?;
        unit.execute::<Contact>(id.0, Command::Unblock).await?;
        Ok(id)
    }

    async fn render(outcome: ContactId, unit: &mut UnitOfWork) -> Result<ContactAnswer, Problem> {
        Ok(ContactAnswer { contact: show(unit, outcome).await? })
    }
}
