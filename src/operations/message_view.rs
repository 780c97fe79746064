//! A message as callers see it.

use std::collections::BTreeSet;

use projections::messages::{Direction, Message};
use schemars::JsonSchema;
use serde::Serialize;

use super::conversation_view::{channels, direction};
use super::inputs::rfc3339;
use crate::app::ReadContext;
use crate::problem::Problem;

/// A message. Texts that were erased are left out.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    /// Its id.
    pub id: String,
    /// When it was received, or taken in for sending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// `inbound` or `outbound`.
    pub direction: &'static str,
    /// `contact`, or what kind of actor wrote it: `token`, `local`, `system`.
    pub sender: &'static str,
    /// Untrusted: the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `received`, or how far an outbound message has come: `queued`, `sent`, `delivered`, `read`.
    pub status: &'static str,
    /// The button that the contact pressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pressed_button: Option<ButtonView>,
    /// The buttons under it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<ButtonView>,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<String>,
    /// The conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// The channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<&'static str>,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_account_id: Option<String>,
    /// Who wrote it, by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_id: Option<String>,
    /// When the channel had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
    /// When it arrived at the customer's device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<String>,
    /// When the customer had seen it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<String>,
    /// The position at which it was received or taken in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
}

/// A button.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ButtonView {
    /// Comes back when it is pressed.
    pub id: String,
    /// The words on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// The members of a compact message.
pub(super) fn compact() -> BTreeSet<&'static str> {
    ["id", "at", "direction", "sender", "text", "status", "pressedButton"].into()
}

/// Shows rows, with the names of the channels.
///
/// # Errors
/// `unavailable` when the tables cannot be read.
pub(super) async fn views(context: &mut ReadContext, rows: Vec<Message>) -> Result<Vec<MessageView>, Problem> {
    let channels = channels(context, rows.iter().map(|row| row.account)).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let channel = channels.get(&row.account).copied();
            MessageView { channel, ..from_row(row) }
        })
        .collect())
}

fn from_row(row: Message) -> MessageView {
    let buttons = row.buttons.0.into_iter().map(|button| ButtonView { id: button.id, title: button.title }).collect();
    let title = row.pressed_button_title;
    MessageView {
        id: row.id.to_string(),
        at: Some(rfc3339(row.at)),
        direction: direction(row.direction),
        sender: match row.direction {
            Direction::In => "contact",
            Direction::Out => row.sender_kind.into(),
        },
        text: row.text,
        status: row.status.map_or("received", Into::into),
        pressed_button: row.pressed_button_id.map(|id| ButtonView { id, title }),
        buttons,
        reply_to: row.reply_to.map(|id| id.to_string()),
        contact_id: Some(row.contact.to_string()),
        conversation_id: Some(row.conversation.to_string()),
        channel: None,
        channel_account_id: Some(row.account.to_string()),
        sender_id: Some(row.sender_id),
        sent_at: row.sent_at.map(rfc3339),
        delivered_at: row.delivered_at.map(rfc3339),
        read_at: row.read_at.map(rfc3339),
        position: Some(row.position),
    }
}
