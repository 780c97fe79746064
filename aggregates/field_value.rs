//! The types that a custom field's values have, and how a JSON value becomes one of them.

use std::fmt;

use jiff::civil;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contact_address::{parse_email, parse_phone};
use crate::folding::is_hidden;

/// The longest text, in characters.
pub const MAX_TEXT_CHARS: usize = 10_000;
/// The longest address, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;
/// The most items of a list.
pub const MAX_LIST_ITEMS: usize = 100;

/// What the values of a custom field are. Stored names: never edited.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum FieldType {
    /// Any text, up to 10,000 characters.
    #[default]
    Text,
    /// A number.
    Number,
    /// true or false.
    Boolean,
    /// A day, `2026-11-23`.
    Date,
    /// A moment with its offset from UTC, `2026-11-23T09:30:00Z`.
    DateTime,
    /// A time of day, `09:30` or `09:30:00`.
    Time,
    /// An http or https address.
    Url,
    /// An e-mail address.
    Email,
    /// A phone number in E.164, `+491701234567`.
    Phone,
    /// Up to 100 texts.
    List,
}

/// A custom field's value, in the one spelling in which it is stored. Stored form: never edited.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "lowercase")]
pub enum FieldValue {
    /// Text.
    Text(String),
    /// A finite number.
    Number(serde_json::Number),
    /// true or false.
    Boolean(bool),
    /// `2026-11-23`.
    Date(String),
    /// `2026-11-23T09:30:00Z`, in UTC.
    DateTime(String),
    /// `09:30:00`.
    Time(String),
    /// An http or https address.
    Url(String),
    /// An e-mail address.
    Email(String),
    /// A phone number in E.164.
    Phone(String),
    /// Texts.
    List(Vec<String>),
}

/// Why a JSON value is not of a field's type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value of the type {} is {expected}", <&'static str>::from(*.field_type))]
pub struct InvalidValue {
    /// The field's type.
    pub field_type: FieldType,
    /// What such a value is, with an example.
    pub expected: &'static str,
}

impl FieldValue {
    /// Reads `value` as `field_type`, in the stored spelling.
    ///
    /// # Errors
    /// When it is of another type or out of its limits; the error says what is expected.
    pub fn parse(field_type: FieldType, value: &Value) -> Result<Self, InvalidValue> {
        Self::read(field_type, value).ok_or(InvalidValue { field_type, expected: expected(field_type) })
    }

    fn read(field_type: FieldType, value: &Value) -> Option<Self> {
        match (field_type, value) {
            (FieldType::Text, Value::String(text)) => {
                (text.chars().count() <= MAX_TEXT_CHARS).then(|| Self::Text(text.clone()))
            }
            (FieldType::Number, Value::Number(number)) => Some(Self::Number(one_spelling(number))),
            (FieldType::Boolean, Value::Bool(truth)) => Some(Self::Boolean(*truth)),
            (FieldType::Date, Value::String(text)) => {
                let day: civil::Date = text.parse().ok()?;
                // The parser also takes a date with a time, or without dashes; here a day has one spelling.
                (day.to_string() == *text).then(|| Self::Date(text.clone()))
            }
            (FieldType::DateTime, Value::String(text)) => {
                text.parse::<jiff::Timestamp>().ok().map(|moment| Self::DateTime(moment.to_string()))
            }
            (FieldType::Time, Value::String(text)) => {
                // The parser also takes a date before the time and a fraction of a second, and would drop them silently.
                let time = text.parse::<civil::Time>().ok()?;
                let full = time.strftime("%H:%M:%S").to_string();
                (full == *text || (text.len() == 5 && full == format!("{text}:00"))).then_some(Self::Time(full))
            }
            (FieldType::Url, Value::String(text)) => {
                let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
                let has_host = !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':', '@']);
                let shows_all = !text.contains(|letter: char| letter.is_whitespace() || is_hidden(letter));
                (has_host && shows_all && text.len() <= MAX_URL_BYTES).then(|| Self::Url(text.clone()))
            }
            (FieldType::Email, Value::String(text)) => parse_email(text).map(Self::Email),
            (FieldType::Phone, Value::String(text)) => parse_phone(text).map(Self::Phone),
            (FieldType::List, Value::Array(items)) if items.len() <= MAX_LIST_ITEMS => {
                let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
                texts.filter(|texts| texts.iter().all(|text| text.chars().count() <= 1_000)).map(Self::List)
            }
            _ => None,
        }
    }

    /// What it is a value of.
    #[must_use]
    pub const fn field_type(&self) -> FieldType {
        match self {
            Self::Text(_) => FieldType::Text,
            Self::Number(_) => FieldType::Number,
            Self::Boolean(_) => FieldType::Boolean,
            Self::Date(_) => FieldType::Date,
            Self::DateTime(_) => FieldType::DateTime,
            Self::Time(_) => FieldType::Time,
            Self::Url(_) => FieldType::Url,
            Self::Email(_) => FieldType::Email,
            Self::Phone(_) => FieldType::Phone,
            Self::List(_) => FieldType::List,
        }
    }

    /// The value as JSON, as callers see it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::Text(text)
            | Self::Date(text)
            | Self::DateTime(text)
            | Self::Time(text)
            | Self::Url(text)
            | Self::Email(text)
            | Self::Phone(text) => Value::String(text.clone()),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Boolean(truth) => Value::Bool(*truth),
            Self::List(items) => Value::Array(items.iter().cloned().map(Value::String).collect()),
        }
    }
}

/// Never prints the value: it is about a person.
impl fmt::Debug for FieldValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text(_) => "Text(…)",
            Self::Number(_) => "Number(…)",
            Self::Boolean(_) => "Boolean(…)",
            Self::Date(_) => "Date(…)",
            Self::DateTime(_) => "DateTime(…)",
            Self::Time(_) => "Time(…)",
            Self::Url(_) => "Url(…)",
            Self::Email(_) => "Email(…)",
            Self::Phone(_) => "Phone(…)",
            Self::List(_) => "List(…)",
        })
    }
}

/// The integers up to this size that a float holds exactly (2^53).
const EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// Writes a float without a fraction as the integer that it is: 1.0 and 1 are one value, and so are -0.0 and 0.
fn one_spelling(number: &serde_json::Number) -> serde_json::Number {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT_INTEGER => {
            #[expect(clippy::cast_possible_truncation, reason = "an integer of at most 53 bit")]
            let integer = float as i64;
            integer.into()
        }
        _ => number.clone(),
    }
}

const fn expected(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Text => "a text of up to 10,000 characters",
        FieldType::Number => "a JSON number, for example 12.5 (not in quotes)",
        FieldType::Boolean => "true or false (not in quotes)",
        FieldType::Date => "a day as YYYY-MM-DD, for example 2026-11-23",
        FieldType::DateTime => "a time as RFC 3339 with its offset, for example 2026-11-23T09:30:00Z",
        FieldType::Time => "a time of day as HH:MM or HH:MM:SS, for example 09:30",
        FieldType::Url => "an address that begins with https:// or http://, without blanks",
        FieldType::Email => "an e-mail address, for example ana@example.com",
        FieldType::Phone => "a phone number with + and country code, for example +491701234567",
        FieldType::List => "an array of up to 100 texts of up to 1,000 characters",
    }
}

#[cfg(test)]
#[path = "field_value_tests.rs"]
mod tests;
