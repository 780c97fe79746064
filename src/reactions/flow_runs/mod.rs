//! Runs of flows: what starts them, what they take in, how they go on from step to step, and what is left to do when they end.
//!
//! A run goes on because of the event that started or resumed it, so that one whose process was killed goes on when the events behind the
//! checkpoint are seen again. What was done already is not done twice: a run refuses a step at which it does not
//! stand, a message or an event that it has handled, a timer that is not due; a run that an event starts has an id that follows from it.

mod acting;
mod answers;
mod arrival;
mod documents;
mod effects;
mod endings;
mod requests;
mod starts;
mod surroundings;
mod turns;
mod values;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aggregates::conversation::{self, Owner};
use aggregates::flow_run::{self, Reason, Status};
use aggregates::ids::{ContactId, ConversationId, RunId, WorkspaceId};
use aggregates::{Event, Recorded};
use flows::happening;
use projections::flow_runs;

use crate::app::App;
use crate::event_log::append::Fence;
use crate::problem::{Code, Problem};

use acting::Acting;
pub(super) use documents::Documents;
use documents::Startable;
pub(super) use requests::Asking;
use requests::Requests;
pub(crate) use surroundings::{Place, Surroundings};
use turns::{FailRun, Prompt, TakeTurn};
pub(crate) use values::{attribute_change, field_change, variable as variable_after};

/// The runs of one workspace.
pub(super) struct FlowRuns {
    acting: Acting,
    documents: Arc<Documents>,
    requests: Requests,
    /// Whether it was looked for requests of a process that is gone.
    has_taken_over: bool,
    /// What may start by itself; read anew when a flow has changed.
    startables: Option<Arc<Vec<Startable>>>,
    /// The events that runs wait for; nothing before that was looked up. One that is here too long only costs a look.
    awaited: Option<BTreeSet<String>>,
    /// Whether any run is under way that may take in what contacts write; nothing before that was looked up. True for too long only costs a
    /// look at each message.
    under_way: Option<bool>,
}

impl FlowRuns {
    pub(super) fn new(
        app: &Arc<App>,
        documents: &Arc<Documents>,
        asking: &Arc<Asking>,
        workspace: WorkspaceId,
        fence: Option<Fence>,
    ) -> Self {
        Self {
            acting: Acting { app: Arc::clone(app), workspace, fence },
            documents: Arc::clone(documents),
            requests: Requests::new(asking),
            has_taken_over: false,
            startables: None,
            awaited: None,
            under_way: None,
        }
    }

    /// Does what follows from an event.
    ///
    /// # Errors
    /// `unavailable` when it cannot be done now; everything else ends the run that it is about, or nothing begins.
    pub(super) async fn react(&mut self, recorded: &Arc<Recorded>) -> Result<(), Problem> {
        let names = happening::names(&recorded.event);
        match &recorded.event {
            Event::Flow(_) => self.startables = None,
            Event::FlowRun(event) => self.follow(recorded, event).await?,
            Event::Conversation(conversation::Event::ConversationOwnerChanged {
                owner: Owner::Human | Owner::Ai,
                ..
            }) if recorded.metadata.actor.as_flow_run().is_none() => {
                let conversation = ConversationId(recorded.stream_id);
                if let Some(contact) = recorded.event.subject(recorded.stream_id) {
                    self.make_room(contact, conversation, recorded.position).await?;
                }
            }
            _ => {}
        }
        let subject = recorded.event.subject(recorded.stream_id);
        let Some(contact) = subject.filter(|_| !names.is_empty()) else { return Ok(()) };
        self.wake_by_event(recorded, contact, &names).await?;
        match &recorded.event {
            Event::Conversation(conversation::Event::MessageReceived(message)) => {
                self.arrive(recorded, message, &names).await
            }
            _ => self.start_by_event(recorded, contact, &names).await,
        }
    }

    /// Lets a run go on whose time has come; tells whether it did.
    pub(super) async fn wake(&self, run: RunId) -> Result<bool, Problem> {
        self.take_turn(run, Prompt::Due).await
    }

    async fn follow(&mut self, recorded: &Arc<Recorded>, event: &flow_run::Event) -> Result<(), Problem> {
        use flow_run::Event::{
            FlowRunCalled, FlowRunCancelled, FlowRunCompleted, FlowRunFailed, FlowRunInputReceived, FlowRunQueued,
            FlowRunRequestEnded, FlowRunRequestStarted, FlowRunResumed, FlowRunReturned, FlowRunStarted,
            FlowRunStepEntered, FlowRunVariablesSet, FlowRunWaiting,
        };
        let run = RunId(recorded.stream_id);
        match event {
            // From here it goes as far as it can. What follows has happened by then, or is seen again with this event after a kill.
            FlowRunStarted(_) | FlowRunResumed { .. } => {
                self.under_way = Some(true);
                self.go_on(run).await
            }
            FlowRunWaiting { pause, .. } => {
                if let (Reason::Event { event }, Some(awaited)) = (&pause.reason, &mut self.awaited) {
                    awaited.insert(event.clone());
                }
                Ok(())
            }
            FlowRunRequestStarted { request, .. } => self.see_to_request(run, request).await,
            FlowRunRequestEnded { .. } => {
                self.take_turn(run, Prompt::Answered).await?;
                self.go_on(run).await
            }
            FlowRunCompleted { contact, flow }
            | FlowRunFailed { contact, flow, .. }
            | FlowRunCancelled { contact, flow, .. } => self.end(run, *flow, *contact).await,
            FlowRunStepEntered { .. }
            | FlowRunCalled { .. }
            | FlowRunReturned { .. }
            | FlowRunQueued(_)
            | FlowRunVariablesSet { .. }
            | FlowRunInputReceived { .. } => Ok(()),
        }
    }

    /// Lets a run go from step to step until it waits or is over. Its budget of steps ends it at last.
    async fn go_on(&self, run: RunId) -> Result<(), Problem> {
        while self.take_turn(run, Prompt::Go).await? {}
        Ok(())
    }

    /// One turn; tells whether anything happened. A run that cannot go on as its document says fails, with the reason.
    async fn take_turn(&self, run: RunId, prompt: Prompt) -> Result<bool, Problem> {
        let (documents, requests) = (&*self.documents, &self.requests);
        let turn = TakeTurn { documents, requests, run, prompt, announced: Mutex::default() };
        match self.acting.decide(run, "flow_run_step", &turn).await {
            Ok(((), changed)) => {
                let announced = turn.announced.into_inner().unwrap_or_else(PoisonError::into_inner);
                if let Some(announced) = announced.filter(|_| changed) {
                    self.requests.begin(&self.acting, announced);
                }
                Ok(changed)
            }
            Err(problem) => self.fail(run, problem).await.map(|()| true),
        }
    }

    /// Ends a run as failed, unless the problem may pass by itself.
    async fn fail(&self, run: RunId, problem: Problem) -> Result<(), Problem> {
        if problem.code == Code::Unavailable || problem.retry_after_ms.is_some() {
            return Err(problem);
        }
        tracing::warn!(run.id = %run, code = problem.code.name(), "a run of a flow failed");
        let reason = problem.message;
        let failed = FailRun { run, code: problem.code, reason };
        self.acting.decide(run, "flow_run_failed", &failed).await.map(|_| ())
    }

    /// Lets the runs go on that wait for what has happened to their contact.
    async fn wake_by_event(
        &mut self,
        recorded: &Arc<Recorded>,
        contact: ContactId,
        names: &[&'static str],
    ) -> Result<(), Problem> {
        let awaited = match &mut self.awaited {
            Some(awaited) => awaited,
            unknown => {
                let mut context = self.acting.app.read(self.acting.workspace, None).await?;
                let (connection, workspace) = context.rows();
                unknown.insert(flow_runs::awaited(connection, workspace).await?)
            }
        };
        if !names.iter().any(|name| awaited.contains(*name)) {
            return Ok(());
        }
        let mut context = self.acting.app.read(self.acting.workspace, Some(recorded.position)).await?;
        let (connection, workspace) = context.rows();
        let rows = flow_runs::active_of_contact(connection, workspace, contact).await?;
        drop(context);
        for row in rows {
            let waits = row.waits_event.as_deref().is_some_and(|event| names.contains(&event));
            if row.status == Status::Waiting && waits {
                self.take_turn(row.id, Prompt::Event(Arc::clone(recorded))).await?;
                self.go_on(row.id).await?;
            }
        }
        Ok(())
    }
}
