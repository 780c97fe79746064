//! `question`: asks the contact something, checks the answer and saves it.

use aggregates::folding::fold;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Act, Here, buttons, empty_text, not_waiting, to_send};
use crate::answers::Answer;
use crate::finding::Code;
use crate::mentions::{Given, Mention, Mentions};
use crate::terms::{Duration, StepName};
use crate::turn::{
    Effect, FieldOperation, Input, Next, Resumption, Scene, SendButton, Target, Turn, Waiting, WaitingFor,
};

/// How many choices become buttons at most, and how long they may be for that, in characters.
const MAX_BUTTONS: usize = 3;
const MAX_LABEL_CHARS: usize = 20;
/// How often an answer is waited for when the document does not say.
const USUAL_ATTEMPTS: u32 = 3;

/// Sends a text, waits for the answer, checks it and saves it. An answer that does not fit is asked for again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "question", extend("dependentRequired" = {"onTimeout": ["timeout"]}))]
pub struct Question {
    /// What to ask; {{ contact.firstName | default('there') }} and the like are filled in.
    #[schemars(length(min = 1, max = 10_000))]
    text: String,
    /// What the answer has to be; any text when missing.
    #[serde(default)]
    validate: Answer,
    /// The only answers that fit. Up to 3 of at most 20 characters are sent as buttons; more have to be told by the text.
    #[serde(default)]
    #[schemars(length(min = 1, max = 20), inner(length(min = 1, max = 255)))]
    choices: Vec<String>,
    /// Where to save the answer.
    save_to: Option<Target>,
    /// How many answers that do not fit are taken before the flow goes on at onInvalid, or fails; 3 when missing.
    #[schemars(range(min = 1, max = 10))]
    attempts: Option<u32>,
    /// What to say to an answer that does not fit; says what is expected when missing.
    #[schemars(length(min = 1, max = 10_000))]
    retry_text: Option<String>,
    /// How long to wait for the answer; without it, as long as it takes.
    timeout: Option<Duration>,
    /// Where to go on when the time is over; without it, at the step that follows.
    on_timeout: Option<StepName>,
    /// Where to go on when no answer fits; without it, the run fails.
    on_invalid: Option<StepName>,
}

impl Act for Question {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        seen.add("text", Mention::Sent(&self.text));
        if let Some(text) = &self.retry_text {
            seen.add("retryText", Mention::Sent(text));
        }
        let as_buttons = self.has_buttons();
        if as_buttons {
            seen.add("choices", Mention::Buttons(self.choices.len()));
        }
        for (index, choice) in self.choices.iter().enumerate() {
            let place = format!("choices[{index}]");
            seen.add(&place, if as_buttons { Mention::Label(choice) } else { Mention::Choice(choice) });
            if self.validate.read(choice).is_none() && !fold(choice).is_empty() {
                let message = format!("this choice never fits: validate asks for {}", self.validate.expected());
                seen.fault(&place, Code::WrongType, message, None);
            }
        }
        if let Some(target) = &self.save_to {
            let given = Given::Answer(self.validate.types());
            seen.add("saveTo", Mention::Put { target, operation: FieldOperation::Set, given });
        }
        seen.duration("timeout", self.timeout);
        seen.step("onTimeout", self.on_timeout.as_ref());
        seen.step("onInvalid", self.on_invalid.as_ref());
    }

    fn pauses(&self) -> bool {
        true
    }

    fn enter(&self, here: Here<'_>, scene: &Scene<'_>) -> Result<Turn, Next> {
        let until = self.timeout.map(|timeout| scene.now.saturating_add(timeout.0));
        self.ask(here, &self.text, Waiting { reason: WaitingFor::Input, until, attempt: 0 }, scene)
    }

    fn resume(&self, here: Here<'_>, waiting: &Waiting, by: &Resumption, scene: &Scene<'_>) -> Result<Turn, Next> {
        let turn = |effects: Vec<Effect>, next: Next| Ok(Turn { effects, next });
        let input = match by {
            Resumption::Timer => return turn(Vec::new(), here.go_to(self.on_timeout.as_ref())),
            Resumption::Event | Resumption::Answer(_) => return Err(not_waiting(here)),
            Resumption::Input(input) => input,
        };
        if let Some(value) = self.answer(here, input) {
            let put = self.save_to.clone().map(|target| Effect::Put {
                target,
                operation: FieldOperation::Set,
                value,
                typed_by_customer: true,
            });
            return turn(put.into_iter().collect(), here.go_on());
        }
        let refused = waiting.attempt.saturating_add(1);
        if refused < self.attempts.unwrap_or(USUAL_ATTEMPTS) {
            let usual = self.usual_retry();
            let text = self.retry_text.as_deref().unwrap_or(&usual);
            return self.ask(here, text, Waiting { attempt: refused, ..waiting.clone() }, scene);
        }
        match &self.on_invalid {
            Some(step) => turn(Vec::new(), here.go_to(Some(step))),
            None => {
                let reason = format!("no answer to the step {} was {}", here.name, self.validate.expected());
                turn(Vec::new(), Next::Fail { code: "invalid_answer", reason })
            }
        }
    }
}

impl Question {
    fn has_buttons(&self) -> bool {
        let fits = |choice: &String| choice.chars().count() <= MAX_LABEL_CHARS;
        (1..=MAX_BUTTONS).contains(&self.choices.len()) && self.choices.iter().all(fits)
    }

    fn ask(&self, here: Here<'_>, text: &str, waiting: Waiting, scene: &Scene<'_>) -> Result<Turn, Next> {
        let text = to_send(text, scene)?.ok_or_else(|| empty_text(here))?;
        let buttons: Vec<SendButton> = match self.has_buttons() {
            true => buttons::made(here, self.choices.iter().map(String::as_str)),
            false => Vec::new(),
        };
        Ok(Turn { effects: vec![Effect::Send { text, buttons }], next: Next::Wait(waiting) })
    }

    /// The answer as it is saved; nothing when it does not fit.
    fn answer(&self, here: Here<'_>, input: &Input) -> Option<Value> {
        if self.choices.is_empty() {
            return self.validate.read(&input.text);
        }
        let pressed = buttons::pressed(here, input).and_then(|index| self.choices.get(index));
        let is = |text: &str| self.choices.iter().find(|choice| fold(choice) == fold(text));
        let chosen = pressed.or_else(|| is(&input.text)).or_else(|| input.text.lines().rev().find_map(is));
        self.validate.read(chosen?)
    }

    fn usual_retry(&self) -> String {
        match self.choices.as_slice() {
            [] => format!("Sorry, I did not understand. Please answer with {}.", self.validate.expected()),
            choices => format!("Sorry, I did not understand. Please answer with one of: {}.", choices.join(", ")),
        }
    }
}

#[cfg(test)]
#[path = "question_tests.rs"]
mod tests;
