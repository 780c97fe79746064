//! What a run makes of each command in the state that it is in, and of each event.

use crate::flow_run::{Command, Error, Event, FlowRun, MAX_FRAMES, MAX_HOPS};
use crate::flow_run_parts::{Frame, Pause, Reason, RunInput, RunStart, Status, Variables, Waker};
use crate::ids::{ContactId, FlowId};
use crate::personal::Personal;

impl FlowRun {
    pub(crate) fn decided(&self, command: &Command) -> Result<Vec<Event>, Error> {
        match (command, &self.start) {
            (Command::Start(start) | Command::Queue(start), Some(first)) => {
                let same = (start.flow, start.contact) == (first.flow, first.contact);
                if same { Ok(Vec::new()) } else { Err(Error::Exists) }
            }
            (Command::Start(start), None) => Ok(begun(start)),
            (Command::Queue(start), None) => Ok(vec![Event::FlowRunQueued(start.clone())]),
            (_, None) => Err(Error::Unknown),
            (Command::Begin, Some(start)) if self.status == Status::Queued => Ok(begun(start)),
            (Command::Begin, Some(_)) => Ok(Vec::new()),
            (Command::Cancel { reason }, Some(start)) => Ok(self.cancelled(start, reason)),
            _ if self.status.is_over() || self.status == Status::Queued => Ok(Vec::new()),
            (command, Some(start)) => self.gone_on(start, command),
        }
    }

    /// What a run that is under way does.
    fn gone_on(&self, start: &RunStart, command: &Command) -> Result<Vec<Event>, Error> {
        let contact = start.contact;
        // A step does something only between its entry and what follows from it.
        let inside = self.status == Status::Running && self.frame().is_some_and(|frame| frame.entered);
        Ok(match command {
            Command::Enter { number, .. } if self.status != Status::Running || *number != self.steps => Vec::new(),
            Command::Enter { step, kind, chance, next, .. } => {
                let frame = self.frame().filter(|frame| !frame.entered && frame.step.as_ref() == Some(step));
                let flow = frame.ok_or(Error::Elsewhere)?.flow;
                if self.steps >= start.max_steps {
                    let reason = format!("it took {} steps, as many as it may", self.steps);
                    return Ok(vec![self.failed(start, "step_budget", &reason)]);
                }
                let (step, kind, chance, next) = (step.clone(), kind.clone(), *chance, next.clone());
                vec![Event::FlowRunStepEntered { contact, flow, step, kind, chance, next }]
            }
            Command::SetVariables { variables } => self.variables_set(contact, variables),
            Command::Receive(input) => self.received(contact, input),
            Command::Request(request) if inside => {
                vec![Event::FlowRunRequestStarted { contact, request: request.clone() }]
            }
            Command::Answer(answer) => self.answered(contact, answer),
            Command::Resume { by, now, position, next } => self.resumed(contact, *by, *now, *position, next.as_ref()),
            Command::Fail { code, reason } => vec![self.failed(start, code, reason)],
            Command::Pause(pause) if inside => vec![Event::FlowRunWaiting { contact, pause: pause.clone() }],
            Command::Call { .. } if inside && self.frames.len() >= MAX_FRAMES => {
                vec![self.failed(start, "call_depth", &format!("flows call each other more than {MAX_FRAMES} deep"))]
            }
            Command::Call { flow, version, step, return_to } if inside => {
                let (flow, version, step, return_to) = (*flow, *version, step.clone(), return_to.clone());
                vec![Event::FlowRunCalled { contact, flow, version, step, return_to }]
            }
            Command::Finish if inside => vec![Event::FlowRunCompleted { contact, flow: start.flow }],
            Command::End if inside => vec![match self.caller() {
                Some((flow, step)) => Event::FlowRunReturned { contact, flow, step },
                None => Event::FlowRunCompleted { contact, flow: start.flow },
            }],
            _ => Vec::new(),
        })
    }

    /// The flow that goes on when this one ends, and its step.
    fn caller(&self) -> Option<(FlowId, String)> {
        let callers = self.frames.iter().rev().skip(1);
        callers.into_iter().find_map(|frame| Some((frame.flow, frame.step.clone()?)))
    }

    fn variables_set(&self, contact: ContactId, variables: &Variables) -> Vec<Event> {
        let known = self.variables.as_ref().and_then(Personal::known);
        let is_new = |name: &String, value: &serde_json::Value| match known.and_then(|known| known.get(name)) {
            Some(there) => there != value,
            None => !value.is_null(),
        };
        let changed: Variables = variables
            .iter()
            .filter(|(name, value)| is_new(name, value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if changed.is_empty() {
            return Vec::new();
        }
        vec![Event::FlowRunVariablesSet { contact, variables: Personal::Known(changed) }]
    }

    fn received(&self, contact: ContactId, input: &RunInput) -> Vec<Event> {
        if input.position <= self.handled {
            return Vec::new();
        }
        vec![Event::FlowRunInputReceived { contact, input: input.clone() }]
    }

    fn resumed(&self, contact: ContactId, by: Waker, now: i64, position: u64, next: Option<&String>) -> Vec<Event> {
        let Some(pause) = self.pause.as_ref().filter(|_| self.status == Status::Waiting) else { return Vec::new() };
        let is_due = self.due_at().is_some_and(|due| due <= now);
        let position = match by {
            Waker::Answer if self.answer.is_some() => None,
            // Nothing but the outcome of a request ends the wait for it.
            _ if pause.reason == Reason::Http => return Vec::new(),
            Waker::Timer if is_due && self.inputs.is_empty() => None,
            Waker::Input if is_due && !self.inputs.is_empty() => Some(self.handled),
            Waker::Event if position > self.handled && matches!(pause.reason, Reason::Event { .. }) => Some(position),
            _ => return Vec::new(),
        };
        vec![Event::FlowRunResumed { contact, by, position, next: next.cloned() }]
    }

    fn failed(&self, start: &RunStart, code: &str, reason: &str) -> Event {
        let step = self.frame().and_then(|frame| frame.step.clone());
        let (contact, flow, code, reason) = (start.contact, start.flow, code.to_owned(), reason.to_owned());
        Event::FlowRunFailed { contact, flow, code, reason, step }
    }

    fn cancelled(&self, start: &RunStart, reason: &str) -> Vec<Event> {
        if self.status.is_over() {
            return Vec::new();
        }
        let was_queued = self.status == Status::Queued;
        let (contact, flow, reason) = (start.contact, start.flow, reason.to_owned());
        vec![Event::FlowRunCancelled { contact, flow, reason, was_queued }]
    }

    pub(crate) fn fold(&mut self, event: &Event) {
        match event {
            Event::FlowRunQueued(start) => {
                self.status = Status::Queued;
                self.start = Some(start.clone());
            }
            Event::FlowRunStarted(start) => self.begin(start),
            Event::FlowRunStepEntered { step, next, .. } => {
                self.steps += 1;
                self.stand_at(next.as_ref().unwrap_or(step), next.is_none());
            }
            Event::FlowRunVariablesSet { variables, .. } => self.merge(variables),
            Event::FlowRunWaiting { pause, .. } => {
                self.status = Status::Waiting;
                self.handled = self.handled.max(pause.after);
                self.pause = Some(pause.clone());
            }
            Event::FlowRunRequestStarted { request, .. } => self.ask(request),
            Event::FlowRunRequestEnded { answer, .. } => self.answer = Some(answer.clone()),
            Event::FlowRunInputReceived { input, .. } => {
                self.handled = self.handled.max(input.position);
                self.hops = 0;
                self.last_input = Some(input.text.clone());
                if !input.aside {
                    self.inputs.push(input.clone());
                }
            }
            Event::FlowRunResumed { by, position, next, .. } => self.wake(*by, *position, next.as_ref()),
            Event::FlowRunCalled { flow, version, step, return_to, .. } => {
                if let Some(caller) = self.frames.last_mut() {
                    caller.step.clone_from(return_to);
                    caller.entered = false;
                }
                let (flow, version, step) = (*flow, *version, Some(step.clone()));
                self.frames.push(Frame { flow, version, step, entered: false });
            }
            Event::FlowRunReturned { step, .. } => {
                self.frames.pop();
                while self.frames.len() > 1 && self.frame().is_some_and(|frame| frame.step.is_none()) {
                    self.frames.pop();
                }
                self.stand_at(step, false);
            }
            Event::FlowRunCompleted { .. } => self.end(Status::Completed),
            Event::FlowRunFailed { .. } => self.end(Status::Failed),
            Event::FlowRunCancelled { .. } => self.end(Status::Cancelled),
        }
    }

    fn begin(&mut self, start: &RunStart) {
        self.status = Status::Running;
        let step = Some(start.step.clone());
        self.frames = vec![Frame { flow: start.flow, version: start.version, step, entered: false }];
        self.variables = Some(start.variables.clone());
        self.hops = start.hops;
        self.handled = start.after;
        self.start = Some(start.clone());
    }

    fn stand_at(&mut self, step: &str, entered: bool) {
        if let Some(frame) = self.frames.last_mut() {
            frame.step = Some(step.to_owned());
            frame.entered = entered;
        }
    }

    fn wake(&mut self, by: Waker, position: Option<u64>, next: Option<&String>) {
        self.status = Status::Running;
        self.handled = self.handled.max(position.unwrap_or(0));
        if by == Waker::Input {
            self.inputs.clear();
        }
        (self.request, self.answer) = (None, None);
        let pause = self.pause.take();
        match (next, pause) {
            (Some(next), _) => self.stand_at(next, false),
            (None, Some(Pause { step, .. })) => self.stand_at(&step, true),
            (None, None) => {}
        }
    }

    fn merge(&mut self, set: &Personal<Variables>) {
        let Some(set) = set.known() else { return };
        let mut variables = self.variables.as_ref().and_then(Personal::known).cloned().unwrap_or_default();
        for (name, value) in set {
            if value.is_null() {
                variables.shift_remove(name);
            } else {
                variables.insert(name.clone(), value.clone());
            }
        }
        self.variables = Some(Personal::Known(variables));
    }

    fn end(&mut self, status: Status) {
        self.status = status;
        (self.pause, self.request, self.answer) = (None, None, None);
        self.inputs.clear();
    }
}

/// A run that begins; one that follows from too many others ends at once.
fn begun(start: &RunStart) -> Vec<Event> {
    let mut events = vec![Event::FlowRunStarted(start.clone())];
    if start.hops > MAX_HOPS {
        events.push(Event::FlowRunFailed {
            contact: start.contact,
            flow: start.flow,
            code: "hop_budget".to_owned(),
            reason: format!("more than {MAX_HOPS} runs began by themselves in a row, without a word of the contact"),
            step: Some(start.step.clone()),
        });
    }
    events
}
