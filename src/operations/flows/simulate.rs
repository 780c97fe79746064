//! Trying a flow: what it would say and do, without anybody noticing.

use std::collections::{BTreeMap, BTreeSet};

use aggregates::channel_account::Channel;
use aggregates::contact::Contact;
use aggregates::custom_field::CustomField;
use aggregates::filter::{ConversationFacts, Facts};
use aggregates::flow::Flow;
use aggregates::flow_run::Variables;
use aggregates::ids::{ContactId, ConversationId, FlowId};
use aggregates::token::Scope;
use flows::document::Document;
use flows::turn::{Answer, AnswerError};
use projections::{conversations, workspaces};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::answer::{Item, Items};
use super::super::call::Call;
use super::super::contact_reference::ContactRef;
use super::super::contacts::NewAttributes;
use super::super::field_values;
use super::super::flow_runs::declared;
use super::super::inputs::Name;
use super::super::operation::{Effect, Facts as OperationFacts, Query, Toolset};
use super::super::unique_noun;
use super::FlowRef;
use super::checked::{self, FindingView};
use super::document::DocumentInput;
use super::read::document_of;
use super::simulation::{Ended, Moment, Person, Stage, Start, simulate};
use crate::app::ReadContext;
use crate::problem::{Code, Problem};
use crate::reactions::{Place, Surroundings};

/// Room for the transcript beside the rest, in bytes.
const TRANSCRIPT_ROOM: usize = 16_000;

/// Carries a flow out in memory and answers with the transcript: nothing is sent or written. Takes a flow's draft or version, or a document; a
/// contact, or a made-up one. No server is asked. Whenever the flow waits for an answer it gets the next reply: the words on a button press it, an empty text stays
/// silent until the timeout. The clock is turned over every pause. Without replies left it ends with status `waiting`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct SimulateFlow {
    flow_id: Option<FlowRef>,
    /// A published version of the flow; its draft when missing.
    #[schemars(range(min = 1))]
    version: Option<u32>,
    #[serde(flatten)]
    document: DocumentInput,
    contact_id: Option<ContactRef>,
    /// A made-up contact, instead of contactId.
    contact: Option<MadeUpContact>,
    /// What the contact answers, one after the other.
    #[schemars(length(max = 200), inner(length(max = 4096)))]
    replies: Option<Vec<String>>,
    /// What servers answer that the flow asks, one after the other. A simulation asks none: without an answer left it ends with status `waiting`.
    #[schemars(length(max = 100))]
    http_answers: Option<Vec<ScriptedAnswer>>,
    /// Values for variables that the flow declares, by name.
    variables: Option<Variables>,
}

/// What a server answers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
struct ScriptedAnswer {
    /// The status; 200 when missing.
    #[schemars(range(min = 100, max = 599))]
    status: Option<u16>,
    /// The JSON in the answer.
    body: Option<Value>,
    /// Instead of an answer: why there is none, such as `timeout`, `unreachable` or `refused`.
    #[schemars(length(min = 1, max = 64))]
    error: Option<String>,
}

impl From<ScriptedAnswer> for Answer {
    fn from(scripted: ScriptedAnswer) -> Self {
        let message = "there is no answer, as httpAnswers says".to_owned();
        let error = scripted.error.map(|code| AnswerError { code, message });
        let status = error.is_none().then_some(scripted.status.unwrap_or(200));
        Self { status, error, body: scripted.body.unwrap_or_default() }
    }
}

/// A contact that is made up.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
struct MadeUpContact {
    #[serde(flatten)]
    attributes: NewAttributes,
    /// Names of the tags that it carries.
    #[schemars(length(max = 100))]
    tags: Option<Vec<Name>>,
    /// Values of custom fields, by the fields' names or ids.
    custom_fields: Option<Map<String, Value>>,
}

/// What would happen.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct Simulated {
    /// `completed`, `failed`, `cancelled`, `waiting`, or `invalid` when the document has errors.
    status: &'static str,
    /// Why it failed, was cancelled, or waits for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The step at which it stands, or stood last.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    transcript: Vec<Item<Moment>>,
    /// How many moments found no room.
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted: Option<usize>,
    /// Untrusted: the contact as it would be then.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<Map<String, Value>>,
    /// Untrusted: the run's variables as they would be then.
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FindingView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<FindingView>,
}

impl Simulated {
    fn invalid(errors: Vec<FindingView>, warnings: Vec<FindingView>) -> Self {
        Self {
            status: "invalid",
            reason: None,
            step: None,
            transcript: Vec::new(),
            omitted: None,
            contact: None,
            variables: None,
            errors,
            warnings,
        }
    }

    fn of(ended: Ended, warnings: Vec<FindingView>) -> Result<Self, Problem> {
        let Ended { status, reason, step, transcript, words } = ended;
        let mut items = Items::new(TRANSCRIPT_ROOM);
        for moment in &transcript.moments {
            if !items.push(moment, None)? {
                break;
            }
        }
        let omitted = transcript.omitted + transcript.moments.len() - items.len();
        let known = |name: &str| words.get(name).and_then(Value::as_object).filter(|all| !all.is_empty());
        Ok(Self {
            status: status.into(),
            reason,
            step,
            transcript: items.into_inner(),
            omitted: (omitted > 0).then_some(omitted),
            contact: known("contact").cloned(),
            variables: known("run").cloned(),
            errors: Vec::new(),
            warnings,
        })
    }
}

impl SimulateFlow {
    /// The document with its flow (none of its own: a nil id), or what is wrong with it.
    async fn written(
        &self,
        context: &mut ReadContext,
    ) -> Result<Result<(FlowId, u32, Value), Vec<FindingView>>, Problem> {
        match &self.flow_id {
            Some(flow) if self.document.is_missing() => {
                let row = unique_noun::in_tables::<Flow>(context, &flow.0, "flowId").await?;
                let document = document_of(context, &row, self.version).await?;
                Ok(Ok((row.id, self.version.unwrap_or_default(), document.value().clone())))
            }
            Some(_) => Err(Problem::invalid("flowId", "give either a flow or a document")),
            None if self.version.is_some() => Err(Problem::invalid("version", "belongs to flowId")),
            None => {
                let read = self.document.parse()?;
                let document = read.map(|document| (FlowId(Uuid::nil()), 0, document));
                Ok(document.map_err(|findings| checked::shown(&findings)))
            }
        }
    }

    /// The contact, as it is known or made up.
    async fn person(
        &self,
        context: &mut ReadContext,
        stage: &mut Stage,
        document: &Document,
    ) -> Result<Person, Problem> {
        match (&self.contact_id, &self.contact) {
            (Some(_), Some(_)) => Err(Problem::invalid("contact", "give either contactId or contact")),
            (Some(reference), None) => {
                let id = reference.in_tables(context).await?;
                known(context, id, document).await
            }
            (None, made_up) => {
                let usual = MadeUpContact::default();
                made_up.as_ref().unwrap_or(&usual).person(context, stage, document).await
            }
        }
    }
}

/// A contact as it is known, in the conversation in which it wrote last.
async fn known(context: &mut ReadContext, id: ContactId, document: &Document) -> Result<Person, Problem> {
    let (connection, workspace) = context.rows();
    let talks = conversations::of_contacts(connection, workspace, &[id]).await?;
    let last = talks.iter().max_by_key(|talk| talk.last_inbound_at).map(|talk| talk.id);
    let mut around = Surroundings::of(context, document, id, last).await?;
    if around.conversation.is_none() && !around.facts.channels.is_empty() {
        around.conversation = Some(place(document.channel()));
    }
    let state = context.app.state_of::<Contact>(workspace, id.0).await?;
    let silence = state.and_then(|contact| contact.silence(document.channel().unwrap_or_default()));
    Ok(Person::new(around, silence))
}

/// A conversation that nobody had yet.
fn place(channel: Option<Channel>) -> Place {
    Place {
        id: ConversationId(Uuid::nil()),
        channel: channel.unwrap_or_default().name(),
        status: "open".to_owned(),
        owner: "none".to_owned(),
    }
}

impl MadeUpContact {
    async fn person(
        &self,
        context: &mut ReadContext,
        stage: &mut Stage,
        document: &Document,
    ) -> Result<Person, Problem> {
        let inside = |problem: Problem| {
            let field = problem.field.clone().unwrap_or_default();
            problem.field(format!("contact.{field}"))
        };
        let attributes = self.attributes.read().map_err(inside)?;
        let now = context.app.now();
        let mut facts = Facts {
            attributes,
            channels: BTreeSet::from([document.channel().unwrap_or_default()]),
            conversations: vec![ConversationFacts {
                status: "open".to_owned(),
                owner: "none".to_owned(),
                unanswered: false,
            }],
            created_at: now,
            last_activity_at: now,
            ..Facts::default()
        };
        for name in self.tags.iter().flatten() {
            let (connection, workspace) = context.rows();
            if let Some(tag) =
                projections::near_miss::find::<projections::tags::Tag>(connection, workspace, &name.0).await?
            {
                stage.add_tag(tag.id, &tag.name);
            }
            facts.tags.push(stage.tag_or_made_up(&name.0));
        }
        let mut custom_fields = BTreeMap::new();
        for (name, value) in self.custom_fields.iter().flatten() {
            let place = format!("contact.customFields.{}", name.chars().take(100).collect::<String>());
            let field = unique_noun::in_tables::<CustomField>(context, name, &place).await?;
            let value = field_values::parse(field.field_type, value, &place)?;
            stage.add_field(field.id, &field.name, field.field_type);
            facts.fields.insert(field.id, value.clone());
            custom_fields.insert(field.name, value);
        }
        let own = self.attributes.timezone();
        let (connection, workspace) = context.rows();
        let home = workspaces::get(connection, workspace).await?.map(|row| row.timezone);
        let around = Surroundings {
            facts,
            custom_fields,
            bot: BTreeMap::new(),
            conversation: Some(place(document.channel())),
            nouns: Default::default(),
            timezone: own.or(home).unwrap_or_else(|| "UTC".to_owned()),
        };
        Ok(Person::new(around, None))
    }
}

impl Query for SimulateFlow {
    type Output = Simulated;
    const FACTS: OperationFacts = OperationFacts {
        name: "simulate_flow",
        title: "Try a flow",
        scope: Some(Scope::FlowsRead),
        toolsets: &[Toolset::Automation],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "POST",
        path: "/v1/flows/simulate",
    };

    async fn answer(self, call: &Call) -> Result<Simulated, Problem> {
        // What a flow says to a contact tells what is known of it.
        if self.contact_id.is_some() && !call.caller.may(Scope::ContactsRead, false) {
            return Err(Problem::new(Code::Forbidden, "this token may not look at contacts")
                .field("contactId")
                .hint("use a token with the scope contacts:read, or a made-up contact"));
        }
        let mut context = call.read().await?;
        let (flow, version, written) = match self.written(&mut context).await? {
            Ok(written) => written,
            Err(errors) => return Ok(Simulated::invalid(errors, Vec::new())),
        };
        let checked = checked::validate(&mut context, &written).await?;
        let warnings = checked::shown(&checked.warnings);
        let document = match Document::parse(&written) {
            Ok(document) if checked.errors.is_empty() => document,
            Ok(_) => return Ok(Simulated::invalid(checked::shown(&checked.errors), warnings)),
            Err(findings) => return Ok(Simulated::invalid(checked::shown(&findings), warnings)),
        };
        let variables = declared(self.variables.as_ref(), &document)?;
        let mut stage = Stage::set(&mut context, flow, version, document.clone()).await?;
        let person = self.person(&mut context, &mut stage, &document).await?;
        let now = call.app.now();
        drop(context);
        let answers = self.http_answers.unwrap_or_default().into_iter().map(Answer::from).collect();
        let start = Start { flow, variables, replies: self.replies.unwrap_or_default(), answers, now };
        // A flow may take a thousand steps: not on a thread that serves everybody.
        let ended = tokio::task::spawn_blocking(move || simulate(stage, person, start)).await;
        let ended = ended.map_err(|error| Problem::internal(&error))?;
        Simulated::of(ended.ok_or_else(|| Problem::internal(&"a document was not staged"))?, warnings)
    }
}
