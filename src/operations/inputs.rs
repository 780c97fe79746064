//! Members that many inputs share, each with its limits and the words that describe it.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use crate::problem::Problem;

/// Makes a transparent type with a schema of its own.
macro_rules! input_type {
    ($(#[$doc:meta])* $name:ident($inner:ty), $schema:tt) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
        #[serde(transparent)]
        pub(super) struct $name(pub(super) $inner);

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

pub(super) use input_type;

/// The greatest number that JSON carries exactly everywhere: no log is that long.
const MAX_POSITION: u64 = (1 << 53) - 1;
/// How many items a page has when nothing is said.
const DEFAULT_LIMIT: u16 = 20;

input_type! {
    /// The most items on a page.
    Limit(u16), {
        "type": "integer", "minimum": 1, "maximum": 100,
        "description": "Items per page; default 20."
    }
}

input_type! {
    /// Where a page begins.
    Cursor(String), {
        "type": "string", "minLength": 1, "maxLength": 1000,
        "description": "nextCursor of the page before."
    }
}

input_type! {
    /// A name of a tag, a field, a person: 1 to 255 characters.
    Name(String), {"type": "string", "minLength": 1, "maxLength": 255}
}

input_type! {
    /// Why something is done.
    Reason(String), {
        "type": "string", "minLength": 1, "maxLength": 500, "description": "Why, for whoever reads it later."
    }
}

/// Which page of a list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(super) struct Paging {
    limit: Option<Limit>,
    cursor: Option<Cursor>,
}

impl Paging {
    /// The number of items asked for.
    pub(super) fn limit(&self) -> u64 {
        Limit::of(self.limit.as_ref()) as u64
    }

    /// Where the page begins, in a list whose cursors are positions of the log.
    ///
    /// # Errors
    /// `invalid_input` when the cursor is not of such a list.
    pub(super) fn position(&self) -> Result<Option<u64>, Problem> {
        let read = |cursor: &Cursor| cursor.0.parse().ok().filter(|position| *position <= MAX_POSITION);
        self.cursor.as_ref().map(|cursor| read(cursor).ok_or(())).transpose().map_err(|()| {
            Problem::invalid("cursor", "this is not a cursor of this list")
                .hint("repeat the call without it, from the first page")
        })
    }

    /// Where the page begins, in a list ordered by `order`.
    ///
    /// # Errors
    /// `invalid_input` when the cursor is not of such a list.
    pub(super) fn after(&self, order: projections::Order) -> Result<Option<projections::Cursor>, Problem> {
        let cursor = self.cursor.as_ref().map(|cursor| projections::Cursor::decode(&cursor.0, order));
        cursor.transpose().map_err(|error| {
            Problem::invalid("cursor", error.to_string()).hint("repeat the call without it, from the first page")
        })
    }
}

impl Limit {
    /// The number of items asked for.
    pub(super) fn of(limit: Option<&Self>) -> usize {
        usize::from(limit.map_or(DEFAULT_LIMIT, |limit| limit.0).clamp(1, 100))
    }
}

/// A member of an update: left alone, emptied (null), or set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Change<T> {
    /// Not mentioned.
    #[default]
    Keep,
    /// Null.
    Clear,
    /// A value.
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

impl<T: JsonSchema> JsonSchema for Change<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A moment in microseconds since the epoch as RFC 3339 in UTC, to the millisecond.
pub(super) fn rfc3339(micros: i64) -> String {
    // Years beyond 9999 do not occur; should one, the number itself is the honest answer.
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |moment| format!("{moment:.3}"))
}

/// Reads a time of an input, in microseconds since the epoch.
///
/// # Errors
/// `invalid_input` with an example.
pub(super) fn moment(member: &str, text: &str) -> Result<i64, Problem> {
    let moment: jiff::Timestamp = text.trim().parse().map_err(|_| {
        Problem::invalid(member, "must be a time with its offset from UTC, for example 2026-11-23T09:30:00Z")
            .value(text)
    })?;
    Ok(moment.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_utc_to_the_millisecond() {
        assert_eq!(rfc3339(1_795_426_200_123_456), "2026-11-23T09:30:00.123Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_member_of_an_update_is_kept_emptied_or_set() {
        #[derive(Deserialize)]
        struct Update {
            #[serde(default)]
            phone: Change<String>,
        }
        for (text, change) in [
            ("{}", Change::Keep),
            (r#"{"phone": null}"#, Change::Clear),
            (r#"{"phone": "+1"}"#, Change::Set("+1".to_owned())),
        ] {
            let update: Update = serde_json::from_str(text).expect("JSON");
            assert_eq!(update.phone, change, "{text}");
        }
    }
}
