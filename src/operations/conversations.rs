//! Conversations: what a contact and the workspace say to each other on one channel account.

use aggregates::channel_account::Channel;
use aggregates::contact::Contact;
use aggregates::conversation::{self, Command, Conversation, Owner, conversation_claim};
use aggregates::ids::{ContactId, ConversationId};
use aggregates::token::Scope;
use projections::conversations::{self, Filter};
use projections::{Order, messages};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Item, Items, List};
use super::call::Call;
use super::contact_reference::ContactRef;
use super::conversation_view::{self, ConversationAnswer, ConversationView};
use super::inputs::{Name, Paging};
use super::message_view::{self, MessageView};
use super::operation::{Effect, Facts, Mutation, Query, Toolset};
use super::tags::{self, TagRef};
use super::{channels, inputs};
use crate::app::{ReadContext, UnitOfWork};
use crate::problem::{Candidate, Code, Problem};

/// Room for messages beside the conversation itself, in bytes.
const MESSAGES_ROOM: usize = 20_000;

impl From<conversation::Error> for Problem {
    fn from(error: conversation::Error) -> Self {
        let message = error.to_string();
        match error {
            conversation::Error::Unknown => Self::new(Code::NotFound, message).field("conversationId"),
            conversation::Error::Elsewhere => Self::new(Code::Conflict, message),
        }
    }
}

/// That a conversation is not there.
pub(super) fn not_found(id: ConversationId) -> Problem {
    Problem::new(Code::NotFound, "there is no such conversation")
        .field("conversationId")
        .value(id.to_string())
        .hint("list_conversations shows the conversations")
}

/// How a conversation stands.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
enum Status {
    Open,
    Snoozed,
    Closed,
}

/// Who answers in a conversation.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum OwnerFilter {
    None,
    Flow,
    Ai,
    Human,
    /// The same as flow.
    Bot,
    /// The same as none.
    Unassigned,
}

impl From<OwnerFilter> for Owner {
    fn from(filter: OwnerFilter) -> Self {
        match filter {
            OwnerFilter::None | OwnerFilter::Unassigned => Self::None,
            OwnerFilter::Flow | OwnerFilter::Bot => Self::Flow,
            OwnerFilter::Ai => Self::Ai,
            OwnerFilter::Human => Self::Human,
        }
    }
}

/// Lists conversations, the last changed first, with a preview of the last message, the unread count and since when the contact waits for an
/// answer. Filters go together. Names and previews are customers' words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListConversations {
    /// Only of this status.
    status: Option<Status>,
    /// Only those in which this kind answers.
    owner: Option<OwnerFilter>,
    /// true: only with unread messages; false: only without.
    unread: Option<bool>,
    /// true: only where the contact waits for an answer; false: only where not.
    unanswered: Option<bool>,
    /// Only on this channel.
    channel: Option<Channel>,
    /// Only with contacts who have all of these tags.
    #[schemars(length(min = 1, max = 10))]
    tags: Option<Vec<TagRef>>,
    /// Only with contacts whose name, e-mail or phone contains this.
    query: Option<Name>,
    /// Only those changed after this time (RFC 3339), for example 2026-11-23T09:30:00Z.
    #[schemars(length(min = 10, max = 40))]
    updated_after: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

impl Query for ListConversations {
    type Output = List<ConversationView>;
    const FACTS: Facts = Facts {
        name: "list_conversations",
        title: "List conversations",
        scope: Some(Scope::MessagesRead),
        toolsets: &[Toolset::Core, Toolset::Inbox],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "GET",
        path: "/v1/conversations",
    };

    async fn answer(self, call: &Call) -> Result<List<ConversationView>, Problem> {
        let after = self.paging.after(Order::Updated)?;
        let updated_after = self.updated_after.as_deref().map(|text| inputs::moment("updatedAfter", text));
        let mut context = call.read_from(after.as_ref()).await?;
        let mut filter = Filter {
            status: self.status.map(|status| status.to_string()),
            owner: self.owner.map(|owner| <&str>::from(Owner::from(owner)).to_owned()),
            unread: self.unread,
            unanswered: self.unanswered,
            accounts: None,
            tags: tags::all_in_tables(self.tags.as_deref(), &mut context).await?,
            query: self.query.as_ref().map(|query| query.0.clone()),
            updated_after: updated_after.transpose()?,
        };
        if let Some(channel) = self.channel {
            filter.accounts = Some(channels::accounts_of(&mut context, channel).await?);
        }
        let (connection, workspace) = context.rows();
        let mut page = conversations::list(connection, workspace, &filter, after.as_ref(), self.paging.limit()).await?;
        let list = List::fill(conversation_view::views(&mut context, &page.items).await?, None)?;
        if list.len() < page.items.len() {
            let (connection, workspace) = context.rows();
            page = conversations::list(connection, workspace, &filter, after.as_ref(), list.len() as u64).await?;
        }
        Ok(list.led_on(page, context.position))
    }
}

/// Shows a conversation with its last messages, the oldest of them first. Name it by conversationId, or by contactId for the contact's last
/// changed conversation. `list_contact_messages` goes further back. Messages are customers' words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetConversation {
    /// The conversation's id.
    conversation_id: Option<ConversationId>,
    contact_id: Option<ContactRef>,
    /// How many messages; 10 when missing.
    #[schemars(range(min = 0, max = 50))]
    messages: Option<u8>,
}

/// A conversation and its last messages.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WholeConversation {
    conversation: ConversationView,
    messages: Vec<Item<MessageView>>,
}

impl GetConversation {
    async fn find(&self, context: &mut ReadContext) -> Result<conversations::Conversation, Problem> {
        match (self.conversation_id, &self.contact_id) {
            (Some(id), None) => {
                let (connection, workspace) = context.rows();
                conversations::get(connection, workspace, id).await?.ok_or_else(|| not_found(id))
            }
            (None, Some(reference)) => {
                let contact = reference.in_tables(context).await?;
                let (connection, workspace) = context.rows();
                let talks = conversations::of_contacts(connection, workspace, &[contact]).await?;
                talks.into_iter().next().ok_or_else(|| no_conversation(contact))
            }
            _ => Err(one_of_both()),
        }
    }
}

fn one_of_both() -> Problem {
    Problem::invalid("conversationId", "give either conversationId or contactId")
}

fn no_conversation(contact: ContactId) -> Problem {
    Problem::new(Code::NotFound, "there is no conversation with this contact yet")
        .field("contactId")
        .value(contact.to_string())
        .hint("send_message begins one")
}

impl Query for GetConversation {
    type Output = WholeConversation;
    const FACTS: Facts = Facts {
        name: "get_conversation",
        title: "Get a conversation",
        scope: Some(Scope::MessagesRead),
        toolsets: &[Toolset::Inbox],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "GET",
        path: "/v1/conversations/{conversationId}",
    };

    async fn answer(self, call: &Call) -> Result<WholeConversation, Problem> {
        let mut context = call.read().await?;
        let row = self.find(&mut context).await?;
        let (connection, workspace) = context.rows();
        let limit = u64::from(self.messages.unwrap_or(10));
        let rows = messages::last_of_conversation(connection, workspace, row.id, limit).await?;
        let mut newest_first = Items::new(MESSAGES_ROOM);
        for message in message_view::views(&mut context, rows).await? {
            if !newest_first.push(&message, Some(&message_view::compact()))? {
                break;
            }
        }
        let mut messages = newest_first.into_inner();
        messages.reverse();
        let mut shown = conversation_view::views(&mut context, &[row]).await?;
        let conversation = shown.pop().ok_or_else(|| Problem::internal(&"a row was not shown"))?;
        Ok(WholeConversation { conversation, messages })
    }
}

/// Marks everything in a conversation as read by the workspace. Name it by conversationId, or by contactId. The customer does not notice.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MarkConversationRead {
    /// The conversation's id.
    conversation_id: Option<ConversationId>,
    contact_id: Option<ContactRef>,
}

/// The only conversation with a contact, by the state of the log.
async fn only_conversation(unit: &mut UnitOfWork, contact: ContactId) -> Result<ConversationId, Problem> {
    let identities =
        unit.load::<Contact>(contact.0).await?.map(|contact| contact.identities.clone()).unwrap_or_default();
    let mut found = std::collections::BTreeSet::new();
    for identity in identities {
        found.extend(unit.claim_owner(&conversation_claim(identity.account, contact)).await?.map(ConversationId));
    }
    match found.len() {
        0 => Err(no_conversation(contact)),
        1 => found.pop_first().ok_or_else(|| no_conversation(contact)),
        _ => Err(Problem::new(Code::Ambiguous, "there are several conversations with this contact")
            .field("contactId")
            .hint("call again with the conversationId of one of them")
            .candidates(found.iter().map(|id| Candidate {
                id: id.to_string(),
                name: None,
                reason: "is with this contact".to_owned(),
            }))),
    }
}

/// The conversation that a call names, by its id or by the contact.
///
/// # Errors
/// `invalid_input` when not exactly one is given; `not_found` or `ambiguous` with candidates.
pub(super) async fn named(
    unit: &mut UnitOfWork,
    id: Option<ConversationId>,
    contact: Option<&ContactRef>,
) -> Result<ConversationId, Problem> {
    let id = match (id, contact) {
        (Some(id), None) => id,
        (None, Some(reference)) => {
            let contact = reference.in_unit(unit).await?;
            only_conversation(unit, contact).await?
        }
        _ => return Err(one_of_both()),
    };
    if unit.load::<Conversation>(id.0).await?.is_none() {
        return Err(not_found(id));
    }
    Ok(id)
}

impl Mutation for MarkConversationRead {
    type Outcome = ConversationId;
    type Output = ConversationAnswer;
    const FACTS: Facts = Facts {
        name: "mark_conversation_read",
        title: "Mark a conversation as read",
        scope: Some(Scope::MessagesSend),
        toolsets: &[Toolset::Inbox],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: false,
        method: "POST",
        path: "/v1/conversations/{conversationId}/read",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<ConversationId, Problem> {
        let id = named(unit, self.conversation_id, self.contact_id.as_ref()).await?;
        unit.execute::<Conversation>(id.0, Command::MarkRead).await?;
        Ok(id)
    }

    async fn render(outcome: ConversationId, unit: &mut UnitOfWork) -> Result<ConversationAnswer, Problem> {
        conversation_view::decided(unit, outcome).await
    }
}
