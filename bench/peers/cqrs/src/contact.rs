//! A contact as users of cqrs-es write one: it has tags, and a tag that it has already is refused.

use std::collections::{HashMap, HashSet};
use std::fmt;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The state.
#[derive(Default, Serialize, Deserialize)]
pub struct Contact {
    tags: HashSet<String>,
}

/// What can be asked.
pub struct AddTags(pub Vec<String>);

/// What can have happened. The stored form has the fields of our own event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Event {
    /// Tags were added.
    ContactTagsAdded {
        /// Which.
        tags: Vec<String>,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "ContactTagsAdded".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

/// Why nothing happened.
#[derive(Debug)]
pub struct AlreadyThere;

impl fmt::Display for AlreadyThere {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str("the contact has the tag already")
    }
}

impl std::error::Error for AlreadyThere {}

impl Aggregate for Contact {
    const TYPE: &'static str = "contact";
    type Command = AddTags;
    type Event = Event;
    type Error = AlreadyThere;
    type Services = ();

    async fn handle(&mut self, AddTags(tags): AddTags, (): &(), sink: &EventSink<Self>) -> Result<(), AlreadyThere> {
        if tags.iter().any(|tag| self.tags.contains(tag)) {
            return Err(AlreadyThere);
        }
        sink.write(Event::ContactTagsAdded { tags }, self).await;
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        let Event::ContactTagsAdded { tags } = event;
        self.tags.extend(tags);
    }
}

/// What our events carry beside the payload: who, through what, in which call.
pub fn metadata() -> HashMap<String, String> {
    let call = Uuid::now_v7().to_string();
    let fields = [
        ("actorKind", "local"),
        ("actorId", "local"),
        ("operation", "add_contact_tags"),
        ("requestId", &call),
        ("correlationId", &call),
    ];
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}
