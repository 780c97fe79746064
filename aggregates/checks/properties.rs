//! What holds for every event and after every sequence of commands.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use super::arbitrary::{MARK, contact_command, conversation_command, event, message_command};
use super::arbitrary_flows::{flow_command, run_command};
use crate::claim::{Claim, ClaimChange};
use crate::contact::{Contact, email_claim, identity_claim, phone_claim};
use crate::conversation::Conversation;
use crate::event::{Event, VERSION};
use crate::flow::Flow;
use crate::flow_run::FlowRun;
use crate::message::Message;
use crate::personal::Personal;
use crate::root::Root;

const ID: Uuid = Uuid::from_u128(99);

/// Cases without files beside the sources: a failing case prints its input.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Decides the commands one after the other, each twice; gives what was written and the state that was decided on in the end.
fn carry_out<R: Root>(commands: &[R::Command]) -> (Vec<R::Event>, R) {
    let (mut written, mut state) = (Vec::new(), R::default());
    for command in commands {
        let Ok(events) = state.decide(command) else { continue };
        for event in &events {
            state.apply(event.clone());
        }
        assert_eq!(state.decide(command).unwrap_or_default(), Vec::new(), "decided twice, this adds something");
        written.extend(events);
    }
    (written, state)
}

/// The state that a reader of the log comes to, through the stored form of the events.
fn replayed<R: Root>(written: Vec<R::Event>) -> R
where
    Event: From<R::Event>,
    R::Event: for<'de> serde::Deserialize<'de>,
{
    let mut state = R::default();
    for event in written {
        let payload = Event::from(event).to_json().expect("an event has a JSON form");
        state.apply(serde_json::from_str(&payload.to_string()).expect("a stored event is read"));
    }
    state
}

/// The state after a snapshot was stored and read.
fn restored<R: Root>(state: &R) -> R {
    let text = serde_json::to_string(state).expect("a state has a JSON form");
    serde_json::from_str(&text).expect("a snapshot is read")
}

/// What is claimed after `events`; panics when something is released that is not held.
fn held<R: Root>(events: &[R::Event]) -> BTreeSet<Claim> {
    let mut held = BTreeSet::new();
    for change in events.iter().flat_map(|event| R::claims(event, ID)) {
        match change {
            ClaimChange::Take { claim, .. } => {
                held.insert(claim);
            }
            ClaimChange::Release { claim } => assert!(held.remove(&claim), "{claim:?} was released but not held"),
        }
    }
    held
}

/// What a contact in this state has to hold.
fn addresses(contact: &Contact) -> BTreeSet<Claim> {
    let text = |value: &Option<Personal<String>>| value.as_ref().and_then(Personal::known).cloned();
    let email = text(&contact.attributes.email).filter(|_| contact.email_claimed);
    let phone = text(&contact.attributes.phone).filter(|_| contact.phone_claimed);
    let identities = contact
        .identities
        .iter()
        .filter_map(|identity| identity.user.known().map(|user| identity_claim(identity.account, user)));
    identities.chain(email.map(|email| email_claim(&email))).chain(phone.map(|phone| phone_claim(&phone))).collect()
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn a_contact_is_what_its_events_say(commands in vec(contact_command(), 0..20)) {
        let (written, state) = carry_out::<Contact>(&commands);
        prop_assert!(state == restored(&state));
        prop_assert!(!state.email_claimed || state.attributes.email.is_some());
        prop_assert!(!state.phone_claimed || state.attributes.phone.is_some());
        // After every event, not only in the end: an append stands between them.
        for end in 0..=written.len() {
            prop_assert!(held::<Contact>(&written[..end]) == addresses(&replayed(written[..end].to_vec())));
        }
        prop_assert!(replayed::<Contact>(written) == state);
    }

    #[test]
    fn a_conversation_is_what_its_events_say(commands in vec(conversation_command(), 0..30)) {
        let (written, state) = carry_out::<Conversation>(&commands);
        prop_assert!(state == restored(&state));
        prop_assert!(replayed::<Conversation>(written) == state);
    }

    #[test]
    fn a_message_is_what_its_events_say(commands in vec(message_command(), 0..20)) {
        let (written, state) = carry_out::<Message>(&commands);
        prop_assert!(state == restored(&state));
        prop_assert!(replayed::<Message>(written) == state);
    }

    #[test]
    fn a_flow_is_what_its_events_say(commands in vec(flow_command(), 0..20)) {
        let (written, state) = carry_out::<Flow>(&commands);
        prop_assert!(state == restored(&state));
        held::<Flow>(&written);
        prop_assert!(replayed::<Flow>(written) == state);
    }

    #[test]
    fn a_run_is_what_its_events_say(commands in vec(run_command(), 0..40)) {
        let (written, state) = carry_out::<FlowRun>(&commands);
        prop_assert!(state == restored(&state));
        prop_assert!(state.frames.len() <= crate::flow_run::MAX_FRAMES);
        let is_active = matches!(state.status, crate::flow_run::Status::Running | crate::flow_run::Status::Waiting);
        prop_assert_eq!(held::<FlowRun>(&written).len(), usize::from(is_active));
        prop_assert!(replayed::<FlowRun>(written) == state);
    }

    #[test]
    fn every_event_is_read_as_it_was_written(event in event()) {
        let payload = event.to_json().expect("an event has a JSON form");
        let stored = serde_json::from_str(&payload.to_string()).expect("its text is JSON");
        prop_assert_eq!(Event::from_json(event.stream_type(), event.name(), VERSION, stored), Ok(event));
    }

    #[test]
    fn no_event_and_no_command_prints_personal_data(event in event(), command in contact_command()) {
        let printed = format!("{event:?} {event:#?} {command:?}");
        prop_assert!(!printed.contains(MARK), "{}", printed);
    }

    #[test]
    fn a_personal_value_is_never_printed(text in any::<String>()) {
        prop_assert_eq!(format!("{:?} {:#?}", Personal::Known(&text), Personal::Known(&text)), "Personal(…) Personal(…)");
    }

    #[test]
    fn no_claim_prints_its_value(event in event()) {
        let printed = format!("{:?}", event.claims(ID));
        prop_assert!(!printed.contains(MARK), "{}", printed);
    }
}

#[test]
fn every_snapshot_of_a_beginning_is_read() {
    fn check<R: Root + PartialEq>() {
        assert!(restored(&R::default()) == R::default(), "{:?}", R::STREAM);
    }
    check::<crate::workspace::Workspace>();
    check::<crate::token::Token>();
    check::<crate::tag::Tag>();
    check::<crate::custom_field::CustomField>();
    check::<crate::bot_field::BotField>();
    check::<crate::channel_account::ChannelAccount>();
    check::<Contact>();
    check::<Conversation>();
    check::<Message>();
    check::<Flow>();
    check::<FlowRun>();
}
