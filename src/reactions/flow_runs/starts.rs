//! Flows that start by themselves: by a keyword, or by something that happened to a contact.
//!
//! What automation does may start other flows, up to a budget of runs in a row without a word of the person; it never starts the flow
//! that did it, and what automation sent starts nothing at all.

use std::sync::Arc;

use aggregates::flow_run::{Cause, FlowRun};
use aggregates::ids::{AccountId, ContactId, ConversationId, FlowId, RunId};
use aggregates::stream::StreamType;
use aggregates::{Recorded, conversation};
use flows::start::{EventStart, Start};
use projections::{channel_accounts, conversations, flow_runs};
use sha2::{Digest, Sha256};

use super::documents::Startable;
use super::{FlowRuns, Surroundings};
use crate::app::{Caller, Decision, UnitOfWork};
use crate::event_log::store::EventRange;
use crate::problem::{Code, Problem};
use crate::reactions::starting::{self, Starting};

/// The id of the run that an event starts of a flow: always the same, so that it starts once. A UUID of version 7 with the event's time.
pub(super) fn run_id(event: &Recorded, flow: FlowId) -> RunId {
    let digest = Sha256::new().chain_update(event.id.0).chain_update(flow.0).finalize();
    let milliseconds = u64::try_from(event.recorded_at / 1_000).unwrap_or_default();
    let mut random = [0; 10];
    random.copy_from_slice(&digest[..10]);
    RunId(uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid())
}

/// A run that begins by itself.
pub(super) struct Automatic<'a> {
    pub(super) startable: &'a Startable,
    pub(super) event: &'a Recorded,
    pub(super) contact: ContactId,
    pub(super) place: Option<(AccountId, ConversationId)>,
    pub(super) cause: Cause,
    /// How many runs began by themselves before it.
    pub(super) hops: u32,
}

impl Automatic<'_> {
    /// Begins it, as part of the unit, unless its policy is against it.
    pub(super) async fn begin(&self, unit: &mut UnitOfWork) -> Result<(), Problem> {
        let run = run_id(self.event, self.startable.flow);
        if unit.load::<FlowRun>(run.0).await?.is_some() {
            return Ok(());
        }
        let policy = self.startable.document.policy();
        if let Some((_, conversation)) = self.place {
            let owner = unit.load::<conversation::Conversation>(conversation.0).await?.map(|talk| talk.owner);
            if policy.stop_on_human && matches!(owner, Some(conversation::Owner::Human | conversation::Owner::Ai)) {
                return Ok(());
            }
        }
        if let Some(cooldown) = policy.cooldown_us {
            let mut context = unit.read().await?;
            let (connection, workspace) = context.rows();
            let last = flow_runs::last_of(connection, workspace, self.startable.flow, self.contact).await?;
            let is_warm = |started: i64| started.saturating_add(cooldown) > unit.now();
            if last.is_some_and(|last| is_warm(last.started_at.unwrap_or(last.created_at))) {
                return Ok(());
            }
        }
        let starting = Starting {
            run,
            flow: self.startable.flow,
            version: self.startable.version,
            document: &self.startable.document,
            contact: self.contact,
            place: self.place,
            variables: aggregates::flow_run::Variables::new(),
            cause: self.cause.clone(),
            hops: self.hops,
            after: self.event.position,
            reentry: policy.reentry,
        };
        starting::start(unit, starting).await.map(|_| ())
    }
}

/// Flows that an event starts.
struct StartByEvent<'a> {
    startables: Vec<(&'a Startable, &'a EventStart)>,
    event: &'a Recorded,
    contact: ContactId,
    hops: u32,
}

impl Decision for StartByEvent<'_> {
    type Outcome = ();

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<(), Problem> {
        let cause = Cause::Event { position: self.event.position, event: self.event.id };
        for (startable, start) in &self.startables {
            if !fits(unit, startable, start, self.event, self.contact).await? {
                continue;
            }
            let place = place_of(unit, startable, self.contact, self.event.conversation()).await?;
            let (event, contact, cause, hops) = (self.event, self.contact, cause.clone(), self.hops);
            Automatic { startable, event, contact, place, cause, hops }.begin(unit).await?;
        }
        Ok(())
    }
}

/// Whether an event is what a flow starts by.
pub(super) async fn fits(
    unit: &UnitOfWork,
    startable: &Startable,
    start: &EventStart,
    event: &Recorded,
    contact: ContactId,
) -> Result<bool, Problem> {
    let mut context = unit.read().await?;
    let surroundings = match Surroundings::of(&mut context, &startable.document, contact, None).await {
        Err(problem) if problem.code == Code::NotFound => return Ok(false),
        found => found?,
    };
    Ok(start.fits(&event.event, &surroundings.facts, &surroundings.nouns, unit.now()))
}

/// Where a run speaks: in the conversation that the event is about, or where the contact wrote last, on the flow's channel.
async fn place_of(
    unit: &UnitOfWork,
    startable: &Startable,
    contact: ContactId,
    about: Option<ConversationId>,
) -> Result<Option<(AccountId, ConversationId)>, Problem> {
    let mut context = unit.read().await?;
    let (connection, workspace) = context.rows();
    let accounts = channel_accounts::list(connection, workspace, startable.document.channel(), None, 100).await?;
    let talks = conversations::of_contacts(connection, workspace, &[contact]).await?;
    let mut fitting: Vec<_> =
        talks.iter().filter(|talk| accounts.items.iter().any(|account| account.id == talk.account)).collect();
    fitting.sort_by_key(|talk| (Some(talk.id) == about, talk.last_inbound_at, talk.started_at));
    Ok(fitting.last().map(|talk| (talk.account, talk.id)))
}

impl FlowRuns {
    /// What may start by itself.
    pub(super) async fn known_startables(&mut self) -> Result<Arc<Vec<Startable>>, Problem> {
        if let Some(known) = &self.startables {
            return Ok(Arc::clone(known));
        }
        let known = Arc::new(self.documents.startable(&self.acting.app, self.acting.workspace).await?);
        self.startables = Some(Arc::clone(&known));
        Ok(known)
    }

    /// Starts the flows that wait for such an event.
    pub(super) async fn start_by_event(
        &mut self,
        event: &Arc<Recorded>,
        contact: ContactId,
        names: &[&'static str],
    ) -> Result<(), Problem> {
        let known = self.known_startables().await?;
        let mut startables = event_starts(&known, event, names);
        if startables.is_empty() {
            return Ok(());
        }
        let Some((by, hops)) = self.begun_by(event).await? else { return Ok(()) };
        startables.retain(|(startable, _)| Some(startable.flow) != by);
        let runs: Vec<RunId> = startables.iter().map(|(startable, _)| run_id(event, startable.flow)).collect();
        let decision = StartByEvent { startables, event, contact, hops };
        if let Err(problem) =
            self.acting.decide_as(&Caller::system(self.acting.workspace), "flow_started_by_event", &decision).await
        {
            return passed_over(event, problem);
        }
        for run in runs {
            self.go_on(run).await?;
        }
        Ok(())
    }

    /// The flow whose run caused an event, and how many runs began by themselves in a row with the one that it may start. Nothing for
    /// what automation sent.
    async fn begun_by(&self, event: &Recorded) -> Result<Option<(Option<FlowId>, u32)>, Problem> {
        let is_fate = event.event.stream_type() == StreamType::Message;
        let mut by = event.metadata.actor.as_flow_run();
        if is_fate && by.is_none() {
            // Delivered and read is what the device of the person reports: it matters who sent.
            let range = EventRange::Stream(event.stream_id, 0);
            let first = self.acting.app.log().entries(self.acting.workspace, range, 1).await?.pop();
            by = first.and_then(|entry| entry.recorded.metadata.actor.as_flow_run());
        }
        let Some(run) = by else { return Ok(Some((None, 1))) };
        if is_fate {
            return Ok(None);
        }
        let state = self.acting.app.state_of::<FlowRun>(self.acting.workspace, run.0).await?;
        let (flow, hops) = state.map_or((None, 0), |run| (run.start.map(|start| start.flow), run.hops));
        Ok(Some((flow, hops + 1)))
    }
}

/// The flows that start by an event of these names, each with what it starts by.
pub(super) fn event_starts<'s>(
    startables: &'s [Startable],
    event: &Recorded,
    names: &[&'static str],
) -> Vec<(&'s Startable, &'s EventStart)> {
    let in_time = startables.iter().filter(|startable| startable.after < event.position);
    in_time
        .flat_map(|startable| {
            let starts = startable.document.starts().iter().filter_map(|start| match start {
                Start::Event(start) if names.contains(&start.event.as_str()) => Some(start),
                _ => None,
            });
            starts.map(move |start| (startable, start))
        })
        .collect()
}

/// An event that cannot start its flows for a reason that stays is passed over, so that it does not stop all others.
pub(super) fn passed_over(event: &Recorded, problem: Problem) -> Result<(), Problem> {
    if problem.code == Code::Unavailable || problem.retry_after_ms.is_some() {
        return Err(problem);
    }
    tracing::warn!(event.position, code = problem.code.name(), %problem, "an event could not start its flows");
    Ok(())
}
