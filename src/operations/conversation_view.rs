//! A conversation as callers see it.

use std::collections::BTreeMap;

use aggregates::conversation;
use aggregates::ids::{AccountId, ContactId, ConversationId};
use projections::conversations::Conversation;
use projections::messages::Direction;
use projections::{channel_accounts, contacts};
use schemars::JsonSchema;
use serde::Serialize;

use super::inputs::rfc3339;
use crate::app::{ReadContext, UnitOfWork};
use crate::problem::Problem;

/// A conversation.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationView {
    /// Its id.
    pub id: String,
    /// With whom.
    pub contact_id: String,
    /// Untrusted: the contact's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<&'static str>,
    /// The account.
    pub channel_account_id: String,
    /// `open` or `closed`.
    pub status: String,
    /// Who answers: `none`, `flow`, `ai` or `human`.
    pub owner: String,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// Messages from the contact that nobody has read.
    pub unread: u64,
    /// Untrusted: the beginning of the last message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message: Option<String>,
    /// When it came or was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message_at: Option<String>,
    /// `inbound` or `outbound`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message_direction: Option<&'static str>,
    /// Since when the contact waits for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<String>,
}

/// How a conversation stands after a change.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationState {
    /// Its id.
    pub id: String,
    /// With whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<String>,
    /// `open` or `closed`.
    pub status: &'static str,
    /// Who answers: `none`, `flow`, `ai` or `human`.
    pub owner: &'static str,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// Messages from the contact that nobody has read.
    pub unread: u64,
}

/// A conversation's state, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConversationAnswer {
    /// The conversation.
    pub conversation: ConversationState,
}

/// Shows the decided state of a conversation.
///
/// # Errors
/// `unavailable` when the log cannot be read.
pub(super) async fn decided(unit: &mut UnitOfWork, id: ConversationId) -> Result<ConversationAnswer, Problem> {
    let state = unit.load::<conversation::Conversation>(id.0).await?.cloned().unwrap_or_default();
    Ok(ConversationAnswer {
        conversation: ConversationState {
            id: id.to_string(),
            contact_id: state.with.map(|(contact, _)| contact.to_string()),
            status: if state.closed { "closed" } else { "open" },
            owner: state.owner.into(),
            owner_id: state.owned_by,
            unread: state.unread,
        },
    })
}

/// The public name of a direction.
pub(super) const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "inbound",
        Direction::Out => "outbound",
    }
}

/// Shows rows, with the names of the contacts and channels.
///
/// # Errors
/// `unavailable` when the tables cannot be read.
pub(super) async fn views(context: &mut ReadContext, rows: &[Conversation]) -> Result<Vec<ConversationView>, Problem> {
    let (connection, workspace) = context.rows();
    let ids: Vec<ContactId> = rows.iter().map(|row| row.contact).collect();
    let people = contacts::by_ids(connection, workspace, &ids).await?;
    let names: BTreeMap<ContactId, Option<String>> = people.into_iter().map(|row| (row.id, row.name)).collect();
    let channels = channels(context, rows.iter().map(|row| row.account)).await?;
    let view = |row: &Conversation| ConversationView {
        id: row.id.to_string(),
        contact_id: row.contact.to_string(),
        name: names.get(&row.contact).cloned().flatten(),
        channel: channels.get(&row.account).copied(),
        channel_account_id: row.account.to_string(),
        status: row.status.clone(),
        owner: row.owner.clone(),
        owner_id: row.owner_id.clone(),
        unread: row.unread,
        last_message: row.last_message_preview.clone(),
        last_message_at: row.last_message_at.map(rfc3339),
        last_message_direction: row.last_message_direction.map(direction),
        waiting_since: row.waiting_since.map(rfc3339),
    };
    Ok(rows.iter().map(view).collect())
}

/// The channels of accounts.
///
/// # Errors
/// `unavailable` when the tables cannot be read.
pub(super) async fn channels(
    context: &mut ReadContext,
    accounts: impl IntoIterator<Item = AccountId>,
) -> Result<BTreeMap<AccountId, &'static str>, Problem> {
    let mut accounts: Vec<AccountId> = accounts.into_iter().collect();
    accounts.sort_unstable();
    accounts.dedup();
    let (connection, workspace) = context.rows();
    let rows = channel_accounts::by_ids(connection, workspace, &accounts).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.channel.name())).collect())
}
