//! What steps want to happen, one kind of effect after the other, as commands of the same append.

use std::collections::BTreeSet;
use std::sync::Arc;

use aggregates::Personal;
use aggregates::bot_field::{self, BotField};
use aggregates::contact::{self, Contact, Source};
use aggregates::conversation::{self, Conversation, Owner};
use aggregates::custom_field::CustomField;
use aggregates::flow::{Flow, name_claim};
use aggregates::flow_run::{Cause, Command, FlowRun, Variables};
use aggregates::ids::{AccountId, ConversationId, FlowId, MessageId, NoteId, RunId, TagId};
use aggregates::message::{self, Button, Message, OutboundMessage};
use aggregates::tag::Tag;
use flows::document::Document;
use flows::turn::{Effect, FieldOperation, HandTo, SendButton, Target};
use serde_json::Value;

use super::documents::Documents;
use super::turns::Player;
use super::values::{attribute_change, field_change, variable};
use crate::app::UnitOfWork;
use crate::channels::webchat;
use crate::operations::{may_send, tags, unique_noun};
use crate::problem::{Code, Problem};
use crate::reactions::starting::{self, Starting};

/// A flow as it starts now.
pub(super) struct Published {
    pub(super) flow: FlowId,
    pub(super) version: u32,
    pub(super) document: Arc<Document>,
}

/// The version of a flow, by id or name, that starts now.
///
/// # Errors
/// `not_found` when there is no such flow, or it is not published.
pub(super) async fn published(
    unit: &mut UnitOfWork,
    documents: &Documents,
    reference: &str,
) -> Result<Published, Problem> {
    let named = match reference.parse::<FlowId>() {
        Ok(id) => Some(id.0),
        Err(_) => unit.claim_owner(&name_claim(reference)).await?,
    };
    let found = match named {
        Some(id) => unit.load::<Flow>(id).await?.and_then(|flow| Some((id, flow.published()?.0))),
        None => None,
    };
    let (id, version) =
        found.ok_or_else(|| Problem::new(Code::NotFound, "the flow that the step names is not published"))?;
    let flow = FlowId(id);
    Ok(Published { flow, version, document: documents.of(unit, flow, version).await? })
}

/// Makes an effect happen, as part of the unit.
///
/// # Errors
/// What refuses it: the run cannot go on then.
pub(super) async fn apply(player: &Player<'_>, unit: &mut UnitOfWork, effect: Effect) -> Result<(), Problem> {
    let contact = player.start.contact;
    match effect {
        Effect::Send { text, buttons } => send(player, unit, text, buttons).await,
        Effect::AddTags(names) => {
            let mut found = BTreeSet::new();
            for name in &names {
                found.insert(tags::find_or_create(unit, name, "addTags").await?);
            }
            unit.execute::<Contact>(contact.0, contact::Command::AddTags { tags: found }).await.map(|_| ())
        }
        Effect::RemoveTags(names) => {
            let mut found: BTreeSet<TagId> = BTreeSet::new();
            for name in &names {
                match name.parse::<TagId>() {
                    Ok(id) => found.extend([id]),
                    // What does not exist is nothing to remove.
                    Err(_) => found.extend(unique_noun::of_name::<Tag>(unit, name).await?.map(|(id, _)| id)),
                }
            }
            unit.execute::<Contact>(contact.0, contact::Command::RemoveTags { tags: found }).await.map(|_| ())
        }
        Effect::Put { target, operation, value, typed_by_customer } => {
            put(player, unit, target, (operation, value), typed_by_customer).await
        }
        Effect::Note(text) => {
            let command = contact::Command::AddNote { note: NoteId(unit.new_id()), text: Personal::Known(text) };
            unit.execute::<Contact>(contact.0, command).await.map(|_| ())
        }
        Effect::StartFlow { flow, variables } => start_beside(player, unit, &flow, variables).await,
        Effect::HandOff { to, note } => {
            let Some(conversation) = player.start.conversation else { return Ok(()) };
            let owner = match to {
                HandTo::Human => Owner::Human,
                HandTo::Ai => Owner::Ai,
            };
            let command = conversation::Command::SetOwner { owner, by: None, reason: note.map(Personal::Known) };
            unit.execute::<Conversation>(conversation.0, command).await.map(|_| ())
        }
        Effect::CloseConversation => {
            let Some(conversation) = player.start.conversation else { return Ok(()) };
            unit.execute::<Conversation>(conversation.0, conversation::Command::Close).await.map(|_| ())
        }
    }
}

fn place(player: &Player<'_>) -> Result<(AccountId, ConversationId), Problem> {
    let place = player.start.account.zip(player.start.conversation);
    place.ok_or_else(|| Problem::new(Code::Conflict, "this contact cannot be met on any channel"))
}

async fn send(
    player: &Player<'_>,
    unit: &mut UnitOfWork,
    text: String,
    buttons: Vec<SendButton>,
) -> Result<(), Problem> {
    let (account, conversation) = place(player)?;
    let contact = player.start.contact;
    may_send::refuse_silenced(unit, contact, account).await?;
    let owner = unit.load::<Conversation>(conversation.0).await?.map(|conversation| conversation.owner);
    if owner == Some(Owner::None) {
        let by = Some(player.id.to_string());
        let command = conversation::Command::SetOwner { owner: Owner::Flow, by, reason: None };
        unit.execute::<Conversation>(conversation.0, command).await?;
    }
    let button = |button: SendButton| Button { id: button.id, title: Personal::Known(button.title) };
    let message = OutboundMessage {
        conversation,
        contact,
        account,
        text: Personal::Known(text),
        buttons: buttons.into_iter().map(button).collect(),
        reply_to: None,
    };
    let id = MessageId(unit.new_id());
    let queue = message::Command::Queue { message, max_text_chars: webchat::MAX_TEXT_CHARS };
    unit.execute::<Message>(id.0, queue).await?;
    // On web chat the appended event is the delivery.
    let sent = message::Command::Advance { status: message::Status::Sent };
    unit.execute::<Message>(id.0, sent).await.map(|_| ())
}

async fn put(
    player: &Player<'_>,
    unit: &mut UnitOfWork,
    target: Target,
    (operation, value): (FieldOperation, Value),
    typed_by_customer: bool,
) -> Result<(), Problem> {
    let contact = player.start.contact;
    match target {
        Target::Contact(attribute) => {
            let source = if typed_by_customer { Source::Customer } else { Source::Workspace };
            let there = unit.load::<Contact>(contact.0).await?.map(|contact| contact.attributes.clone());
            let (set, clear) = attribute_change(attribute, operation, &there.unwrap_or_default(), value)?;
            unit.execute::<Contact>(contact.0, contact::Command::Update { source, set, clear }).await.map(|_| ())
        }
        Target::CustomField(reference) => {
            let (field, definition) = unique_noun::resolve::<CustomField>(unit, &reference, "field").await?;
            let there = unit.load::<Contact>(contact.0).await?.and_then(|contact| contact.fields.get(&field).cloned());
            let there = there.and_then(|value| value.known().cloned());
            let command = match field_change(operation) {
                None => contact::Command::ClearFields { fields: BTreeSet::from([field]) },
                Some(change) => contact::Command::SetField {
                    field,
                    value: change.apply(definition.field_type, there.as_ref(), &value, "")?,
                },
            };
            unit.execute::<Contact>(contact.0, command).await.map(|_| ())
        }
        Target::BotField(reference) => {
            let (id, field) = unique_noun::resolve::<BotField>(unit, &reference, "field").await?;
            let change = field_change(operation)
                .ok_or_else(|| Problem::invalid("operation", "a bot field cannot be emptied, only set"))?;
            let value = change.apply(field.field_type, field.value.as_ref(), &value, "")?;
            unit.execute::<BotField>(id.0, bot_field::Command::Set { value }).await.map(|_| ())
        }
        Target::Variable(name) => {
            let state = unit.load::<FlowRun>(player.id.0).await?.cloned().unwrap_or_default();
            let there = state.variables.as_ref().and_then(Personal::known).and_then(|all| all.get(&name));
            let variables = Variables::from_iter([(name, variable(operation, there, value)?)]);
            player.command(unit, Command::SetVariables { variables }).await.map(|_| ())
        }
    }
}

/// Starts another flow with the same contact, beside the run. One that is under way already, and may not start again, is left alone.
async fn start_beside(
    player: &Player<'_>,
    unit: &mut UnitOfWork,
    reference: &str,
    variables: Variables,
) -> Result<(), Problem> {
    let started = published(unit, player.documents, reference).await?;
    let after = unit.app().head(unit.workspace()).await?;
    let starting = Starting {
        run: RunId(unit.new_id()),
        flow: started.flow,
        version: started.version,
        document: &started.document,
        contact: player.start.contact,
        place: player.start.account.zip(player.start.conversation),
        variables,
        cause: Cause::Flow { run: player.id },
        hops: player.state.hops + 1,
        after,
        reentry: started.document.policy().reentry,
    };
    starting::start(unit, starting).await.map(|_| ())
}
