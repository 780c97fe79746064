//! One event of every name with all its members: what the golden files hold.

use std::collections::BTreeSet;

use serde_json::json;
use uuid::Uuid;

use crate::consent::Consent;
use crate::contact::{Identity, Source};
use crate::contact_attributes::{Attribute, Attributes};
use crate::conversation::{InboundMessage, Owner, PressedButton};
use crate::event::Event;
use crate::field_value::{FieldType, FieldValue};
use crate::flow_document::FlowDocument;
use crate::flow_run::{Cause, Pause, Reason, RunAnswer, RunInput, RunRequest, RunStart, Waker};
use crate::ids::{AccountId, ContactId, ConversationId, FieldId, FlowId, MessageId, NoteId, TagId};
use crate::message::{Button, OutboundMessage};
use crate::personal::Personal;
use crate::{
    bot_field, channel_account, contact, conversation, custom_field, flow, flow_run, message, tag, token, workspace,
};

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
    events.extend(flows());
    events.extend(runs());
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
        token::Event::TokenRotated {
            digest: "fedcba9876543210".repeat(4),
            previous_expires_at: Some(1_795_000_000_000_000),
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

fn flows() -> Vec<Event> {
    let document =
        || FlowDocument::from(json!({ "name": "Welcome", "steps": { "hello": { "send": { "text": "Hi!" } } } }));
    vec![
        flow::Event::FlowCreated { document: document() }.into(),
        flow::Event::FlowDraftUpdated {
            document: document(),
            released_name: Some("Hello".to_owned()),
            restored_from: Some(1),
        }
        .into(),
        flow::Event::FlowPublished { version: 2, document: document() }.into(),
        flow::Event::FlowDeleted { released_name: "Welcome".to_owned() }.into(),
    ]
}

fn run_start() -> RunStart {
    RunStart {
        flow: id(9),
        version: 2,
        contact: id(5),
        conversation: Some(id(6)),
        account: Some(id(3)),
        step: "hello".to_owned(),
        variables: Personal::Known([("plan".to_owned(), json!("free"))].into_iter().collect()),
        cause: Cause::Keyword { position: 40, event: id(11) },
        hops: 0,
        max_steps: 200,
        after: 40,
    }
}

fn run_request() -> RunRequest {
    RunRequest {
        step: "call".to_owned(),
        number: 3,
        attempt: 1,
        method: "POST".to_owned(),
        url: personal("https://example.com/hook?of=ana"),
        until: 1_795_000_000_000_000,
    }
}

fn run_answer() -> RunAnswer {
    let body = Some(Personal::Known(json!({"plan": "gold"})));
    let (error, reason) = (Some("not_json".to_owned()), Some("what was answered is not JSON".to_owned()));
    RunAnswer { number: 3, attempt: 1, status: Some(200), error, reason, body }
}

fn runs() -> Vec<Event> {
    use flow_run::Event::{
        FlowRunCalled, FlowRunCancelled, FlowRunCompleted, FlowRunFailed, FlowRunInputReceived, FlowRunQueued,
        FlowRunRequestEnded, FlowRunRequestStarted, FlowRunResumed, FlowRunReturned, FlowRunStarted,
        FlowRunStepEntered, FlowRunVariablesSet, FlowRunWaiting,
    };
    let (contact, flow, step): (ContactId, FlowId, String) = (id(5), id(9), "ask".to_owned());
    let next = Some("bye".to_owned());
    let queued = RunStart { cause: Cause::Flow { run: id(12) }, hops: 1, ..run_start() };
    let pause = Pause {
        step: step.clone(),
        reason: Reason::Event { event: "tagApplied".to_owned() },
        until: Some(1_795_000_000_000_000),
        attempt: 1,
        after: 41,
    };
    let input = RunInput {
        position: 42,
        message: id(7),
        text: personal("Yes"),
        button: Some("ask.yes".to_owned()),
        settles_at: Some(1_795_000_000_000_000),
        aside: true,
    };
    let variables = Personal::Known([("plan".to_owned(), json!("paid"))].into_iter().collect());
    let kind = "split".to_owned();
    let (code, reason) = ("template_failed".to_owned(), "a template names an unknown variable".to_owned());
    let events = vec![
        FlowRunQueued(queued),
        FlowRunStarted(run_start()),
        FlowRunStepEntered { contact, flow, step: step.clone(), kind, chance: Some(7), next: next.clone() },
        FlowRunVariablesSet { contact, variables },
        FlowRunWaiting { contact, pause },
        FlowRunRequestStarted { contact, request: run_request() },
        FlowRunRequestEnded { contact, answer: run_answer() },
        FlowRunInputReceived { contact, input },
        FlowRunResumed { contact, by: Waker::Input, position: Some(42), next: next.clone() },
        FlowRunCalled { contact, flow: id(10), version: 1, step: "first".to_owned(), return_to: next },
        FlowRunReturned { contact, flow, step: "bye".to_owned() },
        FlowRunCompleted { contact, flow },
        FlowRunFailed { contact, flow, code, reason, step: Some(step) },
        FlowRunCancelled { contact, flow, reason: "stopped_by_human".to_owned(), was_queued: true },
    ];
    events.into_iter().map(Into::into).collect()
}
