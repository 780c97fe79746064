//! Random events of every name and random commands, for the properties.
//!
//! Everything personal begins with [`MARK`], and nothing else holds it: where it shows, personal data leaked.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use super::arbitrary_flows::flow_event_named;
use crate::consent::Consent;
use crate::contact::{Identity, Source};
use crate::contact_attributes::{Attribute, Attributes};
use crate::conversation::{InboundMessage, Owner, PressedButton};
use crate::event::Event;
use crate::field_value::{FieldType, FieldValue};
use crate::message::{Button, OutboundMessage, Status};
use crate::personal::Personal;
use crate::token::{Permission, Scope};
use crate::{bot_field, channel_account, contact, conversation, custom_field, message, tag, token, workspace};

/// The beginning of every personal text.
pub const MARK: &str = "§";

/// An id out of few, so that commands meet.
pub(super) fn id<Id: From<Uuid> + std::fmt::Debug>() -> impl Strategy<Value = Id> {
    (1..4_u128).prop_map(|number| Id::from(Uuid::from_u128(number)))
}

pub(super) fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace(MARK, ""))
}

pub(super) fn personal() -> impl Strategy<Value = Personal<String>> {
    prop_oneof![
        9 => any::<String>().prop_map(|text| Personal::Known(format!("{MARK}{text}"))),
        1 => Just(Personal::Erased(true)),
    ]
}

fn marked() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| format!("{MARK}{text}"))
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![Just(Source::Workspace), Just(Source::Customer)]
}

fn attribute() -> impl Strategy<Value = Attribute> {
    use Attribute::{AvatarUrl, Country, Email, FirstName, Gender, Language, LastName, Phone, Timezone};
    prop::sample::select(vec![FirstName, LastName, Email, Phone, Gender, Language, Timezone, Country, AvatarUrl])
}

fn attributes(value: impl Strategy<Value = Personal<String>> + Clone) -> impl Strategy<Value = Attributes> {
    (vec(option::of(value), 9)).prop_map(|values| {
        let mut values = values.into_iter();
        let mut next = || values.next().flatten();
        Attributes {
            first_name: next(),
            last_name: next(),
            email: next(),
            phone: next(),
            gender: next(),
            language: next(),
            timezone: next(),
            country: next(),
            avatar_url: next(),
        }
    })
}

fn consent() -> impl Strategy<Value = Consent> {
    prop_oneof![Just(Consent::OptedIn), Just(Consent::OptedOut)]
}

fn channel() -> impl Strategy<Value = Option<channel_account::Channel>> {
    option::of(Just(channel_account::Channel::Webchat))
}

fn identity(user: impl Strategy<Value = Personal<String>>) -> impl Strategy<Value = Identity> {
    (id(), user).prop_map(|(account, user)| Identity { account, user })
}

fn number() -> impl Strategy<Value = serde_json::Number> {
    prop_oneof![
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_filter_map("JSON has no NaN and no infinity", serde_json::Number::from_f64),
    ]
}

fn field_value() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        marked().prop_map(FieldValue::Text),
        number().prop_map(FieldValue::Number),
        any::<bool>().prop_map(FieldValue::Boolean),
        marked().prop_map(FieldValue::Date),
        marked().prop_map(FieldValue::DateTime),
        marked().prop_map(FieldValue::Time),
        marked().prop_map(FieldValue::Url),
        marked().prop_map(FieldValue::Email),
        marked().prop_map(FieldValue::Phone),
        vec(marked(), 0..4).prop_map(FieldValue::List),
    ]
}

fn field_type() -> impl Strategy<Value = FieldType> {
    use FieldType::{Boolean, Date, DateTime, Email, List, Number, Phone, Text, Time, Url};
    prop::sample::select(vec![Text, Number, Boolean, Date, DateTime, Time, Url, Email, Phone, List])
}

fn owner() -> impl Strategy<Value = Owner> {
    prop::sample::select(vec![Owner::None, Owner::Flow, Owner::Ai, Owner::Human])
}

fn inbound(text: impl Strategy<Value = Personal<String>> + Clone) -> impl Strategy<Value = InboundMessage> {
    let button = (self::text(), personal()).prop_map(|(id, title)| PressedButton { id, title });
    (id(), id(), id(), option::of(button), option::of(id()), vec(text, 3)).prop_map(
        |(message, contact, account, button, reply_to, texts)| {
            let [text, user, provider_message_id]: [_; 3] = texts.try_into().expect("three texts");
            InboundMessage { message, contact, account, text, button, reply_to, user, provider_message_id }
        },
    )
}

fn outbound(text: impl Strategy<Value = Personal<String>>) -> impl Strategy<Value = OutboundMessage> {
    let button = (self::text(), personal()).prop_map(|(id, title)| Button { id, title });
    (id(), id(), id(), text, vec(button, 0..4), option::of(id())).prop_map(
        |(conversation, contact, account, text, buttons, reply_to)| OutboundMessage {
            conversation,
            contact,
            account,
            text,
            buttons,
            reply_to,
        },
    )
}

/// An event of any name.
pub fn event() -> impl Strategy<Value = Event> {
    prop::sample::select(Event::names().collect::<Vec<_>>()).prop_flat_map(|(_, name)| event_named(name))
}

fn event_named(name: &str) -> BoxedStrategy<Event> {
    use contact::Event::{
        ContactBlocked, ContactConsentSet, ContactCreated, ContactFieldCleared, ContactFieldSet,
        ContactIdentityConnected, ContactNoteAdded, ContactTagsAdded, ContactTagsRemoved, ContactUnblocked,
        ContactUpdated,
    };
    let permission = prop_oneof![Just(Permission::Full), Just(Permission::ReadOnly)];
    let scope = prop::sample::select(vec![Scope::ContactsRead, Scope::MessagesSend, Scope::EventsRead, Scope::Admin]);
    match name {
        "WorkspaceCreated" => (text(), text(), text())
            .prop_map(|(name, timezone, language)| {
                workspace::Event::WorkspaceCreated { name, timezone, language }.into()
            })
            .boxed(),
        "TokenCreated" => (text(), text(), permission, vec(scope, 0..4), option::of(any::<i64>()))
            .prop_map(|(name, digest, permission, scopes, expires_at)| {
                token::Event::TokenCreated { name, digest, permission, scopes, expires_at }.into()
            })
            .boxed(),
        "TokenRotated" => (text(), option::of(any::<i64>()))
            .prop_map(|(digest, previous_expires_at)| token::Event::TokenRotated { digest, previous_expires_at }.into())
            .boxed(),
        "TokenRevoked" => Just(token::Event::TokenRevoked {}.into()).boxed(),
        "TagCreated" => text().prop_map(|name| tag::Event::TagCreated { name }.into()).boxed(),
        "CustomFieldCreated" => (text(), field_type(), option::of(text()))
            .prop_map(|(name, field_type, description)| {
                custom_field::Event::CustomFieldCreated { name, field_type, description }.into()
            })
            .boxed(),
        "TagRenamed" => {
            (text(), text()).prop_map(|(name, previous)| tag::Event::TagRenamed { name, previous }.into()).boxed()
        }
        "TagDeleted" => text().prop_map(|name| tag::Event::TagDeleted { name }.into()).boxed(),
        "CustomFieldUpdated" => (option::of(text()), option::of(text()), option::of(text()))
            .prop_map(|(name, previous_name, description)| {
                custom_field::Event::CustomFieldUpdated { name, previous_name, description }.into()
            })
            .boxed(),
        "CustomFieldDeleted" => text().prop_map(|name| custom_field::Event::CustomFieldDeleted { name }.into()).boxed(),
        "BotFieldCreated" => (text(), field_type(), option::of(text()), option::of(field_value()))
            .prop_map(|(name, field_type, description, value)| {
                bot_field::Event::BotFieldCreated { name, field_type, description, value }.into()
            })
            .boxed(),
        "BotFieldSet" => field_value().prop_map(|value| bot_field::Event::BotFieldSet { value }.into()).boxed(),
        "BotFieldDeleted" => text().prop_map(|name| bot_field::Event::BotFieldDeleted { name }.into()).boxed(),
        "ChannelAccountConnected" => text()
            .prop_map(|name| {
                let channel = channel_account::Channel::Webchat;
                channel_account::Event::ChannelAccountConnected { channel, name }.into()
            })
            .boxed(),
        "ContactCreated" => (source(), attributes(personal().boxed()), option::of(identity(personal())))
            .prop_map(|(source, attributes, identity)| ContactCreated { source, attributes, identity }.into())
            .boxed(),
        "ContactUpdated" => {
            (source(), attributes(personal().boxed()), btree_set(attribute(), 0..9), attributes(personal().boxed()))
                .prop_map(|(source, set, cleared, released)| ContactUpdated { source, set, cleared, released }.into())
                .boxed()
        }
        "ContactTagsAdded" => btree_set(id(), 0..4).prop_map(|tags| ContactTagsAdded { tags }.into()).boxed(),
        "ContactTagsRemoved" => btree_set(id(), 0..4).prop_map(|tags| ContactTagsRemoved { tags }.into()).boxed(),
        "ContactFieldSet" => (id(), field_value())
            .prop_map(|(field, value)| ContactFieldSet { field, value: value.into() }.into())
            .boxed(),
        "ContactFieldCleared" => id().prop_map(|field| ContactFieldCleared { field }.into()).boxed(),
        "ContactNoteAdded" => {
            (id(), personal()).prop_map(|(note, text)| ContactNoteAdded { note, text }.into()).boxed()
        }
        "ContactBlocked" => option::of(personal()).prop_map(|reason| ContactBlocked { reason }.into()).boxed(),
        "ContactUnblocked" => Just(ContactUnblocked {}.into()).boxed(),
        "ContactConsentSet" => (consent(), channel(), option::of(personal()), source())
            .prop_map(|(consent, channel, evidence, source)| {
                ContactConsentSet { consent, channel, evidence, source }.into()
            })
            .boxed(),
        "ContactIdentityConnected" => {
            identity(personal()).prop_map(|identity| ContactIdentityConnected { identity }.into()).boxed()
        }
        "ConversationStarted" => (id(), id())
            .prop_map(|(contact, account)| conversation::Event::ConversationStarted { contact, account }.into())
            .boxed(),
        "MessageReceived" => {
            inbound(personal().boxed()).prop_map(|inbound| conversation::Event::MessageReceived(inbound).into()).boxed()
        }
        "ConversationRead" => (id(), any::<u64>())
            .prop_map(|(contact, messages)| conversation::Event::ConversationRead { contact, messages }.into())
            .boxed(),
        "ConversationClosed" => {
            id().prop_map(|contact| conversation::Event::ConversationClosed { contact }.into()).boxed()
        }
        "ConversationReopened" => {
            id().prop_map(|contact| conversation::Event::ConversationReopened { contact }.into()).boxed()
        }
        "ConversationOwnerChanged" => (id(), owner(), option::of(text()), option::of(personal()))
            .prop_map(|(contact, owner, by, reason)| {
                conversation::Event::ConversationOwnerChanged { contact, owner, by, reason }.into()
            })
            .boxed(),
        "MessageQueued" => {
            outbound(personal()).prop_map(|outbound| message::Event::MessageQueued(outbound).into()).boxed()
        }
        "MessageSent" | "MessageDelivered" | "MessageRead" => {
            let name = name.to_owned();
            (id(), id())
                .prop_map(move |(conversation, contact)| match name.as_str() {
                    "MessageSent" => message::Event::MessageSent { conversation, contact }.into(),
                    "MessageDelivered" => message::Event::MessageDelivered { conversation, contact }.into(),
                    _ => message::Event::MessageRead { conversation, contact }.into(),
                })
                .boxed()
        }
        other if other.starts_with("Flow") => flow_event_named(other),
        other => panic!("random events of the name {other} are missing"),
    }
}

/// A personal text out of few, so that what is set meets what is there.
fn few() -> BoxedStrategy<Personal<String>> {
    prop::sample::select(vec!["ana@example.com", "Ana@example.com", "+491701234567"])
        .prop_map(|text| Personal::Known(text.to_owned()))
        .boxed()
}

/// Any command to a contact.
pub fn contact_command() -> impl Strategy<Value = contact::Command> {
    use contact::Command::{
        AddNote, AddTags, Block, ClearFields, ConnectIdentity, Create, RemoveTags, SetConsent, SetField, Unblock,
        Update,
    };
    let tags = || btree_set(id(), 0..3);
    let value = prop_oneof![field_value(), Just(FieldValue::Boolean(true))];
    prop_oneof![
        2 => (source(), attributes(few()), option::of(identity(few())))
            .prop_map(|(source, attributes, identity)| Create { source, attributes, identity }),
        6 => (source(), attributes(few()), btree_set(attribute(), 0..3)).prop_map(|(source, mut set, clear): (_, _, BTreeSet<_>)| {
            set.clear(&clear);
            Update { source, set, clear }
        }),
        2 => tags().prop_map(|tags| AddTags { tags }),
        2 => tags().prop_map(|tags| RemoveTags { tags }),
        2 => (id(), value).prop_map(|(field, value)| SetField { field, value }),
        2 => identity(few()).prop_map(|identity| ConnectIdentity { identity }),
        1 => btree_set(id(), 0..3).prop_map(|fields| ClearFields { fields }),
        1 => (id(), personal()).prop_map(|(note, text)| AddNote { note, text }),
        1 => option::of(few()).prop_map(|reason| Block { reason }),
        1 => Just(Unblock),
        2 => (consent(), channel(), option::of(few()), source())
            .prop_map(|(consent, channel, evidence, source)| SetConsent { consent, channel, evidence, source }),
    ]
}

/// Any command to a conversation.
pub fn conversation_command() -> impl Strategy<Value = conversation::Command> {
    use conversation::Command::{Close, MarkRead, Receive, Reopen, SetOwner, Start};
    prop_oneof![
        (id(), id()).prop_map(|(contact, account)| Start { contact, account }),
        inbound(few()).prop_map(Receive),
        Just(MarkRead),
        Just(Close),
        Just(Reopen),
        (owner(), option::of(Just("run_1".to_owned()))).prop_map(|(owner, by)| SetOwner { owner, by, reason: None }),
    ]
}

/// Any command to a message.
pub fn message_command() -> impl Strategy<Value = message::Command> {
    use Status::{Delivered, None, Queued, Read, Sent};
    prop_oneof![
        outbound(few()).prop_map(|message| message::Command::Queue { message, max_text_chars: 14 }),
        prop::sample::select(vec![None, Queued, Sent, Delivered, Read])
            .prop_map(|status| message::Command::Advance { status }),
    ]
}
