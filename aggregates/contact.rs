//! A contact: a person with identities on channels, attributes, tags and field values.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::channel_account::Channel;
use crate::claim::ClaimChange;
use crate::consent::{Consent, MAX_EVIDENCE_CHARS, Said, Standing};
use crate::contact_attributes::{Attribute, Attributes};
use crate::contact_identity::address_claims;
use crate::field_value::FieldValue;
use crate::glue::cqrs_glue;
use crate::ids::{ContactId, FieldId, NoteId, TagId};
use crate::personal::Personal;
use crate::root::Root;
use crate::stream::StreamType;

pub use crate::contact_identity::{Identity, Source, email_claim, identity_claim, phone_claim};

/// The most tags that a contact carries.
pub const MAX_TAGS: usize = 1_000;
/// The longest note, in characters.
pub const MAX_NOTE_CHARS: usize = 1_000;

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
    /// Take field values away.
    ClearFields {
        /// The fields.
        fields: BTreeSet<FieldId>,
    },
    /// Write something down about the person, for the workspace.
    AddNote {
        /// The note's id, ours.
        note: NoteId,
        /// 1 to 1,000 characters.
        text: Personal<String>,
    },
    /// Write to the person no more, whatever comes.
    Block {
        /// Why.
        reason: Option<Personal<String>>,
    },
    /// Lift the block.
    Unblock,
    /// Take in whether the person wants messages.
    SetConsent {
        /// What was said.
        consent: Consent,
        /// About which channel; about all of them when missing.
        channel: Option<Channel>,
        /// How it is known, at most 1,000 characters.
        evidence: Option<Personal<String>>,
        /// Who said so. A person who opted out is opted in by the workspace with evidence only.
        source: Source,
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
    /// A custom field lost its value.
    ContactFieldCleared {
        /// The field.
        field: FieldId,
    },
    /// Something was written down about the person.
    ContactNoteAdded {
        /// The note's id.
        note: NoteId,
        /// The note.
        text: Personal<String>,
    },
    /// The person is written to no more.
    ContactBlocked {
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Personal<String>>,
    },
    /// The block was lifted.
    ContactUnblocked {},
    /// The person wants messages, or wants none.
    ContactConsentSet {
        /// What was said.
        consent: Consent,
        /// About which channel; about all of them when missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<Channel>,
        /// How it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Personal<String>>,
        /// Who said so.
        source: Source,
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
    /// The note shows nothing or is too long.
    #[error("a note has 1 to {MAX_NOTE_CHARS} characters, one of them visible")]
    InvalidNote,
    /// A person's own word is not undone by somebody else's alone.
    #[error("this contact opted out themselves: opting in again needs evidence of their consent")]
    NeedsEvidence,
    /// The evidence is too long.
    #[error("evidence has at most {MAX_EVIDENCE_CHARS} characters")]
    InvalidEvidence,
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
    /// The last note.
    pub last_note: Option<NoteId>,
    /// Whether it is written to no more.
    pub blocked: bool,
    /// Whether it wants messages.
    pub consent: Standing,
}

/// Why nothing is sent to a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The workspace blocked it.
    Blocked,
    /// The person wants no messages on the channel.
    OptedOut,
}

impl Contact {
    /// Why nothing may be sent to it on `channel`; nothing when it may.
    #[must_use]
    pub fn silence(&self, channel: Channel) -> Option<Silence> {
        if self.blocked {
            return Some(Silence::Blocked);
        }
        (self.consent.on(channel) == Some(Consent::OptedOut)).then_some(Silence::OptedOut)
    }

    pub(crate) fn fold(&mut self, event: &Event) {
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
            Event::ContactFieldCleared { field } => {
                self.fields.remove(field);
            }
            Event::ContactNoteAdded { note, .. } => self.last_note = Some(*note),
            Event::ContactBlocked { .. } => self.blocked = true,
            Event::ContactUnblocked {} => self.blocked = false,
            Event::ContactConsentSet { consent, channel, evidence, source } => {
                let said = Said { consent: *consent, evidence: evidence.clone(), source: *source };
                self.consent.take_in(*channel, said);
            }
            Event::ContactIdentityConnected { identity } => self.identities.push(identity.clone()),
        }
    }
}

impl Root for Contact {
    const STREAM: StreamType = StreamType::Contact;
    const SNAPSHOT_VERSION: u32 = 2;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        if !self.exists && !matches!(command, Command::Create { .. }) {
            return Err(Error::Unknown);
        }
        self.decided(command)
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
            Event::ContactTagsAdded { .. }
            | Event::ContactTagsRemoved { .. }
            | Event::ContactFieldSet { .. }
            | Event::ContactFieldCleared { .. }
            | Event::ContactNoteAdded { .. }
            | Event::ContactBlocked { .. }
            | Event::ContactUnblocked {}
            | Event::ContactConsentSet { .. } => Vec::new(),
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
