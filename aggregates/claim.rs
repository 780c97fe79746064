//! Values that only one stream of a workspace may hold at a time, such as a tag's name or a contact's number on a channel.
//!
//! The log stores a claim under a keyed hash of its value, in the same transaction as the event that takes it.

use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What kind of value is claimed. The names are stored: they are written once and never edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// A token's SHA-256, in hex; owned by the token.
    TokenDigest,
    /// A tag's name, folded; owned by the tag.
    TagName,
    /// A custom field's name, folded; owned by the field.
    FieldName,
    /// A bot field's name, folded; owned by the bot field.
    BotFieldName,
    /// A channel account's public address, `<channel>/<name>`; owned by the account.
    AccountAddress,
    /// A person on a channel account, `<account id>/<provider's id>`; owned by the contact.
    ContactIdentity,
    /// An e-mail address set by the workspace (not by the customer), in lower case; owned by the contact.
    ContactEmail,
    /// A phone number in E.164 set by the workspace, owned by the contact.
    ContactPhone,
    /// The conversation of a contact on an account, `<account id>/<contact id>`; owned by the conversation.
    ConversationOf,
    /// A provider's message, `<account id>/<length>/<provider's sender id>/<provider's message id>`; owned by the message.
    InboundMessage,
    /// A flow's name, folded; owned by the flow.
    FlowName,
    /// The run that a contact is in, `<flow id>/<contact id>`; owned by the run, until it ends.
    FlowRunActive,
}

impl ClaimKind {
    /// The kind with a stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name: StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
        Self::deserialize(name).ok()
    }

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TokenDigest => "token_digest",
            Self::TagName => "tag_name",
            Self::FieldName => "field_name",
            Self::BotFieldName => "bot_field_name",
            Self::AccountAddress => "account_address",
            Self::ContactIdentity => "contact_identity",
            Self::ContactEmail => "contact_email",
            Self::ContactPhone => "contact_phone",
            Self::ConversationOf => "conversation_of",
            Self::InboundMessage => "inbound_message",
            Self::FlowName => "flow_name",
            Self::FlowRunActive => "flow_run_active",
        }
    }
}

/// One claimed value.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// The kind.
    pub kind: ClaimKind,
    /// The value, already folded as its kind says. May be personal: never stored or logged in clear.
    pub value: String,
}

impl Claim {
    /// A claim of `kind` on `value`.
    pub fn new(kind: ClaimKind, value: impl Into<String>) -> Self {
        Self { kind, value: value.into() }
    }
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Claim({})", self.kind.name())
    }
}

/// What an event does to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimChange {
    /// `owner` takes the claim; refused while somebody else holds it.
    Take {
        /// What is taken.
        claim: Claim,
        /// The id of the stream that takes it.
        owner: Uuid,
    },
    /// The claim is free again.
    Release {
        /// What is released.
        claim: Claim,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_never_prints_its_value() {
        let claim = Claim::new(ClaimKind::ContactEmail, "ana@example.com");
        assert_eq!(format!("{claim:?}"), "Claim(contact_email)");
        let release = ClaimChange::Release { claim };
        assert!(!format!("{release:#?}").contains("ana"));
    }

    #[test]
    fn the_names_of_kinds_are_those_that_are_stored() {
        use ClaimKind::{
            AccountAddress, BotFieldName, ContactEmail, ContactIdentity, ContactPhone, ConversationOf, FieldName,
            FlowName, FlowRunActive, InboundMessage, TagName, TokenDigest,
        };
        for (kind, name) in [
            (TokenDigest, "token_digest"),
            (TagName, "tag_name"),
            (FieldName, "field_name"),
            (BotFieldName, "bot_field_name"),
            (AccountAddress, "account_address"),
            (ContactIdentity, "contact_identity"),
            (ContactEmail, "contact_email"),
            (ContactPhone, "contact_phone"),
            (ConversationOf, "conversation_of"),
            (InboundMessage, "inbound_message"),
            (FlowName, "flow_name"),
            (FlowRunActive, "flow_run_active"),
        ] {
            assert_eq!(kind.name(), name);
            assert_eq!(serde_json::to_value(kind).expect("a JSON form"), name);
        }
    }
}
