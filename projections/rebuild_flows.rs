//! What may happen to flows and their runs in the stories that are folded live and anew.

use aggregates::flow::Event as FlowEvent;
use aggregates::flow_document::FlowDocument;
use aggregates::flow_run::{Cause, Event as RunEvent, Pause, Reason, RunInput, RunRequest, RunStart, Variables, Waker};
use aggregates::ids::{AccountId, ContactId, ConversationId, FlowId, MessageId, RunId, WorkspaceId};
use aggregates::{Personal, flow};
use serde_json::json;
use uuid::Uuid;

use crate::given::Given;

/// The flows of a workspace and their runs.
#[derive(Default)]
pub struct Flows {
    flows: Vec<(FlowId, u32)>,
    runs: Vec<(RunId, FlowId, ContactId)>,
}

fn document(number: u8) -> FlowDocument {
    json!({ "name": format!("flow {number}"), "steps": { "b": number, "a": 1 } }).into()
}

impl Flows {
    /// One thing happens to a flow.
    pub fn change(&mut self, given: &mut Given, workspace: WorkspaceId, which: u8, how: u8) {
        let count = self.flows.len();
        if count == 0 || how.is_multiple_of(4) {
            let id = FlowId(Uuid::from_u128(u128::from(which) << 32 | count as u128));
            given.record(workspace, id, FlowEvent::FlowCreated { document: document(which) });
            self.flows.push((id, 0));
            return;
        }
        let index = usize::from(which) % count;
        let (id, version) = &mut self.flows[index];
        let event = match how % 8 {
            1 | 2 => {
                *version += 1;
                FlowEvent::FlowPublished { version: *version, document: document(how) }
            }
            7 => flow::Event::FlowDeleted { released_name: String::new() },
            _ => FlowEvent::FlowDraftUpdated { document: document(how), released_name: None, restored_from: None },
        };
        let is_gone = matches!(event, FlowEvent::FlowDeleted { .. });
        given.record(workspace, *id, event);
        if is_gone {
            self.flows.remove(index);
        }
    }

    /// One thing happens in a run with the contact.
    pub fn run(
        &mut self,
        given: &mut Given,
        workspace: WorkspaceId,
        with: (ContactId, ConversationId, AccountId),
        (which, how): (u8, u8),
    ) {
        let Some((flow, version)) = self.flows.get(usize::from(which) % self.flows.len().max(1)).copied() else {
            return;
        };
        if self.runs.is_empty() || how.is_multiple_of(5) {
            let id = RunId(Uuid::from_u128(u128::from(which) << 32 | self.runs.len() as u128));
            let start = RunStart {
                flow,
                version,
                contact: with.0,
                conversation: Some(with.1),
                account: Some(with.2),
                step: "a".to_owned(),
                variables: Personal::Known(Variables::new()),
                cause: Cause::Operation,
                hops: 0,
                max_steps: 9,
                after: 0,
            };
            let queued = how.is_multiple_of(2);
            given.record(
                workspace,
                id,
                if queued { RunEvent::FlowRunQueued(start) } else { RunEvent::FlowRunStarted(start) },
            );
            self.runs.push((id, flow, with.0));
            return;
        }
        let (id, flow, contact) = self.runs[usize::from(which) % self.runs.len()];
        given.record(workspace, id, event(flow, contact, which, how));
    }
}

fn event(flow: FlowId, contact: ContactId, which: u8, how: u8) -> RunEvent {
    let step = "a".to_owned();
    let text = Personal::Known("x".to_owned());
    let message = MessageId(Uuid::from_u128(1));
    match how % 10 {
        1 => RunEvent::FlowRunStepEntered { contact, flow, step, kind: "note".to_owned(), chance: None, next: None },
        2 => {
            let reason = if which.is_multiple_of(2) { Reason::Input } else { Reason::Time };
            let pause = Pause { step, reason, until: Some(i64::from(which)), attempt: 0, after: 0 };
            RunEvent::FlowRunWaiting { contact, pause }
        }
        9 => {
            let until = i64::from(which);
            let (method, url) = ("GET".to_owned(), text);
            let request = RunRequest { step, number: 1, attempt: 1, method, url, until };
            RunEvent::FlowRunRequestStarted { contact, request }
        }
        3 => {
            let aside = which.is_multiple_of(3);
            let input = RunInput { position: u64::from(which), message, text, button: None, settles_at: None, aside };
            RunEvent::FlowRunInputReceived { contact, input }
        }
        4 => RunEvent::FlowRunResumed { contact, by: Waker::Input, position: Some(1), next: Some(step) },
        5 => RunEvent::FlowRunCalled { contact, flow, version: 1, step, return_to: None },
        6 => RunEvent::FlowRunCompleted { contact, flow },
        7 => RunEvent::FlowRunFailed { contact, flow, code: "x".to_owned(), reason: "y".to_owned(), step: None },
        _ => RunEvent::FlowRunCancelled { contact, flow, reason: "z".to_owned(), was_queued: false },
    }
}
