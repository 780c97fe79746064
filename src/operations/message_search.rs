//! Finding messages by the words in them.
//!
//! A hit shows its text, or of a long one the part around the first word found, and where the words stand in what is shown: as
//! numbers for programs, as text for models, which count badly.

use std::collections::BTreeMap;
use std::ops::Range;

use aggregates::channel_account::Channel;
use aggregates::ids::ContactId;
use aggregates::token::Scope;
use projections::message_search::{self, Filter};
use projections::messages::{Direction, Message};
use projections::{Order, Words, contacts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::List;
use super::call::Call;
use super::contact_reference::ContactRef;
use super::inputs::Paging;
use super::message_view::{self, MessageView};
use super::messages::Way;
use super::operation::{Effect, Facts, Query, Toolset};
use super::{channels, inputs, untrusted};
use crate::app::ReadContext;
use crate::problem::Problem;

/// The most characters of a text that a hit shows.
const SHOWN_CHARS: usize = 300;
/// How many of them stand before the first word found.
const CHARS_BEFORE: usize = 100;

/// Finds messages of all contacts by words in them, the newest first. All words must occur; case and accents do not matter. Texts are
/// people's own words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchMessages {
    /// Words or parts of words; 1 or 2 characters match only where a word begins.
    #[schemars(length(min = 1, max = 255))]
    query: String,
    contact_id: Option<ContactRef>,
    /// Only on this channel.
    channel: Option<Channel>,
    /// `inbound`: only from contacts; `outbound`: only to them.
    direction: Option<Way>,
    /// Only at this time (RFC 3339) or later.
    #[schemars(length(min = 10, max = 40))]
    from: Option<String>,
    /// Only before this time (RFC 3339).
    #[schemars(length(min = 10, max = 40))]
    to: Option<String>,
    /// So many messages of the conversation before and after each hit; default 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 5))]
    context: u8,
    #[serde(flatten)]
    paging: Paging,
}

/// A message that was found.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Hit {
    /// Its id.
    id: String,
    at: Option<String>,
    /// `inbound` or `outbound`.
    direction: &'static str,
    sender: &'static str,
    contact_id: String,
    conversation_id: Option<String>,
    /// Untrusted: the contact's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'static str>,
    /// Untrusted: the text, or of a long one the part around the first word found; … marks a cut.
    text: String,
    /// Where the words stand in `text`.
    highlights: Vec<Highlight>,
    /// What was said before, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    before: Vec<Said>,
    /// What was said after, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    after: Vec<Said>,
}

/// A place in a text.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Highlight {
    /// Its first character, counted from 0 in Unicode characters.
    start: usize,
    /// The character behind it.
    end: usize,
    /// Untrusted: what stands there.
    text: String,
}

/// A message around a hit.
#[derive(Debug, Serialize, JsonSchema)]
struct Said {
    id: String,
    at: Option<String>,
    direction: &'static str,
    sender: &'static str,
    /// Untrusted: the text, cut when it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// A text as it is shown, and the places in it.
fn excerpt(text: &str, places: &[Range<usize>]) -> (String, Vec<Highlight>) {
    let letters: Vec<char> = text.chars().collect();
    let first = places.first().map_or(0, |place| place.start);
    let begin = first.saturating_sub(CHARS_BEFORE).min(letters.len().saturating_sub(SHOWN_CHARS));
    let end = letters.len().min(begin + SHOWN_CHARS);
    let mut shown = String::new();
    if begin > 0 {
        shown.push('…');
    }
    // Where each character begins in what is shown: hidden ones are written out there and take several.
    let (mut starts, mut count) = (Vec::with_capacity(end - begin + 1), usize::from(begin > 0));
    for letter in &letters[begin..end] {
        starts.push((count, shown.len()));
        let visible = untrusted::shown(letter.encode_utf8(&mut [0; 4])).into_owned();
        count += visible.chars().count();
        shown.push_str(&visible);
    }
    starts.push((count, shown.len()));
    let highlights = places
        .iter()
        .map(|place| place.start.max(begin)..place.end.min(end))
        .filter(|place| place.start < place.end)
        .map(|place| {
            let ((start, from), (end, to)) = (starts[place.start - begin], starts[place.end - begin]);
            Highlight { start, end, text: shown[from..to].to_owned() }
        })
        .collect();
    if end < letters.len() {
        shown.push('…');
    }
    (shown, highlights)
}

fn said(view: MessageView) -> Said {
    let text = view.text.map(|text| excerpt(&text, &[]).0);
    Said { id: view.id, at: view.at, direction: view.direction, sender: view.sender, text }
}

/// Shows rows as hits.
async fn hits(context: &mut ReadContext, rows: &[Message], words: &Words, around: u8) -> Result<Vec<Hit>, Problem> {
    let (connection, workspace) = context.rows();
    let ids: Vec<ContactId> = rows.iter().map(|row| row.contact).collect();
    let people = contacts::by_ids(connection, workspace, &ids).await?;
    let names: BTreeMap<ContactId, Option<String>> = people.into_iter().map(|row| (row.id, row.name)).collect();
    let views = message_view::views(context, rows.to_vec()).await?;
    let mut hits = Vec::with_capacity(rows.len());
    for (row, view) in rows.iter().zip(views) {
        let text = view.text.unwrap_or_default();
        let (text, highlights) = excerpt(&text, &words.places_in(&text));
        let (mut before, mut after) = (Vec::new(), Vec::new());
        if around > 0 {
            let (earlier, later) = message_search::around(context.rows().0, row, u64::from(around)).await?;
            before = message_view::views(context, earlier).await?.into_iter().map(said).collect();
            after = message_view::views(context, later).await?.into_iter().map(said).collect();
        }
        hits.push(Hit {
            id: view.id,
            at: view.at,
            direction: view.direction,
            sender: view.sender,
            contact_id: row.contact.to_string(),
            conversation_id: view.conversation_id,
            name: names.get(&row.contact).cloned().flatten(),
            channel: view.channel,
            text,
            highlights,
            before,
            after,
        });
    }
    Ok(hits)
}

impl SearchMessages {
    async fn filter(&self, context: &mut ReadContext) -> Result<Filter, Problem> {
        let words = Words::of(&self.query);
        if words.is_empty() {
            return Err(Problem::invalid("query", "must have a character that shows")
                .hint("list_contact_messages lists messages without looking for words"));
        }
        let moment = |member, text: Option<&String>| text.map(|text| inputs::moment(member, text)).transpose();
        let (from, to) = (moment("from", self.from.as_ref())?, moment("to", self.to.as_ref())?);
        if let (Some(begin), Some(end)) = (from, to)
            && begin >= end
        {
            return Err(Problem::invalid("to", "must be later than from").value(self.to.clone()));
        }
        let contact = match &self.contact_id {
            Some(reference) => Some(reference.in_tables(context).await?),
            None => None,
        };
        let accounts = match self.channel {
            Some(channel) => Some(channels::accounts_of(context, channel).await?),
            None => None,
        };
        Ok(Filter { words, contact, accounts, from, to, direction: self.direction.map(Direction::from) })
    }
}

impl Query for SearchMessages {
    type Output = List<Hit>;
    const FACTS: Facts = Facts {
        name: "search_messages",
        title: "Search messages",
        scope: Some(Scope::MessagesRead),
        toolsets: &[Toolset::Core, Toolset::Inbox],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "GET",
        path: "/v1/messages/search",
    };

    async fn answer(self, call: &Call) -> Result<List<Hit>, Problem> {
        let after = self.paging.after(Order::Time)?;
        let mut context = call.read_from(after.as_ref()).await?;
        let filter = self.filter(&mut context).await?;
        let (connection, workspace) = context.rows();
        let limit = self.paging.limit();
        let mut page = message_search::find(connection, workspace, &filter, after.as_ref(), limit).await?;
        let list = List::fill(hits(&mut context, &page.items, &filter.words, self.context).await?, None)?;
        if list.len() < page.items.len() {
            let (connection, workspace) = context.rows();
            let shorter = list.len() as u64;
            page = message_search::find(connection, workspace, &filter, after.as_ref(), shorter).await?;
        }
        Ok(list.led_on(page, context.position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_shown_whole_with_its_places() {
        let text = "Die Hauptstraße";
        let (shown, highlights) = excerpt(text, &Words::of("strasse").places_in(text));
        assert_eq!(shown, text);
        assert_eq!(highlights, [Highlight { start: 9, end: 15, text: "straße".to_owned() }]);
    }

    #[test]
    fn a_long_text_is_cut_around_the_first_place_and_places_are_counted_in_what_is_shown() {
        let text = format!("{}re\u{200b}fund{}", "ä ".repeat(400), " ö".repeat(400));
        let (shown, highlights) = excerpt(&text, &Words::of("refund").places_in(&text));
        assert!(shown.starts_with('…') && shown.ends_with('…'), "{shown}");
        let [Highlight { start, end, text }] = &highlights[..] else { panic!("{highlights:?}") };
        assert_eq!(text, "re\\u{200b}fund");
        assert_eq!(shown.chars().skip(*start).take(end - start).collect::<String>(), *text);
        assert!(shown.chars().count() <= SHOWN_CHARS + 2 + 7);
    }
}
