//! Flows, in lists and one by one, and the form of their documents.

use ::flows::finding::Finding;
use aggregates::flow::Flow;
use aggregates::flow_document::FlowDocument;
use aggregates::folding::is_hidden;
use aggregates::token::Scope;
use projections::flow_versions::{self, DRAFT};
use projections::flows;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::answer::{Item, Items, List};
use super::super::call::Call;
use super::super::inputs::{Paging, rfc3339};
use super::super::operation::{Effect, Facts, Query, Toolset};
use super::super::unique_noun;
use super::checked::{self, FindingView};
use super::{FlowRef, FlowView};
use crate::app::ReadContext;
use crate::problem::{Code, Problem};

/// The largest document that is answered as an object, in bytes: a longer one is read as YAML, piece by piece, so that none is ever cut.
const MAX_OBJECT_BYTES: usize = 14_000;
/// A piece of YAML, in bytes of JSON.
const PIECE_BYTES: usize = 14_000;
/// Room for errors, and for warnings, beside a document, in bytes.
const FINDINGS_ROOM: usize = 4_000;

/// Lists the flows by name, with the version that starts now. `send_contact_flow` starts one.
#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::operations) struct ListFlows {
    #[serde(flatten)]
    paging: Paging,
}

impl Query for ListFlows {
    type Output = List<FlowView>;
    const FACTS: Facts = Facts {
        name: "list_flows",
        title: "List flows",
        scope: Some(Scope::FlowsRead),
        toolsets: &[Toolset::Core, Toolset::Automation],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/flows",
    };

    async fn answer(self, call: &Call) -> Result<List<FlowView>, Problem> {
        unique_noun::listed::<Flow, FlowView>(call, &self.paging, |row| row.into()).await
    }
}

/// In which form a document is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Form {
    Json,
    Yaml,
}

/// Shows a flow's document: the draft, or a published version. A draft comes with what validation says about it. A document that is long, or
/// holds hidden characters, is shown as YAML, in pieces: go on with offset = nextOffset.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::operations) struct GetFlow {
    flow_id: FlowRef,
    /// A published version; the draft when missing.
    #[schemars(range(min = 1))]
    version: Option<u32>,
    /// `json`: as an object. `yaml`: as text. As an object where that is possible when missing.
    format: Option<Form>,
    /// Where the piece of YAML begins, in characters.
    offset: Option<u32>,
}

/// A flow with its document.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct WholeFlow {
    flow: FlowView,
    /// The version shown; missing for the draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    document: Option<FlowDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    yaml: Option<String>,
    /// Where the next piece of YAML begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<u64>,
    /// What keeps the draft from being published.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Item<FindingView>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Item<FindingView>>,
}

impl Query for GetFlow {
    type Output = WholeFlow;
    const FACTS: Facts = Facts {
        name: "get_flow",
        title: "Show a flow",
        scope: Some(Scope::FlowsRead),
        toolsets: &[Toolset::Automation],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/flows/{flowId}",
    };

    async fn answer(self, call: &Call) -> Result<WholeFlow, Problem> {
        let mut context = call.read().await?;
        let row = unique_noun::in_tables::<Flow>(&mut context, &self.flow_id.0, "flowId").await?;
        let document = document_of(&mut context, &row, self.version).await?;
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        // With the first piece only: it is about the whole.
        if self.version.is_none() && self.offset.unwrap_or_default() == 0 {
            let checked = checked::validate(&mut context, document.value()).await?;
            errors = within(FINDINGS_ROOM, &checked.errors)?;
            warnings = within(FINDINGS_ROOM, &checked.warnings)?;
        }
        let (flow, version) = (FlowView::from(&row), self.version);
        let mut whole = WholeFlow { flow, version, document: None, yaml: None, next_offset: None, errors, warnings };
        let as_object = why_not_an_object(&document);
        let usual = if as_object.is_none() && self.offset.is_none() { Form::Json } else { Form::Yaml };
        match (self.format.unwrap_or(usual), as_object) {
            (Form::Json, _) if self.offset.is_some() => {
                return Err(Problem::invalid("offset", "belongs to format yaml"));
            }
            (Form::Json, Some(reason)) => {
                return Err(Problem::invalid("format", reason)
                    .hint("read it with format yaml, and go on with offset = nextOffset"));
            }
            (Form::Json, None) => whole.document = Some(document),
            (Form::Yaml, _) => {
                let text = ::flows::yaml::write(document.value()).map_err(|error| Problem::internal(&error))?;
                let (piece, next) = piece(&text, self.offset.unwrap_or_default() as usize);
                (whole.yaml, whole.next_offset) = (Some(piece), next);
            }
        }
        Ok(whole)
    }
}

/// As many findings as there is room for.
fn within(room: usize, findings: &[Finding]) -> Result<Vec<Item<FindingView>>, Problem> {
    let mut items = Items::new(room);
    for finding in findings {
        if !items.push(&FindingView::from(finding), None)? {
            break;
        }
    }
    Ok(items.into_inner())
}

/// Why a document cannot be answered as an object so that it can be written back as it is.
fn why_not_an_object(document: &FlowDocument) -> Option<&'static str> {
    let text = document.text();
    if text.len() > MAX_OBJECT_BYTES {
        return Some("this document is too long for one answer as an object");
    }
    // Answers write them out: only YAML has a way to write them that is read as the same.
    text.chars().any(is_hidden).then_some("this document holds hidden characters, which an object would not keep")
}

/// The piece of a text that begins at a character, and where the next one begins.
fn piece(text: &str, offset: usize) -> (String, Option<u64>) {
    let escaped = |letter: char| match letter {
        '"' | '\\' | '\n' => 2,
        other => other.len_utf8(),
    };
    let (mut taken, mut bytes) = (String::new(), 0);
    for (number, letter) in text.chars().enumerate().skip(offset) {
        bytes += escaped(letter);
        if bytes > PIECE_BYTES {
            return (taken, Some(number as u64));
        }
        taken.push(letter);
    }
    (taken, None)
}

/// The document of a version, or the draft.
///
/// # Errors
/// `not_found` when there is no such version.
pub(super) async fn document_of(
    context: &mut ReadContext,
    row: &flows::Flow,
    version: Option<u32>,
) -> Result<FlowDocument, Problem> {
    let (connection, workspace) = context.rows();
    let found = flow_versions::get(connection, workspace, row.id, version.map_or(DRAFT, u64::from)).await?;
    found.map(|row| row.document.0).ok_or_else(|| {
        Problem::new(Code::NotFound, "this flow has no such version")
            .field("version")
            .value(version.unwrap_or_default())
            .hint("list_flow_versions shows the versions")
    })
}

/// The form of flow documents: their JSON Schema (2020-12), or the part of it about one kind of step. Begin with an example, then look up the
/// steps that you need.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::operations) struct GetFlowSchema {
    /// Only this kind of step, such as `question`.
    #[schemars(length(min = 1, max = 40))]
    step: Option<String>,
}

/// The form of flow documents.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct FlowForm {
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    schema: Value,
    /// The kinds of steps, each in a few words.
    step_kinds: Vec<StepKind>,
    /// A small document that works, as YAML.
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<&'static str>,
}

/// A kind of step.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::operations) struct StepKind {
    kind: &'static str,
    does: String,
}

impl Query for GetFlowSchema {
    type Output = FlowForm;
    const FACTS: Facts = Facts {
        name: "get_flow_schema",
        title: "Show the form of flows",
        scope: Some(Scope::FlowsRead),
        toolsets: &[Toolset::Automation],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/flow-schema",
    };

    async fn answer(self, _: &Call) -> Result<FlowForm, Problem> {
        checked::form(self.step.as_deref())
    }
}

impl FlowForm {
    pub(super) fn new(schema: Value, kinds: Vec<(&'static str, String)>, example: Option<&'static str>) -> Self {
        let step_kinds = kinds.into_iter().map(|(kind, does)| StepKind { kind, does }).collect();
        Self { schema, step_kinds, example }
    }
}

/// Lists the published versions of a flow, the newest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct ListFlowVersions {
    flow_id: FlowRef,
    #[serde(flatten)]
    paging: Paging,
}

/// A published version.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct VersionView {
    version: u64,
    published_at: String,
    /// The position of the event that published it.
    position: u64,
    steps: usize,
}

impl Query for ListFlowVersions {
    type Output = List<VersionView>;
    const FACTS: Facts = Facts {
        name: "list_flow_versions",
        title: "List a flow's versions",
        scope: Some(Scope::FlowsRead),
        toolsets: &[Toolset::Automation],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/flows/{flowId}/versions",
    };

    async fn answer(self, call: &Call) -> Result<List<VersionView>, Problem> {
        let before = self.paging.position()?;
        let mut context = call.read().await?;
        let row = unique_noun::in_tables::<Flow>(&mut context, &self.flow_id.0, "flowId").await?;
        let (connection, workspace) = context.rows();
        let limit = self.paging.limit();
        let rows = flow_versions::published(connection, workspace, row.id, before, limit + 1).await?;
        let shown = rows.iter().take(usize::try_from(limit).unwrap_or(usize::MAX)).map(|row| VersionView {
            version: row.version,
            published_at: rfc3339(row.at),
            position: row.position,
            steps: row.document.0.value().get("steps").and_then(Value::as_object).map_or(0, serde_json::Map::len),
        });
        let list = List::fill(shown, None)?;
        let next = (list.len() < rows.len()).then(|| rows[..list.len()].last()).flatten();
        let next = next.map(|row| row.version.to_string());
        Ok(list.goes_on_at(next))
    }
}
