//! What may happen to a conversation, given / when / then; beside `conversation.rs`, which would be too long with it.

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
    for event in [started(), received(1), read, closed(), reopened(), owned(Owner::Flow, None)] {
        assert_eq!(Conversation::subject(&event, Uuid::nil()), Some(CONTACT));
    }
}

fn closed() -> Event {
    Event::ConversationClosed { contact: CONTACT }
}

fn reopened() -> Event {
    Event::ConversationReopened { contact: CONTACT }
}

fn owned(owner: Owner, by: Option<&str>) -> Event {
    Event::ConversationOwnerChanged { contact: CONTACT, owner, by: by.map(str::to_owned), reason: None }
}

fn own(owner: Owner, by: Option<&str>) -> Command {
    Command::SetOwner { owner, by: by.map(str::to_owned), reason: None }
}

#[test]
fn a_conversation_is_closed_and_opened_once() {
    causes::<Conversation>(vec![started()], Command::Close, vec![closed()]);
    causes::<Conversation>(vec![started(), closed()], Command::Reopen, vec![reopened()]);
    causes::<Conversation>(vec![started()], Command::Reopen, vec![]);
    causes::<Conversation>(vec![started(), closed(), reopened()], Command::Close, vec![closed()]);
    for command in [Command::Close, Command::Reopen, own(Owner::Human, None)] {
        refuses::<Conversation>(vec![], command, Error::Unknown);
    }
}

#[test]
fn a_message_opens_a_closed_conversation_and_stands_last() {
    let given = vec![started(), closed()];
    causes::<Conversation>(given, Command::Receive(inbound(1)), vec![reopened(), received(1)]);
}

#[test]
fn a_message_that_crossed_a_close_leaves_the_conversation_open() {
    // It was decided before the close and appended behind it, without a word about opening.
    causes::<Conversation>(vec![started(), closed(), received(1)], Command::Close, vec![closed()]);
}

#[test]
fn exactly_one_owns_a_conversation() {
    causes::<Conversation>(vec![started()], own(Owner::Human, Some("local")), vec![owned(Owner::Human, Some("local"))]);
    let given = || vec![started(), owned(Owner::Ai, Some("tok_1"))];
    causes::<Conversation>(given(), own(Owner::Ai, Some("tok_1")), vec![]);
    causes::<Conversation>(given(), own(Owner::Ai, Some("tok_2")), vec![owned(Owner::Ai, Some("tok_2"))]);
    causes::<Conversation>(given(), own(Owner::Flow, Some("run_1")), vec![owned(Owner::Flow, Some("run_1"))]);
    // Nobody has no id.
    causes::<Conversation>(given(), own(Owner::None, Some("tok_1")), vec![owned(Owner::None, None)]);
    causes::<Conversation>(vec![started()], own(Owner::None, Some("tok_1")), vec![]);
}
