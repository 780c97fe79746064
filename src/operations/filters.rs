//! Filters as callers write them: the member that holds one, what it names in the workspace, and the list of what can be asked.

use aggregates::filter::{self, Fault, Filter, FilterError, Kind, Nouns, Operator, Parsed, Place};
use aggregates::token::Scope;
use projections::{Near, custom_fields, flows, near_miss, tags};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strum::VariantArray as _;

use super::call::Call;
use super::operation::{Effect, Facts, Query, Toolset};
use crate::app::ReadContext;
use crate::problem::{Candidate, Code, Problem};

/// How many faults after the first are told.
const MORE_FAULTS: usize = 4;
/// How many of the workspace's own names are listed.
const NAMES_SHOWN: u64 = 50;
/// How many flows are listed: each is a field with all its states.
const FLOWS_SHOWN: u64 = 10;

/// Conditions on contacts, as a caller wrote them.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct FilterInput(Value);

impl JsonSchema for FilterInput {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Filter".into()
    }

    // Flat, since schemas that refer to themselves are refused by some model providers: what is inside is checked by `filter::parse`.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "object",
            "additionalProperties": false,
            "description": "A condition {field, op, value}, or all / any / not of filters, 5 deep at most. Example: \
                {\"all\": [{\"field\": \"tag\", \"op\": \"eq\", \"value\": \"VIP\"}, {\"field\": \"lastInboundAt\", \"op\": \
                \"notWithinLast\", \"value\": \"30d\"}]}. list_filter_fields tells fields and operators.",
            "properties": {
                "all": {"type": "array", "maxItems": filter::MAX_CONDITIONS, "items": {"type": "object"},
                    "description": "Filters that all hold."},
                "any": {"type": "array", "maxItems": filter::MAX_CONDITIONS, "items": {"type": "object"},
                    "description": "Filters of which one holds."},
                "not": {"type": "object", "description": "Filter that does not hold."},
                "field": {"type": "string", "maxLength": 300, "description": "Field's name."},
                "op": {"type": "string", "maxLength": 20, "description": "Operator's name."},
                "value": {"description": "Compared with."}
            }
        })
    }
}

impl FilterInput {
    /// Reads it and looks up what it names; `member` is where it stands.
    ///
    /// # Errors
    /// `invalid_input`, `not_found` or `ambiguous` with the place of the first fault, what would be right, and what else is wrong.
    pub(super) async fn read(&self, context: &mut ReadContext, member: &str) -> Result<Filter, Problem> {
        let parsed = filter::parse(&self.0).map_err(|errors| problem(errors, member))?;
        let nouns = nouns(&parsed, context).await?;
        parsed.resolve(&nouns).map_err(|errors| problem(errors, member))
    }
}

/// Looks up what a filter names.
async fn nouns(parsed: &Parsed, context: &mut ReadContext) -> Result<Nouns, Problem> {
    let (references, mut nouns) = (parsed.references(), Nouns::default());
    let (connection, workspace) = context.rows();
    for reference in &references.tags {
        match near_miss::find::<tags::Tag>(connection, workspace, reference).await? {
            Some(tag) => nouns.add_tag(tag.id, &tag.name),
            None => nouns.suggest(reference, suggested(tags::near(connection, workspace, reference).await?)),
        }
    }
    for reference in &references.fields {
        match near_miss::find::<custom_fields::CustomField>(connection, workspace, reference).await? {
            Some(field) => nouns.add_field(field.id, &field.name, field.field_type),
            None => nouns.suggest(reference, suggested(custom_fields::near(connection, workspace, reference).await?)),
        }
    }
    for reference in &references.flows {
        match near_miss::find::<flows::Flow>(connection, workspace, reference).await? {
            Some(flow) => nouns.add_flow(flow.id, &flow.name),
            None => {
                let near = near_miss::near::<flows::Flow>(connection, workspace, reference).await?;
                nouns.suggest(reference, suggested(near));
            }
        }
    }
    Ok(nouns)
}

fn suggested(near: Vec<Near>) -> Vec<filter::Candidate> {
    let candidate = |near: Near| filter::Candidate { id: near.id, name: near.name, reason: near.reason.to_owned() };
    near.into_iter().map(candidate).collect()
}

/// Faults as one problem: the first with all that belongs to it, the others in a few words.
fn problem(errors: Vec<FilterError>, member: &str) -> Problem {
    let mut errors = errors.into_iter();
    let Some(first) = errors.next() else { return Problem::invalid(member, "this filter is not valid") };
    let code = match first.code {
        Fault::UnknownTag | Fault::UnknownCustomField | Fault::UnknownFlow => Code::NotFound,
        Fault::Ambiguous => Code::Ambiguous,
        _ => Code::InvalidInput,
    };
    let others: Vec<String> =
        errors.map(|error| format!("{}: {}", error.path_in(member), error.message)).take(MORE_FAULTS).collect();
    let also = (!others.is_empty()).then(|| format!("also wrong: {}", others.join("; ")));
    let hint = first.hint.clone().into_iter().chain(also).collect::<Vec<_>>().join("; ");
    let mut problem = Problem::new(code, first.message.clone()).field(first.path_in(member));
    if let Some(value) = first.value {
        problem = problem.value(value);
    }
    if !hint.is_empty() {
        problem = problem.hint(hint);
    }
    let candidates = first.candidates.into_iter();
    problem.candidates(candidates.map(|near| Candidate { id: near.id, name: near.name, reason: near.reason }))
}

/// Lists what a filter (of `filter_contacts`, `list_contacts`) can ask: every field with its operators, values and an example, the
/// workspace's own custom fields, flows and tags by name, and what the operators mean.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListFilterFields {}

/// A field.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FieldEntry {
    /// What to write as `field`.
    field: String,
    /// What its values are.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Its operators.
    operators: Vec<&'static str>,
    /// The only values.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    values: &'static [&'static str],
    /// A condition.
    example: Value,
}

/// An operator.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OperatorEntry {
    /// What to write as `op`.
    op: &'static str,
    /// What it means.
    meaning: &'static str,
}

/// What a filter can ask.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterFields {
    /// The fields.
    items: Vec<FieldEntry>,
    /// The operators.
    operators: Vec<OperatorEntry>,
    /// How conditions are held against contacts.
    rules: &'static [&'static str],
    /// Names of tags.
    tags: Vec<String>,
    /// There are more tags than these.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more_tags: bool,
    /// There are more custom fields than these.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more_custom_fields: bool,
    /// There are more flows than these.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more_flows: bool,
}

const RULES: &[&str] = &[
    "A filter is one of {\"all\": [filters]}, {\"any\": [filters]}, {\"not\": filter} and {\"field\", \"op\", \"value\"}, 5 deep at most, with \
     up to 50 conditions.",
    "A contact has no value of a field, one, or several (tags, channels, conversations, lists). Operators hold if at least one value fits; \
     ne, notIn, notContains and notWithinLast hold if none does, so also where there is no value: add exists to leave those out.",
    "Texts are compared without regard to case, accents and repeated blanks; numbers, days and times by their order, times whatever \
     their offset.",
    "contains finds a part of a text, but only a whole tag and a whole item of a list.",
    "withinLast ends now; a day counts as its midnight in UTC. Durations: a whole number and s, m, h, d or w.",
    "Custom fields, tags and flows are written by name or id: customField.<name>, flow.<name>.state.",
];

impl FieldEntry {
    fn new(field: String, kind: Kind) -> Self {
        let (operator, value) = kind.example();
        Self {
            kind: kind.name(),
            operators: kind.operators().iter().map(|operator| operator.name()).collect(),
            values: kind.choices(),
            example: json!({"field": field.as_str(), "op": operator.name(), "value": value}),
            field,
        }
    }
}

impl Query for ListFilterFields {
    type Output = FilterFields;
    const FACTS: Facts = Facts {
        name: "list_filter_fields",
        title: "List what filters can ask",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/contacts/filter-fields",
    };

    async fn answer(self, call: &Call) -> Result<FilterFields, Problem> {
        let mut context = call.read().await?;
        let (connection, workspace) = context.rows();
        let own = custom_fields::list(connection, workspace, None, NAMES_SHOWN).await?;
        let tags = tags::list(connection, workspace, None, NAMES_SHOWN).await?;
        let flows = flows::list(connection, workspace, None, FLOWS_SHOWN).await?;
        let mut items = Vec::new();
        for field in filter::FIELDS {
            match (field.place, field.kind()) {
                (Place::Fixed(_, kind), _) => items.push(FieldEntry::new(field.name.to_owned(), kind)),
                (Place::FlowState, Some(kind)) => {
                    let of_flow = |flow: &flows::Flow| FieldEntry::new(format!("flow.{}.state", flow.name), kind);
                    items.extend(flows.items.iter().map(of_flow));
                }
                _ => {}
            }
        }
        let of_field = |field: &custom_fields::CustomField| {
            FieldEntry::new(format!("customField.{}", field.name), Kind::of(field.field_type))
        };
        items.extend(own.items.iter().map(of_field));
        let meaning = |op: &Operator| OperatorEntry { op: op.name(), meaning: op.meaning() };
        Ok(FilterFields {
            items,
            operators: Operator::VARIANTS.iter().map(meaning).collect(),
            rules: RULES,
            tags: tags.items.into_iter().map(|tag| tag.name).collect(),
            more_tags: tags.next.is_some(),
            more_custom_fields: own.next.is_some(),
            more_flows: flows.next.is_some(),
        })
    }
}
