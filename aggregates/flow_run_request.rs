//! What a run asks of a server elsewhere, and what came of it. Both are facts of the run: the request before it is made, so that after
//! a death it is known that it may have been; the outcome before it is used, so that nothing asks again to know what happened.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::flow_run::{Event, FlowRun};
use crate::flow_run_parts::{Pause, Reason, Status};
use crate::ids::ContactId;
use crate::personal::Personal;

/// A request that is about to be made. Stored form: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRequest {
    /// The step that makes it.
    pub step: String,
    /// How many steps the run had entered with this one: the same step asks under another number when the run comes to it again.
    pub number: u32,
    /// Which time this is, from 1: a request whose outcome is not known is made again where the step says that this is safe.
    pub attempt: u32,
    /// The method.
    pub method: String,
    /// The address. It may hold what is known of the contact.
    pub url: Personal<String>,
    /// When the outcome is here at the latest, in microseconds since the epoch.
    pub until: i64,
}

/// What came of a request. Stored form: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunAnswer {
    /// Of which request: its number.
    pub number: u32,
    /// Of which request: its attempt.
    pub attempt: u32,
    /// The status that the server answered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there is no answer that can be used, for programs. [`UNKNOWN`] when nobody knows whether the request was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The same for people, without personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was answered, if the step keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Personal<Value>>,
}

/// The error of a request that was announced by a process that is gone: it may have been made, or not. Stored: never edited.
pub const UNKNOWN: &str = "unknown";

impl FlowRun {
    pub(crate) fn answered(&self, contact: ContactId, answer: &RunAnswer) -> Vec<Event> {
        let is_of = |request: &RunRequest| (request.number, request.attempt) == (answer.number, answer.attempt);
        let is_open = self.status == Status::Waiting && self.answer.is_none();
        if !is_open || !self.request.as_ref().is_some_and(is_of) {
            return Vec::new();
        }
        vec![Event::FlowRunRequestEnded { contact, answer: answer.clone() }]
    }

    /// The run waits for the outcome.
    pub(crate) fn ask(&mut self, request: &RunRequest) {
        self.status = Status::Waiting;
        self.pause = Some(Pause {
            step: request.step.clone(),
            reason: Reason::Http,
            until: Some(request.until),
            attempt: request.attempt,
            after: self.handled,
        });
        self.request = Some(request.clone());
        self.answer = None;
    }
}
