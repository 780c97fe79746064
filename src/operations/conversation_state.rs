//! How a conversation stands: open or closed, and who answers in it.

use aggregates::Personal;
use aggregates::conversation::{Command, Conversation, Owner};
use aggregates::ids::ConversationId;
use aggregates::metadata::ActorKind;
use aggregates::token::Scope;
use schemars::JsonSchema;
use serde::Deserialize;

use super::contact_reference::ContactRef;
use super::conversation_view::{self, ConversationAnswer};
use super::conversations::named;
use super::inputs::Reason;
use super::operation::{Effect, Facts, Mutation, Toolset};
use crate::app::UnitOfWork;
use crate::problem::Problem;

/// What a conversation can be set to.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum NewStatus {
    Open,
    Closed,
}

/// Closes a conversation, or opens it again. Name it by conversationId or contactId. The contact's next message opens it by itself. The
/// customer does not notice.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SetConversationStatus {
    /// The conversation's id.
    conversation_id: Option<ConversationId>,
    contact_id: Option<ContactRef>,
    /// `open` or `closed`.
    status: NewStatus,
}

impl Mutation for SetConversationStatus {
    type Outcome = ConversationId;
    type Output = ConversationAnswer;
    const FACTS: Facts = Facts {
        name: "set_conversation_status",
        title: "Open or close a conversation",
        scope: Some(Scope::MessagesSend),
        toolsets: &[Toolset::Inbox],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: false,
        method: "PUT",
        path: "/v1/conversations/{conversationId}/status",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<ConversationId, Problem> {
        let id = named(unit, self.conversation_id, self.contact_id.as_ref()).await?;
        let command = match self.status {
            NewStatus::Open => Command::Reopen,
            NewStatus::Closed => Command::Close,
        };
        unit.execute::<Conversation>(id.0, command).await?;
        Ok(id)
    }

    async fn render(outcome: ConversationId, unit: &mut UnitOfWork) -> Result<ConversationAnswer, Problem> {
        conversation_view::decided(unit, outcome).await
    }
}

/// Who can take a conversation over.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum TakenAs {
    Ai,
    Human,
}

/// Takes a conversation over: from now on the caller answers in it, and flows stop. While a person owns it, tokens of others cannot send
/// there. Name it by conversationId or contactId.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TakeOverConversation {
    /// The conversation's id.
    conversation_id: Option<ConversationId>,
    contact_id: Option<ContactRef>,
    /// `ai` (default for tokens) or `human` (default on the machine itself, and for a program that a person uses).
    #[serde(rename = "as")]
    taken_as: Option<TakenAs>,
    reason: Option<Reason>,
}

impl Mutation for TakeOverConversation {
    type Outcome = ConversationId;
    type Output = ConversationAnswer;
    const FACTS: Facts = Facts {
        name: "take_over_conversation",
        title: "Take a conversation over",
        scope: Some(Scope::MessagesSend),
        toolsets: &[Toolset::Inbox],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: false,
        method: "POST",
        path: "/v1/conversations/{conversationId}/take-over",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<ConversationId, Problem> {
        let id = named(unit, self.conversation_id, self.contact_id.as_ref()).await?;
        let owner = match (self.taken_as, unit.caller().actor.kind) {
            (Some(TakenAs::Ai), _) | (None, ActorKind::Token) => Owner::Ai,
            (Some(TakenAs::Human), _) | (None, _) => Owner::Human,
        };
        let by = Some(unit.caller().actor.id.clone());
        let reason = self.reason.as_ref().map(|reason| Personal::Known(reason.0.clone()));
        unit.execute::<Conversation>(id.0, Command::SetOwner { owner, by, reason }).await?;
        Ok(id)
    }

    async fn render(outcome: ConversationId, unit: &mut UnitOfWork) -> Result<ConversationAnswer, Problem> {
        conversation_view::decided(unit, outcome).await
    }
}

/// Gives a conversation back: nobody owns it any more, whoever did, and flows may answer again. Name it by conversationId or contactId.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ReleaseConversation {
    /// The conversation's id.
    conversation_id: Option<ConversationId>,
    contact_id: Option<ContactRef>,
    reason: Option<Reason>,
}

impl Mutation for ReleaseConversation {
    type Outcome = ConversationId;
    type Output = ConversationAnswer;
    const FACTS: Facts = Facts {
        name: "release_conversation",
        title: "Release a conversation",
        scope: Some(Scope::MessagesSend),
        toolsets: &[Toolset::Inbox],
        effect: Effect::Write,
        idempotent: true,
        shows_customers_words: false,
        method: "POST",
        path: "/v1/conversations/{conversationId}/release",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<ConversationId, Problem> {
        let id = named(unit, self.conversation_id, self.contact_id.as_ref()).await?;
        let reason = self.reason.as_ref().map(|reason| Personal::Known(reason.0.clone()));
        unit.execute::<Conversation>(id.0, Command::SetOwner { owner: Owner::None, by: None, reason }).await?;
        Ok(id)
    }

    async fn render(outcome: ConversationId, unit: &mut UnitOfWork) -> Result<ConversationAnswer, Problem> {
        conversation_view::decided(unit, outcome).await
    }
}
