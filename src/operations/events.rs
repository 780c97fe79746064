//! The log as a token may see it: what happened since a position, and waiting for what happens next.

use std::sync::Arc;
use std::time::Duration;

use aggregates::Recorded;
use aggregates::ids::ConversationId;
use aggregates::token::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::answer::{Item, Items, MAX_BYTES};
use super::call::Call;
use super::contact_reference::ContactRef;
use super::event_filter;
use super::event_view::{self, EventView};
use super::inputs::{Name, Paging};
use super::operation::{Effect, Facts, Query, Toolset};
use crate::app::EventFilter;
use crate::problem::Problem;

/// The most events that one call looks at when it filters.
const MAX_EXAMINED: usize = 10_000;
/// Events read from the log at once.
const PAGE: usize = 500;
/// Room for everything but the events, in bytes.
const ENVELOPE_BYTES: usize = 500;

/// Shows the log of what happened in the workspace: the newest events first, or with `after` the oldest first. The position of an event never
/// changes; positions have no gaps. Data of events may hold customers' words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListEvents {
    /// Only events after this position, the oldest first.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_u64))]
    after: Option<u64>,
    /// Only events before this position.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_u64))]
    before: Option<u64>,
    /// Only these types, for example `MessageReceived` and `ContactTagsAdded`.
    #[schemars(length(min = 1, max = 50))]
    types: Option<Vec<Name>>,
    contact_id: Option<ContactRef>,
    /// Only by this actor: a token's or a channel account's id, or one of token, local, channel, system.
    actor: Option<Name>,
    #[serde(flatten)]
    paging: Paging,
}

/// A page of events.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventPage {
    items: Vec<Item<EventView>>,
    /// Leads to the next page; missing when there is nothing more now.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// How many events were looked at.
    examined: u64,
}

impl Query for ListEvents {
    type Output = EventPage;
    const FACTS: Facts = Facts {
        name: "list_events",
        title: "List events",
        scope: Some(Scope::EventsRead),
        toolsets: &[Toolset::Audit],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "GET",
        path: "/v1/events",
    };

    async fn answer(self, call: &Call) -> Result<EventPage, Problem> {
        let mut filter = event_filter::of_call(call, self.types.as_deref(), self.contact_id.as_ref()).await?;
        filter.actor = self.actor.map(|actor| actor.0);
        let (mut after, mut before) = (self.after, self.before);
        if let Some(position) = self.paging.position()? {
            *if after.is_some() { &mut after } else { &mut before } = Some(position);
        }
        let mut items = Items::new(MAX_BYTES - ENVELOPE_BYTES);
        let (mut examined, mut last) = (0, None);
        'pages: loop {
            let page = call.app.log_page(call.caller.workspace, filter.contact, after, before, PAGE).await?;
            let ended = page.len() < PAGE;
            for recorded in page {
                if items.len() as u64 == self.paging.limit() || examined == MAX_EXAMINED {
                    break 'pages;
                }
                if filter.wants(&recorded) && !items.push(&event_view::view(&recorded)?, None)? {
                    break 'pages;
                }
                examined += 1;
                last = Some(recorded.position);
                *if after.is_some() { &mut after } else { &mut before } = last;
            }
            if ended {
                last = None;
                break;
            }
        }
        let next_cursor = last.map(|position| position.to_string());
        Ok(EventPage { items: items.into_inner(), next_cursor, examined: examined as u64 })
    }
}

/// Waits for what happens next: answers as soon as there are events after `after` that fit, or with an empty list at the time-out. Call it again
/// with `after` = the `nextAfter` of the answer, and nothing is missed. An answer of a customer is the type `MessageReceived`. Data of events may
/// hold customers' words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WaitForEvents {
    /// The position after which to look, such as nextAfter, or position of a change; now when missing.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_u64))]
    after: Option<u64>,
    /// Only these types, for example `MessageReceived`.
    #[schemars(length(min = 1, max = 50))]
    types: Option<Vec<Name>>,
    contact_id: Option<ContactRef>,
    /// Only events of this conversation.
    conversation_id: Option<ConversationId>,
    /// After the first event, wait until nothing more came for so many milliseconds: a burst is answered as one. 0 when missing.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10_000))]
    settle_ms: u64,
    /// How long to wait at most, in milliseconds; 25000 when missing.
    #[schemars(range(min = 0, max = 55_000))]
    timeout_ms: Option<u64>,
    /// The most events to answer with; 50 when missing.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u8>,
}

/// What happened meanwhile.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Happened {
    items: Vec<Item<EventView>>,
    /// Where the next call goes on.
    next_after: u64,
    /// Nothing came in time.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    timed_out: bool,
}

impl Query for WaitForEvents {
    type Output = Happened;
    const FACTS: Facts = Facts {
        name: "wait_for_events",
        title: "Wait for events",
        scope: Some(Scope::EventsRead),
        toolsets: &[Toolset::Core, Toolset::Inbox, Toolset::Audit],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "GET",
        path: "/v1/events/wait",
    };

    async fn answer(self, call: &Call) -> Result<Happened, Problem> {
        let workspace = call.caller.workspace;
        let deadline = Instant::now() + Duration::from_millis(self.timeout_ms.unwrap_or(25_000));
        let mut filter = event_filter::of_call(call, self.types.as_deref(), self.contact_id.as_ref()).await?;
        filter.noun = self.conversation_id.map(|conversation| conversation.0);
        let head = call.app.head(workspace).await?;
        let mut next_after = self.after.unwrap_or(head);
        event_filter::must_exist("after", next_after, head)?;
        let limit = usize::from(self.limit.unwrap_or(50));
        let mut items = Items::new(MAX_BYTES - ENVELOPE_BYTES);
        let mut until = deadline;
        let mut examined = 0;
        loop {
            // Before the page: what is written after it is looked for the next time.
            let head = call.app.head(workspace).await?;
            let page = call.app.log_page(workspace, filter.contact, Some(next_after), None, PAGE).await?;
            let (found, ended) = (items.len(), page.len() < PAGE);
            let full = take(&mut items, &mut next_after, limit, &filter, &page)?;
            if items.len() > found {
                // Every event that fits begins the quiet time anew.
                until = deadline.min(Instant::now() + Duration::from_millis(self.settle_ms));
            }
            examined += page.len();
            if full || examined >= MAX_EXAMINED {
                break;
            }
            if ended {
                // Nothing of the rest fits: of a contact's events it is known without looking at the others.
                next_after = next_after.max(head);
                if Instant::now() >= until || call.app.stopping().is_cancelled() {
                    break;
                }
                call.app.wait_beyond(workspace, next_after, until).await?;
            }
        }
        Ok(Happened { timed_out: items.len() == 0, items: items.into_inner(), next_after })
    }
}

/// Takes the events that fit and moves `next_after` behind all that were looked at; tells whether there is no room for more.
fn take(
    items: &mut Items<EventView>,
    next_after: &mut u64,
    limit: usize,
    filter: &EventFilter,
    page: &[Arc<Recorded>],
) -> Result<bool, Problem> {
    for recorded in page {
        if filter.wants(recorded) && (items.len() == limit || !items.push(&event_view::view(recorded)?, None)?) {
            return Ok(true);
        }
        *next_after = recorded.position;
    }
    Ok(items.len() == limit)
}
