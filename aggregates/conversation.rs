//! A conversation: what a contact and the workspace say to each other on one channel account, and how it stands.
//!
//! Inbound messages stand in this stream, so that nothing else can make them fail: they append at any sequence, guarded only
//! by the claim on the provider's message id. Outbound messages are streams of their own (see `message.rs`).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::{Claim, ClaimChange, ClaimKind};
use crate::glue::cqrs_glue;
use crate::ids::{AccountId, ContactId, MessageId};
use crate::personal::Personal;
use crate::root::Root;
use crate::stream::StreamType;

/// A button that the customer pressed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PressedButton {
    /// The button's id, as it was sent.
    pub id: String,
    /// The words on it.
    pub title: Personal<String>,
}

/// What can be asked of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin it.
    Start {
        /// With whom.
        contact: ContactId,
        /// Where.
        account: AccountId,
    },
    /// Take in what the customer wrote.
    Receive(InboundMessage),
    /// Everything up to now was read by the workspace.
    MarkRead,
}

/// A message from the customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InboundMessage {
    /// The message's id, ours.
    pub message: MessageId,
    /// Who wrote.
    pub contact: ContactId,
    /// Where.
    pub account: AccountId,
    /// The text, or the words on the button.
    pub text: Personal<String>,
    /// The button that was pressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub button: Option<PressedButton>,
    /// Which message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// The provider's id of the sender.
    pub user: Personal<String>,
    /// The provider's id of the message: taken in once per sender.
    pub provider_message_id: Personal<String>,
}

/// What happened in a conversation. Names and members are stored: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// It began.
    ConversationStarted {
        /// With whom.
        contact: ContactId,
        /// Where.
        account: AccountId,
    },
    /// The customer wrote.
    MessageReceived(InboundMessage),
    /// The workspace has read everything so far.
    ConversationRead {
        /// With whom.
        contact: ContactId,
        /// How many messages had been unread.
        messages: u64,
    },
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not exist.
    #[error("this conversation does not exist")]
    Unknown,
    /// It is with somebody else or elsewhere.
    #[error("this conversation is with another contact or on another channel account")]
    Elsewhere,
}

/// A conversation's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// With whom and where; nothing before it began.
    pub with: Option<(ContactId, AccountId)>,
    /// Inbound messages since it was last read.
    pub unread: u64,
    /// The last inbound message.
    pub last_inbound: Option<MessageId>,
}

/// The claim that a contact has one conversation on an account.
#[must_use]
pub fn conversation_claim(account: AccountId, contact: ContactId) -> Claim {
    Claim::new(ClaimKind::ConversationOf, format!("{account}/{contact}"))
}

/// The claim that a sender's message is taken in once.
#[must_use]
pub fn inbound_claim(account: AccountId, user: &str, provider_message_id: &str) -> Claim {
    // The sender's id may hold any character: its length keeps the parts apart.
    Claim::new(ClaimKind::InboundMessage, format!("{account}/{}/{user}/{provider_message_id}", user.len()))
}

impl Conversation {
    fn fold(&mut self, event: &Event) {
        match event {
            Event::ConversationStarted { contact, account } => self.with = Some((*contact, *account)),
            Event::MessageReceived(inbound) => {
                self.unread += 1;
                self.last_inbound = Some(inbound.message);
            }
            Event::ConversationRead { .. } => self.unread = 0,
        }
    }
}

impl Root for Conversation {
    const STREAM: StreamType = StreamType::Conversation;
    const SNAPSHOT_VERSION: u32 = 1;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        match (command, self.with) {
            (Command::Start { contact, account }, None) => {
                Ok(vec![Event::ConversationStarted { contact: *contact, account: *account }])
            }
            (Command::Start { contact, account }, Some(with)) => {
                if with == (*contact, *account) {
                    Ok(Vec::new())
                } else {
                    Err(Error::Elsewhere)
                }
            }
            (_, None) => Err(Error::Unknown),
            (Command::Receive(inbound), Some(with)) if with != (inbound.contact, inbound.account) => {
                Err(Error::Elsewhere)
            }
            (Command::Receive(inbound), Some(_)) if self.last_inbound == Some(inbound.message) => Ok(Vec::new()),
            (Command::Receive(inbound), Some(_)) => Ok(vec![Event::MessageReceived(inbound.clone())]),
            (Command::MarkRead, Some(_)) if self.unread == 0 => Ok(Vec::new()),
            (Command::MarkRead, Some((contact, _))) => {
                Ok(vec![Event::ConversationRead { contact, messages: self.unread }])
            }
        }
    }

    fn claims(event: &Event, id: Uuid) -> Vec<ClaimChange> {
        match event {
            Event::ConversationStarted { contact, account } => {
                vec![ClaimChange::Take { claim: conversation_claim(*account, *contact), owner: id }]
            }
            Event::MessageReceived(inbound) => match (inbound.user.known(), inbound.provider_message_id.known()) {
                // The owner is the message: a repeated delivery is answered with the first one's id.
                (Some(user), Some(message)) => vec![ClaimChange::Take {
                    claim: inbound_claim(inbound.account, user, message),
                    owner: inbound.message.0,
                }],
                _ => Vec::new(),
            },
            Event::ConversationRead { .. } => Vec::new(),
        }
    }

    fn subject(event: &Event, _: Uuid) -> Option<ContactId> {
        Some(match event {
            Event::ConversationStarted { contact, .. } | Event::ConversationRead { contact, .. } => *contact,
            Event::MessageReceived(inbound) => inbound.contact,
        })
    }

    fn event_name(event: &Event) -> &'static str {
        event.into()
    }
}

cqrs_glue!(Conversation, Command, Event, Error, Conversation);
