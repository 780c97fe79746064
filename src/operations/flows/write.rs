//! Writing flows: drafts that may be incomplete, and publishing, which takes only what is valid.

use aggregates::flow::{Command, Flow};
use aggregates::flow_document::FlowDocument;
use aggregates::ids::FlowId;
use aggregates::token::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::call::Call;
use super::super::operation::{Effect, Facts, Mutation, Query, Toolset};
use super::super::tags;
use super::super::unique_noun::{self, Deleted, DeletedAnswer};
use super::checked::{self, FindingView};
use super::document::DocumentInput;
use super::read::document_of;
use super::{FlowRef, FlowView};
use crate::app::UnitOfWork;
use crate::problem::Problem;

const WRITE: Facts = Facts {
    name: "",
    title: "",
    scope: Some(Scope::FlowsWrite),
    toolsets: &[Toolset::Automation],
    effect: Effect::Write,
    idempotent: true,
    shows_customers_words: false,
    method: "POST",
    path: "",
};

/// A flow that was written, and what validation says about its draft.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct WrittenFlow {
    flow: FlowView,
    /// Whether the draft can be published.
    valid: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FindingView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<FindingView>,
}

/// The flow as it stands, with what there is to say about its draft.
async fn written(unit: &mut UnitOfWork, id: FlowId) -> Result<WrittenFlow, Problem> {
    let state = unit.load::<Flow>(id.0).await?.cloned().unwrap_or_default();
    let draft = state.draft.as_ref().map_or(&Value::Null, FlowDocument::value);
    let mut context = unit.read().await?;
    let checked = checked::validate(&mut context, draft).await?;
    Ok(WrittenFlow {
        flow: FlowView::of(id, &state),
        valid: checked.errors.is_empty(),
        errors: checked::shown(&checked.errors),
        warnings: checked::shown(&checked.warnings),
    })
}

/// Makes a flow from a document, as a draft: nothing starts before `publish_flow`. A draft may be incomplete: the answer tells every error that
/// keeps it from being published.
#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::operations) struct CreateFlow {
    #[serde(flatten)]
    document: DocumentInput,
}

impl Mutation for CreateFlow {
    type Outcome = FlowId;
    type Output = WrittenFlow;
    const FACTS: Facts =
        Facts { name: "create_flow", title: "Create a flow", idempotent: false, path: "/v1/flows", ..WRITE };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<FlowId, Problem> {
        let document = FlowDocument::from(checked::canonical(self.document.read()?));
        let taken = unique_noun::refuse_taken::<Flow>(unit, document.name(), None).await;
        taken.map_err(|problem| problem.field(self.document.place_of_name()))?;
        let id = unit.new_id();
        unit.execute::<Flow>(id, Command::Create { document }).await?;
        Ok(FlowId(id))
    }

    async fn render(outcome: FlowId, unit: &mut UnitOfWork) -> Result<WrittenFlow, Problem> {
        written(unit, outcome).await
    }
}

/// Puts another document in the place of a flow's draft. What is published stays as it is until `publish_flow`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct UpdateFlowDraft {
    flow_id: FlowRef,
    #[serde(flatten)]
    document: DocumentInput,
}

impl Mutation for UpdateFlowDraft {
    type Outcome = FlowId;
    type Output = WrittenFlow;
    const FACTS: Facts = Facts {
        name: "update_flow_draft",
        title: "Change a flow's draft",
        method: "PUT",
        path: "/v1/flows/{flowId}/draft",
        ..WRITE
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<FlowId, Problem> {
        let document = FlowDocument::from(checked::canonical(self.document.read()?));
        let (id, _) = unique_noun::resolve::<Flow>(unit, &self.flow_id.0, "flowId").await?;
        let taken = unique_noun::refuse_taken::<Flow>(unit, document.name(), Some(id)).await;
        taken.map_err(|problem| problem.field(self.document.place_of_name()))?;
        unit.execute::<Flow>(id.0, Command::UpdateDraft { document, restored_from: None }).await?;
        Ok(id)
    }

    async fn render(outcome: FlowId, unit: &mut UnitOfWork) -> Result<WrittenFlow, Problem> {
        written(unit, outcome).await
    }
}

/// Checks a flow without writing anything: a document, or a flow's draft. Answers every error and warning at once, each with path, hint and
/// candidates.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct ValidateFlow {
    flow_id: Option<FlowRef>,
    #[serde(flatten)]
    document: DocumentInput,
}

/// What validation says.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::operations) struct Validated {
    valid: bool,
    errors: Vec<FindingView>,
    warnings: Vec<FindingView>,
}

impl Query for ValidateFlow {
    type Output = Validated;
    const FACTS: Facts = Facts {
        name: "validate_flow",
        title: "Check a flow",
        scope: Some(Scope::FlowsRead),
        effect: Effect::Read,
        path: "/v1/flows/validate",
        ..WRITE
    };

    async fn answer(self, call: &Call) -> Result<Validated, Problem> {
        let mut context = call.read().await?;
        let document = match &self.flow_id {
            Some(flow) if self.document.is_missing() => {
                let row = unique_noun::in_tables::<Flow>(&mut context, &flow.0, "flowId").await?;
                document_of(&mut context, &row, None).await?.value().clone()
            }
            Some(_) => return Err(Problem::invalid("flowId", "give either a flow or a document")),
            None => match self.document.parse()? {
                Ok(document) => document,
                Err(findings) => {
                    return Ok(Validated { valid: false, errors: checked::shown(&findings), warnings: Vec::new() });
                }
            },
        };
        let checked = checked::validate(&mut context, &document).await?;
        Ok(Validated {
            valid: checked.errors.is_empty(),
            errors: checked::shown(&checked.errors),
            warnings: checked::shown(&checked.warnings),
        })
    }
}

/// Makes the draft the version that starts from now on. Refused while the draft has errors. Runs under way keep the version that they began
/// with; tags that the flow adds and that do not exist are created.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::operations) struct PublishFlow {
    flow_id: FlowRef,
}

/// A flow as an answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::operations) struct FlowAnswer {
    flow: FlowView,
}

impl FlowAnswer {
    async fn of(unit: &mut UnitOfWork, id: FlowId) -> Result<Self, Problem> {
        let state = unit.load::<Flow>(id.0).await?.cloned().unwrap_or_default();
        Ok(Self { flow: FlowView::of(id, &state) })
    }
}

impl Mutation for PublishFlow {
    type Outcome = FlowId;
    type Output = FlowAnswer;
    const FACTS: Facts =
        Facts { name: "publish_flow", title: "Publish a flow", path: "/v1/flows/{flowId}/publish", ..WRITE };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<FlowId, Problem> {
        let (id, state) = unique_noun::resolve::<Flow>(unit, &self.flow_id.0, "flowId").await?;
        let draft = state.draft.unwrap_or_else(|| Value::Null.into());
        let mut context = unit.read().await?;
        let checked = checked::validate(&mut context, draft.value()).await?;
        drop(context);
        if !checked.errors.is_empty() {
            return Err(checked::refused("flowId", &checked.errors));
        }
        for tag in checked::tags_added(draft.value()) {
            tags::find_or_create(unit, &tag, "document").await?;
        }
        unit.execute::<Flow>(id.0, Command::Publish).await?;
        Ok(id)
    }

    async fn render(outcome: FlowId, unit: &mut UnitOfWork) -> Result<FlowAnswer, Problem> {
        FlowAnswer::of(unit, outcome).await
    }
}

/// Makes the document of a published version the draft again. `publish_flow` then publishes it under a new number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::operations) struct RestoreFlowVersion {
    flow_id: FlowRef,
    /// The version's number.
    #[schemars(range(min = 1))]
    version: u32,
}

impl Mutation for RestoreFlowVersion {
    type Outcome = FlowId;
    type Output = WrittenFlow;
    const FACTS: Facts = Facts {
        name: "restore_flow_version",
        title: "Restore a flow's version",
        path: "/v1/flows/{flowId}/versions/{version}/restore",
        ..WRITE
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<FlowId, Problem> {
        let (id, state) = unique_noun::resolve::<Flow>(unit, &self.flow_id.0, "flowId").await?;
        let version = state.versions.get(&self.version);
        let document = version.cloned().ok_or(aggregates::flow::Error::UnknownVersion)?;
        unique_noun::refuse_taken::<Flow>(unit, document.name(), Some(id)).await?;
        unit.execute::<Flow>(id.0, Command::UpdateDraft { document, restored_from: Some(self.version) }).await?;
        Ok(id)
    }

    async fn render(outcome: FlowId, unit: &mut UnitOfWork) -> Result<WrittenFlow, Problem> {
        written(unit, outcome).await
    }
}

/// Deletes a flow: it starts no more, and its name is free. Runs under way go on; `cancel_flow_run` ends them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::operations) struct DeleteFlow {
    flow_id: FlowRef,
}

impl Mutation for DeleteFlow {
    type Outcome = Deleted;
    type Output = DeletedAnswer;
    const FACTS: Facts = Facts {
        name: "delete_flow",
        title: "Delete a flow",
        effect: Effect::Destructive,
        method: "DELETE",
        path: "/v1/flows/{flowId}",
        ..WRITE
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<Deleted, Problem> {
        let (id, state) = unique_noun::resolve::<Flow>(unit, &self.flow_id.0, "flowId").await?;
        unit.execute::<Flow>(id.0, Command::Delete).await?;
        let name = state.draft.map(|draft| draft.name().to_owned()).unwrap_or_default();
        Ok(Deleted { id: id.to_string(), name })
    }

    async fn render(outcome: Deleted, _: &mut UnitOfWork) -> Result<DeletedAnswer, Problem> {
        Ok(DeletedAnswer { deleted: outcome })
    }
}
