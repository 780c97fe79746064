//! Every event of every aggregate as one type, as the log, the projections and the notifications meet them.
//!
//! An event is stored as a JSON object whose member `type` is its name. Names and members are storage: written once, never
//! edited; a later version of an event is a new variant or an upcast here.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use uuid::Uuid;

use crate::claim::ClaimChange;
use crate::ids::{ContactId, ConversationId, EventId, WorkspaceId};
use crate::metadata::Metadata;
use crate::root::Root;
use crate::stream::StreamType;
use crate::{
    bot_field, channel_account, contact, conversation, custom_field, flow, flow_run, message, tag, token, workspace,
};

/// The version under which this binary writes its events.
pub const VERSION: u16 = 1;

macro_rules! events {
    ($($kind:ident => $aggregate:ty, $event:ty);* $(;)?) => {
        /// An event of any aggregate.
        #[expect(clippy::large_enum_variant, reason = "events are moved through vectors by the page; boxes would cost more")]
        #[derive(Clone, Debug, PartialEq)]
        pub enum Event {
            $(
                #[doc = concat!("An event of a stream of the type `", stringify!($kind), "`.")]
                $kind($event),
            )*
        }

        $(
            impl From<$event> for Event {
                fn from(event: $event) -> Self {
                    Self::$kind(event)
                }
            }

            /// Gives the event back when it is of another aggregate.
            impl TryFrom<Event> for $event {
                type Error = Event;

                fn try_from(event: Event) -> Result<Self, Event> {
                    match event {
                        Event::$kind(event) => Ok(event),
                        other => Err(other),
                    }
                }
            }
        )*

        impl Event {
            /// Every event name that this binary knows, with the stream type it belongs to.
            pub fn names() -> impl Iterator<Item = (StreamType, &'static str)> {
                use strum::VariantNames;
                let mut names = Vec::new();
                $(names.extend(<$event>::VARIANTS.iter().map(|name| (StreamType::$kind, *name)));)*
                names.into_iter()
            }

            /// The kind of stream that it stands in.
            #[must_use]
            pub const fn stream_type(&self) -> StreamType {
                match self {
                    $(Self::$kind(_) => StreamType::$kind,)*
                }
            }

            /// The stored and public name.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$kind(event) => <$aggregate>::event_name(event),)*
                }
            }

            /// The values that it takes or gives back, as an event of the stream `id`.
            #[must_use]
            pub fn claims(&self, id: Uuid) -> Vec<ClaimChange> {
                match self {
                    $(Self::$kind(event) => <$aggregate>::claims(event, id),)*
                }
            }

            /// The contact whom it is about.
            #[must_use]
            pub fn subject(&self, id: Uuid) -> Option<ContactId> {
                match self {
                    $(Self::$kind(event) => <$aggregate>::subject(event, id),)*
                }
            }

            /// The stored form, with personal data in clear under `$personal`.
            ///
            /// # Errors
            /// When a value has no JSON form, such as a map with keys that are not text. None of ours is of that kind.
            pub fn to_json(&self) -> Result<Value, serde_json::Error> {
                match self {
                    $(Self::$kind(event) => serde_json::to_value(event),)*
                }
            }

            /// Reads the stored form.
            ///
            /// # Errors
            /// [`DecodeError::Unknown`] when this binary does not know the name or the version: it is older than the log's writer.
            /// [`DecodeError::Malformed`] when the members are not those of the event.
            pub fn from_json(
                stream_type: StreamType,
                name: &str,
                version: u16,
                payload: Value,
            ) -> Result<Self, DecodeError> {
                Self::read(stream_type, name, version, payload)
            }

            /// The same from the text of the document, with nothing sealed in it.
            ///
            /// # Errors
            /// As [`Self::from_json`].
            pub fn from_slice(
                stream_type: StreamType,
                name: &str,
                version: u16,
                payload: &[u8],
            ) -> Result<Self, DecodeError> {
                let mut document = serde_json::Deserializer::from_slice(payload);
                let event = Self::read(stream_type, name, version, &mut document)?;
                document.end().map_err(|error| malformed(name, &error))?;
                Ok(event)
            }

            fn read<'d, D: Deserializer<'d, Error = serde_json::Error>>(
                stream_type: StreamType,
                name: &str,
                version: u16,
                payload: D,
            ) -> Result<Self, DecodeError> {
                use strum::VariantNames;
                let known = match stream_type {
                    $(StreamType::$kind => <$event>::VARIANTS.contains(&name),)*
                };
                if !known || !(1..=VERSION).contains(&version) {
                    return Err(DecodeError::Unknown { name: name.to_owned(), version });
                }
                let malformed = |error| malformed(name, &error);
                let event = match stream_type {
                    $(StreamType::$kind => <$event>::deserialize(payload).map(Self::$kind).map_err(malformed)?,)*
                };
                // The name stands beside the payload as well as in it; a log in which they differ was tampered with.
                if event.name() != name {
                    let reason = "the payload is of another event".to_owned();
                    return Err(DecodeError::Malformed { name: name.to_owned(), reason });
                }
                Ok(event)
            }
        }
    };
}

events! {
    Workspace => workspace::Workspace, workspace::Event;
    Token => token::Token, token::Event;
    Tag => tag::Tag, tag::Event;
    CustomField => custom_field::CustomField, custom_field::Event;
    BotField => bot_field::BotField, bot_field::Event;
    ChannelAccount => channel_account::ChannelAccount, channel_account::Event;
    Contact => contact::Contact, contact::Event;
    Conversation => conversation::Conversation, conversation::Event;
    Message => message::Message, message::Event;
    Flow => flow::Flow, flow::Event;
    FlowRun => flow_run::FlowRun, flow_run::Event;
}

fn malformed(name: &str, error: &serde_json::Error) -> DecodeError {
    // The position in the text only: the message of serde may quote values.
    let reason = format!("{:?} at column {}", error.classify(), error.column());
    DecodeError::Malformed { name: name.to_owned(), reason }
}

/// Why a stored event could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer version of this program.
    #[error("event {name} in version {version} is not known to this version of the program")]
    Unknown {
        /// The stored name.
        name: String,
        /// The stored version.
        version: u16,
    },
    /// The members are not those that the name promises.
    #[error("event {name} cannot be read: {reason}")]
    Malformed {
        /// The stored name.
        name: String,
        /// What serde said, without values.
        reason: String,
    },
}

/// An event as it stands in the log, read and unsealed.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The place in the workspace's log, from 1, without gaps.
    pub position: u64,
    /// The place in the stream, from 1, without gaps.
    pub sequence: u64,
    /// The event's own id.
    pub id: EventId,
    /// The id of the stream that it stands in, without its prefix.
    pub stream_id: Uuid,
    /// When it was recorded, in microseconds since the epoch; never earlier than the event before it.
    pub recorded_at: i64,
    /// Who did it, with what. Shared by the events of one call.
    pub metadata: Arc<Metadata>,
    /// What happened.
    pub event: Event,
}

impl Recorded {
    /// The conversation in which it happened.
    #[must_use]
    pub fn conversation(&self) -> Option<ConversationId> {
        use message::Event as Message;
        match &self.event {
            Event::Conversation(_) => Some(self.stream_id.into()),
            Event::Message(event) => Some(match event {
                Message::MessageQueued(message) => message.conversation,
                Message::MessageSent { conversation, .. }
                | Message::MessageDelivered { conversation, .. }
                | Message::MessageRead { conversation, .. } => *conversation,
            }),
            _ => None,
        }
    }
}
