//! What can happen to a contact, as flows name it: what starts a flow, and what wakes a run that waits.

use std::collections::{BTreeMap, BTreeSet};

use aggregates::Event;
use aggregates::contact;
use aggregates::field_value::FieldValue;
use aggregates::filter::{Facts, NamedTag};
use aggregates::ids::TagId;

/// A kind of thing that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happening {
    /// The name that documents should write.
    pub name: &'static str,
    /// The event's name in the log, which documents may write as well.
    pub log_name: &'static str,
    /// What happens, in a few words.
    pub words: &'static str,
}

const fn happening(name: &'static str, log_name: &'static str, words: &'static str) -> Happening {
    Happening { name, log_name, words }
}

/// Everything that can start a flow or wake a run. What happens within a run is not among it, but for its beginning and its end.
const ALL: &[Happening] = &[
    happening("tagApplied", "ContactTagsAdded", "tags were added to the contact"),
    happening("tagRemoved", "ContactTagsRemoved", "tags were removed from the contact"),
    happening("fieldSet", "ContactFieldSet", "a custom field got another value"),
    happening("fieldCleared", "ContactFieldCleared", "a custom field lost its value"),
    happening("contactCreated", "ContactCreated", "the contact was made"),
    happening("contactUpdated", "ContactUpdated", "attributes of the contact were changed"),
    happening("consentChanged", "ContactConsentSet", "the contact wants messages, or wants none"),
    happening("noteAdded", "ContactNoteAdded", "a note was written about the contact"),
    happening("blocked", "ContactBlocked", "the contact was blocked"),
    happening("unblocked", "ContactUnblocked", "the block was lifted"),
    happening("messageReceived", "MessageReceived", "the contact wrote"),
    happening("messageSent", "MessageSent", "the channel took a message to the contact"),
    happening("messageDelivered", "MessageDelivered", "a message reached the contact's device"),
    happening("messageRead", "MessageRead", "the contact saw a message"),
    happening("conversationStarted", "ConversationStarted", "a conversation began"),
    happening("conversationClosed", "ConversationClosed", "a conversation was closed"),
    happening("conversationReopened", "ConversationReopened", "a conversation was opened again"),
    happening("ownerChanged", "ConversationOwnerChanged", "somebody else answers in a conversation"),
    happening("flowCompleted", "FlowRunCompleted", "a run of a flow came to its end"),
    happening("flowFailed", "FlowRunFailed", "a run of a flow was ended by an error"),
    happening("flowCancelled", "FlowRunCancelled", "a run of a flow was ended from outside"),
    happening("FlowRunStarted", "FlowRunStarted", "a run of a flow began"),
    happening("ContactIdentityConnected", "ContactIdentityConnected", "the contact can be met under an account"),
    happening("ConversationRead", "ConversationRead", "the workspace read a conversation"),
    happening("MessageQueued", "MessageQueued", "a message to the contact was taken in for sending"),
];

/// Everything that can start a flow or wake a run, with the names that documents write.
pub fn all() -> impl Iterator<Item = &'static Happening> {
    ALL.iter()
}

/// Whether a document may write this name.
#[must_use]
pub fn is_known(name: &str) -> bool {
    ALL.iter().any(|happening| happening.name == name || happening.log_name == name)
}

/// The names under which documents know an event, the one that they should write first; none when nothing starts or wakes by it.
#[must_use]
pub fn names(event: &Event) -> Vec<&'static str> {
    let found = ALL.iter().find(|happening| happening.log_name == event.name());
    let mut names: Vec<&'static str> =
        found.into_iter().flat_map(|happening| [happening.name, happening.log_name]).collect();
    names.dedup();
    names
}

/// What the filter of a start or of a wait for an event looks at: the contact as it is, but of tags, or of custom fields, only those
/// that the event changed. A tag that was removed counts as one that is there, and so does a field that lost its value; nothing can be
/// said about its value but that it `exists`.
#[must_use]
pub fn seen_by(event: &Event, facts: &Facts) -> Facts {
    let mut seen = facts.clone();
    let Event::Contact(event) = event else { return seen };
    match event {
        contact::Event::ContactTagsAdded { tags } | contact::Event::ContactTagsRemoved { tags } => {
            seen.tags = tagged(tags, facts);
        }
        contact::Event::ContactFieldSet { field, value } => {
            seen.fields = value.known().map(|value| (*field, value.clone())).into_iter().collect();
        }
        // An empty list is a value that nothing is equal to.
        contact::Event::ContactFieldCleared { field } => {
            seen.fields = BTreeMap::from([(*field, FieldValue::List(Vec::new()))]);
        }
        _ => {}
    }
    seen
}

fn tagged(tags: &BTreeSet<TagId>, facts: &Facts) -> Vec<NamedTag> {
    // Of a tag that is gone the name is not known; filters compare ids.
    let name = |id: TagId| facts.tags.iter().find(|tag| tag.id == id).map_or_else(String::new, |tag| tag.name.clone());
    tags.iter().map(|id| NamedTag { id: *id, name: name(*id) }).collect()
}

#[cfg(test)]
mod tests {
    use aggregates::field_value::FieldType;
    use aggregates::filter::{Nouns, parse};
    use aggregates::ids::FieldId;
    use aggregates::personal::Personal;
    use aggregates::stream::StreamType;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    /// What happens within a run: nothing starts or wakes by it.
    const WITHIN_RUNS: [&str; 10] = [
        "FlowRunQueued",
        "FlowRunStepEntered",
        "FlowRunVariablesSet",
        "FlowRunWaiting",
        "FlowRunRequestStarted",
        "FlowRunRequestEnded",
        "FlowRunInputReceived",
        "FlowRunResumed",
        "FlowRunCalled",
        "FlowRunReturned",
    ];

    #[test]
    fn every_event_about_a_contact_has_a_name_or_is_part_of_a_run() {
        use StreamType::{Contact, Conversation, FlowRun, Message};
        let about_contacts: BTreeSet<&str> = Event::names()
            .filter(|(stream, _)| matches!(stream, Contact | Conversation | Message | FlowRun))
            .map(|(_, name)| name)
            .collect();
        let named: BTreeSet<&str> = all().map(|happening| happening.log_name).collect();
        let within: BTreeSet<&str> = WITHIN_RUNS.into();
        assert!(named.is_disjoint(&within));
        assert_eq!(named.union(&within).copied().collect::<BTreeSet<_>>(), about_contacts);
        assert_eq!(named.len(), ALL.len(), "a log name is there twice");
        for name in about_contacts {
            assert_eq!(is_known(name), !within.contains(name), "{name}");
        }
        assert!(is_known("tagApplied") && !is_known("tagapplied") && !is_known("TagCreated"));
    }

    #[test]
    fn an_event_is_known_under_both_of_its_names() {
        let removed = Event::from(contact::Event::ContactTagsRemoved { tags: BTreeSet::new() });
        assert_eq!(names(&removed), ["tagRemoved", "ContactTagsRemoved"]);
        let tag = aggregates::tag::Event::TagDeleted { name: "VIP".to_owned() };
        assert_eq!(names(&tag.into()), [""; 0]);
    }

    fn tag(number: u128) -> TagId {
        TagId(Uuid::from_u128(number))
    }

    fn field(number: u128) -> FieldId {
        FieldId(Uuid::from_u128(number))
    }

    fn holds(filter: &serde_json::Value, event: contact::Event) -> bool {
        let mut nouns = Nouns::default();
        nouns.add_tag(tag(1), "VIP");
        nouns.add_tag(tag(2), "News");
        nouns.add_field(field(1), "score", FieldType::Number);
        nouns.add_field(field(2), "plan", FieldType::Text);
        let facts = Facts {
            tags: vec![NamedTag { id: tag(1), name: "VIP".to_owned() }],
            fields: BTreeMap::from([
                (field(1), FieldValue::Number(50.into())),
                (field(2), FieldValue::Text("free".to_owned())),
            ]),
            ..Facts::default()
        };
        let filter = parse(filter).expect("a filter").resolve(&nouns).expect("a filter");
        filter.matches(&seen_by(&event.into(), &facts), 0)
    }

    #[test]
    fn tags_in_a_filter_are_those_that_the_event_changed() {
        let added = |number| contact::Event::ContactTagsAdded { tags: BTreeSet::from([tag(number)]) };
        let removed = |number| contact::Event::ContactTagsRemoved { tags: BTreeSet::from([tag(number)]) };
        let is = |name: &str| json!({"field": "tag", "op": "eq", "value": name});
        assert!(holds(&is("VIP"), added(1)));
        assert!(!holds(&is("VIP"), added(2)));
        assert!(holds(&is("News"), removed(2)));
        assert!(!holds(&is("VIP"), removed(2)));
        // Fields are as they are now.
        assert!(holds(&json!({"field": "customField.plan", "op": "eq", "value": "free"}), added(2)));
    }

    #[test]
    fn fields_in_a_filter_are_those_that_the_event_changed() {
        let set = |number, value: FieldValue| contact::Event::ContactFieldSet {
            field: field(number),
            value: Personal::Known(value),
        };
        let cleared = |number| contact::Event::ContactFieldCleared { field: field(number) };
        let score = |op: &str| json!({"field": "customField.score", "op": op, "value": 50});
        let changed = json!({"field": "customField.score", "op": "exists"});
        assert!(holds(&score("gte"), set(1, FieldValue::Number(60.into()))));
        assert!(!holds(&score("gte"), set(1, FieldValue::Number(40.into()))));
        assert!(!holds(&score("gte"), set(2, FieldValue::Text("paid".to_owned()))));
        assert!(holds(&changed, cleared(1)));
        assert!(!holds(&changed, cleared(2)));
        assert!(!holds(&score("eq"), cleared(1)));
        let erased = contact::Event::ContactFieldSet { field: field(1), value: Personal::Erased(true) };
        assert!(!holds(&changed, erased));
        // Tags are as they are now.
        assert!(holds(&json!({"field": "tag", "op": "eq", "value": "VIP"}), cleared(1)));
    }

    #[test]
    fn other_events_show_the_contact_as_it_is() {
        let unblocked = contact::Event::ContactUnblocked {};
        assert!(holds(&json!({"field": "tag", "op": "eq", "value": "VIP"}), unblocked.clone()));
        assert!(holds(&json!({"field": "customField.score", "op": "eq", "value": 50}), unblocked));
    }
}
