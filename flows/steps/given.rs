//! Tests: documents in few words, and the scenes that their steps see.

use aggregates::filter::{Facts, Nouns};
use serde_json::{Value, json};

use crate::document::Document;
use crate::finding::Finding;
use crate::mentions::Mention;
use crate::parts::Parts;
use crate::turn::{Input, Next, Resumption, Scene, Turn, Waiting};

/// What a step sees, to be changed by a test.
pub(super) struct Given {
    pub(super) now: i64,
    pub(super) chance: u64,
    pub(super) facts: Facts,
    pub(super) nouns: Nouns,
    pub(super) words: Value,
    pub(super) timezone: &'static str,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            now: at("2026-06-01T06:00:00Z"),
            chance: 0,
            facts: Facts::default(),
            nouns: Nouns::default(),
            words: json!({"contact": {"firstName": "Ana", "tags": [], "customField": {}}, "run": {}, "bot": {}}),
            timezone: "Europe/Berlin",
        }
    }
}

impl Given {
    pub(super) fn scene(&self) -> Scene<'_> {
        Scene {
            now: self.now,
            chance: self.chance,
            facts: &self.facts,
            nouns: &self.nouns,
            words: &self.words,
            timezone: self.timezone,
            max_text_chars: 4_000,
        }
    }

    /// The turn in which a run comes to the step `here`.
    pub(super) fn enter(&self, steps: &Value) -> Turn {
        document(steps).enter("here", &self.scene())
    }

    /// The turn in which a run that waits at the step `here` is looked at again.
    pub(super) fn resume(&self, steps: &Value, waiting: &Waiting, by: &Resumption) -> Turn {
        document(steps).resume("here", waiting, by, &self.scene())
    }
}

/// A moment, in microseconds since the epoch.
pub(super) fn at(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect(text).as_microsecond()
}

fn whole(steps: &Value) -> Value {
    json!({"formatVersion": 1, "name": "Test", "steps": steps})
}

/// A document with these steps, whose form has to be right.
pub(super) fn document(steps: &Value) -> Document {
    Document::parse(&whole(steps)).expect("a document")
}

/// What is wrong with the form of a document with these steps, as code and path.
pub(super) fn refused(steps: &Value) -> Vec<(String, String)> {
    told(Document::parse(&whole(steps)).err().unwrap_or_default())
}

/// The faults that the steps themselves tell, as code and path.
pub(super) fn faults(steps: &Value) -> Vec<(String, String)> {
    let document = whole(steps);
    let parts = Parts::of(&document);
    let mentions = parts.mentions();
    let faults = mentions.into_iter().flatten().filter_map(|(_, mention)| match mention {
        Mention::Fault(finding) => Some(finding),
        _ => None,
    });
    told(faults.collect())
}

fn told(findings: Vec<Finding>) -> Vec<(String, String)> {
    findings.into_iter().map(|finding| (finding.code.to_string(), finding.path)).collect()
}

/// Everything that the steps name, as text.
pub(super) fn mentioned(steps: &Value) -> Vec<String> {
    let document = whole(steps);
    let parts = Parts::of(&document);
    parts.mentions().iter().flatten().map(|(path, mention)| format!("{path}: {mention:?}")).collect()
}

/// A turn without effects.
pub(super) fn only(next: Next) -> Turn {
    Turn { effects: Vec::new(), next }
}

/// On at a step.
pub(super) fn to(step: &str) -> Next {
    Next::Step(step.to_owned())
}

/// The code of a failed turn.
pub(super) fn failure(turn: &Turn) -> &'static str {
    match turn.next {
        Next::Fail { code, .. } if turn.effects.is_empty() => code,
        _ => "no failure",
    }
}

/// What a contact wrote.
pub(super) fn written(text: &str) -> Resumption {
    Resumption::Input(Input { text: text.to_owned(), button: None })
}
