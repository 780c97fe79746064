//! How a run of a flow begins with a contact, whoever starts it: somebody who calls for it, a keyword, an event, another run.

use aggregates::Personal;
use aggregates::flow_run::{Cause, Command, FlowRun, RunStart, Variables, active_claim};
use aggregates::ids::{AccountId, ContactId, ConversationId, FlowId, RunId};
use flows::document::Document;
use flows::policy::Reentry;

use crate::app::UnitOfWork;
use crate::problem::Problem;

/// A run that is to begin.
pub struct Starting<'a> {
    /// The id that it gets.
    pub run: RunId,
    /// The flow.
    pub flow: FlowId,
    /// Its published version.
    pub version: u32,
    /// The document of that version.
    pub document: &'a Document,
    /// With whom.
    pub contact: ContactId,
    /// Where it speaks; nothing when the contact can be met nowhere.
    pub place: Option<(AccountId, ConversationId)>,
    /// Variables that begin otherwise than the document says.
    pub variables: Variables,
    /// What begins it.
    pub cause: Cause,
    /// How many runs began by themselves in a row, this one included, since the contact last wrote.
    pub hops: u32,
    /// Messages and events up to this position are not meant for it.
    pub after: u64,
    /// What happens when the contact is in the flow already.
    pub reentry: Reentry,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// It began.
    Begun,
    /// It begins when the run that is there has ended.
    Queued,
    /// It does not begin: this run is there.
    Active(RunId),
}

/// Begins a run, as part of the unit. One that was begun already is left as it is.
///
/// # Errors
/// `unavailable` when the log cannot be read.
pub async fn start(unit: &mut UnitOfWork, starting: Starting<'_>) -> Result<Started, Problem> {
    let Starting { run, flow, version, document, contact, place, variables, cause, hops, after, reentry } = starting;
    let mut all = document.variables().clone();
    all.extend(variables);
    let start = RunStart {
        flow,
        version,
        contact,
        conversation: place.map(|(_, conversation)| conversation),
        account: place.map(|(account, _)| account),
        step: document.first_step().to_owned(),
        variables: Personal::Known(all),
        cause,
        hops,
        max_steps: document.policy().max_steps,
        after,
    };
    if let Some(active) = unit.claim_owner(&active_claim(flow, contact)).await?.filter(|owner| *owner != run.0) {
        // Loaded, so that what is decided about it holds only as long as it is under way.
        let is_there = unit.load::<FlowRun>(active).await?.is_some_and(|run| !run.status.is_over());
        match reentry {
            Reentry::Reject if is_there => return Ok(Started::Active(RunId(active))),
            Reentry::Queue if is_there => {
                unit.execute::<FlowRun>(run.0, Command::Queue(start)).await?;
                return Ok(Started::Queued);
            }
            _ => {
                let reason = "restarted".to_owned();
                unit.execute::<FlowRun>(active, Command::Cancel { reason }).await?;
            }
        }
    }
    unit.execute::<FlowRun>(run.0, Command::Start(start)).await?;
    Ok(Started::Begun)
}
