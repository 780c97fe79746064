//! One event of every name with all its members: what the golden files hold.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::consent::Consent;
use crate::contact::{Identity, Source};
use crate::contact_attributes::{Attribute, Attributes};
use crate::conversation::{InboundMessage, Owner, PressedButton};
use crate::event::Event;
use crate::field_value::{FieldType, FieldValue};
use crate::ids::{AccountId, ContactId, ConversationId, FieldId, MessageId, NoteId, TagId};
use crate::message::{Button, OutboundMessage};
use crate::personal::Personal;
use crate::{bot_field, channel_account, contact, conversation, custom_field, message, tag, token, workspace};

fn id<Id: From<Uuid>>(number: u128) -> Id {
    Uuid::from_u128(0x0199_a6f0_0000_7000_8000_0000_0000_0000 + number).into()
}

fn personal(text: &str) -> Personal<String> {
    Personal::Known(text.to_owned())
}

fn attributes() -> Attributes {
    Attributes {
        first_name: Some(personal("Ana")),
        last_name: Some(personal("López")),
        email: Some(personal("ana@example.com")),
        phone: Some(personal("+491701234567")),
        gender: Some(personal("female")),
        language: Some(personal("es")),
        timezone: Some(personal("Europe/Madrid")),
        country: Some(personal("ES")),
        avatar_url: Some(personal("https://example.com/ana.png")),
    }
}

fn identity() -> Identity {
    Identity { account: id::<AccountId>(3), user: personal("visitor-1") }
}

/// One event of every name, in the order of [`Event::names`].
pub fn examples() -> Vec<Event> {
    let mut events = settings();
    events.extend(contacts());
    events.extend(messages());
    events
}

fn settings() -> Vec<Event> {
    vec![
        workspace::Event::WorkspaceCreated {
            name: "Shop".to_owned(),
            timezone: "Europe/Madrid".to_owned(),
            language: "es".to_owned(),
        }
        .into(),
        token::Event::TokenCreated {
            name: "assistant".to_owned(),
            digest: "0123456789abcdef".repeat(4),
            permission: token::Permission::ReadOnly,
            scopes: vec![token::Scope::ContactsRead, token::Scope::MessagesRead],
            expires_at: Some(1_795_000_000_000_000),
        }
        .into(),
        token::Event::TokenRevoked {}.into(),
        tag::Event::TagCreated { name: "VIP".to_owned() }.into(),
        tag::Event::TagRenamed { name: "Gold".to_owned(), previous: "VIP".to_owned() }.into(),
        tag::Event::TagDeleted { name: "Gold".to_owned() }.into(),
        custom_field::Event::CustomFieldCreated {
            name: "Birthday".to_owned(),
            field_type: FieldType::Date,
            description: Some("to send a card".to_owned()),
        }
        .into(),
        custom_field::Event::CustomFieldUpdated {
            name: Some("Birthdate".to_owned()),
            previous_name: Some("Birthday".to_owned()),
            description: Some("to send a card".to_owned()),
        }
        .into(),
        custom_field::Event::CustomFieldDeleted { name: "Birthdate".to_owned() }.into(),
        bot_field::Event::BotFieldCreated {
            name: "Opening hours".to_owned(),
            field_type: FieldType::Text,
            description: Some("what visitors are told".to_owned()),
            value: Some(FieldValue::Text("9 to 18".to_owned())),
        }
        .into(),
        bot_field::Event::BotFieldSet { value: FieldValue::Text("10 to 18".to_owned()) }.into(),
        bot_field::Event::BotFieldDeleted { name: "Opening hours".to_owned() }.into(),
        channel_account::Event::ChannelAccountConnected {
            channel: channel_account::Channel::Webchat,
            name: "local".to_owned(),
        }
        .into(),
    ]
}

fn contacts() -> Vec<Event> {
    let tags = BTreeSet::from([id::<TagId>(1), id::<TagId>(2)]);
    let earlier = Attributes { email: Some(personal("ana@example.org")), ..Attributes::default() };
    vec![
        contact::Event::ContactCreated {
            source: Source::Workspace,
            attributes: attributes(),
            identity: Some(identity()),
        }
        .into(),
        contact::Event::ContactUpdated {
            source: Source::Customer,
            set: Attributes { email: Some(personal("ana@example.com")), ..Attributes::default() },
            cleared: BTreeSet::from([Attribute::FirstName, Attribute::AvatarUrl]),
            released: earlier,
        }
        .into(),
        contact::Event::ContactTagsAdded { tags: tags.clone() }.into(),
        contact::Event::ContactTagsRemoved { tags }.into(),
        contact::Event::ContactFieldSet {
            field: id::<FieldId>(4),
            value: FieldValue::Date("1990-02-28".to_owned()).into(),
        }
        .into(),
        contact::Event::ContactFieldCleared { field: id::<FieldId>(4) }.into(),
        contact::Event::ContactNoteAdded { note: id::<NoteId>(9), text: personal("prefers to be called") }.into(),
        contact::Event::ContactBlocked { reason: Some(personal("sends spam")) }.into(),
        contact::Event::ContactUnblocked {}.into(),
        contact::Event::ContactConsentSet {
            consent: Consent::OptedIn,
            channel: Some(channel_account::Channel::Webchat),
            evidence: Some(personal("form of 23 November 2026")),
            source: Source::Workspace,
        }
        .into(),
        contact::Event::ContactIdentityConnected { identity: identity() }.into(),
    ]
}

fn messages() -> Vec<Event> {
    let (contact, account): (ContactId, AccountId) = (id(5), id(3));
    let conversation: ConversationId = id(6);
    vec![
        conversation::Event::ConversationStarted { contact, account }.into(),
        conversation::Event::MessageReceived(InboundMessage {
            message: id::<MessageId>(7),
            contact,
            account,
            text: personal("Yes"),
            button: Some(PressedButton { id: "yes".to_owned(), title: personal("Yes") }),
            reply_to: Some(id::<MessageId>(8)),
            user: personal("visitor-1"),
            provider_message_id: personal("client-1"),
        })
        .into(),
        conversation::Event::ConversationRead { contact, messages: 2 }.into(),
        conversation::Event::ConversationClosed { contact }.into(),
        conversation::Event::ConversationReopened { contact }.into(),
        conversation::Event::ConversationOwnerChanged {
            contact,
            owner: Owner::Human,
            by: Some("local".to_owned()),
            reason: Some(personal("asked for a person")),
        }
        .into(),
        message::Event::MessageQueued(OutboundMessage {
            conversation,
            contact,
            account,
            text: personal("Shall we call you?"),
            buttons: vec![Button { id: "yes".to_owned(), title: personal("Yes") }],
            reply_to: Some(id::<MessageId>(7)),
        })
        .into(),
        message::Event::MessageSent { conversation, contact }.into(),
        message::Event::MessageDelivered { conversation, contact }.into(),
        message::Event::MessageRead { conversation, contact }.into(),
    ]
}
