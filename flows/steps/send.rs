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
            Resumption::Event | Resumption::Answer(_) => return Err(not_waiting(here)),
        };
        Ok(Turn { effects: Vec::new(), next })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::given::{Given, at, failure, faults, mentioned, only, refused, to, written};
    use super::*;
    use crate::turn::{Input, SendButton};

    fn steps(send: &Value) -> Value {
        json!({"here": {"send": send}, "below": {"end": {}}})
    }

    fn asking() -> Value {
        let buttons = json!([{"text": "Yes", "then": "a"}, {"text": "No"}]);
        steps(&json!({"text": "Cake?", "buttons": buttons, "timeout": "2d", "onTimeout": "late"}))
    }

    fn waiting() -> Waiting {
        Waiting { reason: WaitingFor::Button, until: Some(at("2026-06-03T06:00:00Z")), attempt: 0 }
    }

    fn sent(text: &str, titles: &[&str]) -> Effect {
        let button =
            |(index, title): (usize, &&str)| SendButton { id: format!("here:{index}"), title: (*title).to_owned() };
        Effect::Send { text: text.to_owned(), buttons: titles.iter().enumerate().map(button).collect() }
    }

    fn pressed(id: &str) -> Resumption {
        Resumption::Input(Input { text: "Yes".to_owned(), button: Some(id.to_owned()) })
    }

    #[test]
    fn a_text_is_filled_in_and_the_flow_goes_on() {
        let turn = Given::default().enter(&steps(&json!({"text": "Hi {{ contact.firstName }}!"})));
        assert_eq!(turn, Turn { effects: vec![sent("Hi Ana!", &[])], next: to("below") });
        let buttons = json!([{"text": "Yes"}, {"text": "No"}]);
        let turn = Given::default().enter(&steps(&json!({"text": "Hi", "buttons": buttons})));
        assert_eq!(turn, Turn { effects: vec![sent("Hi", &["Yes", "No"])], next: to("below") });
    }

    #[test]
    fn a_button_that_leads_on_is_waited_for() {
        let turn = Given::default().enter(&asking());
        assert_eq!(turn, Turn { effects: vec![sent("Cake?", &["Yes", "No"])], next: Next::Wait(waiting()) });
    }

    #[test]
    fn a_press_goes_on_where_the_button_leads_or_at_the_step_that_follows() {
        let given = Given::default();
        assert_eq!(given.resume(&asking(), &waiting(), &pressed("here:0")), only(to("a")));
        assert_eq!(given.resume(&asking(), &waiting(), &pressed("here:1")), only(to("below")));
    }

    #[test]
    fn other_input_does_not_advance_the_flow() {
        let (given, unmoved) = (Given::default(), only(Next::Wait(waiting())));
        assert_eq!(given.resume(&asking(), &waiting(), &written("Yes")), unmoved);
        for old in ["there:0", "here:2", "here:", "here", "her:0", "herehere:0"] {
            assert_eq!(given.resume(&asking(), &waiting(), &pressed(old)), unmoved, "{old}");
        }
    }

    #[test]
    fn the_end_of_the_time_leads_elsewhere_or_to_the_step_that_follows() {
        let given = Given::default();
        assert_eq!(given.resume(&asking(), &waiting(), &Resumption::Timer), only(to("late")));
        let buttons = json!([{"text": "Yes", "then": "a"}]);
        let plain = steps(&json!({"text": "Cake?", "buttons": buttons, "timeout": "2d"}));
        assert_eq!(given.resume(&plain, &waiting(), &Resumption::Timer), only(to("below")));
        assert_eq!(failure(&given.resume(&plain, &waiting(), &Resumption::Event)), "not_waiting");
    }

    #[test]
    fn a_text_of_which_nothing_shows_is_left_out_unless_buttons_hang_on_it() {
        let blank = "{{ contact.lastName }} ";
        assert_eq!(Given::default().enter(&steps(&json!({"text": blank}))), only(to("below")));
        let buttons = json!([{"text": "Yes"}]);
        let turn = Given::default().enter(&steps(&json!({"text": blank, "buttons": buttons})));
        assert_eq!(failure(&turn), "empty_text");
    }

    #[test]
    fn a_text_is_cut_to_what_the_channel_takes() {
        let long = "{{ contact.firstName }}".to_owned() + &"é".repeat(4_000);
        let turn = Given::default().enter(&steps(&json!({"text": long})));
        let Some(Effect::Send { text, .. }) = turn.effects.first() else { panic!("sends nothing") };
        assert_eq!((text.chars().count(), text.chars().last()), (4_000, Some('…')));
    }

    #[test]
    fn a_time_without_anything_to_wait_for_is_a_fault() {
        let told = faults(&steps(&json!({"text": "Hi", "buttons": [{"text": "Yes"}], "timeout": "1d"})));
        assert_eq!(told, [("invalid_form".to_owned(), "steps.here.send.timeout".to_owned())]);
        let told = refused(&steps(&json!({"text": "Hi", "onTimeout": "a"})));
        assert_eq!(told, [("invalid_form".to_owned(), "steps.here.send.onTimeout".to_owned())]);
    }

    #[test]
    fn everything_that_a_send_names_is_told() {
        let told = mentioned(&asking()).join("\n");
        for named in [
            "text: Sent(",
            "buttons: Buttons(2)",
            "buttons[0].text: Label(\"Yes\")",
            "buttons[0].then: Step(\"a\")",
            "timeout: Duration(",
            "onTimeout: Step(\"late\")",
        ] {
            assert!(told.contains(named), "{named} in {told}");
        }
    }
}
