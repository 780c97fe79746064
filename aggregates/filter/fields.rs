//! What conditions can be about: subjects, the kinds of their values, and the operators of each kind.

use serde_json::Value;
use strum::VariantNames as _;

use crate::channel_account::Channel;
use crate::contact_attributes::Attribute;
use crate::field_value::FieldType;
use crate::ids::{FieldId, FlowId};

/// How a condition compares. The names are public.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[strum(serialize_all = "camelCase")]
pub enum Operator {
    /// Is the value.
    Eq,
    /// Not [`Self::Eq`].
    Ne,
    /// Is one of the values.
    In,
    /// Not [`Self::In`].
    NotIn,
    /// Has the text somewhere; of tags and lists: has the whole item.
    Contains,
    /// Not [`Self::Contains`].
    NotContains,
    /// Begins with the text.
    StartsWith,
    /// Ends with the text.
    EndsWith,
    /// Is less, or earlier.
    Lt,
    /// Is at most, or not later.
    Lte,
    /// Is greater, or later.
    Gt,
    /// Is at least, or not earlier.
    Gte,
    /// Lies between two values, both included.
    Between,
    /// Has a value.
    Exists,
    /// Has none.
    NotExists,
    /// Lies within that long before now.
    WithinLast,
    /// Not [`Self::WithinLast`].
    NotWithinLast,
}

impl Operator {
    /// The public name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether it is the opposite of another one.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        matches!(self, Self::Ne | Self::NotIn | Self::NotContains | Self::NotExists | Self::NotWithinLast)
    }

    /// What it means and which value it takes, in a few words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Eq => "is the value",
            Self::Ne => "opposite of eq, so also true where there is no value",
            Self::In => "is one of the values; value: array of 1 to 100",
            Self::NotIn => "opposite of in, so also true where there is no value",
            Self::Contains => "has the text anywhere; for tag and lists: has exactly this item",
            Self::NotContains => "opposite of contains, so also true where there is no value",
            Self::StartsWith => "begins with the text",
            Self::EndsWith => "ends with the text",
            Self::Lt => "is less, or before",
            Self::Lte => "is at most, or not after",
            Self::Gt => "is more, or after",
            Self::Gte => "is at least, or not before",
            Self::Between => "from the first to the second value, both included; value: array of 2",
            Self::Exists => "has a value; takes none",
            Self::NotExists => "has no value; takes none",
            Self::WithinLast => "lies in the time up to now; value: a duration such as 30m, 24h, 7d, 2w",
            Self::NotWithinLast => "opposite of withinLast, so also true where there is no time",
        }
    }
}

/// The operators that the kinds of values have.
mod operators {
    use super::Operator;
    use super::Operator::{
        Between, Contains, EndsWith, Eq, Exists, Gt, Gte, In, Lt, Lte, Ne, NotContains, NotExists, NotIn,
        NotWithinLast, StartsWith, WithinLast,
    };

    pub(super) const TEXT: &[Operator] =
        &[Eq, Ne, In, NotIn, Contains, NotContains, StartsWith, EndsWith, Exists, NotExists];
    pub(super) const CODE: &[Operator] = &[Eq, Ne, In, NotIn, StartsWith, Exists, NotExists];
    pub(super) const CHOICE: &[Operator] = &[Eq, Ne, In, NotIn, Exists, NotExists];
    pub(super) const ORDERED: &[Operator] = &[Eq, Ne, In, NotIn, Lt, Lte, Gt, Gte, Between, Exists, NotExists];
    pub(super) const DATED: &[Operator] =
        &[Eq, Ne, In, NotIn, Lt, Lte, Gt, Gte, Between, WithinLast, NotWithinLast, Exists, NotExists];
    pub(super) const MOMENT: &[Operator] = &[Lt, Lte, Gt, Gte, Between, WithinLast, NotWithinLast, Exists, NotExists];
    pub(super) const TAG: &[Operator] = &[Eq, Ne, In, NotIn, Contains, NotContains, Exists, NotExists];
    pub(super) const LIST: &[Operator] = &[Contains, NotContains, In, NotIn, Exists, NotExists];
    pub(super) const TRUTH: &[Operator] = &[Eq, Ne, Exists, NotExists];
    pub(super) const STATE: &[Operator] = &[Eq, Ne];
}

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, compared folded: without regard to case, accents and repeated blanks.
    Text,
    /// An e-mail address, compared like text.
    Email,
    /// A phone number in E.164.
    Phone,
    /// A code (`en-GB`, `Europe/Berlin`, `DE`), compared without regard to case.
    Code,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A channel.
    Channel,
    /// A number.
    Number,
    /// True, false or unknown.
    Truth,
    /// True or false, never unknown.
    State,
    /// A day.
    Date,
    /// A moment, in a custom field.
    DateTime,
    /// A time of day.
    Time,
    /// Texts.
    List,
    /// A tag, by name or id.
    Tag,
    /// A moment that the workspace recorded.
    Moment,
}

impl Kind {
    /// That of a custom field's values.
    #[must_use]
    pub const fn of(field_type: FieldType) -> Self {
        match field_type {
            FieldType::Text | FieldType::Url => Self::Text,
            FieldType::Number => Self::Number,
            FieldType::Boolean => Self::Truth,
            FieldType::Date => Self::Date,
            FieldType::DateTime => Self::DateTime,
            FieldType::Time => Self::Time,
            FieldType::Email => Self::Email,
            FieldType::Phone => Self::Phone,
            FieldType::List => Self::List,
        }
    }

    /// The operators of such a field.
    #[must_use]
    pub const fn operators(self) -> &'static [Operator] {
        match self {
            Self::Text | Self::Email | Self::Phone => operators::TEXT,
            Self::Code => operators::CODE,
            Self::Choice(_) | Self::Channel => operators::CHOICE,
            Self::Number | Self::Time => operators::ORDERED,
            Self::Date | Self::DateTime => operators::DATED,
            Self::Truth => operators::TRUTH,
            Self::State => operators::STATE,
            Self::List => operators::LIST,
            Self::Tag => operators::TAG,
            Self::Moment => operators::MOMENT,
        }
    }

    /// The words that a value can be, if they are few.
    #[must_use]
    pub const fn choices(self) -> &'static [&'static str] {
        match self {
            Self::Choice(words) => words,
            Self::Channel => Channel::VARIANTS,
            _ => &[],
        }
    }

    /// The name of the kind of value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Code => "code",
            Self::Choice(_) | Self::Channel => "choice",
            Self::Number => "number",
            Self::Truth | Self::State => "boolean",
            Self::Date => "date",
            Self::DateTime | Self::Moment => "datetime",
            Self::Time => "time",
            Self::List => "list",
            Self::Tag => "tag",
        }
    }

    /// An operator that such fields have, and a value that goes with it.
    #[must_use]
    pub fn example(self) -> (Operator, Value) {
        let texts = |texts: [&str; 2]| Value::from(texts.to_vec());
        match self {
            Self::Text => (Operator::Contains, Value::from("ana")),
            Self::Email => (Operator::EndsWith, Value::from("@example.com")),
            Self::Phone => (Operator::StartsWith, Value::from("+49")),
            Self::Code => (Operator::In, texts(["de", "Europe/Berlin"])),
            Self::Choice(_) | Self::Channel => {
                (Operator::Eq, self.choices().first().copied().unwrap_or_default().into())
            }
            Self::Number => (Operator::Gte, Value::from(50)),
            Self::Truth | Self::State => (Operator::Eq, Value::from(true)),
            Self::Date => (Operator::Between, texts(["2026-01-01", "2026-12-31"])),
            Self::DateTime => (Operator::Lt, Value::from("2026-11-23T09:30:00Z")),
            Self::Time => (Operator::Gte, Value::from("09:30")),
            Self::List => (Operator::Contains, Value::from("blue")),
            Self::Tag => (Operator::Eq, Value::from("VIP")),
            Self::Moment => (Operator::WithinLast, Value::from("7d")),
        }
    }

    /// What a value is, as the end of "must be …".
    #[must_use]
    pub fn expected(self) -> String {
        match self {
            Self::Text | Self::List => "a text of 1 to 1,000 characters, of which some are visible".to_owned(),
            Self::Email => "an e-mail address, for example ana@example.com".to_owned(),
            Self::Phone => "a phone number with + and country code, for example +491701234567".to_owned(),
            Self::Code => "a code of 1 to 64 characters, for example en, Europe/Berlin or DE".to_owned(),
            Self::Choice(_) | Self::Channel => format!("one of {}", self.choices().join(", ")),
            Self::Number => "a JSON number, for example 12.5 (not in quotes)".to_owned(),
            Self::Truth | Self::State => "true or false (not in quotes)".to_owned(),
            Self::Date => "a day as YYYY-MM-DD, for example 2026-11-23".to_owned(),
            Self::DateTime | Self::Moment => {
                "a time as RFC 3339 with its offset, for example 2026-11-23T09:30:00Z".to_owned()
            }
            Self::Time => "a time of day as HH:MM or HH:MM:SS, for example 09:30".to_owned(),
            Self::Tag => "a tag's name or id".to_owned(),
        }
    }
}

/// What of a contact a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An attribute.
    Attribute(Attribute),
    /// First and last name, joined.
    Name,
    /// The tags that it carries.
    Tag,
    /// Where it can be met.
    Channel,
    /// The value of a custom field.
    CustomField(FieldId),
    /// When it was made.
    CreatedAt,
    /// When it last wrote.
    LastInboundAt,
    /// When it was last written to.
    LastOutboundAt,
    /// When either last happened, or it was made.
    LastActivityAt,
    /// How its conversations stand.
    ConversationStatus,
    /// Who answers in them.
    ConversationOwner,
    /// Whether it wrote last, in any of them.
    Unanswered,
    /// Whether it is blocked.
    Blocked,
    /// The state of its last run of a flow.
    FlowState(FlowId),
}

impl Subject {
    /// Whether a contact can have several values.
    #[must_use]
    pub const fn is_many(self) -> bool {
        matches!(self, Self::Tag | Self::Channel | Self::ConversationStatus | Self::ConversationOwner)
    }

    /// Whether every contact has a value.
    #[must_use]
    pub const fn is_certain(self) -> bool {
        matches!(self, Self::CreatedAt | Self::LastActivityAt | Self::Unanswered | Self::Blocked)
    }
}
