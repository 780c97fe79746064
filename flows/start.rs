//! How a flow starts by itself: by what the contact writes, or by what happens to it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::mentions::{Mention, Mentions};

/// One way in which a flow starts by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// By what the contact writes.
    Keyword(Keyword),
    /// By what happens to the contact.
    Event(EventStart),
}

/// Texts that start a flow when the contact writes one of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "keyword")]
pub struct Keyword {
    /// The texts; one of them is enough.
    #[schemars(length(min = 1, max = 50), inner(length(min = 1, max = 255)))]
    pub any: Vec<String>,
    /// How they are compared with what the contact writes.
    #[serde(default, rename = "match")]
    pub how: Match,
}

/// How a keyword is compared with what a contact writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Match {
    /// It is the whole text.
    Exact,
    /// It is a whole word or phrase anywhere in the text.
    #[default]
    Word,
    /// It is anywhere in the text.
    Contains,
    /// It is a regular expression that fits the text as it is written, without regard to case.
    Regex,
}

/// Something that happens to a contact and starts a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct EventStart {
    /// The event's public name.
    pub event: String,
    pub(crate) filter: Option<Value>,
}

impl Start {
    /// Says what it names.
    pub(crate) fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        match self {
            Self::Keyword(keyword) if keyword.how == Match::Regex => {
                for (index, pattern) in keyword.any.iter().enumerate() {
                    seen.add(&format!("keyword.any[{index}]"), Mention::Pattern(pattern));
                }
            }
            Self::Keyword(_) => {}
            Self::Event(start) => {
                seen.add("event", Mention::Event(&start.event));
                if let Some(filter) = &start.filter {
                    seen.add("where", Mention::Filter(filter));
                }
            }
        }
    }
}

mod written {
    //! The form of a start: one object with the members of either way.

    use schemars::JsonSchema;
    use serde::{Deserialize, Deserializer, de};

    use super::{EventStart, Keyword, Start};
    use crate::terms::FilterText;

    /// A way in which the flow starts by itself: keyword, or event with where if need be.
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[schemars(
        rename = "start",
        extend("oneOf" = [{"required": ["keyword"]}, {"required": ["event"]}], "dependentRequired" = {"where": ["event"]})
    )]
    pub(super) struct Written {
        /// By what the contact writes.
        keyword: Option<Keyword>,
        /// By what happens to the contact, such as tagApplied, contactCreated or conversationClosed.
        #[schemars(length(min = 1, max = 64))]
        event: Option<String>,
        /// Only if this is true; tag and customField.x mean what the event has changed.
        #[serde(rename = "where")]
        filter: Option<FilterText>,
    }

    impl<'de> Deserialize<'de> for Start {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let written = Written::deserialize(deserializer)?;
            match (written.keyword, written.event) {
                (Some(keyword), None) => Ok(Self::Keyword(keyword)),
                (None, Some(event)) => {
                    Ok(Self::Event(EventStart { event, filter: written.filter.map(|filter| filter.0) }))
                }
                _ => Err(de::Error::custom("a start has either keyword or event")),
            }
        }
    }
}

impl JsonSchema for Start {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        written::Written::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        written::Written::json_schema(generator)
    }
}
