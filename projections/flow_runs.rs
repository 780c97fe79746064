//! The runs of flows as they are shown, and as those who carry them out find them: what is due, what waits, what is under way.

use std::collections::BTreeSet;

use aggregates::flow_run::{self, Cause, Pause, Reason, RunInput, RunRequest, RunStart, Status, Waker};
use aggregates::ids::{AccountId, ContactId, ConversationId, FlowId, RunId, WorkspaceId};
use aggregates::{Event, Recorded};

use crate::cell::Json;
use crate::cursor::{Key, Order};
use crate::listing::Listed;
use crate::rows::Rows;
use crate::table::{Poison, Projection, table};

pub use crate::flow_run_queries::{
    Due, Filter, active_of_contact, any_under_way, asking, awaited, count, due, get, handled_in, last_by_flow, last_of,
    list, next_due, queued_of, waiting_in,
};

table! {
    /// A run.
    pub struct FlowRun in "flow_runs" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// Its id.
            id: RunId,
        }
        /// The flow that it began with.
        flow: FlowId,
        /// Its version.
        version: u64,
        /// With whom.
        contact: ContactId,
        /// Where it speaks.
        conversation: Option<ConversationId>,
        /// The conversation's channel account.
        account: Option<AccountId>,
        /// How it stands.
        status: Status,
        /// What began it.
        cause: Json<Cause>,
        /// How many runs began by themselves in a row, this one included, since a person last wrote.
        hops: u64,
        /// The flow in which it stands: another than `flow` when one was called.
        current_flow: FlowId,
        /// The step at which it stands, or stood last.
        step: Option<String>,
        /// What it waits for: `time`, `input`, `button`, `event` or `http`.
        waits_for: Option<String>,
        /// The event that it waits for.
        waits_event: Option<String>,
        /// The position at which it began to wait.
        waits_since: Option<u64>,
        /// How many inputs the step has refused so far.
        attempt: u64,
        /// Until when it waits at most, in microseconds since the epoch.
        until: Option<i64>,
        /// When it goes on by itself, in microseconds since the epoch.
        due_at: Option<i64>,
        /// How many inputs came in and were not yet used.
        pending: u64,
        /// The position of the last message that it took in.
        input_position: Option<u64>,
        /// How many steps it has entered.
        steps: u64,
        /// How many messages it has taken in.
        inputs: u64,
        /// Why it failed or was cancelled, for programs.
        error_code: Option<String>,
        /// Why it failed, for people.
        error_reason: Option<String>,
        /// When it was queued or began, in microseconds since the epoch: what it is sorted by.
        created_at: i64,
        /// When it began.
        started_at: Option<i64>,
        /// When it ended.
        ended_at: Option<i64>,
        /// When anything last happened in it.
        updated_at: i64,
        /// The position of its first event.
        first_position: u64,
        /// The position of its last event.
        last_position: u64,
    }
}

impl Projection for FlowRun {
    fn touched(event: &Recorded, keys: &mut BTreeSet<Self::Key>) {
        if let Event::FlowRun(_) = &event.event {
            keys.insert((event.workspace, RunId(event.stream_id)));
        }
    }

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        let Event::FlowRun(what) = &event.event else { return Ok(()) };
        let key = (event.workspace, RunId(event.stream_id));
        match what {
            flow_run::Event::FlowRunQueued(start) => {
                rows.insert(Self::beginning(event, start, Status::Queued));
                return Ok(());
            }
            flow_run::Event::FlowRunStarted(start) if rows.get_mut(&key).is_none() => {
                rows.insert(Self::beginning(event, start, Status::Running));
                return Ok(());
            }
            _ => {}
        }
        let row = rows.get_mut(&key).ok_or(Poison("the run did not begin"))?;
        row.updated_at = event.recorded_at;
        row.last_position = event.position;
        row.change(event, what);
        Ok(())
    }
}

impl FlowRun {
    fn beginning(event: &Recorded, start: &RunStart, status: Status) -> Self {
        Self {
            workspace: event.workspace,
            id: RunId(event.stream_id),
            flow: start.flow,
            version: u64::from(start.version),
            contact: start.contact,
            conversation: start.conversation,
            account: start.account,
            status,
            cause: Json(start.cause.clone()),
            hops: u64::from(start.hops),
            current_flow: start.flow,
            step: Some(start.step.clone()),
            waits_for: None,
            waits_event: None,
            waits_since: None,
            attempt: 0,
            until: None,
            due_at: None,
            pending: 0,
            input_position: None,
            steps: 0,
            inputs: 0,
            error_code: None,
            error_reason: None,
            created_at: event.recorded_at,
            started_at: (status == Status::Running).then_some(event.recorded_at),
            ended_at: None,
            updated_at: event.recorded_at,
            first_position: event.position,
            last_position: event.position,
        }
    }

    fn change(&mut self, event: &Recorded, what: &flow_run::Event) {
        use flow_run::Event::{
            FlowRunCalled, FlowRunCancelled, FlowRunCompleted, FlowRunFailed, FlowRunInputReceived, FlowRunQueued,
            FlowRunRequestEnded, FlowRunRequestStarted, FlowRunResumed, FlowRunReturned, FlowRunStarted,
            FlowRunStepEntered, FlowRunVariablesSet, FlowRunWaiting,
        };
        match what {
            FlowRunQueued(_) | FlowRunVariablesSet { .. } | FlowRunRequestEnded { .. } => {}
            FlowRunStarted(_) => {
                self.status = Status::Running;
                self.started_at = Some(event.recorded_at);
            }
            FlowRunStepEntered { flow, step, next, .. } => {
                self.steps += 1;
                self.current_flow = *flow;
                self.step = Some(next.as_ref().unwrap_or(step).clone());
            }
            FlowRunWaiting { pause, .. } => self.wait(event, pause),
            FlowRunRequestStarted { request, .. } => self.ask(event, request),
            FlowRunInputReceived { input, .. } => self.take_in(event, input),
            FlowRunResumed { by, next, .. } => {
                self.status = Status::Running;
                self.wait_no_longer();
                self.pending = if *by == Waker::Input { 0 } else { self.pending };
                if next.is_some() {
                    self.step.clone_from(next);
                }
            }
            FlowRunCalled { flow, step, .. } | FlowRunReturned { flow, step, .. } => {
                self.current_flow = *flow;
                self.step = Some(step.clone());
            }
            FlowRunCompleted { .. } => self.end(event, Status::Completed),
            FlowRunFailed { code, reason, .. } => {
                self.error_code = Some(code.clone());
                self.error_reason = Some(reason.clone());
                self.end(event, Status::Failed);
            }
            FlowRunCancelled { reason, .. } => {
                self.error_code = Some(reason.clone());
                self.end(event, Status::Cancelled);
            }
        }
    }

    fn wait(&mut self, event: &Recorded, pause: &Pause) {
        self.status = Status::Waiting;
        self.step = Some(pause.step.clone());
        self.waits_for = Some(pause.reason.name().to_owned());
        self.waits_event = match &pause.reason {
            Reason::Event { event } => Some(event.clone()),
            _ => None,
        };
        self.waits_since = Some(event.position);
        self.attempt = u64::from(pause.attempt);
        self.until = pause.until;
        self.due_at = if self.pending > 0 { Some(event.recorded_at) } else { pause.until };
    }

    fn ask(&mut self, event: &Recorded, request: &RunRequest) {
        self.status = Status::Waiting;
        self.step = Some(request.step.clone());
        self.waits_for = Some(Reason::Http.name().to_owned());
        self.waits_since = Some(event.position);
        self.attempt = u64::from(request.attempt);
        (self.until, self.due_at) = (Some(request.until), Some(request.until));
    }

    fn take_in(&mut self, event: &Recorded, input: &RunInput) {
        self.inputs += 1;
        self.hops = 0;
        self.input_position = Some(input.position);
        if !input.aside {
            self.pending += 1;
            // What is written while a server is asked is for a later step.
            let asks = self.waits_for.as_deref() == Some(Reason::Http.name());
            if self.status == Status::Waiting && !asks {
                self.due_at = Some(input.settles_at.unwrap_or(event.recorded_at));
            }
        }
    }

    fn wait_no_longer(&mut self) {
        (self.waits_for, self.waits_event, self.waits_since) = (None, None, None);
        (self.until, self.due_at) = (None, None);
    }

    fn end(&mut self, event: &Recorded, status: Status) {
        self.wait_no_longer();
        self.pending = 0;
        self.status = status;
        self.ended_at = Some(event.recorded_at);
    }
}

impl Listed for FlowRun {
    fn place(&self, _: Order) -> (Key, String) {
        (Key::Integer(self.created_at), self.id.to_string())
    }
}

#[cfg(test)]
#[path = "flow_runs_tests.rs"]
mod tests;
