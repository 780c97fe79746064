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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{causes, holds, refuses};

    const CONTACT: ContactId = ContactId(Uuid::from_u128(2));
    const ACCOUNT: AccountId = AccountId(Uuid::from_u128(3));

    fn start(contact: ContactId, account: AccountId) -> Command {
        Command::Start { contact, account }
    }

    fn started() -> Event {
        Event::ConversationStarted { contact: CONTACT, account: ACCOUNT }
    }

    fn inbound(number: u128) -> InboundMessage {
        InboundMessage {
            message: MessageId(Uuid::from_u128(number)),
            contact: CONTACT,
            account: ACCOUNT,
            text: "hello".to_owned().into(),
            button: None,
            reply_to: None,
            user: "v1".to_owned().into(),
            provider_message_id: format!("m{number}").into(),
        }
    }

    fn received(number: u128) -> Event {
        Event::MessageReceived(inbound(number))
    }

    #[test]
    fn a_conversation_starts_once() {
        causes::<Conversation>(vec![], start(CONTACT, ACCOUNT), vec![started()]);
    }

    #[test]
    fn a_conversation_stays_with_its_contact_and_account() {
        let (other_contact, other_account) = (ContactId(Uuid::from_u128(8)), AccountId(Uuid::from_u128(9)));
        for command in [
            start(other_contact, ACCOUNT),
            start(CONTACT, other_account),
            Command::Receive(InboundMessage { contact: other_contact, ..inbound(1) }),
            Command::Receive(InboundMessage { account: other_account, ..inbound(1) }),
        ] {
            refuses::<Conversation>(vec![started()], command, Error::Elsewhere);
        }
    }

    #[test]
    fn what_does_not_exist_takes_nothing_in() {
        refuses::<Conversation>(vec![], Command::Receive(inbound(1)), Error::Unknown);
        refuses::<Conversation>(vec![], Command::MarkRead, Error::Unknown);
    }

    #[test]
    fn a_message_is_received_once() {
        causes::<Conversation>(vec![started(), received(1)], Command::Receive(inbound(2)), vec![received(2)]);
    }

    #[test]
    fn what_was_unread_is_read_once() {
        let read = |messages| Event::ConversationRead { contact: CONTACT, messages };
        causes::<Conversation>(vec![started(), received(1), received(2)], Command::MarkRead, vec![read(2)]);
        causes::<Conversation>(vec![started()], Command::MarkRead, vec![]);
        causes::<Conversation>(vec![started(), received(1), read(1), received(2)], Command::MarkRead, vec![read(1)]);
    }

    #[test]
    fn a_contact_has_one_conversation_on_an_account_and_a_message_is_taken_in_once() {
        holds::<Conversation>(
            &[started(), received(1)],
            &[conversation_claim(ACCOUNT, CONTACT), inbound_claim(ACCOUNT, "v1", "m1")],
        );
        // The log answers a repeated delivery with the owner of the claim: the message.
        let changes = Conversation::claims(&received(1), Uuid::nil());
        assert!(matches!(&changes[..], [ClaimChange::Take { owner, .. }] if *owner == Uuid::from_u128(1)));
    }

    #[test]
    fn a_senders_id_cannot_pass_for_another_sender_and_message() {
        assert_ne!(inbound_claim(ACCOUNT, "a/b", "c"), inbound_claim(ACCOUNT, "a", "b/c"));
        assert_ne!(inbound_claim(ACCOUNT, "1/a", "b"), inbound_claim(ACCOUNT, "1", "a/b"));
    }

    #[test]
    fn a_forgotten_sender_claims_nothing() {
        let erased = InboundMessage { user: Personal::Erased(true), ..inbound(1) };
        holds::<Conversation>(&[Event::MessageReceived(erased)], &[]);
    }

    #[test]
    fn every_event_is_about_the_contact() {
        let read = Event::ConversationRead { contact: CONTACT, messages: 1 };
        for event in [started(), received(1), read] {
            assert_eq!(Conversation::subject(&event, Uuid::nil()), Some(CONTACT));
        }
    }
}
