//! An outbound message: from queued to read. A short stream of its own, so that receipts never contend with anything.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::ClaimChange;
use crate::folding::is_hidden;
use crate::glue::cqrs_glue;
use crate::ids::{AccountId, ContactId, ConversationId, MessageId};
use crate::personal::Personal;
use crate::root::Root;
use crate::stream::StreamType;

/// The most buttons under a message.
pub const MAX_BUTTONS: usize = 3;
/// The longest words on a button, in characters.
pub const MAX_BUTTON_CHARS: usize = 80;

/// A button under a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Button {
    /// Comes back when it is pressed; unique in the message.
    pub id: String,
    /// The words on it.
    pub title: Personal<String>,
}

/// How far a message has come. The order is that of the ways through it.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Status {
    /// It does not exist yet.
    #[default]
    #[schemars(skip)]
    None,
    /// Taken in, not yet handed to the channel.
    Queued,
    /// The channel has it; on web chat: the visitor can read it.
    Sent,
    /// It arrived at the customer's device.
    Delivered,
    /// The customer has seen it.
    Read,
}

/// A message to the customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboundMessage {
    /// The conversation that it belongs to.
    pub conversation: ConversationId,
    /// To whom.
    pub contact: ContactId,
    /// Through which account.
    pub account: AccountId,
    /// The text.
    pub text: Personal<String>,
    /// The buttons under it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
    /// Which message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
}

/// What can be asked of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Take it in for sending.
    Queue {
        /// What to send.
        message: OutboundMessage,
        /// The longest text that the channel takes, in characters.
        max_text_chars: usize,
    },
    /// The channel has come this far with it. Repeats and late receipts change nothing.
    Advance {
        /// How far.
        status: Status,
    },
}

/// What happened to a message. Names and members are stored: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// Taken in for sending.
    MessageQueued(OutboundMessage),
    /// The channel has it.
    MessageSent {
        /// The conversation that it belongs to.
        conversation: ConversationId,
        /// To whom.
        contact: ContactId,
    },
    /// It arrived at the customer's device.
    MessageDelivered {
        /// The conversation that it belongs to.
        conversation: ConversationId,
        /// To whom.
        contact: ContactId,
    },
    /// The customer has seen it.
    MessageRead {
        /// The conversation that it belongs to.
        conversation: ConversationId,
        /// To whom.
        contact: ContactId,
    },
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not exist.
    #[error("this message does not exist")]
    Unknown,
    /// There is another one under this id.
    #[error("this message exists already, otherwise")]
    Exists,
    /// No text.
    #[error("a message has at least one visible character of text")]
    Empty,
    /// Too much text.
    #[error("the text has {chars} characters; this channel takes at most {max}")]
    TooLong {
        /// How many it has.
        chars: usize,
        /// How many it may have.
        max: usize,
    },
    /// Too many buttons, or one without words, or two with one id.
    #[error(
        "a message has at most {MAX_BUTTONS} buttons, each with an id of its own (1 to 255 characters) and 1 to {MAX_BUTTON_CHARS} characters of title"
    )]
    InvalidButtons,
}

/// A message's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// What was to be sent; nothing before it was queued.
    pub message: Option<OutboundMessage>,
    /// How far it has come.
    pub status: Status,
}

fn shows_nothing(text: &str) -> bool {
    text.chars().all(|letter| letter.is_whitespace() || is_hidden(letter))
}

fn check(message: &OutboundMessage, max_text_chars: usize) -> Result<(), Error> {
    let text = message.text.known().map_or("", String::as_str);
    if shows_nothing(text) {
        return Err(Error::Empty);
    }
    let chars = text.chars().count();
    if chars > max_text_chars {
        return Err(Error::TooLong { chars, max: max_text_chars });
    }
    let button_fits = |button: &Button| {
        let title = button.title.known().map_or("", String::as_str);
        !shows_nothing(title)
            && title.chars().count() <= MAX_BUTTON_CHARS
            && (1..=255).contains(&button.id.chars().count())
    };
    let ids: std::collections::BTreeSet<&str> = message.buttons.iter().map(|button| button.id.as_str()).collect();
    let distinct = ids.len() == message.buttons.len();
    if message.buttons.len() > MAX_BUTTONS || !distinct || !message.buttons.iter().all(button_fits) {
        return Err(Error::InvalidButtons);
    }
    Ok(())
}

impl Message {
    fn fold(&mut self, event: &Event) {
        let status = match event {
            Event::MessageQueued(message) => {
                self.message = Some(message.clone());
                Status::Queued
            }
            Event::MessageSent { .. } => Status::Sent,
            Event::MessageDelivered { .. } => Status::Delivered,
            Event::MessageRead { .. } => Status::Read,
        };
        self.status = self.status.max(status);
    }
}

impl Root for Message {
    const STREAM: StreamType = StreamType::Message;
    const SNAPSHOT_VERSION: u32 = 1;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        match (command, &self.message) {
            (Command::Queue { message, max_text_chars }, None) => {
                check(message, *max_text_chars)?;
                Ok(vec![Event::MessageQueued(message.clone())])
            }
            (Command::Queue { message, .. }, Some(queued)) => {
                if message == queued {
                    Ok(Vec::new())
                } else {
                    Err(Error::Exists)
                }
            }
            (Command::Advance { .. }, None) => Err(Error::Unknown),
            (Command::Advance { status }, Some(_)) if *status <= self.status => Ok(Vec::new()),
            (Command::Advance { status }, Some(message)) => {
                let (conversation, contact) = (message.conversation, message.contact);
                Ok(match status {
                    Status::None | Status::Queued => Vec::new(),
                    Status::Sent => vec![Event::MessageSent { conversation, contact }],
                    Status::Delivered => vec![Event::MessageDelivered { conversation, contact }],
                    Status::Read => vec![Event::MessageRead { conversation, contact }],
                })
            }
        }
    }

    fn claims(_: &Event, _: Uuid) -> Vec<ClaimChange> {
        Vec::new()
    }

    fn subject(event: &Event, _: Uuid) -> Option<ContactId> {
        Some(match event {
            Event::MessageQueued(message) => message.contact,
            Event::MessageSent { contact, .. }
            | Event::MessageDelivered { contact, .. }
            | Event::MessageRead { contact, .. } => *contact,
        })
    }

    fn event_name(event: &Event) -> &'static str {
        event.into()
    }
}

cqrs_glue!(Message, Command, Event, Error, Message);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{causes, holds, refuses};

    const CONTACT: ContactId = ContactId(Uuid::from_u128(2));
    const CONVERSATION: ConversationId = ConversationId(Uuid::from_u128(1));

    fn outbound(text: &str, buttons: &[(&str, &str)]) -> OutboundMessage {
        let button = |(id, title): &(&str, &str)| Button { id: (*id).to_owned(), title: (*title).to_owned().into() };
        OutboundMessage {
            conversation: CONVERSATION,
            contact: CONTACT,
            account: AccountId(Uuid::from_u128(3)),
            text: text.to_owned().into(),
            buttons: buttons.iter().map(button).collect(),
            reply_to: None,
        }
    }

    fn queue(message: OutboundMessage) -> Command {
        Command::Queue { message, max_text_chars: 10 }
    }

    fn queued() -> Event {
        Event::MessageQueued(outbound("hello", &[]))
    }

    fn advance(status: Status) -> Command {
        Command::Advance { status }
    }

    const SENT: Event = Event::MessageSent { conversation: CONVERSATION, contact: CONTACT };
    const DELIVERED: Event = Event::MessageDelivered { conversation: CONVERSATION, contact: CONTACT };
    const READ: Event = Event::MessageRead { conversation: CONVERSATION, contact: CONTACT };

    #[test]
    fn a_message_is_queued_once() {
        causes::<Message>(vec![], queue(outbound("hello", &[])), vec![queued()]);
        let buttons = outbound("ok?", &[("y", "Yes"), ("n", "No"), ("l", &"ä".repeat(80))]);
        causes::<Message>(vec![], queue(buttons.clone()), vec![Event::MessageQueued(buttons)]);
    }

    #[test]
    fn a_queued_message_does_not_become_another() {
        refuses::<Message>(vec![queued()], queue(outbound("bye", &[])), Error::Exists);
    }

    #[test]
    fn a_message_shows_something() {
        for text in ["", " \n", "\u{200b}\u{e0041}"] {
            refuses::<Message>(vec![], queue(outbound(text, &[])), Error::Empty);
        }
        let erased = OutboundMessage { text: Personal::Erased(true), ..outbound("", &[]) };
        refuses::<Message>(vec![], queue(erased), Error::Empty);
    }

    #[test]
    fn a_text_is_counted_in_characters() {
        let fits = outbound(&"😀".repeat(10), &[]);
        causes::<Message>(vec![], queue(fits.clone()), vec![Event::MessageQueued(fits)]);
        let error = Error::TooLong { chars: 11, max: 10 };
        refuses::<Message>(vec![], queue(outbound(&"x".repeat(11), &[])), error);
    }

    #[test]
    fn buttons_are_few_and_tell_apart_what_they_say() {
        let (long, padded) = ("x".repeat(256), format!("{}x", " ".repeat(80)));
        for buttons in [
            &[("a", "A"), ("b", "B"), ("c", "C"), ("d", "D")][..],
            &[("a", "A"), ("a", "B")],
            &[("", "A")],
            &[(long.as_str(), "A")],
            &[("a", " ")],
            &[("a", "\u{200b}")],
            &[("a", &long[..81])],
            &[("a", &padded)],
        ] {
            refuses::<Message>(vec![], queue(outbound("ok?", buttons)), Error::InvalidButtons);
        }
    }

    #[test]
    fn each_receipt_is_taken_once() {
        causes::<Message>(vec![queued()], advance(Status::Sent), vec![SENT]);
        causes::<Message>(vec![queued(), SENT], advance(Status::Delivered), vec![DELIVERED]);
        causes::<Message>(vec![queued(), SENT, DELIVERED], advance(Status::Read), vec![READ]);
    }

    #[test]
    fn receipts_may_skip_and_come_late_but_never_go_back() {
        causes::<Message>(vec![queued()], advance(Status::Read), vec![READ]);
        for late in [Status::None, Status::Queued, Status::Sent, Status::Delivered, Status::Read] {
            causes::<Message>(vec![queued(), READ], advance(late), vec![]);
        }
    }

    #[test]
    fn the_state_never_goes_back_whatever_stands_in_the_stream() {
        let mut message = Message::default();
        for event in [queued(), READ, SENT, queued()] {
            message.fold(&event);
        }
        assert_eq!(message.status, Status::Read);
    }

    #[test]
    fn what_does_not_exist_does_not_advance() {
        refuses::<Message>(vec![], advance(Status::Sent), Error::Unknown);
    }

    #[test]
    fn a_message_claims_nothing_and_is_about_its_contact() {
        let events = [queued(), SENT, DELIVERED, READ];
        holds::<Message>(&events, &[]);
        for event in events {
            assert_eq!(Message::subject(&event, Uuid::nil()), Some(CONTACT));
        }
    }
}
