//! Conditions on contacts: one language for lists, flows and triggers, and what it means.
//!
//! A filter is one of `{"all": […]}`, `{"any": […]}`, `{"not": {…}}` and `{"field", "op", "value"}`, nested to [`MAX_DEPTH`]
//! objects. It is read in two steps, since a filter may name tags, custom fields and flows that have to be looked up:
//! [`fn@parse`] checks all that can be checked without them, [`Parsed::references`] says what to look up, and
//! [`Parsed::resolve`] gives the [`Filter`]. A filter that is not valid in every part is refused as a whole.
//!
//! # What a condition means
//!
//! Of each field a contact has no value, one, or several (tags, channels, conversations, items of a list).
//!
//! - `eq in contains startsWith endsWith lt lte gt gte between withinLast` hold if **at least one** value fits. Where there is no
//!   value they do not hold.
//! - `ne notIn notContains notWithinLast` are the exact opposite of `eq in contains withinLast`: they hold if **no** value fits, so
//!   also where there is **no value at all**. `tag ne "VIP"` is "does not carry the tag VIP", whatever else it carries; `country ne
//!   "DE"` is true of contacts whose country is not known. Add `exists` to leave those out.
//! - `exists` holds if there is a value, `notExists` if there is none. An empty text or list in a custom field is a value. What was
//!   erased is none.
//! - Texts and e-mail addresses are compared folded ([`crate::folding::fold`]), codes (language, time zone, country) without regard to
//!   ASCII case, phone numbers in E.164, numbers as numbers, days as days, moments as moments whatever their offset.
//! - `contains` and `notContains` look for a part of a text, but for a whole item of a list and for a whole tag.
//! - `withinLast` holds for a moment from now minus the duration up to now, both included; a day counts as its midnight in UTC. Moments
//!   that the workspace records itself have no upper end: the clock that wrote them may be a little ahead.
//! - `unanswered` is never unknown: it is false where there is no conversation.
//!
//! The read tables translate the same [`Filter`] into SQL; it means the same there, to the last character.

mod comparable;
mod condition;
mod error;
mod facts;
mod field_names;
mod fields;
mod matches;
mod parse;
mod resolve;
mod words;

#[cfg(test)]
mod invalid_tests;
#[cfg(test)]
mod tests;

pub use comparable::{column as comparable_column, keys as comparable_keys};
pub use condition::{Condition, Key, Test, parse_duration};
pub use error::{Candidate, Fault, FilterError};
pub use facts::{ConversationFacts, Facts, NamedTag};
pub use field_names::{FIELDS, Field, Place};
pub use fields::{Kind, Operator, Subject};
pub use parse::parse;
pub use resolve::{Nouns, Parsed, References};

/// How many objects deep a filter may be nested: a condition alone is one deep.
pub const MAX_DEPTH: usize = 5;
/// How many conditions one filter may have.
pub const MAX_CONDITIONS: usize = 50;
/// How many values one condition may list.
pub const MAX_VALUES: usize = 100;
/// The longest text of a condition, in characters.
pub const MAX_TEXT_CHARS: usize = 1_000;

/// Conditions and how they go together.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree<L> {
    /// Every one of them, of which there is at least one.
    All(Vec<Self>),
    /// At least one of them, of which there is at least one.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// A condition.
    Leaf(L),
}

/// A valid filter, with everything that it names looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    tree: Tree<Condition>,
}

impl Filter {
    /// Its conditions, for whoever translates them.
    #[must_use]
    pub const fn tree(&self) -> &Tree<Condition> {
        &self.tree
    }
}
