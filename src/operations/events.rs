//! The log as a token may see it: what happened since a position, and waiting for what happens next.

use std::collections::BTreeSet;
use std::sync::Arc;

use aggregates::ids::ContactId;
use aggregates::token::Scope;
use aggregates::{Event, Recorded};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Item, Items, MAX_BYTES};
use super::call::Call;
use super::event_view::{self, EventView};
use super::inputs::{Cursor, Limit, Name};
use super::near_miss::near_names;
use super::operation::{Effect, Facts, Query, Toolset};
use crate::problem::{Code, Problem};

/// The most events that one call looks at when it filters.
const MAX_EXAMINED: usize = 10_000;
/// Events read from the log at once.
const PAGE: usize = 500;

/// Which events a caller wants.
#[derive(Debug, Default)]
struct Filter {
    types: BTreeSet<&'static str>,
    contact: Option<ContactId>,
    actor: Option<String>,
}

impl Filter {
    fn new(types: Option<&[Name]>, contact: Option<ContactId>, actor: Option<&Name>) -> Result<Self, Problem> {
        let mut known = BTreeSet::new();
        for (index, wanted) in types.unwrap_or_default().iter().enumerate() {
            match Event::names().find(|(_, name)| *name == wanted.0) {
                Some((_, name)) => known.insert(name),
                None => {
                    return Err(Problem::invalid(format!("types[{index}]"), "there is no such event type")
                        .value(wanted.0.as_str())
                        .hint("event types are PascalCase and past tense, for example MessageReceived")
                        .candidates(near_names(&wanted.0, Event::names().map(|(_, name)| name))));
                }
            };
        }
        Ok(Self { types: known, contact, actor: actor.map(|actor| actor.0.clone()) })
    }

    fn wants(&self, recorded: &Recorded) -> bool {
        let actor = &recorded.metadata.actor;
        (self.types.is_empty() || self.types.contains(recorded.event.name()))
            && self.contact.is_none_or(|contact| recorded.event.subject(recorded.stream_id) == Some(contact))
            && self
                .actor
                .as_ref()
                .is_none_or(|wanted| *wanted == actor.id || *wanted == <&'static str>::from(actor.kind))
    }
}

/// The log of what happened in the workspace, newest first, or oldest first with `after`. Each event has a position: the numbers are
/// gapless and never change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListEvents {
    /// Only events behind this position, oldest first.
    #[schemars(range(min = 0))]
    after: Option<u64>,
    /// Only events before this position.
    #[schemars(range(min = 1))]
    before: Option<u64>,
    /// Only these types, for example ["MessageReceived", "ContactTagsAdded"].
    #[schemars(length(min = 1, max = 50))]
    types: Option<Vec<Name>>,
    /// Only by this actor: a token's id, or one of `token`, `local`, `channel`, `system`.
    actor: Option<Name>,
    limit: Option<Limit>,
    cursor: Option<Cursor>,
}

/// A page of events.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventPage {
    /// The events.
    pub(super) items: Vec<Item<EventView>>,
    /// Leads to the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
    /// How many events were looked at.
    pub(super) examined: u64,
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
        let filter = Filter::new(self.types.as_deref(), None, self.actor.as_ref())?;
        let (mut after, mut before) = (self.after, self.before);
        if let Some(cursor) = &self.cursor {
            let position = cursor.0.parse().map_err(|_| {
                Problem::invalid("cursor", "is not a cursor of this list").hint("begin again without it")
            })?;
            if after.is_some() { after = Some(position) } else { before = Some(position) }
        }
        let wanted = Limit::of(self.limit.as_ref());
        let mut items = Items::new(MAX_BYTES - 1_000);
        let (mut found, mut examined, mut last) = (0, 0, None);
        'pages: loop {
            let page: Vec<Arc<Recorded>> = call.app.log_page(call.caller.workspace, after, before, PAGE).await?;
            let ended = page.len() < PAGE;
            for recorded in page {
                if found == wanted || examined == MAX_EXAMINED {
                    break 'pages;
                }
                if filter.wants(&recorded) {
                    if !items.push(&event_view::view(&recorded)?, None)? {
                        break 'pages;
                    }
                    found += 1;
                }
                examined += 1;
                last = Some(recorded.position);
                if after.is_some() { after = last } else { before = last }
            }
            if ended {
                last = None;
                break;
            }
        }
        Ok(EventPage {
            items: items.into_inner(),
            next_cursor: last.map(|position| position.to_string()),
            examined: examined as u64,
        })
    }
}
