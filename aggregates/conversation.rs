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
    /// There is nothing left to do in it. The next inbound message opens it again.
    Close,
    /// Open it again.
    Reopen,
    /// Say who answers in it.
    SetOwner {
        /// Which kind.
        owner: Owner,
        /// Who exactly: a token's or a flow run's id, `local`; of no meaning with [`Owner::None`].
        by: Option<String>,
        /// Why, for whoever reads the log.
        reason: Option<Personal<String>>,
    },
}

/// Who answers in a conversation: exactly one. Stored names: never edited.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Owner {
    /// Nobody yet, or nobody any more.
    #[default]
    None,
    /// A flow.
    Flow,
    /// An assistant, with a token.
    Ai,
    /// A person.
    Human,
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
    /// Nothing was left to do in it.
    ConversationClosed {
        /// With whom.
        contact: ContactId,
    },
    /// It was opened again, by the workspace or by a message of the customer.
    ConversationReopened {
        /// With whom.
        contact: ContactId,
    },
    /// Somebody else answers in it from now on.
    ConversationOwnerChanged {
        /// With whom.
        contact: ContactId,
        /// Which kind answers.
        owner: Owner,
        /// Who exactly: a token's or a flow run's id, `local`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Personal<String>>,
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
    /// Whether nothing is left to do in it.
    pub closed: bool,
    /// Who answers.
    pub owner: Owner,
    /// Who exactly.
    pub owned_by: Option<String>,
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
                // Messages are appended at any sequence: one that crossed a close has no event of its own that opens it.
                self.closed = false;
            }
            Event::ConversationRead { .. } => self.unread = 0,
            Event::ConversationClosed { .. } => self.closed = true,
            Event::ConversationReopened { .. } => self.closed = false,
            Event::ConversationOwnerChanged { owner, by, .. } => {
                self.owner = *owner;
                self.owned_by.clone_from(by);
            }
        }
    }
}

impl Root for Conversation {
    const STREAM: StreamType = StreamType::Conversation;
    const SNAPSHOT_VERSION: u32 = 2;

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
            (Command::Receive(inbound), Some((contact, _))) => {
                // The message stands last: its position is that of the whole append.
                let reopened = self.closed.then_some(Event::ConversationReopened { contact });
                Ok(reopened.into_iter().chain([Event::MessageReceived(inbound.clone())]).collect())
            }
            (Command::MarkRead, Some(_)) if self.unread == 0 => Ok(Vec::new()),
            (Command::MarkRead, Some((contact, _))) => {
                Ok(vec![Event::ConversationRead { contact, messages: self.unread }])
            }
            (Command::Close, Some((contact, _))) => {
                Ok((!self.closed).then_some(Event::ConversationClosed { contact }).into_iter().collect())
            }
            (Command::Reopen, Some((contact, _))) => {
                Ok(self.closed.then_some(Event::ConversationReopened { contact }).into_iter().collect())
            }
            (Command::SetOwner { owner, by, reason }, Some((contact, _))) => {
                let by = by.clone().filter(|_| *owner != Owner::None);
                if (self.owner, &self.owned_by) == (*owner, &by) {
                    return Ok(Vec::new());
                }
                Ok(vec![Event::ConversationOwnerChanged { contact, owner: *owner, by, reason: reason.clone() }])
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
            Event::ConversationRead { .. }
            | Event::ConversationClosed { .. }
            | Event::ConversationReopened { .. }
            | Event::ConversationOwnerChanged { .. } => Vec::new(),
        }
    }

    fn subject(event: &Event, _: Uuid) -> Option<ContactId> {
        Some(match event {
            Event::ConversationStarted { contact, .. }
            | Event::ConversationRead { contact, .. }
            | Event::ConversationClosed { contact }
            | Event::ConversationReopened { contact }
            | Event::ConversationOwnerChanged { contact, .. } => *contact,
            Event::MessageReceived(inbound) => inbound.contact,
        })
    }

    fn event_name(event: &Event) -> &'static str {
        event.into()
    }
}

cqrs_glue!(Conversation, Command, Event, Error, Conversation);

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
