//! Runs of flows: begin one with a contact, see how it goes step by step, end it.

mod read;
mod send;
mod view;

use aggregates::flow_run;
use aggregates::ids::RunId;

use crate::problem::{Code, Problem};

pub(super) use read::{GetFlowRun, ListFlowRuns, of_contact};
pub(super) use send::{CancelFlowRun, SendContactFlow, declared};
pub(super) use view::RunView;

impl From<flow_run::Error> for Problem {
    fn from(error: flow_run::Error) -> Self {
        let message = error.to_string();
        match error {
            flow_run::Error::Unknown => {
                Self::new(Code::NotFound, message).field("runId").hint("list_flow_runs shows the runs")
            }
            flow_run::Error::Exists | flow_run::Error::Elsewhere => Self::new(Code::Conflict, message),
        }
    }
}

/// The refusal of a run that is not there.
fn not_found(run: RunId) -> Problem {
    Problem::new(Code::NotFound, "there is no such run")
        .field("runId")
        .value(run.to_string())
        .hint("list_flow_runs shows the runs")
}
