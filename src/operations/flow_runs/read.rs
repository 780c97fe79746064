//! Runs, in lists and step by step.

use std::sync::Arc;

use aggregates::Recorded;
use aggregates::flow::Flow;
use aggregates::flow_run::{self, Status, Variables};
use aggregates::ids::{ContactId, RunId};
use aggregates::token::Scope;
use projections::{Order, flow_runs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::answer::{Item, Items, List};
use super::super::call::Call;
use super::super::contact_reference::ContactRef;
use super::super::event_view;
use super::super::flows::FlowRef;
use super::super::inputs::{Paging, rfc3339};
use super::super::operation::{Effect, Facts, Query, Toolset};
use super::super::unique_noun;
use super::view::{RunView, views};
use crate::app::ReadContext;
use crate::event_log::store::EventRange;
use crate::problem::Problem;

/// Room for the timeline beside the run itself, in bytes.
const TIMELINE_ROOM: usize = 16_000;

/// Lists runs of flows, the newest first. Filters go together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct ListFlowRuns {
    /// Only of this flow.
    flow_id: Option<FlowRef>,
    /// Only with this contact.
    contact_id: Option<ContactRef>,
    /// Only those that stand so.
    #[schemars(length(min = 1, max = 6))]
    status: Option<Vec<Status>>,
    #[serde(flatten)]
    paging: Paging,
}

impl Query for ListFlowRuns {
    type Output = List<RunView>;
    const FACTS: Facts = Facts {
        name: "list_flow_runs",
        title: "List flow runs",
        scope: Some(Scope::FlowsRead),
        toolsets: &[Toolset::Automation],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/flow-runs",
    };

    async fn answer(self, call: &Call) -> Result<List<RunView>, Problem> {
        let after = self.paging.after(Order::Begun)?;
        let mut context = call.read_from(after.as_ref()).await?;
        let mut filter = flow_runs::Filter { statuses: self.status.unwrap_or_default(), ..Default::default() };
        if let Some(flow) = &self.flow_id {
            filter.flow = Some(unique_noun::in_tables::<Flow>(&mut context, &flow.0, "flowId").await?.id);
        }
        if let Some(contact) = &self.contact_id {
            filter.contact = Some(contact.in_tables(&mut context).await?);
        }
        let (connection, workspace) = context.rows();
        let mut page = flow_runs::list(connection, workspace, &filter, after.as_ref(), self.paging.limit()).await?;
        let list = List::fill(views(&mut context, &page.items).await?, None)?;
        if list.len() < page.items.len() {
            let (connection, workspace) = context.rows();
            page = flow_runs::list(connection, workspace, &filter, after.as_ref(), list.len() as u64).await?;
        }
        Ok(list.led_on(page, context.position))
    }
}

/// The last runs with a contact, the newest first; only those under way unless `over` asks for the others, too.
///
/// # Errors
/// `unavailable` when the tables cannot be read.
pub(in crate::operations) async fn of_contact(
    context: &mut ReadContext,
    contact: ContactId,
    over: bool,
    limit: u64,
) -> Result<Vec<RunView>, Problem> {
    let under_way = vec![Status::Queued, Status::Running, Status::Waiting];
    let statuses = if over { Vec::new() } else { under_way };
    let filter = flow_runs::Filter { contact: Some(contact), statuses, ..Default::default() };
    let (connection, workspace) = context.rows();
    let page = flow_runs::list(connection, workspace, &filter, None, limit).await?;
    views(context, &page.items).await
}

/// Shows one run: how it stands, what it waits for, its variables, and its timeline (each step with what followed), the oldest first.
/// Variables and inputs may hold customers' words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct GetFlowRun {
    /// The run's id.
    run_id: RunId,
    #[serde(flatten)]
    paging: Paging,
}

/// A run with its timeline.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct WholeRun {
    run: RunView,
    /// Untrusted: the variables as they are now.
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<Variables>,
    timeline: Vec<Item<TimelineView>>,
    /// Leads to the rest of the timeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// One moment of a run.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::operations) struct TimelineView {
    position: u64,
    at: String,
    /// What happened, such as `FlowRunStepEntered`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Untrusted: the members of the event.
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    data: Value,
}

impl TimelineView {
    fn new(recorded: &Recorded) -> Result<Self, Problem> {
        let mut data = recorded.event.to_json().map_err(|error| Problem::internal(&error))?;
        event_view::reveal(&mut data);
        if let Value::Object(members) = &mut data {
            members.remove("type");
            // They are the same all along, and stand in the run itself.
            members.remove("contact");
            event_view::show_times(members);
        }
        Ok(Self { position: recorded.position, at: rfc3339(recorded.recorded_at), kind: recorded.event.name(), data })
    }
}

impl Query for GetFlowRun {
    type Output = WholeRun;
    const FACTS: Facts = Facts {
        name: "get_flow_run",
        title: "Show a flow run",
        scope: Some(Scope::FlowsRead),
        toolsets: &[Toolset::Automation],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "GET",
        path: "/v1/flow-runs/{runId}",
    };

    async fn answer(self, call: &Call) -> Result<WholeRun, Problem> {
        let after = self.paging.position()?.unwrap_or_default();
        let mut context = call.read().await?;
        let (connection, workspace) = context.rows();
        let Some(row) = flow_runs::get(connection, workspace, self.run_id).await? else {
            return Err(super::not_found(self.run_id));
        };
        let run = views(&mut context, std::slice::from_ref(&row)).await?.pop();
        drop(context);
        let range = EventRange::Stream(self.run_id.0, after);
        let limit = usize::try_from(self.paging.limit()).unwrap_or(usize::MAX);
        let entries = call.app.log().entries(workspace, range, limit + 1).await?;
        let moments: Vec<Arc<Recorded>> = entries.into_iter().map(|entry| entry.recorded).collect();
        let mut items = Items::new(TIMELINE_ROOM);
        for recorded in moments.iter().take(limit) {
            if !items.push(&TimelineView::new(recorded)?, None)? {
                break;
            }
        }
        let shown = items.len();
        let next_cursor = (shown < moments.len()).then(|| moments[..shown].last()).flatten();
        let state = call.app.state_of::<flow_run::FlowRun>(workspace, self.run_id.0).await?;
        Ok(WholeRun {
            run: run.ok_or_else(|| Problem::internal(&"a run that was read is gone"))?,
            variables: state
                .and_then(|state| state.variables?.known().cloned())
                .filter(|variables| !variables.is_empty()),
            timeline: items.into_inner(),
            next_cursor: next_cursor.map(|recorded| recorded.sequence.to_string()),
        })
    }
}
