//! `note`: writes something down about the contact.

use aggregates::contact::MAX_NOTE_CHARS;
use aggregates::folding::fold;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Act, Here, filled};
use crate::mentions::{Mention, Mentions};
use crate::turn::{Effect, Next, Scene, Turn};

/// Adds a note about the contact; {{ lastInput }} and the like are filled in. What is longer than 1,000 characters then is cut.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "note")]
pub struct Note(#[schemars(length(min = 1, max = 1_000))] String);

impl Act for Note {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        seen.add("", Mention::Template(&self.0));
    }

    fn enter(&self, here: Here<'_>, scene: &Scene<'_>) -> Result<Turn, Next> {
        let text = shortened(filled(&self.0, scene)?);
        // Filled in with unknown values, there may be nothing to write down.
        let effects = if fold(&text).is_empty() { Vec::new() } else { vec![Effect::Note(text)] };
        Ok(Turn { effects, next: here.go_on() })
    }
}

/// At most as long as a note may be, with a sign where something was cut.
pub(super) fn shortened(text: String) -> String {
    if text.chars().count() <= MAX_NOTE_CHARS {
        return text;
    }
    text.chars().take(MAX_NOTE_CHARS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::given::{Given, failure, mentioned, refused, to};
    use super::*;

    fn noted(text: &str, input: &str) -> Turn {
        let given = Given { words: json!({"lastInput": input}), ..Given::default() };
        given.enter(&json!({"here": {"note": text}, "below": {"end": {}}}))
    }

    #[test]
    fn a_note_is_written_with_its_words_filled_in() {
        let effects = vec![Effect::Note("Said: hi".to_owned())];
        assert_eq!(noted("Said: {{ lastInput }}", "hi"), Turn { effects, next: to("below") });
        assert_eq!(failure(&noted("{{ lastInput + 1 }}", "hi")), "template_failed");
    }

    #[test]
    fn a_note_without_words_is_left_out() {
        assert_eq!(noted("{{ run.nothing }} ", "hi"), Turn { effects: vec![], next: to("below") });
    }

    #[test]
    fn a_long_note_is_cut_where_notes_end() {
        let turn = noted("{{ lastInput }}", &"ä".repeat(1_001));
        assert_eq!(turn.effects, [Effect::Note(format!("{}…", "ä".repeat(999)))]);
        let whole = "ä".repeat(1_000);
        assert_eq!(noted("{{ lastInput }}", &whole).effects, [Effect::Note(whole)]);
        assert_eq!(refused(&json!({"here": {"note": "x".repeat(1_001)}})).len(), 1);
    }

    #[test]
    fn a_note_is_a_template() {
        assert_eq!(mentioned(&json!({"here": {"note": "x"}})), [r#"steps.here.note: Template("x")"#]);
    }
}
