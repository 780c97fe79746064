//! Whether a contact wants messages.

use aggregates::Personal;
use aggregates::channel_account::Channel;
use aggregates::consent::Consent;
use aggregates::contact::{Command, Contact, Source};
use aggregates::ids::ContactId;
use aggregates::token::Scope;
use schemars::JsonSchema;
use serde::Deserialize;

use super::view::{ContactAnswer, show};
use crate::app::UnitOfWork;
use crate::operations::contact_reference::ContactRef;
use crate::operations::inputs::input_type;
use crate::operations::operation::{Effect, Facts, Mutation, Toolset};
use crate::problem::Problem;

input_type! {
    /// How a consent is known.
    Evidence(String), {
        "type": "string", "minLength": 1, "maxLength": 1000,
        "description": "How it is known: a form, a call, with its date. Needed to opt in a contact who opted out themselves."
    }
}

/// Records whether a contact wants messages, on one channel or on all. Sends to a contact who opted out are refused. A contact who writes
/// STOP or START (in several languages) does this by themselves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::operations) struct SetContactConsent {
    contact_id: ContactRef,
    /// `opted_in` or `opted_out`.
    consent: Consent,
    /// Only on this channel; on all when missing.
    channel: Option<Channel>,
    evidence: Option<Evidence>,
}

impl Mutation for SetContactConsent {
    type Outcome = ContactId;
    type Output = ContactAnswer;
    const FACTS: Facts = Facts {
        name: "set_contact_consent",
        title: "Record a contact's consent",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: true,
        method: "PUT",
        path: "/v1/contacts/{contactId}/consent",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<ContactId, Problem> {
        let id = self.contact_id.in_unit(unit).await?;
        let command = Command::SetConsent {
            consent: self.consent,
            channel: self.channel,
            evidence: self.evidence.as_ref().map(|evidence| Personal::Known(evidence.0.clone())),
            source: Source::Workspace,
        };
        unit.execute::<Contact>(id.0, command).await?;
        Ok(id)
    }

    async fn render(outcome: ContactId, unit: &mut UnitOfWork) -> Result<ContactAnswer, Problem> {
        Ok(ContactAnswer { contact: show(unit, outcome).await? })
    }
}
