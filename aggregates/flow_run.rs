//! A run of a flow with one contact: a timeline that a person can read, and all that is needed to go on after any interruption.
//!
//! What a step does is decided outside, from the flow's document. Here stands what makes doing it again harmless: a step is entered
//! only where the run stands, a message or an event that was handled is not handled again, a timer counts only when it is due. Every
//! command that was carried out adds nothing when it comes again.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::{Claim, ClaimChange, ClaimKind};
pub use crate::flow_run_parts::{Cause, Frame, Pause, Reason, RunInput, RunStart, Status, Variables, Waker};
pub use crate::flow_run_request::{RunAnswer, RunRequest, UNKNOWN};
use crate::glue::cqrs_glue;
use crate::ids::{ContactId, FlowId};
use crate::personal::Personal;
use crate::root::Root;
use crate::stream::StreamType;

/// How many runs may begin by themselves in a row without a word of the person.
pub const MAX_HOPS: u32 = 10;
/// How deep flows may call each other.
pub const MAX_FRAMES: usize = 20;

/// What can be asked of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin it. With too many hops it begins and fails at once.
    Start(RunStart),
    /// Let it wait until another run of the same flow with the same contact has ended.
    Queue(RunStart),
    /// Begin a queued run.
    Begin,
    /// Enter the step at which it stands.
    Enter {
        /// How many steps were entered when this was decided.
        number: u32,
        /// The step.
        step: String,
        /// Its kind, for the timeline.
        kind: String,
        /// What was drawn for it, when it leaves something to chance.
        chance: Option<u64>,
        /// The step to go on with, when it is known.
        next: Option<String>,
    },
    /// Set variables; null removes one.
    SetVariables {
        /// Those to set.
        variables: Variables,
    },
    /// Pause at the step that was entered.
    Pause(Pause),
    /// Say what is about to be asked of a server elsewhere, and wait for the outcome.
    Request(RunRequest),
    /// Take in what came of the request.
    Answer(RunAnswer),
    /// Take in what the contact wrote.
    Receive(RunInput),
    /// End the pause.
    Resume {
        /// By what.
        by: Waker,
        /// The time, in microseconds since the epoch.
        now: i64,
        /// The position of the event that it waited for; of no meaning otherwise.
        position: u64,
        /// The step to go on with, when it is known.
        next: Option<String>,
    },
    /// Go into another flow, from the step that was entered.
    Call {
        /// Which flow.
        flow: FlowId,
        /// Its version.
        version: u32,
        /// Its first step.
        step: String,
        /// The step to return to; nothing = the calling flow ends with the called one.
        return_to: Option<String>,
    },
    /// End the flow that it is in: back to the caller, or the end of the run.
    End,
    /// End the run, with all flows that it is in.
    Finish,
    /// End the run as failed.
    Fail {
        /// For programs.
        code: String,
        /// For people, without personal data.
        reason: String,
    },
    /// End the run from outside.
    Cancel {
        /// Why, for programs and people, such as `stopped_by_human`.
        reason: String,
    },
}

/// What happened in a run. Names and members are stored: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// It waits for another run of the same flow with the same contact to end.
    FlowRunQueued(RunStart),
    /// It began.
    FlowRunStarted(RunStart),
    /// It entered a step.
    FlowRunStepEntered {
        /// With whom.
        contact: ContactId,
        /// The flow that the step belongs to.
        flow: FlowId,
        /// The step.
        step: String,
        /// The step's kind.
        kind: String,
        /// What was drawn, for a step that leaves something to chance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chance: Option<u64>,
        /// The step to go on with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// Variables got other values.
    FlowRunVariablesSet {
        /// With whom.
        contact: ContactId,
        /// The variables that changed; null was removed.
        variables: Personal<Variables>,
    },
    /// It waits at a step.
    FlowRunWaiting {
        /// With whom.
        contact: ContactId,
        /// For what, and until when.
        #[serde(flatten)]
        pause: Pause,
    },
    /// It is about to ask a server elsewhere, and waits for the outcome.
    FlowRunRequestStarted {
        /// With whom.
        contact: ContactId,
        /// For what.
        #[serde(flatten)]
        request: RunRequest,
    },
    /// The outcome of its request is known, or that it never will be.
    FlowRunRequestEnded {
        /// With whom.
        contact: ContactId,
        /// What came of it.
        #[serde(flatten)]
        answer: RunAnswer,
    },
    /// It took in what the contact wrote.
    FlowRunInputReceived {
        /// With whom.
        contact: ContactId,
        /// What.
        #[serde(flatten)]
        input: RunInput,
    },
    /// It waits no longer.
    FlowRunResumed {
        /// With whom.
        contact: ContactId,
        /// What ended the pause.
        by: Waker,
        /// The position of the message or event that did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<u64>,
        /// The step to go on with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// It went into another flow.
    FlowRunCalled {
        /// With whom.
        contact: ContactId,
        /// Which flow.
        flow: FlowId,
        /// The version, which the run keeps.
        version: u32,
        /// The first step.
        step: String,
        /// The step to return to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        return_to: Option<String>,
    },
    /// It came back from another flow.
    FlowRunReturned {
        /// With whom.
        contact: ContactId,
        /// The flow that goes on.
        flow: FlowId,
        /// The step to go on with.
        step: String,
    },
    /// It came to its end.
    FlowRunCompleted {
        /// With whom.
        contact: ContactId,
        /// The flow that it began with.
        flow: FlowId,
    },
    /// It was ended by an error.
    FlowRunFailed {
        /// With whom.
        contact: ContactId,
        /// The flow that it began with.
        flow: FlowId,
        /// For programs.
        code: String,
        /// For people.
        reason: String,
        /// The step at which it stood.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
    },
    /// It was ended from outside.
    FlowRunCancelled {
        /// With whom.
        contact: ContactId,
        /// The flow that it began with.
        flow: FlowId,
        /// Why.
        reason: String,
        /// It had not begun yet.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        was_queued: bool,
    },
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not exist.
    #[error("this run does not exist")]
    Unknown,
    /// There is another one under this id.
    #[error("this run exists already, otherwise")]
    Exists,
    /// It stands elsewhere, or is over.
    #[error("this run does not stand there any more")]
    Elsewhere,
}

/// A run's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlowRun {
    /// How it began; nothing before.
    pub start: Option<RunStart>,
    /// How it stands.
    pub status: Status,
    /// The flows that it is in, the innermost last.
    pub frames: Vec<Frame>,
    /// Its variables; what was erased is not there any more.
    pub variables: Option<Personal<Variables>>,
    /// How many steps were entered.
    pub steps: u32,
    /// How many runs began by themselves in a row, since the person last wrote.
    pub hops: u32,
    /// The last message or event that was handled, by its position.
    pub handled: u64,
    /// What it waits for.
    pub pause: Option<Pause>,
    /// What came in and was not yet used.
    pub inputs: Vec<RunInput>,
    /// The last thing that the contact wrote to it.
    pub last_input: Option<Personal<String>>,
    /// What it has asked of a server elsewhere, while it waits for that.
    pub request: Option<RunRequest>,
    /// What came of it, until it is used.
    pub answer: Option<RunAnswer>,
}

/// The claim that a contact is in one run of a flow at a time.
#[must_use]
pub fn active_claim(flow: FlowId, contact: ContactId) -> Claim {
    Claim::new(ClaimKind::FlowRunActive, format!("{flow}/{contact}"))
}

impl FlowRun {
    /// The flow in which it goes on.
    #[must_use]
    pub fn frame(&self) -> Option<&Frame> {
        self.frames.last()
    }

    /// When it goes on by itself, in microseconds since the epoch: what came in has settled, or the time of the pause is over.
    #[must_use]
    pub fn due_at(&self) -> Option<i64> {
        let pause = self.pause.as_ref()?;
        match self.inputs.last() {
            // What is written while a server is asked is for a later step.
            Some(last) if pause.reason != Reason::Http => Some(last.settles_at.unwrap_or(i64::MIN)),
            _ => pause.until,
        }
    }
}

impl Root for FlowRun {
    const STREAM: StreamType = StreamType::FlowRun;
    const SNAPSHOT_VERSION: u32 = 2;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        self.decided(command)
    }

    fn claims(event: &Event, id: Uuid) -> Vec<ClaimChange> {
        match event {
            Event::FlowRunStarted(start) => {
                vec![ClaimChange::Take { claim: active_claim(start.flow, start.contact), owner: id }]
            }
            Event::FlowRunCompleted { flow, contact }
            | Event::FlowRunFailed { flow, contact, .. }
            | Event::FlowRunCancelled { flow, contact, was_queued: false, .. } => {
                vec![ClaimChange::Release { claim: active_claim(*flow, *contact) }]
            }
            _ => Vec::new(),
        }
    }

    fn subject(event: &Event, _: Uuid) -> Option<ContactId> {
        Some(match event {
            Event::FlowRunQueued(start) | Event::FlowRunStarted(start) => start.contact,
            Event::FlowRunStepEntered { contact, .. }
            | Event::FlowRunVariablesSet { contact, .. }
            | Event::FlowRunWaiting { contact, .. }
            | Event::FlowRunRequestStarted { contact, .. }
            | Event::FlowRunRequestEnded { contact, .. }
            | Event::FlowRunInputReceived { contact, .. }
            | Event::FlowRunResumed { contact, .. }
            | Event::FlowRunCalled { contact, .. }
            | Event::FlowRunReturned { contact, .. }
            | Event::FlowRunCompleted { contact, .. }
            | Event::FlowRunFailed { contact, .. }
            | Event::FlowRunCancelled { contact, .. } => *contact,
        })
    }

    fn event_name(event: &Event) -> &'static str {
        event.into()
    }
}

cqrs_glue!(FlowRun, Command, Event, Error, FlowRun);

#[cfg(test)]
#[path = "flow_run_tests.rs"]
mod tests;
