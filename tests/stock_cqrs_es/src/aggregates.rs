//! The aggregates as an auditor writes them down: only what is asked of them, each event that is of no interest as `Other`.

use std::collections::BTreeSet;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Nobody decides anything here: the log is read.
#[derive(Debug)]
pub struct ReadOnly;

impl std::fmt::Display for ReadOnly {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the log is only read")
    }
}

impl std::error::Error for ReadOnly {}

macro_rules! read_only {
    ($aggregate:ty, $name:literal, $event:ty) => {
        impl Aggregate for $aggregate {
            const TYPE: &'static str = $name;
            type Command = ();
            type Event = $event;
            type Error = ReadOnly;
            type Services = ();

            async fn handle(&mut self, (): (), (): &(), _: &EventSink<Self>) -> Result<(), ReadOnly> {
                Err(ReadOnly)
            }

            fn apply(&mut self, event: $event) {
                self.take(&event);
            }
        }

        impl DomainEvent for $event {
            fn event_type(&self) -> String {
                let document = serde_json::to_value(self).unwrap_or_default();
                document["type"].as_str().unwrap_or_default().to_owned()
            }

            fn event_version(&self) -> String {
                "1".to_owned()
            }
        }
    };
}

/// A tag: its name until it is deleted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tag {
    pub name: Option<String>,
}

/// What happens to a tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum TagEvent {
    TagCreated { name: String },
    TagRenamed { name: String },
    TagDeleted {},
}

impl Tag {
    pub fn take(&mut self, event: &TagEvent) {
        match event {
            TagEvent::TagCreated { name } | TagEvent::TagRenamed { name } => self.name = Some(name.clone()),
            TagEvent::TagDeleted {} => self.name = None,
        }
    }
}

read_only!(Tag, "tag", TagEvent);

/// A contact: the ids of its tags, whether it is blocked, and what is known of its name, which is sealed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Contact {
    pub tags: BTreeSet<String>,
    pub blocked: bool,
    pub first_name: Value,
}

/// What happens to a contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ContactEvent {
    ContactCreated {
        attributes: Value,
    },
    ContactTagsAdded {
        tags: BTreeSet<String>,
    },
    ContactTagsRemoved {
        tags: BTreeSet<String>,
    },
    ContactBlocked {},
    ContactUnblocked {},
    #[serde(other)]
    Other,
}

impl Contact {
    pub fn take(&mut self, event: &ContactEvent) {
        match event {
            ContactEvent::ContactCreated { attributes } => self.first_name = attributes["firstName"].clone(),
            ContactEvent::ContactTagsAdded { tags } => self.tags.extend(tags.iter().cloned()),
            ContactEvent::ContactTagsRemoved { tags } => self.tags.retain(|tag| !tags.contains(tag)),
            ContactEvent::ContactBlocked {} => self.blocked = true,
            ContactEvent::ContactUnblocked {} => self.blocked = false,
            ContactEvent::Other => {}
        }
    }
}

read_only!(Contact, "contact", ContactEvent);

/// A conversation: with whom, whether it is closed, what came in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Conversation {
    pub contact: String,
    pub closed: bool,
    pub received: u64,
    pub unread: u64,
}

/// What happens in a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ConversationEvent {
    ConversationStarted {
        contact: String,
    },
    MessageReceived {},
    ConversationRead {},
    ConversationClosed {},
    ConversationReopened {},
    #[serde(other)]
    Other,
}

impl Conversation {
    pub fn take(&mut self, event: &ConversationEvent) {
        match event {
            ConversationEvent::ConversationStarted { contact } => self.contact.clone_from(contact),
            ConversationEvent::MessageReceived {} => {
                self.received += 1;
                self.unread += 1;
            }
            ConversationEvent::ConversationRead {} => self.unread = 0,
            ConversationEvent::ConversationClosed {} => self.closed = true,
            ConversationEvent::ConversationReopened {} => self.closed = false,
            ConversationEvent::Other => {}
        }
    }
}

read_only!(Conversation, "conversation", ConversationEvent);

/// A message that was sent: in which conversation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Message {
    pub conversation: String,
}

/// What happens to a message that is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum MessageEvent {
    MessageQueued {
        conversation: String,
    },
    #[serde(other)]
    Other,
}

impl Message {
    pub fn take(&mut self, event: &MessageEvent) {
        if let MessageEvent::MessageQueued { conversation } = event {
            self.conversation.clone_from(conversation);
        }
    }
}

read_only!(Message, "message", MessageEvent);
