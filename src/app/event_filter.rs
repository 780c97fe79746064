//! Which events somebody wants: one rule for listing them, waiting for them and following them.

use std::collections::BTreeSet;

use aggregates::Recorded;
use aggregates::ids::ContactId;
use uuid::Uuid;

/// Which events are wanted: those that fit every member that says something. The default wants all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of these types; empty = of any.
    pub types: BTreeSet<&'static str>,
    /// About this contact.
    pub contact: Option<ContactId>,
    /// Of the stream with this id, or in this conversation.
    pub noun: Option<Uuid>,
    /// By this actor: an id, or the name of a kind of actor.
    pub actor: Option<String>,
}

impl EventFilter {
    /// Whether an event is among those that are wanted.
    #[must_use]
    pub fn wants(&self, recorded: &Recorded) -> bool {
        let actor = &recorded.metadata.actor;
        (self.types.is_empty() || self.types.contains(recorded.event.name()))
            && self.contact.is_none_or(|contact| recorded.event.subject(recorded.stream_id) == Some(contact))
            && self.noun.is_none_or(|noun| {
                recorded.stream_id == noun || recorded.conversation().is_some_and(|conversation| conversation.0 == noun)
            })
            && self
                .actor
                .as_ref()
                .is_none_or(|wanted| *wanted == actor.id || *wanted == <&'static str>::from(actor.kind))
    }

    /// Something that every wanted event is about, when there is one: an event that is not [`about`] it need not be looked at.
    pub(super) fn key(&self) -> Option<Uuid> {
        self.noun.or(self.contact.map(|contact| contact.0))
    }
}

/// What an event is about: the keys of the filters that may want it, those without a key included.
pub(super) fn about(recorded: &Recorded) -> BTreeSet<Option<Uuid>> {
    let subject = recorded.event.subject(recorded.stream_id).map(|contact| contact.0);
    let conversation = recorded.conversation().map(|conversation| conversation.0);
    BTreeSet::from([None, Some(recorded.stream_id), subject, conversation])
}
