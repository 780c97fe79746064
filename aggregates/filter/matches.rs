//! A filter held against one contact in memory.

use std::ops::RangeBounds as _;

use super::comparable;
use super::condition::{Condition, Key, Test};
use super::facts::Facts;
use super::fields::Subject;
use super::{Filter, Tree};
use crate::contact_attributes::Attribute;
use crate::folding::fold;
use crate::personal::Personal;

impl Filter {
    /// Whether the contact is one of those that the filter asks for at `now`, in microseconds since the epoch.
    #[must_use]
    pub fn matches(&self, facts: &Facts, now: i64) -> bool {
        holds(&self.tree, facts, now)
    }
}

fn holds(tree: &Tree<Condition>, facts: &Facts, now: i64) -> bool {
    match tree {
        Tree::All(parts) => parts.iter().all(|part| holds(part, facts, now)),
        Tree::Any(parts) => parts.iter().any(|part| holds(part, facts, now)),
        Tree::Not(inner) => !holds(inner, facts, now),
        Tree::Leaf(condition) => {
            let test = condition.test(now);
            values(condition.subject(), facts).iter().any(|value| passes(value, &test)) != condition.is_negative()
        }
    }
}

/// A value of which there is nothing to compare: an empty list.
const NOTHING: &str = "\n";

/// The keys of what a contact has.
fn values(subject: Subject, facts: &Facts) -> Vec<Key> {
    let text = |text: &str| Key::Text(text.to_owned());
    let truth = |truth: bool| vec![Key::Text(truth.to_string())];
    match subject {
        Subject::Attribute(attribute) => {
            let value = facts.attributes.get(attribute).and_then(Personal::known);
            value.map(|value| Key::Text(attribute_key(attribute, value))).into_iter().collect()
        }
        Subject::Name => facts.attributes.display_name().map(|name| Key::Text(fold(&name))).into_iter().collect(),
        Subject::Tag => facts.tags.iter().map(|tag| Key::Text(tag.id.to_string())).collect(),
        Subject::Channel => facts.channels.iter().map(|channel| text(channel.name())).collect(),
        Subject::CustomField(field) => facts.fields.get(&field).map_or_else(Vec::new, |value| {
            let keys = comparable::keys(value);
            if keys.is_empty() { vec![text(NOTHING)] } else { keys.into_iter().map(Key::Text).collect() }
        }),
        Subject::CreatedAt => vec![Key::Moment(facts.created_at)],
        Subject::LastInboundAt => facts.last_inbound_at.map(Key::Moment).into_iter().collect(),
        Subject::LastOutboundAt => facts.last_outbound_at.map(Key::Moment).into_iter().collect(),
        Subject::LastActivityAt => vec![Key::Moment(facts.last_activity_at)],
        Subject::ConversationStatus => facts.conversations.iter().map(|talk| text(&talk.status)).collect(),
        Subject::ConversationOwner => facts.conversations.iter().map(|talk| text(&talk.owner)).collect(),
        Subject::Unanswered => truth(facts.conversations.iter().any(|talk| talk.unanswered)),
        Subject::Blocked => truth(facts.blocked),
        Subject::FlowState(flow) => facts.flows.get(&flow).map(|state| text(state)).into_iter().collect(),
    }
}

fn attribute_key(attribute: Attribute, value: &str) -> String {
    match attribute {
        Attribute::FirstName | Attribute::LastName | Attribute::Email => fold(value),
        Attribute::Language | Attribute::Timezone | Attribute::Country => value.to_ascii_lowercase(),
        Attribute::Phone | Attribute::Gender | Attribute::AvatarUrl => value.to_owned(),
    }
}

fn passes(value: &Key, test: &Test) -> bool {
    let text = || match value {
        Key::Text(text) => text.as_str(),
        Key::Moment(_) => "",
    };
    match test {
        Test::Present => true,
        Test::Among(keys) => keys.contains(value),
        Test::Contains(part) => text().contains(part.as_str()),
        Test::StartsWith(part) => text().starts_with(part.as_str()),
        Test::EndsWith(part) => text().ends_with(part.as_str()),
        Test::Range(from, to) => (from.as_ref(), to.as_ref()).contains(value),
    }
}
