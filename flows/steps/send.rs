//! `send`: a message to the contact, with buttons under it if need be.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Act, Here, buttons, empty_text, not_waiting, to_send};
use crate::finding::Code;
use crate::mentions::{Mention, Mentions};
use crate::terms::{Duration, StepName};
use crate::turn::{Effect, Next, Resumption, Scene, Turn, Waiting, WaitingFor};

/// Sends a message. If a button has `then`, waits for a press; anything else that the contact writes meanwhile is kept and does not advance the
/// flow.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "send", extend("dependentRequired" = {"onTimeout": ["timeout"]}))]
pub struct Send {
    /// The text; {{ contact.firstName | default('there') }} and the like are filled in.
    #[schemars(length(min = 1, max = 10_000))]
    text: String,
    /// Buttons under the text.
    #[serde(default)]
    #[schemars(length(min = 1, max = 3))]
    buttons: Vec<Button>,
    /// How long to wait for a press; without it, as long as it takes.
    timeout: Option<Duration>,
    /// Where to go on when the time is over; without it, at the step that follows.
    on_timeout: Option<StepName>,
}

/// A button.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "button")]
struct Button {
    /// The words on it.
    #[schemars(length(min = 1, max = 20))]
    text: String,
    /// Where to go on when it is pressed; without it, at the step that follows.
    then: Option<StepName>,
}

impl Send {
    fn waits(&self) -> bool {
        self.buttons.iter().any(|button| button.then.is_some())
    }
}

impl Act for Send {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        seen.add("text", Mention::Sent(&self.text));
        seen.add("buttons", Mention::Buttons(self.buttons.len()));
        for (index, button) in self.buttons.iter().enumerate() {
            seen.add(&format!("buttons[{index}].text"), Mention::Label(&button.text));
            seen.step(&format!("buttons[{index}].then"), button.then.as_ref());
        }
        seen.duration("timeout", self.timeout);
        if self.timeout.is_some() && !self.waits() {
            let hint = "give a button then, or leave timeout out";
            seen.fault("timeout", Code::InvalidForm, "this step does not wait: no button has then", Some(hint));
        }
        seen.step("onTimeout", self.on_timeout.as_ref());
    }

    fn pauses(&self) -> bool {
        self.waits()
    }

    fn enter(&self, here: Here<'_>, scene: &Scene<'_>) -> Result<Turn, Next> {
        let buttons = buttons::made(here, self.buttons.iter().map(|button| button.text.as_str()));
        let effects = match to_send(&self.text, scene)? {
            Some(text) => vec![Effect::Send { text, buttons }],
            // A text that has nothing to say to this contact is left out.
            None if buttons.is_empty() => Vec::new(),
            None => return Err(empty_text(here)),
        };
        let next = if self.waits() {
            let until = self.timeout.map(|timeout| scene.now.saturating_add(timeout.0));
            Next::Wait(Waiting { reason: WaitingFor::Button, until, attempt: 0 })
        } else {
            here.go_on()
        };
        Ok(Turn { effects, next })
    }

    fn resume(&self, here: Here<'_>, waiting: &Waiting, by: &Resumption, _: &Scene<'_>) -> Result<Turn, Next> {
        let next = match by {
            Resumption::Timer => here.go_to(self.on_timeout.as_ref()),
            Resumption::Input(input) => match buttons::pressed(here, input).and_then(|index| self.buttons.get(index)) {
                Some(button) => here.go_to(button.then.as_ref()),
                None => Next::Wait(waiting.clone()),
            },
            Resumption::Event => return Err(not_waiting(here)),
        };
        Ok(Turn { effects: Vec::new(), next })
    }
}
