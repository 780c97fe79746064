//! Runs of flows that reach nobody: the same documents, the same decisions of runs, but the contact is in memory, the clock is turned over every
//! pause, and the answers are given beforehand.

mod pauses;
mod person;
mod stage;
#[cfg(test)]
mod tests;
mod transcript;

use std::collections::VecDeque;
use std::sync::Arc;

use aggregates::flow_run::{Cause, Command, Event, FlowRun, RunStart, Status, Variables};
use aggregates::ids::{AccountId, ContactId, ConversationId, FlowId};
use aggregates::{Personal, Root};
use flows::document::{Document, Step};
use flows::turn::{Answer, Effect, Next, Turn};
use serde_json::Value;
use uuid::Uuid;

pub(super) use person::Person;
pub(super) use stage::Stage;
pub(super) use transcript::{Moment, Transcript};

use crate::problem::Problem;

/// The most turns: a run's own budget counts steps, and a step may be looked at several times.
const MAX_TURNS: usize = 5_000;

/// What is simulated.
pub(super) struct Start {
    /// The flow; its document is on the stage.
    pub(super) flow: FlowId,
    /// Variables that begin otherwise than the document says.
    pub(super) variables: Variables,
    /// What the contact writes, one after the other, whenever the run waits for it.
    pub(super) replies: Vec<String>,
    /// What servers elsewhere answer, one after the other: none is asked.
    pub(super) answers: Vec<Answer>,
    /// When it begins, in microseconds since the epoch.
    pub(super) now: i64,
}

/// A simulation that has come to its end, or waits for what does not come.
pub(super) struct Ended {
    pub(super) status: Status,
    pub(super) reason: Option<String>,
    /// The step at which it stands, or stood last.
    pub(super) step: Option<String>,
    pub(super) transcript: Transcript,
    /// What templates would see now.
    pub(super) words: Value,
}

struct Simulation {
    stage: Stage,
    person: Person,
    first: Arc<Document>,
    run: FlowRun,
    now: i64,
    chance: Chance,
    transcript: Transcript,
    replies: VecDeque<String>,
    answers: VecDeque<Answer>,
    /// Of the last thing that the contact did.
    position: u64,
    reason: Option<String>,
}

/// How it was before a turn.
struct Before {
    run: FlowRun,
    person: Person,
    /// How many moments were told.
    told: usize,
}

/// What is left to chance: always the same (`SplitMix64`), so that a simulation can be repeated.
struct Chance(u64);

impl Chance {
    const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Decides and takes in what was decided.
fn decide<R: Root>(root: &mut R, command: &R::Command) -> Result<Vec<R::Event>, R::Error> {
    let events = root.decide(command)?;
    events.iter().for_each(|event| root.apply(event.clone()));
    Ok(events)
}

/// Carries a flow out.
pub(super) fn simulate(stage: Stage, mut person: Person, start: Start) -> Option<Ended> {
    let staged = stage.document(start.flow)?.clone();
    person.around.nouns = stage.nouns.clone();
    person.around.bot.clone_from(&stage.bot);
    let first = staged.document;
    let mut variables = first.variables().clone();
    variables.extend(start.variables);
    let begin = Command::Start(RunStart {
        flow: start.flow,
        version: staged.version,
        contact: ContactId(Uuid::nil()),
        conversation: Some(ConversationId(Uuid::nil())),
        account: Some(AccountId(Uuid::nil())),
        step: first.first_step().to_owned(),
        variables: Personal::Known(variables),
        cause: Cause::Operation,
        hops: 0,
        max_steps: first.policy().max_steps,
        after: 0,
    });
    let mut simulation = Simulation {
        stage,
        person,
        first,
        run: FlowRun::default(),
        now: start.now,
        chance: Chance(1),
        transcript: Transcript::default(),
        replies: start.replies.into(),
        answers: start.answers.into(),
        position: 0,
        reason: None,
    };
    simulation.command(&begin);
    simulation.play();
    Some(simulation.ended())
}

impl Simulation {
    fn play(&mut self) {
        for _ in 0..MAX_TURNS {
            let goes_on = match self.run.status {
                Status::Running => self.go(),
                Status::Waiting => self.wait(),
                _ => false,
            };
            if !goes_on {
                return;
            }
        }
        self.fail("turn_budget", format!("a simulation takes at most {MAX_TURNS} turns"));
    }

    fn ended(self) -> Ended {
        let words = self.words();
        let step = self.run.frame().and_then(|frame| frame.step.clone());
        Ended { status: self.run.status, reason: self.reason, step, transcript: self.transcript, words }
    }

    fn step(&self) -> String {
        self.run.frame().and_then(|frame| frame.step.clone()).unwrap_or_default()
    }

    fn document(&self) -> Option<Arc<Document>> {
        let frame = self.run.frame()?;
        self.stage.document(frame.flow).map(|staged| Arc::clone(&staged.document))
    }

    fn variables(&self) -> Variables {
        self.run.variables.as_ref().and_then(Personal::known).cloned().unwrap_or_default()
    }

    fn words(&self) -> Value {
        let last = self.run.last_input.as_ref().and_then(Personal::known);
        self.person.around.words(&self.variables(), last.map(String::as_str))
    }

    fn tell(&mut self, step: &str, kind: &'static str, what: impl Into<String>) {
        self.transcript.add(self.now, step, kind, what);
    }

    /// Decides about the run, and tells what is to be seen of it; tells whether anything happened.
    fn command(&mut self, command: &Command) -> bool {
        let events = match decide(&mut self.run, command) {
            Ok(events) => events,
            Err(error) => {
                self.fail("not_possible", error.to_string());
                return false;
            }
        };
        for event in &events {
            self.show(event);
        }
        !events.is_empty()
    }

    fn show(&mut self, event: &Event) {
        let step = self.step();
        let name = |flow: &FlowId| self.stage.document(*flow).map(|staged| staged.name.clone()).unwrap_or_default();
        match event {
            Event::FlowRunCalled { flow, .. } => {
                let what = format!("goes into the flow {}", name(flow));
                self.tell(&step, "flow", what);
            }
            Event::FlowRunReturned { flow, .. } => {
                let what = format!("comes back to the flow {}", name(flow));
                self.tell(&step, "flow", what);
            }
            Event::FlowRunCompleted { .. } => self.tell(&step, "end", "the run is completed"),
            Event::FlowRunFailed { code, reason, .. } => {
                self.reason = Some(format!("{code}: {reason}"));
                self.tell(&step, "end", format!("the run fails: {reason}"));
            }
            Event::FlowRunCancelled { reason, .. } => {
                self.reason = Some(reason.clone());
                self.tell(&step, "end", format!("the run is cancelled: {reason}"));
            }
            _ => {}
        }
    }

    fn fail(&mut self, code: &str, reason: String) {
        // A run that is over takes nothing in any more.
        let fail = Command::Fail { code: code.to_owned(), reason };
        if let Ok(events) = decide(&mut self.run, &fail) {
            events.iter().for_each(|event| self.show(event));
        }
    }

    /// Enters the step before which the run stands.
    fn go(&mut self) -> bool {
        if self.first.policy().stop_on_human && self.person.is_with_somebody() {
            return self.command(&Command::Cancel { reason: "stopped_by_human".to_owned() });
        }
        let (step, Some(document)) = (self.step(), self.document()) else { return false };
        let (words, chance) = (self.words(), self.chance.draw());
        let turn = document.enter(&step, &self.person.around.scene(&words, self.now, chance));
        let known = document.step(&step);
        let kind = known.map_or("unknown", |step| step.kind());
        let enter = Command::Enter {
            number: self.run.steps,
            step: step.clone(),
            kind: kind.to_owned(),
            chance: known.is_some_and(Step::leaves_to_chance).then_some(chance),
            next: next_step(&turn),
        };
        let before = self.before();
        if !self.command(&enter) || self.run.status.is_over() {
            return false;
        }
        if let (true, Next::Step(next)) = (turn.effects.is_empty(), &turn.next) {
            self.tell(&step, "step", format!("{kind} goes on at {next}"));
        }
        self.carry_out(&step, turn, before);
        true
    }

    fn before(&self) -> Before {
        Before { run: self.run.clone(), person: self.person.clone(), told: self.transcript.moments.len() }
    }

    /// Makes happen what a turn wants, and then how it ends. A turn that is refused has not happened at all, as in the log: the run fails
    /// where it stood before.
    fn carry_out(&mut self, step: &str, turn: Turn, before: Before) {
        if let Err(problem) = self.happens(step, turn) {
            (self.run, self.person) = (before.run, before.person);
            self.transcript.moments.truncate(before.told);
            self.fail(problem.code.name(), problem.message);
        }
    }

    fn happens(&mut self, step: &str, turn: Turn) -> Result<(), Problem> {
        for effect in turn.effects {
            self.take(step, effect)?;
        }
        let command = match turn.next {
            // The run stands there already.
            Next::Step(_) => return Ok(()),
            Next::End => Command::End,
            Next::Finish => Command::Finish,
            Next::Fail { code, reason } => Command::Fail { code: code.to_owned(), reason },
            Next::Wait(waiting) => self.pause(step, waiting),
            Next::Request(request) => self.ask(step, &request),
            Next::Call { flow, variables, return_to } => self.called(&flow, variables, return_to)?,
        };
        self.command(&command);
        Ok(())
    }

    fn take(&mut self, step: &str, effect: Effect) -> Result<(), Problem> {
        let variables = self.variables();
        let done = self.person.take(&mut self.stage, effect, &variables, self.now)?;
        // A tag that was made up is known from now on.
        self.person.around.nouns = self.stage.nouns.clone();
        self.tell(step, done.kind, done.what);
        if !done.variables.is_empty() {
            self.command(&Command::SetVariables { variables: done.variables });
        }
        Ok(())
    }

    fn called(&mut self, flow: &str, variables: Variables, return_to: Option<String>) -> Result<Command, Problem> {
        let (flow, called) = self.stage.flow(flow).ok_or_else(person::not_published)?;
        let (version, step) = (called.version, called.document.first_step().to_owned());
        let mut set = called.document.variables().clone();
        let known = self.variables();
        set.retain(|name, _| !known.contains_key(name));
        set.extend(variables);
        self.command(&Command::SetVariables { variables: set });
        Ok(Command::Call { flow, version, step, return_to })
    }
}

/// The step that a turn leads to, when it is one of the same document.
fn next_step(turn: &Turn) -> Option<String> {
    match &turn.next {
        Next::Step(step) => Some(step.clone()),
        _ => None,
    }
}
