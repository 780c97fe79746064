//! `handoff`: somebody else goes on with the conversation.

use aggregates::folding::fold;
use schemars::JsonSchema;
use serde::Deserialize;

use super::note::shortened;
use super::{Act, Here, filled};
use crate::mentions::{Mention, Mentions};
use crate::turn::{Effect, HandTo, Next, Scene, Turn};

/// Hands the conversation to a person or to an assistant and ends the run.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "handoff")]
pub struct Handoff {
    /// Who goes on; a person when missing.
    #[serde(default)]
    to: To,
    /// Why, for them; {{ lastInput }} and the like are filled in.
    #[schemars(length(min = 1, max = 1_000))]
    note: Option<String>,
}

/// Who goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum To {
    /// A person.
    #[default]
    Human,
    /// An assistant.
    Ai,
}

impl Act for Handoff {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        if let Some(note) = &self.note {
            seen.add("note", Mention::Template(note));
        }
    }

    fn goes_on(&self) -> bool {
        false
    }

    fn enter(&self, _: Here<'_>, scene: &Scene<'_>) -> Result<Turn, Next> {
        let note = self.note.as_ref().map(|note| filled(note, scene)).transpose()?;
        let note = note.filter(|note| !fold(note).is_empty()).map(shortened);
        let to = match self.to {
            To::Human => HandTo::Human,
            To::Ai => HandTo::Ai,
        };
        Ok(Turn { effects: vec![Effect::HandOff { to, note }], next: Next::Finish })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::given::{Given, failure, mentioned, refused};
    use super::*;

    fn handed(form: &Value) -> Turn {
        let words = json!({"lastInput": "refund"});
        Given { words, ..Given::default() }.enter(&json!({"here": {"handoff": form}, "below": {"end": {}}}))
    }

    fn over(to: HandTo, note: Option<&str>) -> Turn {
        Turn { effects: vec![Effect::HandOff { to, note: note.map(str::to_owned) }], next: Next::Finish }
    }

    #[test]
    fn the_conversation_goes_to_a_person_or_an_assistant_and_the_run_ends() {
        assert_eq!(handed(&json!({})), over(HandTo::Human, None));
        assert_eq!(handed(&json!({"to": "ai"})), over(HandTo::Ai, None));
        assert_eq!(
            handed(&json!({"to": "human", "note": "Wants {{ lastInput }}"})),
            over(HandTo::Human, Some("Wants refund"))
        );
        assert_eq!(handed(&json!({"note": "{{ run.nothing }}"})), over(HandTo::Human, None));
        assert_eq!(failure(&handed(&json!({"note": "{{ lastInput + 1 }}"}))), "template_failed");
    }

    #[test]
    fn the_note_is_a_template_and_others_are_not_known() {
        let steps = json!({"here": {"handoff": {"note": "x"}}});
        assert_eq!(mentioned(&steps), [r#"steps.here.handoff.note: Template("x")"#]);
        assert_eq!(refused(&json!({"here": {"handoff": {"to": "robot"}}})).len(), 1);
    }
}
