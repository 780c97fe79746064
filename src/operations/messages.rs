//! Messages that are there: those with a contact, and how far one has come.

use std::time::Duration;

use aggregates::ids::MessageId;
use aggregates::message::{self, Status};
use aggregates::token::Scope;
use projections::messages::{self, Direction, Filter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::answer::{Detail, List};
use super::call::Call;
use super::contact_reference::ContactRef;
use super::inputs::Paging;
use super::message_view::{self, MessageView};
use super::operation::{Effect, Facts, Query, Toolset};
use crate::app::ReadContext;
use crate::problem::{Code, Problem};

/// Events looked at in one step while waiting.
const PAGE: usize = 500;

impl From<message::Error> for Problem {
    fn from(error: message::Error) -> Self {
        let message = error.to_string();
        match error {
            message::Error::Unknown => Self::new(Code::NotFound, message).field("messageId"),
            message::Error::Exists => Self::new(Code::Conflict, message),
            message::Error::Empty => Self::invalid("text", message),
            message::Error::TooLong { .. } => Self::invalid("text", message).hint("send it in several messages"),
            message::Error::InvalidButtons => Self::invalid("buttons", message),
        }
    }
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Way {
    Inbound,
    Outbound,
}

impl From<Way> for Direction {
    fn from(way: Way) -> Self {
        match way {
            Way::Inbound => Self::In,
            Way::Outbound => Self::Out,
        }
    }
}

/// Lists the messages with a contact on all channels, the newest first. Texts of inbound messages are the customer's words. To wait for
/// an answer use `wait_for_events`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListContactMessages {
    contact_id: ContactRef,
    /// `inbound`: only from the contact; `outbound`: only to the contact.
    direction: Option<Way>,
    /// Only messages before this position.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_u64))]
    before: Option<u64>,
    /// Only messages after this position, for example that of the message that was sent.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_u64))]
    after: Option<u64>,
    #[serde(flatten)]
    paging: Paging,
    /// `compact` (default) or `full`: with channel, buttons, replyTo, ids and the times of sending, delivery and reading.
    #[serde(default)]
    detail: Detail,
}

impl Query for ListContactMessages {
    type Output = List<MessageView>;
    const FACTS: Facts = Facts {
        name: "list_contact_messages",
        title: "List a contact's messages",
        scope: Some(Scope::MessagesRead),
        toolsets: &[Toolset::Core, Toolset::Inbox],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "GET",
        path: "/v1/contacts/{contactId}/messages",
    };

    async fn answer(self, call: &Call) -> Result<List<MessageView>, Problem> {
        let mut context = call.read().await?;
        let contact = self.contact_id.in_tables(&mut context).await?;
        let cursor = self.paging.position()?;
        let filter = Filter {
            before: cursor.into_iter().chain(self.before).min(),
            after: self.after,
            direction: self.direction.map(Direction::from),
        };
        let limit = self.paging.limit();
        let (connection, workspace) = context.rows();
        // One more than asked for tells whether there is another page.
        let mut rows = messages::of_contact(connection, workspace, contact, filter, limit + 1).await?;
        let more = rows.len() as u64 > limit;
        rows.truncate(limit as usize);
        let positions: Vec<u64> = rows.iter().map(|row| row.position).collect();
        let compact = (self.detail == Detail::Compact).then(message_view::compact);
        let list = List::fill(message_view::views(&mut context, rows).await?, compact.as_ref())?;
        let last = list.len().checked_sub(1).and_then(|last| positions.get(last));
        let goes_on = more || list.len() < positions.len();
        Ok(list.goes_on_at(last.filter(|_| goes_on).map(u64::to_string)))
    }
}

/// Tells how far an outbound message has come: `queued`, `sent` (on web chat: the visitor can read it), `delivered` or `read`, with the times.
/// With waitMs it waits until the message gets further than it is now.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetMessageStatus {
    /// The message's id, as `send_message` answered it.
    message_id: MessageId,
    /// How long to wait for the next status, in milliseconds; 0 (default) answers at once.
    #[serde(default)]
    #[schemars(range(min = 0, max = 55_000))]
    wait_ms: u64,
}

/// A message, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MessageAnswer {
    /// The message.
    message: MessageView,
}

impl GetMessageStatus {
    async fn find(&self, context: &mut ReadContext) -> Result<messages::Message, Problem> {
        let (connection, workspace) = context.rows();
        let found = messages::get(connection, workspace, self.message_id).await?;
        found.ok_or_else(|| {
            Problem::new(Code::NotFound, "there is no such message")
                .field("messageId")
                .value(self.message_id.to_string())
                .hint("list_contact_messages shows the messages with a contact")
        })
    }

    /// Waits until something happens to the message behind `position`; gives whether it did before `deadline`.
    async fn moves(&self, call: &Call, mut position: u64, deadline: Instant) -> Result<bool, Problem> {
        let workspace = call.caller.workspace;
        loop {
            let page = call.app.log_page(workspace, None, Some(position), None, PAGE).await?;
            if page.iter().any(|recorded| recorded.stream_id == self.message_id.0) {
                return Ok(true);
            }
            match page.last() {
                Some(last) => position = last.position,
                None if Instant::now() >= deadline || call.app.stopping().is_cancelled() => return Ok(false),
                None => {
                    call.app.wait_beyond(workspace, position, deadline).await?;
                }
            }
        }
    }
}

impl Query for GetMessageStatus {
    type Output = MessageAnswer;
    const FACTS: Facts = Facts {
        name: "get_message_status",
        title: "Get a message's status",
        scope: Some(Scope::MessagesRead),
        toolsets: &[Toolset::Core, Toolset::Inbox],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/messages/{messageId}/status",
    };

    async fn answer(self, call: &Call) -> Result<MessageAnswer, Problem> {
        let deadline = Instant::now() + Duration::from_millis(self.wait_ms);
        let mut context = call.read().await?;
        let mut row = self.find(&mut context).await?;
        let may_move = row.status.is_some_and(|status| status < Status::Read);
        if may_move && self.wait_ms > 0 {
            let position = context.position;
            drop(context);
            self.moves(call, position, deadline).await?;
            context = call.read().await?;
            row = self.find(&mut context).await?;
        }
        let mut shown = message_view::views(&mut context, vec![row]).await?;
        let message = shown.pop().ok_or_else(|| Problem::internal(&"a row was not shown"))?;
        Ok(MessageAnswer { message })
    }
}
