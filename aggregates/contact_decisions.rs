//! What a contact decides: the rules behind its commands; beside `contact.rs`, which would be too long with them.

use std::collections::BTreeSet;

use crate::channel_account::Channel;
use crate::consent::{Consent, MAX_EVIDENCE_CHARS, Said};
use crate::contact::{Command, Contact, Error, Event, MAX_NOTE_CHARS, MAX_TAGS};
use crate::contact_attributes::{Attribute, Attributes};
use crate::contact_identity::{Identity, Source, identity_fits};
use crate::folding::fold;
use crate::ids::{NoteId, TagId};
use crate::personal::Personal;

impl Contact {
    /// The events that `command` causes in a contact that exists, or that it begins with.
    pub(crate) fn decided(&self, command: &Command) -> Result<Vec<Event>, Error> {
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
            Command::ClearFields { fields } => {
                let cleared = fields.iter().copied().filter(|field| self.fields.contains_key(field));
                Ok(cleared.map(|field| Event::ContactFieldCleared { field }).collect())
            }
            Command::AddNote { note, text } => self.add_note(*note, text),
            Command::Block { reason } => {
                let blocked = (!self.blocked).then(|| Event::ContactBlocked { reason: reason.clone() });
                Ok(blocked.into_iter().collect())
            }
            Command::Unblock => Ok(self.blocked.then_some(Event::ContactUnblocked {}).into_iter().collect()),
            Command::SetConsent { consent, channel, evidence, source } => {
                let said = Said { consent: *consent, evidence: evidence.clone(), source: *source };
                self.set_consent(*channel, said)
            }
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
            // What came since does not make it another beginning.
            let mut wanted = Self {
                tags: self.tags.clone(),
                fields: self.fields.clone(),
                last_note: self.last_note,
                blocked: self.blocked,
                consent: self.consent.clone(),
                ..Self::default()
            };
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

    fn add_note(&self, note: NoteId, text: &Personal<String>) -> Result<Vec<Event>, Error> {
        let text = text.known().map_or("", |text| text.trim());
        if fold(text).is_empty() || text.chars().count() > MAX_NOTE_CHARS {
            return Err(Error::InvalidNote);
        }
        if self.last_note == Some(note) {
            return Ok(Vec::new());
        }
        Ok(vec![Event::ContactNoteAdded { note, text: Personal::Known(text.to_owned()) }])
    }

    fn set_consent(&self, channel: Option<Channel>, said: Said) -> Result<Vec<Event>, Error> {
        let evidence_chars =
            said.evidence.as_ref().and_then(Personal::known).map_or(0, |evidence| evidence.chars().count());
        if evidence_chars > MAX_EVIDENCE_CHARS {
            return Err(Error::InvalidEvidence);
        }
        if !self.consent.changes_with(channel, &said) {
            return Ok(Vec::new());
        }
        let by_workspace_alone = said.source == Source::Workspace && evidence_chars == 0;
        if said.consent == Consent::OptedIn && by_workspace_alone && self.consent.refused_by_person(channel) {
            return Err(Error::NeedsEvidence);
        }
        let Said { consent, evidence, source } = said;
        Ok(vec![Event::ContactConsentSet { consent, channel, evidence, source }])
    }
}
