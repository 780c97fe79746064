//! A scene for the tests of steps: a step called `here` with a step called `below` below it, in a document that is read as any other.

use std::collections::BTreeMap;

use aggregates::field_value::{FieldType, FieldValue};
use aggregates::filter::{Facts, Nouns};
use aggregates::ids::FieldId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::document::Document;
use crate::turn::{Input, Resumption, Scene, Turn, Waiting};

/// When the scenes play.
pub(crate) const NOW: i64 = 1_700_000_000_000_000;

/// A document whose only step but for the last is this one.
pub(crate) fn step(written: &Value) -> Document {
    let document = json!({
        "formatVersion": 1, "name": "A flow", "steps": {"here": written, "below": {"send": {"text": "Bye"}}}
    });
    Document::parse(&document).expect("a document whose form is right")
}

/// What a scene shows.
pub(crate) struct Stage {
    pub(crate) facts: Facts,
    pub(crate) nouns: Nouns,
    pub(crate) words: Value,
    pub(crate) chance: u64,
    pub(crate) timezone: String,
    pub(crate) now: i64,
    pub(crate) max_text_chars: usize,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            facts: Facts { fields: BTreeMap::new(), ..Facts::default() },
            nouns: Nouns::default(),
            words: json!({"contact": {"firstName": "Ana"}, "run": {}, "bot": {}, "conversation": {}}),
            chance: 0,
            timezone: "Europe/Berlin".to_owned(),
            now: NOW,
            max_text_chars: 4_096,
        }
    }
}

impl Stage {
    /// Gives the contact a number in a custom field.
    pub(crate) fn field(&mut self, name: &str, number: u64) {
        let id = FieldId(Uuid::from_u128(1));
        self.nouns.add_field(id, name, FieldType::Number);
        self.facts.fields.insert(id, FieldValue::Number(number.into()));
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            now: self.now,
            chance: self.chance,
            facts: &self.facts,
            nouns: &self.nouns,
            words: &self.words,
            timezone: &self.timezone,
            max_text_chars: self.max_text_chars,
        }
    }

    /// Comes to the step.
    pub(crate) fn enter(&self, document: &Document) -> Turn {
        document.enter("here", &self.scene())
    }

    /// Looks again at the step that waits.
    pub(crate) fn resume(&self, document: &Document, waiting: &Waiting, by: &Resumption) -> Turn {
        document.resume("here", waiting, by, &self.scene())
    }

    /// Lets the contact write, or press the button of that id.
    pub(crate) fn input(&self, document: &Document, waiting: &Waiting, text: &str, button: Option<&str>) -> Turn {
        let input = Input { text: text.to_owned(), button: button.map(str::to_owned) };
        self.resume(document, waiting, &Resumption::Input(input))
    }
}
