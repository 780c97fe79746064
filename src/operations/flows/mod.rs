//! Flows: documents that say what happens with a contact. Written as drafts, checked, published as versions that never change.

mod checked;
mod document;
mod read;
mod simulate;
mod simulation;
mod write;

use aggregates::claim::Claim;
use aggregates::flow::{self, Flow};
use aggregates::ids::FlowId;
use projections::flows;
use schemars::JsonSchema;
use serde::Serialize;

use super::inputs::{input_type, rfc3339};
use super::unique_noun::UniqueNoun;
use crate::problem::{Code, Problem};

pub(super) use read::{GetFlow, GetFlowSchema, ListFlowVersions, ListFlows};
pub(super) use simulate::SimulateFlow;
pub(super) use write::{CreateFlow, DeleteFlow, PublishFlow, RestoreFlowVersion, UpdateFlowDraft, ValidateFlow};

input_type! {
    /// A flow that exists.
    FlowRef(String), {
        "type": "string", "minLength": 1, "maxLength": 255, "description": "A flow's id or exact name."
    }
}

impl UniqueNoun for Flow {
    type Id = FlowId;
    type Row = flows::Flow;
    const WHAT: &'static str = "flow";
    const HINT: &'static str = "list_flows shows the flows";

    fn name_claim(name: &str) -> Claim {
        flow::name_claim(name)
    }

    fn known_name(&self) -> &str {
        self.draft.as_ref().filter(|_| !self.deleted).map_or("", |draft| draft.name())
    }
}

impl From<flow::Error> for Problem {
    fn from(error: flow::Error) -> Self {
        let message = error.to_string();
        match error {
            flow::Error::InvalidName => Self::invalid("document.name", message),
            flow::Error::TooLarge | flow::Error::ReservedMember => Self::invalid("document", message),
            flow::Error::Unknown => Self::new(Code::NotFound, message).field("flowId").hint(Flow::HINT),
            flow::Error::UnknownVersion => {
                Self::new(Code::NotFound, message).field("version").hint("list_flow_versions shows the versions")
            }
            flow::Error::Exists | flow::Error::TooManyVersions => Self::new(Code::Conflict, message),
        }
    }
}

/// A flow as callers see it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FlowView {
    id: String,
    name: String,
    /// The version that starts now; missing when it was never published.
    #[serde(skip_serializing_if = "Option::is_none")]
    published_version: Option<u64>,
    /// The draft differs from what is published.
    has_unpublished_changes: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
}

impl From<&flows::Flow> for FlowView {
    fn from(row: &flows::Flow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name.clone(),
            published_version: row.published_version,
            has_unpublished_changes: row.has_changes(),
            updated_at: Some(rfc3339(row.updated_at)),
        }
    }
}

impl FlowView {
    /// The flow by its decided state.
    fn of(id: FlowId, state: &Flow) -> Self {
        let published = state.published();
        Self {
            id: id.to_string(),
            name: state.known_name().to_owned(),
            published_version: published.map(|(version, _)| u64::from(version)),
            has_unpublished_changes: published.map(|(_, document)| document) != state.draft.as_ref(),
            updated_at: None,
        }
    }
}
