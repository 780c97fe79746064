//! Pauses of a simulation: what the run waits for, and what ends that. The contact says what it was told to say, and otherwise the clock is
//! turned.

use aggregates::Personal;
use aggregates::conversation::{self, InboundMessage};
use aggregates::flow_run::{Command, Pause, Reason, RunAnswer, RunInput, RunRequest, Waker};
use aggregates::ids::{AccountId, ContactId, MessageId};
use flows::happening;
use flows::turn::{Input, Next, Request, Resumption, Turn, Waiting, WaitingFor};
use uuid::Uuid;

use super::super::super::inputs::rfc3339;
use super::{Simulation, next_step};

impl Simulation {
    /// The pause that a step wants.
    pub(super) fn pause(&mut self, step: &str, waiting: Waiting) -> Command {
        let (reason, what) = match waiting.reason {
            WaitingFor::Time => (Reason::Time, "waits".to_owned()),
            WaitingFor::Input => (Reason::Input, "waits for an answer".to_owned()),
            WaitingFor::Button => (Reason::Button, "waits for a button".to_owned()),
            WaitingFor::Event { event } => (Reason::Event { event: event.clone() }, format!("waits for {event}")),
            WaitingFor::Answer => (Reason::Http, "waits for a server".to_owned()),
        };
        let until = waiting.until.map(|until| format!(" until {}", rfc3339(until)));
        self.tell(step, "waits", what + &until.unwrap_or_default());
        let (until, attempt) = (waiting.until, waiting.attempt);
        Command::Pause(Pause { step: step.to_owned(), reason, until, attempt, after: self.position })
    }

    /// Ends a pause: by what the contact writes next, or by turning the clock. Nothing more happens when neither can.
    pub(super) fn wait(&mut self) -> bool {
        let Some(pause) = self.run.pause.clone() else { return false };
        if pause.reason == Reason::Http {
            return self.hear(&pause);
        }
        let awaits_message = matches!(&pause.reason, Reason::Event { event } if event == "messageReceived" || event == "MessageReceived");
        if pause.reason.takes_messages() || awaits_message {
            match self.replies.pop_front() {
                // Says nothing: the time passes.
                Some(silence) if silence.trim().is_empty() => {}
                Some(text) if awaits_message => return self.happen(&pause, &text),
                Some(text) => return self.receive(&pause, text),
                None => {
                    self.reason = Some("there are no more replies".to_owned());
                    return false;
                }
            }
        }
        let Some(until) = pause.until else {
            self.reason = Some(match &pause.reason {
                Reason::Event { event } => {
                    format!("{event} does not happen in a simulation, and the step has no timeout")
                }
                _ => "the contact stays silent, and the step has no timeout".to_owned(),
            });
            return false;
        };
        self.now = self.now.max(until);
        self.tell(&pause.step, "time", "the time has come");
        self.resume(&pause, Waker::Timer, &Resumption::Timer)
    }

    /// What a step would ask of a server elsewhere. A simulation asks nobody.
    pub(super) fn ask(&mut self, step: &str, request: &Request) -> Command {
        let method: &str = request.method.into();
        self.tell(step, "request", format!("{method} {}", request.url));
        Command::Request(RunRequest {
            step: step.to_owned(),
            number: self.run.steps,
            attempt: request.attempt,
            method: method.to_owned(),
            url: Personal::Known(request.url.clone()),
            until: self.now.saturating_add(request.time_us),
        })
    }

    /// The server answers what it was told to answer.
    fn hear(&mut self, pause: &Pause) -> bool {
        let (Some(answer), Some(request)) = (self.answers.pop_front(), self.run.request.clone()) else {
            let reason = "a simulation asks no server, and there are no more httpAnswers";
            self.reason = Some(reason.to_owned());
            return false;
        };
        let what = match (&answer.error, answer.status) {
            (Some(error), _) => format!("no answer: {}", error.code),
            (None, status) => format!("{} {}", status.unwrap_or_default(), answer.body),
        };
        self.tell(&pause.step, "answer", what);
        self.command(&Command::Answer(RunAnswer {
            number: request.number,
            attempt: request.attempt,
            status: answer.status,
            error: answer.error.as_ref().map(|error| error.code.clone()),
            reason: answer.error.as_ref().map(|error| error.message.clone()),
            body: Some(Personal::Known(answer.body.clone())),
        }));
        self.resume(pause, Waker::Answer, &Resumption::Answer(answer))
    }

    /// The contact writes something, or presses the button that has these words.
    fn receive(&mut self, pause: &Pause, text: String) -> bool {
        self.person.wrote(self.now);
        let input = Input { button: self.person.button(&text), text };
        let Some(turn) = self.looked_at(pause, &Resumption::Input(input.clone())) else { return false };
        let aside = pause.reason == Reason::Button && matches!(turn.next, Next::Wait(_));
        self.position += 1;
        self.command(&Command::Receive(RunInput {
            position: self.position,
            message: MessageId(Uuid::nil()),
            text: Personal::Known(input.text.clone()),
            button: input.button.clone(),
            settles_at: None,
            aside,
        }));
        let kind = if aside { "aside" } else { "received" };
        let pressed = if input.button.is_some() { " (pressed)" } else { "" };
        self.tell(&pause.step, kind, format!("{}{pressed}", input.text));
        aside || self.resume(pause, Waker::Input, &Resumption::Input(input))
    }

    /// The contact writes something while the run waits for just that to happen.
    fn happen(&mut self, pause: &Pause, text: &str) -> bool {
        self.person.wrote(self.now);
        self.position += 1;
        self.tell(&pause.step, "received", text);
        let known = || Personal::Known(String::new());
        let event = conversation::Event::MessageReceived(InboundMessage {
            message: MessageId(Uuid::nil()),
            contact: ContactId(Uuid::nil()),
            account: AccountId(Uuid::nil()),
            text: Personal::Known(text.to_owned()),
            button: None,
            reply_to: None,
            user: known(),
            provider_message_id: known(),
        });
        let facts = self.person.around.facts.clone();
        self.person.around.facts = happening::seen_by(&event.into(), &facts);
        let turn = self.looked_at(pause, &Resumption::Event);
        self.person.around.facts = facts;
        match turn {
            // It is not what the step waits for.
            Some(turn) if matches!(turn.next, Next::Wait(_)) => true,
            Some(turn) => self.go_on(pause, Waker::Event, turn),
            None => false,
        }
    }

    /// What the step at which the run waits makes of it.
    fn looked_at(&self, pause: &Pause, by: &Resumption) -> Option<Turn> {
        let reason = match &pause.reason {
            Reason::Time => WaitingFor::Time,
            Reason::Input => WaitingFor::Input,
            Reason::Button => WaitingFor::Button,
            Reason::Event { event } => WaitingFor::Event { event: event.clone() },
            Reason::Http => WaitingFor::Answer,
        };
        let waiting = Waiting { reason, until: pause.until, attempt: pause.attempt };
        let words = self.words();
        let scene = self.person.around.scene(&words, self.now, 0);
        Some(self.document()?.resume(&pause.step, &waiting, by, &scene))
    }

    fn resume(&mut self, pause: &Pause, by: Waker, resumption: &Resumption) -> bool {
        let turn = self.looked_at(pause, resumption);
        turn.is_some_and(|turn| self.go_on(pause, by, turn))
    }

    fn go_on(&mut self, pause: &Pause, by: Waker, turn: Turn) -> bool {
        let resume = Command::Resume { by, now: self.now, position: self.position, next: next_step(&turn) };
        let before = self.before();
        if !self.command(&resume) {
            return false;
        }
        if let (Waker::Timer, true, Next::Step(next)) = (by, turn.effects.is_empty(), &turn.next) {
            self.tell(&pause.step, "step", format!("goes on at {next}"));
        }
        self.carry_out(&pause.step, turn, before);
        true
    }
}
