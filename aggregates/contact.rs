//! A contact: a person with identities on channels, attributes, tags and field values.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::{Claim, ClaimChange, ClaimKind};
use crate::contact_attributes::{Attribute, Attributes};
use crate::field_value::FieldValue;
use crate::glue::cqrs_glue;
use crate::ids::{AccountId, ContactId, FieldId, TagId};
use crate::personal::Personal;
use crate::root::Root;
use crate::stream::StreamType;

/// The most tags that a contact carries.
pub const MAX_TAGS: usize = 1_000;

/// Who says so. Decides whether an e-mail address or a phone number is claimed: what a customer typed never conflicts and never
/// links contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An operator, an API call or an import.
    Workspace,
    /// The customer.
    Customer,
}

/// A person on a channel account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The account.
    pub account: AccountId,
    /// The channel's own id of the person, 1 to 255 characters.
    pub user: Personal<String>,
}

/// What can be asked of a contact.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin it. At least one of first name, last name, e-mail, phone, identity.
    Create {
        /// Who says so.
        source: Source,
        /// What is known.
        attributes: Attributes,
        /// Where the person can be met.
        identity: Option<Identity>,
    },
    /// Set and empty attributes.
    Update {
        /// Who says so.
        source: Source,
        /// The attributes to set.
        set: Attributes,
        /// The attributes to empty.
        clear: BTreeSet<Attribute>,
    },
    /// Add tags that exist.
    AddTags {
        /// The tags.
        tags: BTreeSet<TagId>,
    },
    /// Remove tags.
    RemoveTags {
        /// The tags.
        tags: BTreeSet<TagId>,
    },
    /// Set a custom field that exists.
    SetField {
        /// The field.
        field: FieldId,
        /// The value, of the field's type.
        value: FieldValue,
    },
    /// Make the person known under an account.
    ConnectIdentity {
        /// The identity.
        identity: Identity,
    },
}

/// What happened to a contact. Names and members are stored: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// It began.
    ContactCreated {
        /// Who said so.
        source: Source,
        /// What is known.
        attributes: Attributes,
        /// Where the person can be met.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<Identity>,
    },
    /// Attributes were set or emptied.
    ContactUpdated {
        /// Who said so.
        source: Source,
        /// What is known now.
        #[serde(default, skip_serializing_if = "Attributes::is_empty")]
        set: Attributes,
        /// What was emptied.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        cleared: BTreeSet<Attribute>,
        /// The claimed addresses that the contact held and gave back.
        #[serde(default, skip_serializing_if = "Attributes::is_empty")]
        released: Attributes,
    },
    /// Tags were added that it did not have.
    ContactTagsAdded {
        /// The tags.
        tags: BTreeSet<TagId>,
    },
    /// Tags were removed that it had.
    ContactTagsRemoved {
        /// The tags.
        tags: BTreeSet<TagId>,
    },
    /// A custom field got another value.
    ContactFieldSet {
        /// The field.
        field: FieldId,
        /// The value.
        value: Personal<FieldValue>,
    },
    /// The person can be met under an account.
    ContactIdentityConnected {
        /// The identity.
        identity: Identity,
    },
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing that tells who it is.
    #[error("a contact needs at least one of first name, last name, e-mail, phone or a channel user")]
    Nameless,
    /// It does not exist.
    #[error("this contact does not exist")]
    Unknown,
    /// It exists.
    #[error("this contact exists already")]
    Exists,
    /// An attribute both set and emptied.
    #[error("{0} cannot be set and cleared in one call")]
    SetAndCleared(Attribute),
    /// Too many tags.
    #[error("a contact carries at most {MAX_TAGS} tags")]
    TooManyTags,
    /// The channel's id of the person is empty or too long.
    #[error("a channel user id has 1 to 255 characters")]
    InvalidIdentity,
}

/// A contact's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// Whether it began.
    pub exists: bool,
    /// What is known.
    pub attributes: Attributes,
    /// Whether it holds the claim on its e-mail address.
    pub email_claimed: bool,
    /// Whether it holds the claim on its phone number.
    pub phone_claimed: bool,
    /// Where the person can be met.
    pub identities: Vec<Identity>,
    /// Its tags.
    pub tags: BTreeSet<TagId>,
    /// Its field values.
    pub fields: BTreeMap<FieldId, Personal<FieldValue>>,
}

/// The claim on an e-mail address: case does not matter, marks do. `jörg@` and `jorg@` are two mailboxes, and so are two domains.
#[must_use]
pub fn email_claim(email: &str) -> Claim {
    Claim::new(ClaimKind::ContactEmail, email.to_lowercase())
}

/// The claim on a phone number in E.164.
#[must_use]
pub fn phone_claim(phone: &str) -> Claim {
    Claim::new(ClaimKind::ContactPhone, phone)
}

/// The claim on a person's id on an account.
#[must_use]
pub fn identity_claim(account: AccountId, user: &str) -> Claim {
    Claim::new(ClaimKind::ContactIdentity, format!("{account}/{user}"))
}

fn address_claims(attributes: &Attributes) -> impl Iterator<Item = Claim> + '_ {
    let email = attributes.email.as_ref().and_then(Personal::known).map(|email| email_claim(email));
    let phone = attributes.phone.as_ref().and_then(Personal::known).map(|phone| phone_claim(phone));
    email.into_iter().chain(phone)
}

fn identity_fits(identity: &Identity) -> bool {
    identity.user.known().is_some_and(|user| (1..=255).contains(&user.chars().count()))
}

impl Contact {
    fn fold(&mut self, event: &Event) {
        match event {
            Event::ContactCreated { source, attributes, identity } => {
                self.exists = true;
                self.attributes = attributes.clone();
                self.identities.extend(identity.clone());
                self.email_claimed = *source == Source::Workspace && attributes.email.is_some();
                self.phone_claimed = *source == Source::Workspace && attributes.phone.is_some();
            }
            Event::ContactUpdated { source, set, cleared, .. } => {
                self.attributes.merge(set);
                self.attributes.clear(cleared);
                let claimed = *source == Source::Workspace;
                if set.email.is_some() || cleared.contains(&Attribute::Email) {
                    self.email_claimed = claimed && set.email.is_some();
                }
                if set.phone.is_some() || cleared.contains(&Attribute::Phone) {
                    self.phone_claimed = claimed && set.phone.is_some();
                }
            }
            Event::ContactTagsAdded { tags } => self.tags.extend(tags),
            Event::ContactTagsRemoved { tags } => self.tags.retain(|tag| !tags.contains(tag)),
            Event::ContactFieldSet { field, value } => {
                self.fields.insert(*field, value.clone());
            }
            Event::ContactIdentityConnected { identity } => self.identities.push(identity.clone()),
        }
    }

    fn create(
        &self,
        source: Source,
        attributes: &Attributes,
        identity: Option<&Identity>,
    ) -> Result<Vec<Event>, Error> {
        let created = Event::ContactCreated { source, attributes: attributes.clone(), identity: identity.cloned() };
        if self.exists {
            // Compared as folded: a creation by somebody else would claim otherwise, so it is not the same.
            let mut wanted = Self { tags: self.tags.clone(), fields: self.fields.clone(), ..Self::default() };
            wanted.fold(&created);
            return if *self == wanted { Ok(Vec::new()) } else { Err(Error::Exists) };
        }
        if !attributes.tells_who() && identity.is_none() {
            return Err(Error::Nameless);
        }
        if identity.is_some_and(|identity| !identity_fits(identity)) {
            return Err(Error::InvalidIdentity);
        }
        Ok(vec![created])
    }

    fn update(&self, source: Source, set: &Attributes, clear: &BTreeSet<Attribute>) -> Result<Vec<Event>, Error> {
        if let Some(both) = clear.iter().find(|attribute| set.get(**attribute).is_some()) {
            return Err(Error::SetAndCleared(*both));
        }
        let claims_more = source == Source::Workspace;
        let mut changed = set.differing_from(&self.attributes);
        // The workspace confirms what a customer had typed: the value stays, the claim is new.
        if claims_more && !self.email_claimed && set.email.is_some() {
            changed.email.clone_from(&set.email);
        }
        if claims_more && !self.phone_claimed && set.phone.is_some() {
            changed.phone.clone_from(&set.phone);
        }
        let cleared: BTreeSet<Attribute> =
            clear.iter().copied().filter(|attribute| self.attributes.get(*attribute).is_some()).collect();
        if changed.is_empty() && cleared.is_empty() {
            return Ok(Vec::new());
        }
        let mut after = self.attributes.clone();
        after.merge(&changed);
        after.clear(&cleared);
        if !after.tells_who() && self.identities.is_empty() {
            return Err(Error::Nameless);
        }
        let mut released = Attributes::default();
        if self.email_claimed && (changed.email.is_some() || cleared.contains(&Attribute::Email)) {
            released.email.clone_from(&self.attributes.email);
        }
        if self.phone_claimed && (changed.phone.is_some() || cleared.contains(&Attribute::Phone)) {
            released.phone.clone_from(&self.attributes.phone);
        }
        Ok(vec![Event::ContactUpdated { source, set: changed, cleared, released }])
    }
}

impl Root for Contact {
    const STREAM: StreamType = StreamType::Contact;
    const SNAPSHOT_VERSION: u32 = 1;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        if !self.exists && !matches!(command, Command::Create { .. }) {
            return Err(Error::Unknown);
        }
        match command {
            Command::Create { source, attributes, identity } => self.create(*source, attributes, identity.as_ref()),
            Command::Update { source, set, clear } => self.update(*source, set, clear),
            Command::AddTags { tags } => {
                let tags: BTreeSet<TagId> = tags.difference(&self.tags).copied().collect();
                if self.tags.len() + tags.len() > MAX_TAGS {
                    return Err(Error::TooManyTags);
                }
                Ok((!tags.is_empty()).then_some(Event::ContactTagsAdded { tags }).into_iter().collect())
            }
            Command::RemoveTags { tags } => {
                let tags: BTreeSet<TagId> = tags.intersection(&self.tags).copied().collect();
                Ok((!tags.is_empty()).then_some(Event::ContactTagsRemoved { tags }).into_iter().collect())
            }
            Command::SetField { field, value } => {
                let value = Personal::Known(value.clone());
                if self.fields.get(field) == Some(&value) {
                    return Ok(Vec::new());
                }
                Ok(vec![Event::ContactFieldSet { field: *field, value }])
            }
            Command::ConnectIdentity { identity } => {
                if !identity_fits(identity) {
                    return Err(Error::InvalidIdentity);
                }
                if self.identities.contains(identity) {
                    return Ok(Vec::new());
                }
                Ok(vec![Event::ContactIdentityConnected { identity: identity.clone() }])
            }
        }
    }

    fn claims(event: &Event, id: Uuid) -> Vec<ClaimChange> {
        let take = |claim| ClaimChange::Take { claim, owner: id };
        let identity_taken =
            |identity: &Identity| identity.user.known().map(|user| take(identity_claim(identity.account, user)));
        match event {
            Event::ContactCreated { source, attributes, identity } => {
                let addresses = address_claims(attributes).filter(|_| *source == Source::Workspace).map(take);
                addresses.chain(identity.as_ref().and_then(identity_taken)).collect()
            }
            Event::ContactUpdated { source, set, released, .. } => {
                let releases = address_claims(released).map(|claim| ClaimChange::Release { claim });
                let takes = address_claims(set).filter(|_| *source == Source::Workspace).map(take);
                releases.chain(takes).collect()
            }
            Event::ContactIdentityConnected { identity } => identity_taken(identity).into_iter().collect(),
            Event::ContactTagsAdded { .. } | Event::ContactTagsRemoved { .. } | Event::ContactFieldSet { .. } => {
                Vec::new()
            }
        }
    }

    fn subject(_: &Event, id: Uuid) -> Option<ContactId> {
        Some(ContactId(id))
    }

    fn event_name(event: &Event) -> &'static str {
        event.into()
    }
}

cqrs_glue!(Contact, Command, Event, Error, Contact);

#[cfg(test)]
#[path = "contact_tests.rs"]
mod tests;
