//! Contacts: how they are shown, and why a change to one is refused.

mod attributes;
mod block;
mod consent;
mod create;
mod filter;
mod read;
mod update;
mod view;

use aggregates::contact;

pub(super) use attributes::NewAttributes;
pub(crate) use attributes::read as read_attribute;
pub(super) use block::{BlockContact, UnblockContact};
pub(super) use consent::SetContactConsent;
pub(super) use create::{CreateContact, UpsertContact};
pub(super) use filter::FilterContacts;
pub(super) use read::{GetContact, ListContacts};
pub(super) use update::UpdateContact;
pub(super) use view::{load, tag_views};

use crate::problem::{Code, Problem};

impl From<contact::Error> for Problem {
    fn from(error: contact::Error) -> Self {
        let message = error.to_string();
        match error {
            contact::Error::Nameless => Self::invalid("firstName", message)
                .hint("give firstName, lastName, email, phone, or channelAccountId with channelUserId"),
            contact::Error::Unknown => Self::new(Code::NotFound, message).field("contactId"),
            contact::Error::Exists => Self::new(Code::Conflict, message),
            contact::Error::SetAndCleared(attribute) => {
                Self::invalid(attribute.to_string(), message).hint("leave it out of clear, or do not set it")
            }
            contact::Error::TooManyTags => {
                Self::invalid("tags", message).hint("remove tags with remove_contact_tags first")
            }
            contact::Error::InvalidNote => Self::invalid("text", message),
            contact::Error::NeedsEvidence => Self::new(Code::OptedOut, message)
                .field("evidence")
                .hint("say in evidence how the consent is known, or wait until the contact writes START"),
            contact::Error::InvalidEvidence => Self::invalid("evidence", message),
            contact::Error::InvalidIdentity => Self::invalid("channelUserId", message),
        }
    }
}
