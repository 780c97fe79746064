//! Turns of runs: what a step wants to happen becomes events, all of them in the append in which the run goes on. After a kill a step
//! has happened as a whole, or not at all.

use std::sync::{Arc, Mutex, PoisonError};

use aggregates::conversation::{Conversation, Owner};
use aggregates::flow_run::{Command, FlowRun, Pause, Reason, RunInput, RunRequest, RunStart, Status, Variables, Waker};
use aggregates::ids::RunId;
use aggregates::{Personal, Recorded};
use flows::document::{Document, Step};
use flows::turn::{Input, Next, Request, Resumption, Scene, Turn, Waiting, WaitingFor};

use super::answers::shown;
use super::documents::Documents;
use super::effects;
use super::requests::{Announced, Requests, unknown};
use super::surroundings::Surroundings;
use crate::app::{Decision, UnitOfWork};
use crate::problem::{Code, Problem};

/// Why a run was ended when somebody else answers in its conversation.
pub(super) const STEPPED_IN: &str = "stopped_by_human";
/// How long after its time the outcome of a request is due at the latest, in microseconds: it may have to wait for others, and be recorded.
const LATE_US: i64 = 15_000_000;

/// What makes a run go on.
pub(super) enum Prompt {
    /// It stands before a step.
    Go,
    /// Its time has come, or what came in has settled.
    Due,
    /// Something happened to the contact that it may wait for.
    Event(Arc<Recorded>),
    /// The outcome of its request was recorded.
    Answered,
}

/// One turn of one run.
pub(super) struct TakeTurn<'a> {
    pub(super) documents: &'a Documents,
    pub(super) requests: &'a Requests,
    pub(super) run: RunId,
    pub(super) prompt: Prompt,
    /// What is to be asked of a server elsewhere once the turn is appended. It is no outcome: those may be stored, and this is personal.
    pub(super) announced: Mutex<Option<Announced>>,
}

impl Decision for TakeTurn<'_> {
    type Outcome = ();

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<(), Problem> {
        let announced = match Player::of(unit, self.documents, self.run).await? {
            Some(player) => self.taken(&player, unit).await?,
            None => None,
        };
        // Decided anew after a conflict, it may ask for something else, or for nothing.
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = announced;
        Ok(())
    }
}

impl TakeTurn<'_> {
    async fn taken(&self, player: &Player<'_>, unit: &mut UnitOfWork) -> Result<Option<Announced>, Problem> {
        let is_open = player.state.answer.is_none();
        match &self.prompt {
            Prompt::Go if player.state.status == Status::Running => player.go(unit).await,
            Prompt::Answered => player.resume(unit, Waker::Answer, None).await,
            Prompt::Due if player.asks().is_some() && is_open => player.give_up(unit, self.requests).await,
            Prompt::Due if player.asks().is_some() => player.resume(unit, Waker::Answer, None).await,
            Prompt::Due if player.state.inputs.is_empty() => player.resume(unit, Waker::Timer, None).await,
            Prompt::Due => player.resume(unit, Waker::Input, None).await,
            Prompt::Event(event) => player.resume(unit, Waker::Event, Some(event)).await,
            Prompt::Go => Ok(None),
        }
    }
}

/// A run with what it goes by.
pub(super) struct Player<'a> {
    pub(super) documents: &'a Documents,
    pub(super) id: RunId,
    pub(super) state: FlowRun,
    pub(super) start: RunStart,
    /// The flow that the run began with: its policy holds for all of it.
    pub(super) first: Arc<Document>,
    /// The flow in which it stands.
    pub(super) document: Arc<Document>,
}

impl<'a> Player<'a> {
    /// The run as it stands, unless it is over, has not begun or is not there.
    pub(super) async fn of(
        unit: &mut UnitOfWork,
        documents: &'a Documents,
        id: RunId,
    ) -> Result<Option<Self>, Problem> {
        let Some(state) = unit.load::<FlowRun>(id.0).await?.cloned() else { return Ok(None) };
        let (Some(start), Some(frame)) = (state.start.clone(), state.frame().cloned()) else { return Ok(None) };
        if !matches!(state.status, Status::Running | Status::Waiting) {
            return Ok(None);
        }
        let first = documents.of(unit, start.flow, start.version).await?;
        let document = documents.of(unit, frame.flow, frame.version).await?;
        Ok(Some(Self { documents, id, state, start, first, document }))
    }

    /// What it has asked and waits for.
    fn asks(&self) -> Option<&RunRequest> {
        self.state.request.as_ref().filter(|_| self.state.status == Status::Waiting)
    }

    /// Its request should have an outcome by now: when nobody makes it, it never will.
    async fn give_up(&self, unit: &mut UnitOfWork, requests: &Requests) -> Result<Option<Announced>, Problem> {
        if let Some(RunRequest { number, attempt, .. }) = self.asks()
            && !requests.has((self.id, *number, *attempt))
        {
            self.command(unit, Command::Answer(unknown(*number, *attempt))).await?;
        }
        Ok(None)
    }

    async fn stop(&self, unit: &mut UnitOfWork) -> Result<Option<Announced>, Problem> {
        self.command(unit, Command::Cancel { reason: STEPPED_IN.to_owned() }).await.map(|_| None)
    }

    /// Enters the step before which the run stands.
    async fn go(&self, unit: &mut UnitOfWork) -> Result<Option<Announced>, Problem> {
        let Some(step) = self.state.frame().and_then(|frame| frame.step.clone()) else { return Ok(None) };
        if self.is_stopped(unit).await? {
            return self.stop(unit).await;
        }
        let chance: u64 = rand::random();
        let turn = self.turn(unit, chance, |scene| self.document.enter(&step, scene)).await?;
        let known = self.document.step(&step);
        let enter = Command::Enter {
            number: self.state.steps,
            kind: known.map_or("unknown", |step| step.kind()).to_owned(),
            chance: known.is_some_and(Step::leaves_to_chance).then_some(chance),
            next: next_step(&turn),
            step: step.clone(),
        };
        self.command(unit, enter).await?;
        // The step that is one too many ends the run instead.
        if unit.load::<FlowRun>(self.id.0).await?.is_none_or(|run| run.status.is_over()) {
            return Ok(None);
        }
        self.carry_out(unit, &step, turn).await
    }

    /// Goes on from the pause, when `by` ends it.
    pub(super) async fn resume(
        &self,
        unit: &mut UnitOfWork,
        by: Waker,
        event: Option<&Arc<Recorded>>,
    ) -> Result<Option<Announced>, Problem> {
        let Some(pause) = self.state.pause.clone().filter(|_| self.state.status == Status::Waiting) else {
            return Ok(None);
        };
        let position = event.map_or(0, |event| event.position);
        let (now, is_later) = (unit.now(), self.state.due_at().is_none_or(|due| due > unit.now()));
        let is_too_soon = match by {
            Waker::Timer | Waker::Input => is_later,
            Waker::Event => position <= self.state.handled,
            Waker::Answer => self.state.answer.is_none(),
        };
        if is_too_soon || ((by == Waker::Answer) != (pause.reason == Reason::Http)) {
            return Ok(None);
        }
        if self.is_stopped(unit).await? {
            return self.stop(unit).await;
        }
        let resumption = match by {
            Waker::Answer => match &self.state.answer {
                Some(answer) => Resumption::Answer(shown(answer)),
                None => return Ok(None),
            },
            Waker::Timer => Resumption::Timer,
            Waker::Input => Resumption::Input(together(&self.state.inputs)),
            Waker::Event => Resumption::Event,
        };
        let waiting = waiting(&pause);
        let mut surroundings = self.surroundings(unit).await?;
        if let Some(event) = event {
            // In its filter, tags and fields are those that the event changed.
            surroundings.facts = flows::happening::seen_by(&event.event, &surroundings.facts);
        }
        let words = self.words(&surroundings);
        let turn = self.document.resume(&pause.step, &waiting, &resumption, &surroundings.scene(&words, now, 0));
        if by == Waker::Event && matches!(turn.next, Next::Wait(_)) {
            return Ok(None);
        }
        let resume = Command::Resume { by, now, position, next: next_step(&turn) };
        if self.command(unit, resume).await? { self.carry_out(unit, &pause.step, turn).await } else { Ok(None) }
    }

    /// Whether what the contact wrote is for the step at which the run waits.
    pub(super) async fn is_meant(&self, unit: &UnitOfWork, input: &Input) -> Result<bool, Problem> {
        let Some(pause) = self.state.pause.as_ref() else { return Ok(false) };
        if pause.reason != Reason::Button {
            return Ok(pause.reason.takes_messages());
        }
        let resumption = Resumption::Input(input.clone());
        let turn =
            self.turn(unit, 0, |scene| self.document.resume(&pause.step, &waiting(pause), &resumption, scene)).await?;
        Ok(!matches!(turn.next, Next::Wait(_)))
    }

    /// Whether somebody answers in the conversation so that the run has nothing to say there any more.
    pub(super) async fn is_stopped(&self, unit: &mut UnitOfWork) -> Result<bool, Problem> {
        let Some(conversation) = self.start.conversation else { return Ok(false) };
        let owner = unit.load::<Conversation>(conversation.0).await?.map(|conversation| conversation.owner);
        Ok(self.first.policy().stop_on_human && matches!(owner, Some(Owner::Human | Owner::Ai)))
    }

    async fn surroundings(&self, unit: &UnitOfWork) -> Result<Surroundings, Problem> {
        let mut context = unit.read().await?;
        Surroundings::of(&mut context, &self.document, self.start.contact, self.start.conversation).await
    }

    fn words(&self, surroundings: &Surroundings) -> serde_json::Value {
        let none = Variables::new();
        let variables = self.state.variables.as_ref().and_then(Personal::known).unwrap_or(&none);
        let last = self.state.last_input.as_ref().and_then(Personal::known);
        surroundings.words(variables, last.map(String::as_str))
    }

    async fn turn(
        &self,
        unit: &UnitOfWork,
        chance: u64,
        take: impl FnOnce(&Scene<'_>) -> Turn,
    ) -> Result<Turn, Problem> {
        let surroundings = self.surroundings(unit).await?;
        let words = self.words(&surroundings);
        Ok(take(&surroundings.scene(&words, unit.now(), chance)))
    }

    pub(super) async fn command(&self, unit: &mut UnitOfWork, command: Command) -> Result<bool, Problem> {
        unit.execute::<FlowRun>(self.id.0, command).await
    }

    /// Makes happen what a turn wants, and then how it ends.
    async fn carry_out(&self, unit: &mut UnitOfWork, step: &str, turn: Turn) -> Result<Option<Announced>, Problem> {
        for effect in turn.effects {
            effects::apply(self, unit, effect).await?;
        }
        let command = match turn.next {
            // The run stands there already.
            Next::Step(_) => return Ok(None),
            Next::Request(request) => return self.announce(unit, step, request).await,
            Next::End => Command::End,
            Next::Finish => Command::Finish,
            Next::Fail { code, reason } => Command::Fail { code: code.to_owned(), reason },
            Next::Wait(waiting) => Command::Pause(self.pause(unit, step, waiting).await?),
            Next::Call { flow, variables, return_to } => {
                let called = effects::published(unit, self.documents, &flow).await?;
                let mut set = called.document.variables().clone();
                let known = self.state.variables.as_ref().and_then(Personal::known);
                set.retain(|name, _| known.is_none_or(|known| !known.contains_key(name)));
                set.extend(variables);
                self.command(unit, Command::SetVariables { variables: set }).await?;
                let step = called.document.first_step().to_owned();
                Command::Call { flow: called.flow, version: called.version, step, return_to }
            }
        };
        self.command(unit, command).await.map(|_| None)
    }

    /// Says what is about to be asked of a server elsewhere. It is asked when this is appended, and by nobody but who appended it.
    async fn announce(
        &self,
        unit: &mut UnitOfWork,
        step: &str,
        request: Request,
    ) -> Result<Option<Announced>, Problem> {
        let number = unit.load::<FlowRun>(self.id.0).await?.map_or(0, |run| run.steps);
        let method: &str = request.method.into();
        let announced = RunRequest {
            step: step.to_owned(),
            number,
            attempt: request.attempt,
            method: method.to_owned(),
            url: Personal::Known(request.url.clone()),
            until: unit.now().saturating_add(request.time_us).saturating_add(LATE_US),
        };
        let key = (self.id, number, request.attempt);
        let happened = self.command(unit, Command::Request(announced)).await?;
        Ok(happened.then(|| Announced { key, step: step.to_owned(), request }))
    }

    async fn pause(&self, unit: &UnitOfWork, step: &str, waiting: Waiting) -> Result<Pause, Problem> {
        let reason = match waiting.reason {
            WaitingFor::Time => Reason::Time,
            WaitingFor::Input => Reason::Input,
            WaitingFor::Button => Reason::Button,
            WaitingFor::Event { event } => Reason::Event { event },
            WaitingFor::Answer => Reason::Http,
        };
        // What was written while the run was busy is for the step, in order; what happened before it waits for an event is not.
        let after = match reason {
            Reason::Event { .. } => unit.app().head(unit.workspace()).await?,
            _ => self.state.handled,
        };
        Ok(Pause { step: step.to_owned(), reason, until: waiting.until, attempt: waiting.attempt, after })
    }
}

/// The step that a turn leads to, when it is one of the same document.
fn next_step(turn: &Turn) -> Option<String> {
    match &turn.next {
        Next::Step(step) => Some(step.clone()),
        _ => None,
    }
}

fn waiting(pause: &Pause) -> Waiting {
    let reason = match &pause.reason {
        Reason::Time => WaitingFor::Time,
        Reason::Input => WaitingFor::Input,
        Reason::Button => WaitingFor::Button,
        Reason::Event { event } => WaitingFor::Event { event: event.clone() },
        Reason::Http => WaitingFor::Answer,
    };
    Waiting { reason, until: pause.until, attempt: pause.attempt }
}

/// Several messages that count as one.
fn together(inputs: &[RunInput]) -> Input {
    let texts: Vec<&str> = inputs.iter().filter_map(|input| input.text.known()).map(String::as_str).collect();
    Input { text: texts.join("\n"), button: inputs.iter().rev().find_map(|input| input.button.clone()) }
}

/// Ends a run that cannot go on as its document says.
pub(super) struct FailRun {
    pub(super) run: RunId,
    pub(super) code: Code,
    pub(super) reason: String,
}

impl Decision for FailRun {
    type Outcome = ();

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<(), Problem> {
        let command = Command::Fail { code: self.code.name().to_owned(), reason: self.reason.clone() };
        unit.execute::<FlowRun>(self.run.0, command).await.map(|_| ())
    }
}
