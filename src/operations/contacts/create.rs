//! Making contacts, and making or changing them, by what identifies a person.

use std::collections::BTreeSet;

use aggregates::Personal;
use aggregates::claim::Claim;
use aggregates::contact::{Command, Contact, Identity, Source, email_claim, identity_claim, phone_claim};
use aggregates::contact_attributes::Attributes;
use aggregates::ids::{ContactId, TagId};
use aggregates::token::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attributes::NewAttributes;
use super::view::{ContactAnswer, ContactView, candidate, show};
use crate::app::UnitOfWork;
use crate::operations::channels::AccountRef;
use crate::operations::custom_fields::FieldRef;
use crate::operations::inputs::{Name, input_type};
use crate::operations::operation::{Effect, Facts, Mutation, Toolset};
use crate::operations::{field_values, tags};
use crate::problem::{Code, Problem};

input_type! {
    /// A person's id on a channel.
    ChannelUser(String), {
        "type": "string", "minLength": 1, "maxLength": 255,
        "description": "The person's id on that account, e.g. a visitorId."
    }
}

/// A value for a custom field.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FieldInput {
    field: FieldRef,
    /// The value, of the field's type.
    value: Value,
}

/// What a new contact is made of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct NewContact {
    #[serde(flatten)]
    attributes: NewAttributes,
    channel_account_id: Option<AccountRef>,
    channel_user_id: Option<ChannelUser>,
    /// Names of tags to add; missing tags are made.
    #[schemars(length(min = 1, max = 100))]
    tags: Option<Vec<Name>>,
    /// Custom field values to set.
    #[schemars(length(min = 1, max = 100))]
    custom_fields: Option<Vec<FieldInput>>,
}

/// Makes a contact (a person). Needs at least one of firstName, lastName, email, phone, or channelAccountId with channelUserId. Refused
/// with `conflict`, naming the owner, when another contact holds the e-mail, phone or channel user; `upsert_contact` changes that
/// contact instead.
#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::operations) struct CreateContact {
    #[serde(flatten)]
    contact: NewContact,
}

/// Makes a contact, or changes the one that is matched by channel user, else by e-mail, else by phone: what is given is set, tags are
/// added, everything else stays. `created` tells which it was. Refused with `conflict`, naming both, when two different contacts match.
#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::operations) struct UpsertContact {
    #[serde(flatten)]
    contact: NewContact,
}

/// Something that only one contact may have.
struct Unique {
    member: &'static str,
    reason: &'static str,
    claim: Claim,
}

impl NewContact {
    async fn identity(&self, unit: &mut UnitOfWork) -> Result<Option<Identity>, Problem> {
        match (&self.channel_account_id, &self.channel_user_id) {
            (None, None) => Ok(None),
            (Some(account), Some(user)) => {
                let account = account.resolve(unit, "channelAccountId").await?;
                Ok(Some(Identity { account, user: Personal::Known(user.0.clone()) }))
            }
            (Some(_), None) => Err(Problem::invalid("channelUserId", "is missing: channelAccountId goes with it")),
            (None, Some(_)) => Err(Problem::invalid("channelAccountId", "is missing: channelUserId goes with it")
                .hint("list_channels shows the channel accounts")),
        }
    }

    /// Adds the tags and sets the field values.
    async fn dress(&self, unit: &mut UnitOfWork, id: ContactId) -> Result<(), Problem> {
        let mut wanted: BTreeSet<TagId> = BTreeSet::new();
        for (index, name) in self.tags.iter().flatten().enumerate() {
            wanted.insert(tags::find_or_create(unit, &name.0, &format!("tags[{index}]")).await?);
        }
        if !wanted.is_empty() {
            unit.execute::<Contact>(id.0, Command::AddTags { tags: wanted }).await?;
        }
        for (index, input) in self.custom_fields.iter().flatten().enumerate() {
            let place = format!("customFields[{index}]");
            let (field, definition) = input.field.resolve(unit, &format!("{place}.field")).await?;
            let value = field_values::parse(definition.field_type, &input.value, &format!("{place}.value"))?;
            unit.execute::<Contact>(id.0, Command::SetField { field, value }).await?;
        }
        Ok(())
    }
}

/// What of a contact only it may have, in the order in which `upsert_contact` matches.
fn uniques(attributes: &Attributes, identity: Option<&Identity>) -> Vec<Unique> {
    let identity = identity.and_then(|identity| Some(identity_claim(identity.account, identity.user.known()?)));
    let email = attributes.email.as_ref().and_then(Personal::known).map(|email| email_claim(email));
    let phone = attributes.phone.as_ref().and_then(Personal::known).map(|phone| phone_claim(phone));
    [
        ("channelUserId", "is this channel user", identity),
        ("email", "has this e-mail address", email),
        ("phone", "has this phone number", phone),
    ]
    .into_iter()
    .filter_map(|(member, reason, claim)| claim.map(|claim| Unique { member, reason, claim }))
    .collect()
}

/// Refuses what another contact than `own` has, naming that contact.
pub(super) async fn refuse_taken(
    unit: &mut UnitOfWork,
    attributes: &Attributes,
    identity: Option<&Identity>,
    own: Option<ContactId>,
) -> Result<(), Problem> {
    for unique in uniques(attributes, identity) {
        let owner = unit.claim_owner(&unique.claim).await?.map(ContactId).filter(|owner| Some(*owner) != own);
        if let Some(owner) = owner {
            return Err(Problem::new(Code::Conflict, format!("another contact {} already", unique.reason))
                .field(unique.member)
                .hint("use that contact, or another value")
                .candidates([candidate(unit, owner, unique.reason).await?]));
        }
    }
    Ok(())
}

impl Mutation for CreateContact {
    type Outcome = ContactId;
    type Output = ContactAnswer;
    const FACTS: Facts = Facts {
        name: "create_contact",
        title: "Create a contact",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Core, Toolset::Contacts],
        effect: Effect::Write,
        idempotent: false,
        shows_customers_words: false,
        method: "POST",
        path: "/v1/contacts",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<ContactId, Problem> {
        let attributes = self.contact.attributes.read()?;
        let identity = self.contact.identity(unit).await?;
        refuse_taken(unit, &attributes, identity.as_ref(), None).await?;
        let id = ContactId(unit.new_id());
        unit.execute::<Contact>(id.0, Command::Create { source: Source::Workspace, attributes, identity }).await?;
        self.contact.dress(unit, id).await?;
        Ok(id)
    }

    async fn render(outcome: ContactId, unit: &mut UnitOfWork) -> Result<ContactAnswer, Problem> {
        Ok(ContactAnswer { contact: show(unit, outcome).await? })
    }
}

/// What `upsert_contact` did.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::operations) struct Upserted {
    contact: ContactId,
    created: bool,
}

/// The answer of `upsert_contact`.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::operations) struct UpsertAnswer {
    /// The contact.
    contact: ContactView,
    /// Whether it was made by this call.
    created: bool,
}

impl Mutation for UpsertContact {
    type Outcome = Upserted;
    type Output = UpsertAnswer;
    const FACTS: Facts = Facts {
        name: "upsert_contact",
        title: "Create or update a contact",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Core, Toolset::Contacts],
        effect: Effect::Write,
        idempotent: false,
        shows_customers_words: true,
        method: "POST",
        path: "/v1/contacts/upsert",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<Upserted, Problem> {
        let attributes = self.contact.attributes.read()?;
        let identity = self.contact.identity(unit).await?;
        let mut owners: Vec<(ContactId, &'static str)> = Vec::new();
        for unique in uniques(&attributes, identity.as_ref()) {
            if let Some(owner) = unit.claim_owner(&unique.claim).await?.map(ContactId)
                && owners.iter().all(|(known, _)| *known != owner)
            {
                owners.push((owner, unique.reason));
            }
        }
        let (id, created) = match owners.as_slice() {
            [] => {
                let id = ContactId(unit.new_id());
                unit.execute::<Contact>(id.0, Command::Create { source: Source::Workspace, attributes, identity })
                    .await?;
                (id, true)
            }
            [(owner, _)] => {
                let update = Command::Update { source: Source::Workspace, set: attributes, clear: BTreeSet::new() };
                unit.execute::<Contact>(owner.0, update).await?;
                if let Some(identity) = identity {
                    unit.execute::<Contact>(owner.0, Command::ConnectIdentity { identity }).await?;
                }
                (*owner, false)
            }
            several => {
                let mut candidates = Vec::new();
                for (owner, reason) in several {
                    candidates.push(candidate(unit, *owner, reason).await?);
                }
                return Err(Problem::new(Code::Conflict, "what is given belongs to different contacts")
                    .hint("call again with what identifies one of them, or change them with update_contact")
                    .candidates(candidates));
            }
        };
        self.contact.dress(unit, id).await?;
        Ok(Upserted { contact: id, created })
    }

    async fn render(outcome: Upserted, unit: &mut UnitOfWork) -> Result<UpsertAnswer, Problem> {
        Ok(UpsertAnswer { contact: show(unit, outcome.contact).await?, created: outcome.created })
    }
}
