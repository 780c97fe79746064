//! Starting a flow with a contact, and ending a run.

use aggregates::channel_account::ChannelAccount;
use aggregates::conversation::{self, Conversation, Owner};
use aggregates::flow::{Flow, has_reserved_member};
use aggregates::flow_run::{Cause, Command, FlowRun, Status, Variables};
use aggregates::ids::{ContactId, ConversationId, FlowId, RunId};
use aggregates::token::Scope;
use flows::document::Document;
use flows::policy::Reentry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::channels::AccountRef;
use super::super::contact_reference::ContactRef;
use super::super::flows::FlowRef;
use super::super::near_miss::near_names;
use super::super::operation::{Effect, Facts, Mutation, Toolset};
use super::super::route::{self, Route};
use super::super::{may_send, unique_noun};
use super::view::RunView;
use crate::app::UnitOfWork;
use crate::problem::{Candidate, Code, Problem};
use crate::reactions::starting::{self, Started, Starting};

/// The most that variables of a call take, in bytes of JSON.
const MAX_VARIABLES_BYTES: usize = 20_000;
/// How deep objects and lists in a variable are nested.
const MAX_VARIABLE_DEPTH: usize = 3;

/// What happens when the contact is in the flow already.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum OnConflict {
    Reject,
    Restart,
    Queue,
}

impl From<OnConflict> for Reentry {
    fn from(on_conflict: OnConflict) -> Self {
        match on_conflict {
            OnConflict::Reject => Self::Reject,
            OnConflict::Restart => Self::Restart,
            OnConflict::Queue => Self::Queue,
        }
    }
}

/// Starts a published flow with a contact; the customer sees what it sends. The run goes on by itself and keeps the version that it began
/// with: `get_flow_run` shows how it stands. Use idempotencyKey so that a retry cannot start it twice.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::operations) struct SendContactFlow {
    contact_id: ContactRef,
    flow_id: FlowRef,
    /// Variables of the flow that begin otherwise than its document says, by name.
    variables: Option<Variables>,
    channel_account_id: Option<AccountRef>,
    /// When the contact is in this flow already: `reject` refuses, `restart` ends that run, `queue` begins when it has ended. The flow's policy
    /// decides when this is missing.
    on_conflict: Option<OnConflict>,
}

/// A run, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::operations) struct RunAnswer {
    run: RunView,
}

impl RunAnswer {
    /// The run by its decided state.
    async fn of(unit: &mut UnitOfWork, id: RunId) -> Result<Self, Problem> {
        let state = unit.load::<FlowRun>(id.0).await?.cloned().unwrap_or_default();
        let flow = state.start.as_ref().map(|start| start.flow).unwrap_or(FlowId(id.0));
        let draft = unit.load::<Flow>(flow.0).await?.filter(|flow| !flow.deleted).and_then(|flow| flow.draft.clone());
        let run = RunView::decided(id, &state, draft.map(|draft| draft.name().to_owned()));
        Ok(Self { run: run.ok_or_else(|| Problem::internal(&"a run that was begun is not there"))? })
    }
}

/// The flow's version that starts now.
async fn published(unit: &mut UnitOfWork, reference: &FlowRef) -> Result<(FlowId, u32, Document), Problem> {
    let (id, state) = unique_noun::resolve::<Flow>(unit, &reference.0, "flowId").await?;
    let (version, stored) = state.published().ok_or_else(|| {
        Problem::new(Code::Conflict, "this flow was never published")
            .field("flowId")
            .value(id.to_string())
            .hint("publish_flow makes its draft the version that starts")
    })?;
    let document = Document::parse(stored.value())
        .map_err(|_| Problem::internal(&"a published version cannot be read by this program"))?;
    Ok((id, version, document))
}

/// Variables of a call, all of which the flow declares.
///
/// # Errors
/// `invalid_input` naming one that the flow does not declare, with candidates, or that is no value of a variable.
pub(in crate::operations) fn declared(given: Option<&Variables>, document: &Document) -> Result<Variables, Problem> {
    let Some(given) = given else { return Ok(Variables::new()) };
    let known = document.variables();
    for (name, value) in given {
        let field = format!("variables.{}", name.chars().take(100).collect::<String>());
        if !known.contains_key(name) {
            let hint = match known.len() {
                0 => "this flow declares no variables".to_owned(),
                _ => format!("it declares: {}", known.keys().cloned().collect::<Vec<_>>().join(", ")),
            };
            let near = near_names(name, known.keys().map(String::as_str));
            return Err(Problem::invalid(field, "the flow has no such variable").hint(hint).candidates(near));
        }
        if depth(value) > MAX_VARIABLE_DEPTH || has_reserved_member(value) {
            let hint = format!(
                "objects and lists are nested at most {MAX_VARIABLE_DEPTH} deep, and have no members $personal, $sealed and $erased"
            );
            return Err(Problem::invalid(field, "this is no value of a variable").hint(hint));
        }
    }
    let bytes: usize = given.values().map(|value| value.to_string().len()).sum();
    if bytes > MAX_VARIABLES_BYTES {
        let message = format!("take {bytes} bytes of JSON, {MAX_VARIABLES_BYTES} at most");
        return Err(Problem::invalid("variables", message));
    }
    Ok(given.clone())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

impl SendContactFlow {
    /// Where the flow speaks; refuses one that is for another channel.
    async fn place(&self, unit: &mut UnitOfWork, document: &Document, contact: ContactId) -> Result<Route, Problem> {
        let route = route::to_contact(unit, contact, self.channel_account_id.as_ref(), document.channel()).await?;
        let Some(wanted) = document.channel() else { return Ok(route) };
        let channel = unit.load::<ChannelAccount>(route.account.0).await?.map(|account| account.channel);
        if channel == Some(wanted) {
            return Ok(route);
        }
        Err(Problem::new(Code::Conflict, format!("this flow is for {} only", wanted.name()))
            .field("channelAccountId")
            .hint("name an account of that channel on which the contact is known"))
    }
}

/// Refuses to start a flow where it would stop at once, because somebody else than the caller answers.
async fn refuse_stopped(
    unit: &mut UnitOfWork,
    conversation: ConversationId,
    document: &Document,
) -> Result<(), Problem> {
    let caller = unit.caller().actor.id.clone();
    let talk = unit.load::<Conversation>(conversation.0).await?.map(|talk| (talk.owner, talk.owned_by.clone()));
    match talk {
        Some((Owner::Human | Owner::Ai, by)) if document.policy().stop_on_human && by.as_deref() != Some(&caller) => {
            Err(Problem::new(Code::Conflict, "somebody has taken this conversation over, and this flow stops then")
                .field("conversationId")
                .value(conversation.to_string())
                .hint("release_conversation gives it back; a flow with policy.stopOnHuman false goes on beside them"))
        }
        _ => Ok(()),
    }
}

impl Mutation for SendContactFlow {
    type Outcome = RunId;
    type Output = RunAnswer;
    const FACTS: Facts = Facts {
        name: "send_contact_flow",
        title: "Send a flow to a contact",
        scope: Some(Scope::FlowsRun),
        toolsets: &[Toolset::Core, Toolset::Automation],
        effect: Effect::ReachesCustomers,
        idempotent: false,
        shows_customers_words: false,
        method: "POST",
        path: "/v1/contacts/{contactId}/flows",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<RunId, Problem> {
        let contact = self.contact_id.in_unit(unit).await?;
        let (flow, version, document) = published(unit, &self.flow_id).await?;
        let variables = declared(self.variables.as_ref(), &document)?;
        let Route { account, conversation, .. } = self.place(unit, &document, contact).await?;
        may_send::check(unit, contact, account, conversation).await?;
        refuse_stopped(unit, conversation, &document).await?;
        let run = RunId(unit.new_id());
        let starting = Starting {
            run,
            flow,
            version,
            document: &document,
            contact,
            place: Some((account, conversation)),
            variables,
            cause: Cause::Operation,
            hops: 0,
            after: unit.app().head(unit.workspace()).await?,
            reentry: self.on_conflict.map_or(document.policy().reentry, Reentry::from),
        };
        if let Started::Active(active) = starting::start(unit, starting).await? {
            return Err(Problem::new(Code::Conflict, "this contact is in this flow already")
                .field("contactId")
                .value(contact.to_string())
                .hint("wait for that run, end it with cancel_flow_run, or use onConflict restart or queue")
                .candidates([Candidate { id: active.to_string(), name: None, reason: "is under way".to_owned() }]));
        }
        // Whoever answers in the conversation hands it to the flow by this call.
        let talk = unit.load::<Conversation>(conversation.0).await?.map(|talk| (talk.owner, talk.owned_by.clone()));
        if let Some((Owner::Human | Owner::Ai, by)) = talk
            && by.as_deref() == Some(unit.caller().actor.id.as_str())
        {
            let by = Some(run.to_string());
            let command = conversation::Command::SetOwner { owner: Owner::Flow, by, reason: None };
            unit.execute::<Conversation>(conversation.0, command).await?;
        }
        Ok(run)
    }

    async fn render(outcome: RunId, unit: &mut UnitOfWork) -> Result<RunAnswer, Problem> {
        RunAnswer::of(unit, outcome).await
    }
}

/// Ends a run of a flow: nothing more of it happens. What it has sent stays sent. A run that is over stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::operations) struct CancelFlowRun {
    /// The run's id.
    run_id: RunId,
}

impl Mutation for CancelFlowRun {
    type Outcome = RunId;
    type Output = RunAnswer;
    const FACTS: Facts = Facts {
        name: "cancel_flow_run",
        title: "Cancel a flow run",
        scope: Some(Scope::FlowsRun),
        toolsets: &[Toolset::Automation],
        effect: Effect::Destructive,
        idempotent: true,
        shows_customers_words: false,
        method: "POST",
        path: "/v1/flow-runs/{runId}/cancel",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<RunId, Problem> {
        let status = unit.load::<FlowRun>(self.run_id.0).await?.map_or(Status::None, |run| run.status);
        if status == Status::None {
            return Err(super::not_found(self.run_id));
        }
        let command = Command::Cancel { reason: "cancelled".to_owned() };
        unit.execute::<FlowRun>(self.run_id.0, command).await?;
        Ok(self.run_id)
    }

    async fn render(outcome: RunId, unit: &mut UnitOfWork) -> Result<RunAnswer, Problem> {
        RunAnswer::of(unit, outcome).await
    }
}
