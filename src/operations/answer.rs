//! The size and shape of answers: a model's context is a budget, so that no answer is longer than 24 kB of compact JSON.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::marker::PhantomData;

use projections::{Count, Page};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::untrusted;
use crate::problem::Problem;

/// The longest answer, in bytes of compact JSON.
pub(super) const MAX_BYTES: usize = 24_000;
/// What a list leaves for everything but its items.
const ENVELOPE_BYTES: usize = 1_000;

/// An item of a list: already JSON, with the schema of `T`, of which only the id is certain to be there.
#[derive(Debug)]
pub(super) struct Item<T> {
    value: Value,
    kind: PhantomData<fn() -> T>,
}

impl<T> Serialize for Item<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Item<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ItemOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.remove("required");
        schema
    }
}

/// How much of each item is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Detail {
    /// What is mostly needed.
    #[default]
    Compact,
    /// Everything.
    Full,
}

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct List<T: JsonSchema> {
    /// The items.
    pub(super) items: Vec<Item<T>>,
    /// Leads to the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
    /// How many there are on all pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total_count: Option<u64>,
    /// There are more than were counted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) total_count_is_minimum: bool,
    /// How many rows were looked at, when that bound ended the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) examined: Option<u64>,
}

impl<T: Serialize + JsonSchema> List<T> {
    /// Puts rows on a page until it is full: compare [`Self::len`] with their number. `members` picks among the members of an item.
    ///
    /// # Errors
    /// When an item has no JSON form.
    pub(super) fn fill(
        rows: impl IntoIterator<Item = T>,
        members: Option<&BTreeSet<&'static str>>,
    ) -> Result<Self, Problem> {
        let mut items = Items::new(MAX_BYTES - ENVELOPE_BYTES);
        for row in rows {
            if !items.push(&row, members)? {
                break;
            }
        }
        Ok(Self {
            items: items.items,
            next_cursor: None,
            total_count: None,
            total_count_is_minimum: false,
            examined: None,
        })
    }

    /// How many items are on the page.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Says how many there are on all pages.
    pub(super) fn count(&mut self, count: Count) {
        (self.total_count, self.total_count_is_minimum) = (Some(count.value), count.more);
    }

    /// Says how many there are when not all of them found room, in a list without pages.
    pub(super) fn cut_from(mut self, all: usize) -> Self {
        self.total_count = (self.items.len() < all).then_some(all as u64);
        self
    }

    /// Says where the next page begins, if there is one.
    pub(super) fn goes_on_at(mut self, cursor: Option<String>) -> Self {
        self.next_cursor = cursor;
        self
    }

    /// Says where the next page begins, and what ended this one; `position` is that of the tables read.
    pub(super) fn led_on<R>(mut self, page: Page<R>, position: u64) -> Self {
        self.next_cursor = page.next.map(|next| next.begun_at(position).encode());
        self.examined = page.examined;
        self
    }
}

/// Items gathered up to a number of bytes.
pub(super) struct Items<T> {
    items: Vec<Item<T>>,
    room: usize,
}

impl<T: Serialize> Items<T> {
    pub(super) fn new(room: usize) -> Self {
        Self { items: Vec::new(), room }
    }

    /// Adds one if there is room. The first always finds room: its texts are cut when they must be.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub(super) fn push(&mut self, row: &T, members: Option<&BTreeSet<&'static str>>) -> Result<bool, Problem> {
        let mut item = item(row, members)?;
        if self.items.is_empty() {
            shrink(&mut item.value, self.room);
        }
        let bytes = bytes(&item.value) + 1;
        if bytes > self.room && !self.items.is_empty() {
            return Ok(false);
        }
        self.room = self.room.saturating_sub(bytes);
        self.items.push(item);
        Ok(true)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn into_inner(self) -> Vec<Item<T>> {
        self.items
    }
}

fn item<T: Serialize>(row: &T, members: Option<&BTreeSet<&'static str>>) -> Result<Item<T>, Problem> {
    let mut value = serde_json::to_value(row).map_err(|error| Problem::internal(&error))?;
    if let (Value::Object(object), Some(members)) = (&mut value, members) {
        object.retain(|name, _| name == "id" || members.contains(name.as_str()));
    }
    // Before measuring: writing hidden characters out makes a text longer.
    untrusted::show_all(&mut value);
    Ok(Item { value, kind: PhantomData })
}

/// Makes an answer fit: cuts long texts, then shortens the longest arrays, and names in `truncated` what it cut.
pub(super) fn fit(answer: &mut Value) {
    if bytes(answer) <= MAX_BYTES {
        return;
    }
    let cut = shrink(answer, MAX_BYTES - ENVELOPE_BYTES);
    if let (Value::Object(members), false) = (answer, cut.is_empty()) {
        members.insert("truncated".to_owned(), json!(cut));
    }
}

/// Cuts until `value` is at most `room` bytes long; gives the places that were cut.
fn shrink(value: &mut Value, room: usize) -> BTreeSet<String> {
    let mut cut = BTreeSet::new();
    for most in [2_000, 500, 100] {
        if bytes(value) <= room {
            return cut;
        }
        cut_texts(value, most, "", &mut cut);
    }
    while bytes(value) > room {
        let Some(place) = longest_array(value) else { break };
        let Some(Value::Array(items)) = value.pointer_mut(&place) else { break };
        items.truncate(items.len() / 2);
        cut.insert(named(&place));
    }
    cut
}

fn cut_texts(value: &mut Value, most: usize, place: &str, cut: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.chars().count() > most => {
            *text = text.chars().take(most - 1).chain(std::iter::once('…')).collect();
            cut.insert(named(place));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| cut_texts(item, most, place, cut)),
        Value::Object(members) => {
            for (name, member) in members {
                cut_texts(member, most, &format!("{place}/{name}"), cut);
            }
        }
        _ => {}
    }
}

/// The JSON pointer of the array that takes the most bytes.
fn longest_array(value: &Value) -> Option<String> {
    fn visit(value: &Value, place: &str, longest: &mut Option<(usize, String)>) {
        match value {
            Value::Array(items) => {
                let size = bytes(value);
                if !items.is_empty() && longest.as_ref().is_none_or(|(other, _)| size > *other) {
                    *longest = Some((size, place.to_owned()));
                }
            }
            Value::Object(members) => {
                members.iter().for_each(|(name, member)| visit(member, &format!("{place}/{name}"), longest));
            }
            _ => {}
        }
    }
    let mut longest = None;
    visit(value, "", &mut longest);
    longest.map(|(_, place)| place)
}

/// A JSON pointer as callers name members.
fn named(place: &str) -> String {
    place.trim_start_matches('/').replace('/', ".")
}

/// The length of the compact JSON text.
pub(super) fn bytes(value: &Value) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
            self.0 += part.len();
            Ok(part.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // A `Value` always has a text, and counting never fails.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Row {
        id: usize,
        text: String,
    }

    fn page(rows: usize, chars: usize, letter: &str) -> List<Row> {
        List::fill((0..rows).map(|id| Row { id, text: letter.repeat(chars) }), None).expect("a page")
    }

    #[test]
    fn a_page_stops_at_an_item() {
        let page = page(100, 4_000, "x");
        let text = serde_json::to_string(&page).expect("JSON");
        assert!(text.len() <= MAX_BYTES, "{}", text.len());
        assert_eq!(page.len(), 5);
    }

    #[test]
    fn one_item_that_is_too_long_is_cut_and_measured_after_hidden_characters_are_written_out() {
        let page = page(2, 10_000, "\u{200b}");
        let text = serde_json::to_string(&page).expect("JSON");
        assert!(text.len() <= MAX_BYTES, "{}", text.len());
        assert!(page.len() > 0);
    }

    #[test]
    fn an_answer_that_is_too_long_names_what_was_cut() {
        let tags: Vec<Value> = (0..1_000).map(|id| json!({"id": id, "name": "n".repeat(90)})).collect();
        let mut answer = json!({"contact": {"id": "x", "tags": tags, "note": "t".repeat(3_000)}});
        fit(&mut answer);
        assert!(bytes(&answer) <= MAX_BYTES);
        assert_eq!(answer["truncated"], json!(["contact.note", "contact.tags"]));
        assert!(answer["contact"]["tags"].as_array().is_some_and(|tags| tags.len() > 100));
    }

    #[test]
    fn members_are_picked_and_the_id_is_always_there() {
        let members = BTreeSet::from(["other"]);
        let item = item(&Row { id: 1, text: "x".to_owned() }, Some(&members)).expect("an item");
        assert_eq!(item.value, json!({"id": 1}));
    }
}
