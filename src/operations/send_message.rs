//! Writing to a customer.

use aggregates::Personal;
use aggregates::channel_account::{Channel, ChannelAccount};
use aggregates::conversation::Conversation;
use aggregates::ids::{ConversationId, MessageId};
use aggregates::message::{Button, Command, Message, OutboundMessage, Status};
use aggregates::token::Scope;
use projections::messages;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::channels::AccountRef;
use super::contact_reference::ContactRef;
use super::conversations::not_found;
use super::inputs::{input_type, rfc3339};
use super::may_send;
use super::operation::{Effect, Facts, Mutation, Toolset};
use super::route::{self, Route, Why};
use crate::app::UnitOfWork;
use crate::channels::webchat;
use crate::problem::{Code, Problem};

input_type! {
    /// The words of a message.
    Text(String), {
        "type": "string", "minLength": 1, "maxLength": 4096, "description": "The text of the message."
    }
}

/// A button under a message.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ButtonInput {
    /// Comes back when the button is pressed; 1, 2, 3 when missing. Not for personal data.
    #[schemars(length(min = 1, max = 255))]
    id: Option<String>,
    /// The words on it.
    #[schemars(length(min = 1, max = 80))]
    title: String,
}

/// Sends a text message to a contact, now; the customer sees it. Name the contact, or the conversation. The channel is that of the contact's
/// last message unless channelAccountId says otherwise. Answers with the message's id and status, and the channel with the reason it was
/// chosen. Use idempotencyKey so that a retry cannot send twice.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SendMessage {
    contact_id: Option<ContactRef>,
    /// The conversation's id, instead of contactId.
    conversation_id: Option<ConversationId>,
    text: Text,
    /// Up to 3 buttons that the customer can press to answer.
    #[schemars(length(min = 1, max = 3))]
    buttons: Option<Vec<ButtonInput>>,
    /// The id of the message in the same conversation that this one answers.
    reply_to: Option<MessageId>,
    channel_account_id: Option<AccountRef>,
}

/// A message that was taken in.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sent {
    message: MessageId,
    at: i64,
    why: Why,
}

/// What was sent, and where.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SentAnswer {
    message: SentMessage,
    channel: ChosenChannel,
}

/// The message in short: its text is known to the caller.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SentMessage {
    id: String,
    at: String,
    status: &'static str,
    contact_id: String,
    conversation_id: String,
}

/// The channel that was chosen.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ChosenChannel {
    channel: &'static str,
    channel_account_id: String,
    reason: &'static str,
}

impl SendMessage {
    async fn route(&self, unit: &mut UnitOfWork) -> Result<Route, Problem> {
        match (self.conversation_id, &self.contact_id) {
            (Some(id), None) => self.route_of_conversation(unit, id).await,
            (None, Some(reference)) => {
                let contact = reference.in_unit(unit).await?;
                route::to_contact(unit, contact, self.channel_account_id.as_ref(), None).await
            }
            _ => Err(Problem::invalid("contactId", "give either contactId or conversationId")),
        }
    }

    async fn route_of_conversation(&self, unit: &mut UnitOfWork, id: ConversationId) -> Result<Route, Problem> {
        let with = unit.load::<Conversation>(id.0).await?.and_then(|conversation| conversation.with);
        let (contact, account) = with.ok_or_else(|| not_found(id))?;
        if let Some(wanted) = &self.channel_account_id
            && wanted.resolve(unit, "channelAccountId").await? != account
        {
            return Err(Problem::invalid("channelAccountId", "is not the channel account of this conversation")
                .hint("leave it out, or name the contact instead of the conversation"));
        }
        Ok(Route { contact, account, conversation: id, why: Why::Conversation })
    }

    /// Refuses to answer a message that is not in the conversation.
    async fn check_reply(&self, unit: &UnitOfWork, conversation: ConversationId) -> Result<(), Problem> {
        let Some(id) = self.reply_to else { return Ok(()) };
        let mut context = unit.read().await?;
        let (connection, workspace) = context.rows();
        let found = messages::get(connection, workspace, id).await?;
        if found.is_some_and(|message| message.conversation == conversation) {
            return Ok(());
        }
        Err(Problem::new(Code::NotFound, "there is no such message in this conversation")
            .field("replyTo")
            .value(id.to_string())
            .hint("list_contact_messages shows the messages with a contact"))
    }
}

impl Mutation for SendMessage {
    type Outcome = Sent;
    type Output = SentAnswer;
    const FACTS: Facts = Facts {
        name: "send_message",
        title: "Send a message",
        scope: Some(Scope::MessagesSend),
        toolsets: &[Toolset::Core, Toolset::Inbox],
        effect: Effect::ReachesCustomers,
        idempotent: false,
        shows_customers_words: false,
        method: "POST",
        path: "/v1/messages",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<Sent, Problem> {
        let Route { contact, account, conversation, why } = self.route(unit).await?;
        may_send::check(unit, contact, account, conversation).await?;
        self.check_reply(unit, conversation).await?;
        let buttons = self.buttons.iter().flatten().enumerate().map(|(index, button)| Button {
            id: button.id.clone().unwrap_or_else(|| (index + 1).to_string()),
            title: Personal::Known(button.title.clone()),
        });
        let message = OutboundMessage {
            conversation,
            contact,
            account,
            text: Personal::Known(self.text.0.clone()),
            buttons: buttons.collect(),
            reply_to: self.reply_to,
        };
        let id = unit.new_id();
        unit.execute::<Message>(id, Command::Queue { message, max_text_chars: webchat::MAX_TEXT_CHARS }).await?;
        // On web chat the appended event is the delivery: the visitor reads from the log.
        unit.execute::<Message>(id, Command::Advance { status: Status::Sent }).await?;
        Ok(Sent { message: MessageId(id), at: unit.now(), why })
    }

    async fn render(outcome: Sent, unit: &mut UnitOfWork) -> Result<SentAnswer, Problem> {
        let state = unit.load::<Message>(outcome.message.0).await?.cloned().unwrap_or_default();
        let message = state.message.ok_or_else(|| Problem::internal(&"a message that was sent is not there"))?;
        let channel =
            unit.load::<ChannelAccount>(message.account.0).await?.map_or(Channel::Webchat, |found| found.channel);
        Ok(SentAnswer {
            message: SentMessage {
                id: outcome.message.to_string(),
                at: rfc3339(outcome.at),
                status: state.status.into(),
                contact_id: message.contact.to_string(),
                conversation_id: message.conversation.to_string(),
            },
            channel: ChosenChannel {
                channel: channel.name(),
                channel_account_id: message.account.to_string(),
                reason: outcome.why.into(),
            },
        })
    }
}
