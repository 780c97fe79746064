//! What may happen to a contact, given / when / then; beside `contact.rs`, which would be too long with it.

use super::*;
use crate::checks::{causes, holds, refuses};

use crate::ids::AccountId;

const ANA: &str = "ana@example.com";
const PHONE: &str = "+491701234567";

fn known(email: Option<&str>, phone: Option<&str>) -> Attributes {
    let personal = |text: &str| Personal::Known(text.to_owned());
    Attributes { email: email.map(personal), phone: phone.map(personal), ..Attributes::default() }
}

fn named(name: &str) -> Attributes {
    Attributes { first_name: Some(Personal::Known(name.to_owned())), ..Attributes::default() }
}

fn identity(user: &str) -> Identity {
    Identity { account: AccountId(Uuid::from_u128(7)), user: Personal::Known(user.to_owned()) }
}

fn created(source: Source, attributes: Attributes) -> Event {
    Event::ContactCreated { source, attributes, identity: None }
}

fn updated(source: Source, set: Attributes, cleared: &[Attribute], released: Attributes) -> Event {
    Event::ContactUpdated { source, set, cleared: cleared.iter().copied().collect(), released }
}

fn create(source: Source, attributes: Attributes) -> Command {
    Command::Create { source, attributes, identity: None }
}

fn update(source: Source, set: Attributes, clear: &[Attribute]) -> Command {
    Command::Update { source, set, clear: clear.iter().copied().collect() }
}

fn tags(numbers: impl IntoIterator<Item = u128>) -> BTreeSet<TagId> {
    numbers.into_iter().map(|number| TagId(Uuid::from_u128(number))).collect()
}

#[test]
fn a_contact_is_created_once() {
    causes::<Contact>(vec![], create(Source::Workspace, named("Ana")), vec![created(Source::Workspace, named("Ana"))]);
}

#[test]
fn a_contact_may_begin_with_an_identity_alone() {
    let (attributes, identity) = (Attributes::default(), Some(identity("v1")));
    causes::<Contact>(
        vec![],
        Command::Create { source: Source::Customer, attributes: attributes.clone(), identity: identity.clone() },
        vec![Event::ContactCreated { source: Source::Customer, attributes, identity }],
    );
}

#[test]
fn a_contact_begins_with_something_that_tells_who_it_is() {
    let language = Attributes { language: Some("en".to_owned().into()), ..Attributes::default() };
    refuses::<Contact>(vec![], create(Source::Workspace, language), Error::Nameless);
}

#[test]
fn a_contact_that_was_tagged_since_is_still_the_same_creation() {
    let given = vec![
        created(Source::Workspace, named("Ana")),
        Event::ContactTagsAdded { tags: tags([1]) },
        Event::ContactFieldSet { field: FieldId(Uuid::from_u128(3)), value: FieldValue::Boolean(true).into() },
        Event::ContactNoteAdded { note: NoteId(Uuid::from_u128(4)), text: "likes tea".to_owned().into() },
        Event::ContactBlocked { reason: None },
        said(Consent::OptedOut, Source::Customer, None),
    ];
    causes::<Contact>(given, create(Source::Workspace, named("Ana")), vec![]);
}

#[test]
fn a_contact_is_not_created_again_otherwise() {
    let given = || vec![created(Source::Customer, known(Some(ANA), None))];
    refuses::<Contact>(given(), create(Source::Customer, named("Ana")), Error::Exists);
    // The same words by somebody else would claim the address.
    refuses::<Contact>(given(), create(Source::Workspace, known(Some(ANA), None)), Error::Exists);
}

#[test]
fn an_identity_has_1_to_255_characters() {
    for user in [String::new(), "x".repeat(256)] {
        let identity = identity(&user);
        let create =
            Command::Create { source: Source::Workspace, attributes: named("Ana"), identity: Some(identity.clone()) };
        refuses::<Contact>(vec![], create, Error::InvalidIdentity);
        let given = vec![created(Source::Workspace, named("Ana"))];
        refuses::<Contact>(given, Command::ConnectIdentity { identity }, Error::InvalidIdentity);
    }
    let erased = Identity { account: AccountId(Uuid::from_u128(7)), user: Personal::Erased(true) };
    let given = vec![created(Source::Workspace, named("Ana"))];
    refuses::<Contact>(given, Command::ConnectIdentity { identity: erased }, Error::InvalidIdentity);
}

#[test]
fn what_does_not_exist_refuses_every_command_but_its_creation() {
    for command in [
        update(Source::Workspace, named("Ana"), &[]),
        Command::AddTags { tags: tags([1]) },
        Command::RemoveTags { tags: tags([1]) },
        Command::SetField { field: FieldId(Uuid::from_u128(3)), value: FieldValue::Boolean(true) },
        Command::ConnectIdentity { identity: identity("v1") },
        Command::ClearFields { fields: [FieldId(Uuid::from_u128(3))].into() },
        note(1, "likes tea"),
        Command::Block { reason: None },
        Command::Unblock,
        say(Consent::OptedOut, Source::Customer, None),
    ] {
        refuses::<Contact>(vec![], command, Error::Unknown);
    }
}

#[test]
fn an_update_holds_only_what_changes() {
    let set = Attributes { language: Some("de".to_owned().into()), ..named("Ana") };
    let changed = Attributes { language: Some("de".to_owned().into()), ..Attributes::default() };
    causes::<Contact>(
        vec![created(Source::Workspace, named("Ana"))],
        update(Source::Workspace, set, &[Attribute::Country]),
        vec![updated(Source::Workspace, changed, &[], Attributes::default())],
    );
}

#[test]
fn an_attribute_is_not_set_and_cleared_in_one_call() {
    let given = vec![created(Source::Workspace, named("Ana"))];
    let both = update(Source::Workspace, named("Eva"), &[Attribute::FirstName]);
    refuses::<Contact>(given, both, Error::SetAndCleared(Attribute::FirstName));
}

#[test]
fn the_last_word_that_tells_who_it_is_stays() {
    let given = vec![created(Source::Workspace, named("Ana"))];
    refuses::<Contact>(
        given,
        update(Source::Workspace, Attributes::default(), &[Attribute::FirstName]),
        Error::Nameless,
    );
}

#[test]
fn a_contact_with_an_identity_may_lose_its_name() {
    causes::<Contact>(
        vec![created(Source::Workspace, named("Ana")), Event::ContactIdentityConnected { identity: identity("v1") }],
        update(Source::Workspace, Attributes::default(), &[Attribute::FirstName]),
        vec![updated(Source::Workspace, Attributes::default(), &[Attribute::FirstName], Attributes::default())],
    );
}

#[test]
fn another_address_gives_the_old_one_back() {
    let given = vec![created(Source::Workspace, known(Some(ANA), Some(PHONE)))];
    let then = updated(Source::Workspace, known(Some("eva@example.com"), None), &[], known(Some(ANA), None));
    causes::<Contact>(
        given.clone(),
        update(Source::Workspace, known(Some("eva@example.com"), Some(PHONE)), &[]),
        vec![then.clone()],
    );
    holds::<Contact>(&[given, vec![then]].concat(), &[phone_claim(PHONE), email_claim("eva@example.com")]);
}

#[test]
fn a_cleared_address_is_given_back() {
    let given = vec![created(Source::Workspace, known(Some(ANA), Some(PHONE)))];
    let then = updated(Source::Workspace, Attributes::default(), &[Attribute::Phone], known(None, Some(PHONE)));
    causes::<Contact>(
        given.clone(),
        update(Source::Workspace, Attributes::default(), &[Attribute::Phone]),
        vec![then.clone()],
    );
    holds::<Contact>(&[given, vec![then]].concat(), &[email_claim(ANA)]);
}

#[test]
fn what_a_customer_typed_is_claimed_when_the_workspace_confirms_it() {
    let given = vec![created(Source::Customer, known(Some(ANA), Some(PHONE)))];
    holds::<Contact>(&given, &[]);
    let then = updated(Source::Workspace, known(Some(ANA), Some(PHONE)), &[], Attributes::default());
    causes::<Contact>(given.clone(), update(Source::Workspace, known(Some(ANA), Some(PHONE)), &[]), vec![then.clone()]);
    holds::<Contact>(&[given, vec![then]].concat(), &[email_claim(ANA), phone_claim(PHONE)]);
}

#[test]
fn what_a_customer_types_over_a_claimed_address_is_not_claimed() {
    let given = vec![created(Source::Workspace, known(Some(ANA), None))];
    let then = updated(Source::Customer, known(Some("eva@example.com"), None), &[], known(Some(ANA), None));
    causes::<Contact>(
        given.clone(),
        update(Source::Customer, known(Some("eva@example.com"), None), &[]),
        vec![then.clone()],
    );
    holds::<Contact>(&[given, vec![then]].concat(), &[]);
}

#[test]
fn a_customer_who_repeats_a_claimed_address_changes_nothing() {
    let given = vec![created(Source::Workspace, known(Some(ANA), Some(PHONE)))];
    causes::<Contact>(given, update(Source::Customer, known(Some(ANA), Some(PHONE)), &[]), vec![]);
}

#[test]
fn an_address_in_another_case_stays_claimed() {
    let given = vec![created(Source::Workspace, known(Some(ANA), None))];
    let then = updated(Source::Workspace, known(Some("Ana@example.com"), None), &[], known(Some(ANA), None));
    causes::<Contact>(
        given.clone(),
        update(Source::Workspace, known(Some("Ana@example.com"), None), &[]),
        vec![then.clone()],
    );
    holds::<Contact>(&[given, vec![then]].concat(), &[email_claim(ANA)]);
}

#[test]
fn marks_tell_addresses_apart_and_case_does_not() {
    assert_eq!(email_claim("Jörg@Example.com"), email_claim("jörg@example.com"));
    assert_ne!(email_claim("jörg@example.com"), email_claim("jorg@example.com"));
    assert_ne!(email_claim("a@müller.example"), email_claim("a@muller.example"));
}

#[test]
fn tags_are_added_once() {
    causes::<Contact>(
        vec![created(Source::Workspace, named("Ana")), Event::ContactTagsAdded { tags: tags([1]) }],
        Command::AddTags { tags: tags([1, 2]) },
        vec![Event::ContactTagsAdded { tags: tags([2]) }],
    );
}

#[test]
fn a_contact_carries_1000_tags_and_no_more() {
    let full = || {
        vec![created(Source::Workspace, named("Ana")), Event::ContactTagsAdded { tags: tags(0..MAX_TAGS as u128 - 1) }]
    };
    causes::<Contact>(
        full(),
        Command::AddTags { tags: tags([5_000]) },
        vec![Event::ContactTagsAdded { tags: tags([5_000]) }],
    );
    refuses::<Contact>(full(), Command::AddTags { tags: tags([5_000, 5_001]) }, Error::TooManyTags);
}

#[test]
fn tags_are_removed_once() {
    causes::<Contact>(
        vec![created(Source::Workspace, named("Ana")), Event::ContactTagsAdded { tags: tags([1, 2]) }],
        Command::RemoveTags { tags: tags([2, 3]) },
        vec![Event::ContactTagsRemoved { tags: tags([2]) }],
    );
}

#[test]
fn a_field_is_set_once_and_again_to_another_value() {
    let field = FieldId(Uuid::from_u128(3));
    let set = |value: &FieldValue| Event::ContactFieldSet { field, value: value.clone().into() };
    let (old, new) = (FieldValue::Text("old".to_owned()), FieldValue::Text("new".to_owned()));
    causes::<Contact>(
        vec![created(Source::Workspace, named("Ana")), set(&old)],
        Command::SetField { field, value: new.clone() },
        vec![set(&new)],
    );
}

#[test]
fn an_identity_is_connected_once_and_claimed() {
    let given = vec![created(Source::Customer, named("Ana"))];
    let then = Event::ContactIdentityConnected { identity: identity("v1") };
    causes::<Contact>(given, Command::ConnectIdentity { identity: identity("v1") }, vec![then.clone()]);
    holds::<Contact>(&[then], &[identity_claim(AccountId(Uuid::from_u128(7)), "v1")]);
}

#[test]
fn every_event_is_about_the_contact_itself() {
    let id = Uuid::from_u128(9);
    assert_eq!(Contact::subject(&created(Source::Customer, named("Ana")), id), Some(ContactId(id)));
}

fn begun() -> Event {
    created(Source::Customer, named("Ana"))
}

#[test]
fn a_field_that_has_a_value_is_cleared_once() {
    let (with, without) = (FieldId(Uuid::from_u128(3)), FieldId(Uuid::from_u128(4)));
    let set = Event::ContactFieldSet { field: with, value: FieldValue::Boolean(true).into() };
    causes::<Contact>(
        vec![begun(), set],
        Command::ClearFields { fields: [with, without].into() },
        vec![Event::ContactFieldCleared { field: with }],
    );
}

fn note(id: u128, text: &str) -> Command {
    Command::AddNote { note: NoteId(Uuid::from_u128(id)), text: text.to_owned().into() }
}

#[test]
fn a_note_is_added_once_trimmed_and_has_1_to_1000_visible_characters() {
    let added = |text: &str| Event::ContactNoteAdded { note: NoteId(Uuid::from_u128(1)), text: text.to_owned().into() };
    causes::<Contact>(vec![begun()], note(1, " likes tea\n"), vec![added("likes tea")]);
    let longest = "ä".repeat(MAX_NOTE_CHARS);
    causes::<Contact>(vec![begun()], note(1, &longest), vec![added(&longest)]);
    for text in ["", " \u{200b}", &"ä".repeat(MAX_NOTE_CHARS + 1)] {
        refuses::<Contact>(vec![begun()], note(1, text), Error::InvalidNote);
    }
}

#[test]
fn a_contact_is_blocked_and_unblocked_once() {
    let blocked = || Event::ContactBlocked { reason: Some("spam".to_owned().into()) };
    let block = || Command::Block { reason: Some("spam".to_owned().into()) };
    causes::<Contact>(vec![begun()], block(), vec![blocked()]);
    causes::<Contact>(vec![begun(), blocked()], Command::Block { reason: None }, vec![]);
    causes::<Contact>(vec![begun(), blocked()], Command::Unblock, vec![Event::ContactUnblocked {}]);
    causes::<Contact>(vec![begun()], Command::Unblock, vec![]);
}

fn said(consent: Consent, source: Source, evidence: Option<&str>) -> Event {
    let evidence = evidence.map(|text| text.to_owned().into());
    Event::ContactConsentSet { consent, channel: Some(Channel::Webchat), evidence, source }
}

fn say(consent: Consent, source: Source, evidence: Option<&str>) -> Command {
    let evidence = evidence.map(|text| text.to_owned().into());
    Command::SetConsent { consent, channel: Some(Channel::Webchat), evidence, source }
}

#[test]
fn consent_is_taken_in_once_and_again_with_other_evidence() {
    use Consent::{OptedIn, OptedOut};
    causes::<Contact>(
        vec![begun()],
        say(OptedOut, Source::Customer, None),
        vec![said(OptedOut, Source::Customer, None)],
    );
    let given = || vec![begun(), said(OptedIn, Source::Workspace, Some("form 1"))];
    causes::<Contact>(given(), say(OptedIn, Source::Workspace, None), vec![]);
    let again = || Some("form 2");
    causes::<Contact>(
        given(),
        say(OptedIn, Source::Workspace, again()),
        vec![said(OptedIn, Source::Workspace, again())],
    );
    let too_long = "x".repeat(MAX_EVIDENCE_CHARS + 1);
    refuses::<Contact>(given(), say(OptedIn, Source::Workspace, Some(&too_long)), Error::InvalidEvidence);
}

#[test]
fn what_a_person_refused_is_allowed_again_by_the_person_or_with_evidence() {
    use Consent::{OptedIn, OptedOut};
    let given = || vec![begun(), said(OptedOut, Source::Customer, None)];
    refuses::<Contact>(given(), say(OptedIn, Source::Workspace, None), Error::NeedsEvidence);
    let everywhere = Command::SetConsent { consent: OptedIn, channel: None, evidence: None, source: Source::Workspace };
    refuses::<Contact>(given(), everywhere, Error::NeedsEvidence);
    causes::<Contact>(given(), say(OptedIn, Source::Customer, None), vec![said(OptedIn, Source::Customer, None)]);
    let form = Some("form of today");
    causes::<Contact>(given(), say(OptedIn, Source::Workspace, form), vec![said(OptedIn, Source::Workspace, form)]);
    // What the workspace itself noted it may note otherwise.
    let noted = vec![begun(), said(OptedOut, Source::Workspace, None)];
    causes::<Contact>(noted, say(OptedIn, Source::Workspace, None), vec![said(OptedIn, Source::Workspace, None)]);
}

#[test]
fn a_contact_that_is_blocked_or_opted_out_is_not_written_to() {
    let silence = |events: &[Event]| {
        let mut contact = Contact::default();
        events.iter().for_each(|event| contact.fold(event));
        contact.silence(Channel::Webchat)
    };
    assert_eq!(silence(&[begun()]), None);
    let out = said(Consent::OptedOut, Source::Customer, None);
    assert_eq!(silence(&[begun(), out.clone()]), Some(Silence::OptedOut));
    assert_eq!(silence(&[begun(), out, said(Consent::OptedIn, Source::Customer, None)]), None);
    assert_eq!(silence(&[begun(), Event::ContactBlocked { reason: None }]), Some(Silence::Blocked));
}
