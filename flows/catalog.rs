//! What a workspace has of the things that flows name, as far as a document needs it.

use std::collections::BTreeMap;

use aggregates::field_value::FieldType;
use aggregates::filter::{Candidate, Nouns};
use aggregates::folding::fold;
use aggregates::ids::{BotFieldId, FieldId, FlowId, TagId};

use crate::finding::near;

/// A kind of thing that flows name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Noun {
    /// A tag.
    Tag,
    /// A custom field of contacts.
    Field,
    /// A bot field.
    BotField,
    /// A flow.
    Flow,
}

/// What a channel takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelLimits {
    /// The longest text, in characters.
    pub max_text_chars: usize,
    /// The most buttons under a text.
    pub max_buttons: usize,
    /// The most words on a button, in characters.
    pub max_label_chars: usize,
}

/// What is there: everything, or only what was looked up for one document.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    nouns: Nouns,
    channels: BTreeMap<String, ChannelLimits>,
    things: BTreeMap<(Noun, String), Vec<Thing>>,
    suggested: BTreeMap<(Noun, String), Vec<Candidate>>,
}

/// A thing that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thing {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Of fields.
    pub(crate) field_type: Option<FieldType>,
}

impl Catalog {
    /// Makes a channel known.
    pub fn add_channel(&mut self, name: &str, limits: ChannelLimits) {
        self.channels.insert(name.to_owned(), limits);
    }

    /// Makes a tag known.
    pub fn add_tag(&mut self, id: TagId, name: &str) {
        self.nouns.add_tag(id, name);
        self.add(Noun::Tag, &id.to_string(), name, None);
    }

    /// Makes a custom field known.
    pub fn add_field(&mut self, id: FieldId, name: &str, field_type: FieldType) {
        self.nouns.add_field(id, name, field_type);
        self.add(Noun::Field, &id.to_string(), name, Some(field_type));
    }

    /// Makes a bot field known.
    pub fn add_bot_field(&mut self, id: BotFieldId, name: &str, field_type: FieldType) {
        self.add(Noun::BotField, &id.to_string(), name, Some(field_type));
    }

    /// Makes a flow known.
    pub fn add_flow(&mut self, id: FlowId, name: &str) {
        self.nouns.add_flow(id, name);
        self.add(Noun::Flow, &id.to_string(), name, None);
    }

    /// Says what may have been meant by a reference that leads nowhere; without it, known names that are close.
    pub fn suggest(&mut self, noun: Noun, reference: &str, candidates: Vec<Candidate>) {
        self.nouns.suggest(reference, candidates.clone());
        self.suggested.insert((noun, reference.to_owned()), candidates);
    }

    /// What filters name.
    #[must_use]
    pub fn nouns(&self) -> Nouns {
        self.nouns.clone()
    }

    fn add(&mut self, noun: Noun, id: &str, name: &str, field_type: Option<FieldType>) {
        for key in [id.to_owned(), fold(name)] {
            let there = self.things.entry((noun, key)).or_default();
            if !there.iter().any(|known| known.id == id) {
                there.push(Thing { id: id.to_owned(), name: name.to_owned(), field_type });
            }
        }
    }

    /// What a name or id leads to; several when they have the same name.
    pub(crate) fn find(&self, noun: Noun, reference: &str) -> &[Thing] {
        let by_id = self.things.get(&(noun, reference.trim().to_owned()));
        by_id.or_else(|| self.things.get(&(noun, fold(reference)))).map_or(&[], Vec::as_slice)
    }

    /// What may have been meant by a reference that leads nowhere.
    pub(crate) fn candidates(&self, noun: Noun, reference: &str) -> Vec<Candidate> {
        let known = self.things.iter().filter(|((kind, _), _)| *kind == noun).flat_map(|(_, things)| things);
        let suggested = self.suggested.get(&(noun, reference.to_owned())).cloned();
        suggested.unwrap_or_else(|| near(reference, known.map(|thing| thing.name.as_str())))
    }

    /// The channels by name.
    pub(crate) fn channels(&self) -> impl Iterator<Item = (&str, ChannelLimits)> {
        self.channels.iter().map(|(name, limits)| (name.as_str(), *limits))
    }
}
