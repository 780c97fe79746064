//! The kinds of stream that the log knows, under their stored names.

use serde::{Deserialize, Serialize};

use crate::ids;

/// The kind of a stream. The names are stored with every event: they are written once and never edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamType {
    /// One workspace: name and settings.
    Workspace,
    /// One access token of a workspace.
    Token,
    /// One tag.
    Tag,
    /// One custom field's definition.
    CustomField,
    /// One bot field: a variable of the workspace.
    BotField,
    /// One account on a channel, such as a web chat widget or a bot.
    ChannelAccount,
    /// One contact.
    Contact,
    /// One conversation with a contact on a channel account, with what was received in it.
    Conversation,
    /// One outbound message, from queued to read.
    Message,
    /// One flow: its draft and its published versions.
    Flow,
    /// One run of a flow with a contact.
    FlowRun,
}

impl StreamType {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 11] = [
        Self::Workspace,
        Self::Token,
        Self::Tag,
        Self::CustomField,
        Self::BotField,
        Self::ChannelAccount,
        Self::Contact,
        Self::Conversation,
        Self::Message,
        Self::Flow,
        Self::FlowRun,
    ];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Token => "token",
            Self::Tag => "tag",
            Self::CustomField => "custom_field",
            Self::BotField => "bot_field",
            Self::ChannelAccount => "channel_account",
            Self::Contact => "contact",
            Self::Conversation => "conversation",
            Self::Message => "message",
            Self::Flow => "flow",
            Self::FlowRun => "flow_run",
        }
    }

    /// The `TypeID` prefix of the ids of such streams.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Workspace => ids::WorkspaceId::PREFIX,
            Self::Token => ids::TokenId::PREFIX,
            Self::Tag => ids::TagId::PREFIX,
            Self::CustomField => ids::FieldId::PREFIX,
            Self::BotField => ids::BotFieldId::PREFIX,
            Self::ChannelAccount => ids::AccountId::PREFIX,
            Self::Contact => ids::ContactId::PREFIX,
            Self::Conversation => ids::ConversationId::PREFIX,
            Self::Message => ids::MessageId::PREFIX,
            Self::Flow => ids::FlowId::PREFIX,
            Self::FlowRun => ids::RunId::PREFIX,
        }
    }

    /// The stream type with this stored name, or nothing.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_type_is_found_under_the_name_that_is_stored() {
        for kind in StreamType::ALL {
            assert_eq!(serde_json::to_value(kind).expect("a JSON form"), kind.name());
            assert_eq!(StreamType::from_name(kind.name()), Some(kind));
        }
        assert_eq!(StreamType::from_name("Contact"), None);
    }

    #[test]
    fn ids_tell_their_stream_types_apart() {
        let prefixes: std::collections::BTreeSet<_> = StreamType::ALL.map(StreamType::prefix).into();
        assert_eq!(prefixes.len(), StreamType::ALL.len());
    }
}
