//! A run as callers see it.

use std::collections::BTreeMap;

use aggregates::flow_run::{FlowRun as FlowRunState, Reason};
use aggregates::ids::{FlowId, RunId};
use projections::flow_runs::FlowRun;
use projections::flows;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::inputs::rfc3339;
use crate::app::ReadContext;
use crate::problem::Problem;

/// A run of a flow.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct RunView {
    pub(super) id: String,
    /// `queued`, `running`, `waiting`, `completed`, `failed` or `cancelled`.
    pub(super) status: &'static str,
    pub(super) flow_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flow_name: Option<String>,
    /// The version that it keeps to.
    pub(super) version: u64,
    pub(super) contact_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) conversation_id: Option<String>,
    /// The step at which it stands, or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) step: Option<String>,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) waits: Option<WaitView>,
    /// Why it failed or was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<ErrorView>,
    /// How many steps it has entered.
    pub(super) steps: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ended_at: Option<String>,
}

/// What a run waits for.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::operations) struct WaitView {
    /// `time`, `input`, `button` or `event`.
    #[serde(rename = "for")]
    pub(super) reason: String,
    /// The event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<String>,
    /// Until when at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<String>,
}

/// Why a run ended early.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::operations) struct ErrorView {
    /// For programs, such as `hop_budget`.
    pub(super) code: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

impl RunView {
    fn new(row: &FlowRun, names: &BTreeMap<FlowId, String>) -> Self {
        Self {
            id: row.id.to_string(),
            status: row.status.into(),
            flow_id: row.flow.to_string(),
            flow_name: names.get(&row.flow).cloned(),
            version: row.version,
            contact_id: row.contact.to_string(),
            conversation_id: row.conversation.map(|id| id.to_string()),
            step: row.step.clone(),
            waits: row.waits_for.clone().map(|reason| WaitView {
                reason,
                event: row.waits_event.clone(),
                until: row.until.map(rfc3339),
            }),
            error: row.error_code.clone().map(|code| ErrorView { code, reason: row.error_reason.clone() }),
            steps: row.steps,
            created_at: Some(rfc3339(row.created_at)),
            ended_at: row.ended_at.map(rfc3339),
        }
    }
}

impl RunView {
    /// The run by its decided state, right after it was decided about; nothing when there is none.
    pub(super) fn decided(id: RunId, state: &FlowRunState, flow_name: Option<String>) -> Option<Self> {
        let start = state.start.as_ref()?;
        Some(Self {
            id: id.to_string(),
            status: state.status.into(),
            flow_id: start.flow.to_string(),
            flow_name,
            version: u64::from(start.version),
            contact_id: start.contact.to_string(),
            conversation_id: start.conversation.map(|id| id.to_string()),
            step: state.frame().map_or(Some(&start.step), |frame| frame.step.as_ref()).cloned(),
            waits: state.pause.as_ref().map(|pause| WaitView {
                reason: pause.reason.name().to_owned(),
                event: match &pause.reason {
                    Reason::Event { event } => Some(event.clone()),
                    _ => None,
                },
                until: pause.until.map(rfc3339),
            }),
            error: None,
            steps: u64::from(state.steps),
            created_at: None,
            ended_at: None,
        })
    }
}

/// The runs as callers see them. A flow that was deleted has no name any more.
///
/// # Errors
/// `unavailable` when the tables cannot be read.
pub(super) async fn views(context: &mut ReadContext, rows: &[FlowRun]) -> Result<Vec<RunView>, Problem> {
    let mut ids: Vec<FlowId> = rows.iter().map(|row| row.flow).collect();
    ids.sort_unstable();
    ids.dedup();
    let (connection, workspace) = context.rows();
    let found = flows::by_ids(connection, workspace, &ids).await?;
    let names: BTreeMap<FlowId, String> = found.into_iter().map(|flow| (flow.id, flow.name)).collect();
    Ok(rows.iter().map(|row| RunView::new(row, &names)).collect())
}
