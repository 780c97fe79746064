//! What validation says about a document in this workspace, with everything looked up that the document names.

use aggregates::channel_account::Channel;
use aggregates::filter;
use aggregates::message::MAX_BUTTON_CHARS;
use flows::catalog::{Catalog, ChannelLimits, Noun};
use flows::finding::Finding;
use flows::references::references;
use flows::schema;
use flows::validation::Validation;
use projections::{Near, near_miss};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::super::channels;
use super::super::near_miss::near_names;
use super::read::FlowForm;
use crate::app::ReadContext;
use crate::problem::{Candidate, Code, Problem};

/// How many findings an answer shows of each kind: whoever has more goes on after mending these.
const MAX_SHOWN: usize = 50;
/// How many findings a refusal tells in its words.
const MAX_TOLD: usize = 5;
/// The most words on a button, in characters: the limit of the flow language.
const MAX_LABEL_CHARS: usize = 20;

/// Something that validation found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FindingView {
    /// What kind of thing, such as `missing_target`.
    code: &'static str,
    /// Where, as in `steps.ask.question.text`.
    #[serde(skip_serializing_if = "String::is_empty")]
    path: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// What may have been meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Candidate>,
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        let candidate = |near: &filter::Candidate| Candidate {
            id: near.id.clone(),
            name: near.name.clone(),
            reason: near.reason.clone(),
        };
        Self {
            code: finding.code.into(),
            path: finding.path.clone(),
            message: finding.message.clone(),
            hint: finding.hint.clone(),
            candidates: finding.candidates.iter().map(candidate).collect(),
        }
    }
}

/// The findings as callers see them.
pub(super) fn shown(findings: &[Finding]) -> Vec<FindingView> {
    findings.iter().take(MAX_SHOWN).map(FindingView::from).collect()
}

/// The refusal of a document that has errors; `field` is what brought it along.
pub(super) fn refused(field: &str, findings: &[Finding]) -> Problem {
    let told: Vec<String> = findings
        .iter()
        .take(MAX_TOLD)
        .map(|finding| match finding.path.as_str() {
            "" => finding.message.clone(),
            path => format!("{path}: {}", finding.message),
        })
        .collect();
    let more = findings.len().saturating_sub(MAX_TOLD);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    let candidates = findings.first().into_iter().flat_map(|finding| FindingView::from(finding).candidates);
    Problem::new(Code::InvalidInput, format!("the flow has errors: {}{rest}", told.join("; ")))
        .field(field)
        .hint("validate_flow tells every error with its place")
        .candidates(candidates)
}

/// Looks a document through, form and meaning.
///
/// # Errors
/// `unavailable` when the tables cannot be read.
pub(super) async fn validate(context: &mut ReadContext, document: &Value) -> Result<Validation, Problem> {
    let catalog = catalog(context, document).await?;
    Ok(flows::validation::validate(document, &catalog))
}

/// The document as it is stored when its form is right, otherwise as it was written: a draft may be unfinished.
pub(super) fn canonical(document: Value) -> Value {
    match flows::document::Document::parse(&document) {
        Ok(read) => read.value().clone(),
        Err(_) => document,
    }
}

/// What the document names, as far as it exists, and what came close to the rest.
///
/// # Errors
/// `unavailable` when the tables cannot be read.
pub(super) async fn catalog(context: &mut ReadContext, document: &Value) -> Result<Catalog, Problem> {
    use projections::{bot_fields::BotField, custom_fields::CustomField, flows::Flow, tags::Tag};
    let named = references(document);
    let mut catalog = Catalog::default();
    let limits = channels::capabilities(Channel::Webchat);
    let limits = ChannelLimits {
        max_text_chars: limits.max_text_chars,
        max_buttons: limits.max_buttons,
        max_label_chars: MAX_LABEL_CHARS.min(MAX_BUTTON_CHARS),
    };
    catalog.add_channel(Channel::Webchat.name(), limits);
    let (connection, workspace) = context.rows();
    for name in &named.tags {
        match near_miss::find::<Tag>(connection, workspace, name).await? {
            Some(tag) => catalog.add_tag(tag.id, &tag.name),
            None => catalog.suggest(Noun::Tag, name, close(near_miss::near::<Tag>(connection, workspace, name).await?)),
        }
    }
    for name in &named.fields {
        match near_miss::find::<CustomField>(connection, workspace, name).await? {
            Some(field) => catalog.add_field(field.id, &field.name, field.field_type),
            None => {
                let near = near_miss::near::<CustomField>(connection, workspace, name).await?;
                catalog.suggest(Noun::Field, name, close(near));
            }
        }
    }
    for name in &named.bot_fields {
        match near_miss::find::<BotField>(connection, workspace, name).await? {
            Some(field) => catalog.add_bot_field(field.id, &field.name, field.field_type),
            None => {
                let near = near_miss::near::<BotField>(connection, workspace, name).await?;
                catalog.suggest(Noun::BotField, name, close(near));
            }
        }
    }
    for name in &named.flows {
        match near_miss::find::<Flow>(connection, workspace, name).await? {
            Some(flow) => catalog.add_flow(flow.id, &flow.name),
            None => {
                let near = near_miss::near::<Flow>(connection, workspace, name).await?;
                catalog.suggest(Noun::Flow, name, close(near));
            }
        }
    }
    Ok(catalog)
}

fn close(near: Vec<Near>) -> Vec<filter::Candidate> {
    // Documents name things by name: a candidate is what to write instead.
    let candidate =
        |near: Near| filter::Candidate { id: near.name.unwrap_or(near.id), name: None, reason: near.reason.to_owned() };
    near.into_iter().map(candidate).collect()
}

/// The names of the tags that a document adds.
pub(super) fn tags_added(document: &Value) -> Vec<String> {
    let steps = document.get("steps").and_then(Value::as_object).into_iter().flatten();
    let named = steps.filter_map(|(_, step)| step.get("addTags")?.as_array()).flatten();
    named.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The form of documents, or of one kind of step.
///
/// # Errors
/// `invalid_input` naming the kinds that there are.
pub(super) fn form(kind: Option<&str>) -> Result<FlowForm, Problem> {
    let kinds = schema::kinds();
    let Some(kind) = kind else { return Ok(FlowForm::new(schema::document(), kinds, Some(schema::EXAMPLE))) };
    let one = schema::step(kind).ok_or_else(|| {
        let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
        Problem::invalid("step", "there is no such kind of step")
            .value(kind)
            .hint(format!("the kinds are: {}", names.join(", ")))
            .candidates(near_names(kind, names.iter().copied()))
    })?;
    Ok(FlowForm::new(one, kinds.into_iter().filter(|(name, _)| *name == kind).collect(), None))
}
