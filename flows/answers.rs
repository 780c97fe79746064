//! What people answer, read as what was asked for. People do not write as programs do: a number may have a comma, a date dots, and a
//! telephone number two zeros instead of the plus.

use aggregates::contact_address::{parse_email, parse_phone};
use aggregates::field_value::{FieldType, FieldValue};
use aggregates::folding::fold;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Number, Value};

/// What an answer has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub(crate) enum Answer {
    /// Any text.
    #[default]
    Text,
    /// An e-mail address.
    Email,
    /// A phone number with its country code; saved in E.164.
    Phone,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// A day; saved as 2026-11-23.
    Date,
    /// A time of day; saved as 09:30:00.
    Time,
    /// An http or https address.
    Url,
    /// Yes or no; saved as true or false.
    YesNo,
}

impl Answer {
    /// Reads what was written; nothing when it is something else. Of several lines that are not the answer together, the last one that
    /// is counts: who writes "one moment" and then the address has answered.
    pub(crate) fn read(self, text: &str) -> Option<Value> {
        self.read_one(text).or_else(|| text.lines().rev().find_map(|line| self.read_one(line)))
    }

    fn read_one(self, text: &str) -> Option<Value> {
        let text = text.trim();
        if fold(text).is_empty() {
            return None;
        }
        match self {
            Self::Text => stored(FieldType::Text, text),
            Self::Email => parse_email(text).map(Value::from),
            Self::Phone => phone(text),
            Self::Number => number(text),
            Self::Integer => number(text).filter(Value::is_i64),
            Self::Date => stored(FieldType::Date, text).or_else(|| dotted_date(text)),
            Self::Time => time(text),
            Self::Url => stored(FieldType::Url, text).or_else(|| bare_url(text)),
            Self::YesNo => yes_or_no(text).map(Value::from),
        }
    }

    /// The types of fields that take every such answer, the narrowest first.
    pub(crate) const fn types(self) -> &'static [FieldType] {
        match self {
            Self::Text => &[FieldType::Text],
            Self::Email => &[FieldType::Email, FieldType::Text],
            Self::Phone => &[FieldType::Phone, FieldType::Text],
            Self::Number | Self::Integer => &[FieldType::Number],
            Self::Date => &[FieldType::Date, FieldType::Text],
            Self::Time => &[FieldType::Time, FieldType::Text],
            Self::Url => &[FieldType::Url, FieldType::Text],
            Self::YesNo => &[FieldType::Boolean],
        }
    }

    /// What such an answer is, as the end of a sentence.
    pub(crate) const fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Email => "an e-mail address, for example ana@example.com",
            Self::Phone => "a phone number with its country code, for example +49 170 1234567",
            Self::Number => "a number, for example 12.5",
            Self::Integer => "a whole number, for example 12",
            Self::Date => "a date as year-month-day, for example 2026-11-23",
            Self::Time => "a time, for example 09:30",
            Self::Url => "a web address, for example https://example.com",
            Self::YesNo => "yes or no",
        }
    }
}

fn stored(field_type: FieldType, text: &str) -> Option<Value> {
    FieldValue::parse(field_type, &Value::from(text)).ok().map(|value| value.to_value())
}

fn phone(text: &str) -> Option<Value> {
    let international = text.strip_prefix("00").map(|rest| format!("+{rest}"));
    parse_phone(international.as_deref().unwrap_or(text)).map(Value::from)
}

/// `12`, `-12.5`, `12,5`. Not `1,000`: it is a thousand to some and one to others.
fn number(text: &str) -> Option<Value> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let is_digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let has_point = whole.len() < text.len();
    let is_unclear = has_point && fraction.len() == 3 && text.contains(',');
    let fits = !digits.is_empty() && is_digits(digits) && is_digits(fraction) && has_point != fraction.is_empty();
    if !fits || is_unclear || text.len() > 30 {
        return None;
    }
    let sign = if whole.starts_with('-') { "-" } else { "" };
    if fraction.bytes().all(|digit| digit == b'0') {
        return format!("{sign}{digits}").parse::<i64>().ok().map(Value::from);
    }
    let float = format!("{sign}{digits}.{fraction}").parse::<f64>().ok()?;
    Number::from_f64(float).map(Value::Number)
}

/// `23.11.2026`: day and month stand in one order only where dots are between them.
fn dotted_date(text: &str) -> Option<Value> {
    let parts: Vec<&str> = text.split('.').map(str::trim).collect();
    let [day, month, year] = parts.as_slice() else { return None };
    let is_short = |text: &str| (1..=2).contains(&text.len());
    let fits = is_short(day) && is_short(month) && year.len() == 4;
    fits.then(|| stored(FieldType::Date, &format!("{year}-{month:0>2}-{day:0>2}")))?
}

/// `9:30`, `09:30`, `09:30:00`, `9:30 pm`.
fn time(text: &str) -> Option<Value> {
    let lower = text.to_ascii_lowercase();
    let (clock, afternoon) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(clock), _) => (clock.trim(), Some(false)),
        (_, Some(clock)) => (clock.trim(), Some(true)),
        _ => (lower.as_str(), None),
    };
    let (hour, rest) = clock.split_once(':')?;
    if !(1..=2).contains(&hour.len()) {
        return None;
    }
    let hour: u8 = hour.parse().ok()?;
    let hour = match afternoon {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
    };
    stored(FieldType::Time, &format!("{hour:02}:{rest}"))
}

/// `example.com/page`, as people write it.
fn bare_url(text: &str) -> Option<Value> {
    let host = text.split('/').next().unwrap_or_default();
    let (name, top) = host.rsplit_once('.')?;
    let fits = !name.is_empty() && !host.contains(['@', ':']) && top.len() >= 2 && top.chars().all(char::is_alphabetic);
    fits.then(|| stored(FieldType::Url, &format!("https://{text}")))?
}

fn yes_or_no(text: &str) -> Option<bool> {
    let folded = fold(text);
    let word = folded.trim_end_matches(['.', '!', ' ']);
    match word {
        "yes" | "y" | "yep" | "yeah" | "sure" | "ok" | "okay" | "true" | "ja" | "oui" | "si" | "sim" | "da" | "👍" => {
            Some(true)
        }
        "no" | "n" | "nope" | "false" | "nein" | "non" | "nao" | "👎" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_read_as_people_write_them() {
        for (answer, text, value) in [
            (Answer::Text, "  Hello there ", json!("Hello there")),
            (Answer::Text, "one\ntwo", json!("one\ntwo")),
            (Answer::Email, " Ana@Example.com", json!(parse_email("Ana@Example.com"))),
            (Answer::Email, "one moment\nana@example.com\nthanks", json!("ana@example.com")),
            (Answer::Phone, "+49 170 1234567", json!("+491701234567")),
            (Answer::Phone, "0049 170 1234567", json!("+491701234567")),
            (Answer::Number, "12", json!(12)),
            (Answer::Number, "12,5", json!(12.5)),
            (Answer::Number, "-12.50", json!(-12.5)),
            (Answer::Number, "+3.0", json!(3)),
            (Answer::Number, "1.125", json!(1.125)),
            (Answer::Integer, "7", json!(7)),
            (Answer::Integer, "7,0", json!(7)),
            (Answer::Date, "2026-11-23", json!("2026-11-23")),
            (Answer::Date, "3.1.2026", json!("2026-01-03")),
            (Answer::Time, "9:30", json!("09:30:00")),
            (Answer::Time, "9:30 PM", json!("21:30:00")),
            (Answer::Time, "12:05am", json!("00:05:00")),
            (Answer::Url, "example.com/cakes", json!("https://example.com/cakes")),
            (Answer::Url, "http://example.com", json!("http://example.com")),
            (Answer::YesNo, "Yes!", json!(true)),
            (Answer::YesNo, "Sí", json!(true)),
            (Answer::YesNo, "👎", json!(false)),
        ] {
            assert_eq!(answer.read(text), Some(value), "{answer:?} {text}");
        }
    }

    #[test]
    fn what_is_something_else_or_unclear_is_no_answer() {
        for (answer, text) in [
            (Answer::Text, " \u{200b} "),
            (Answer::Email, "ana at example"),
            (Answer::Phone, "0170 1234567"),
            (Answer::Number, "1,000"),
            (Answer::Number, "1.000,00"),
            (Answer::Number, "twelve"),
            (Answer::Number, "12."),
            (Answer::Number, "-"),
            (Answer::Number, "1e5"),
            (Answer::Integer, "7.5"),
            (Answer::Date, "31.02.2026"),
            (Answer::Date, "03/04/2026"),
            (Answer::Time, "25:00"),
            (Answer::Time, "13:00 pm"),
            (Answer::Time, "half past nine"),
            (Answer::Url, "hello"),
            (Answer::Url, "ana@example.com"),
            (Answer::YesNo, "maybe"),
        ] {
            assert_eq!(answer.read(text), None, "{answer:?} {text}");
        }
    }

    #[test]
    fn every_answer_is_a_value_of_the_types_that_are_told() {
        let examples = [
            "Ana",
            "ana@example.com",
            "+491701234567",
            "12.5",
            "12",
            "2026-11-23",
            "09:30",
            "https://a.example",
            "yes",
        ];
        let answers = [
            Answer::Text,
            Answer::Email,
            Answer::Phone,
            Answer::Number,
            Answer::Integer,
            Answer::Date,
            Answer::Time,
            Answer::Url,
            Answer::YesNo,
        ];
        for (answer, text) in answers.into_iter().zip(examples) {
            let value = answer.read(text).expect(text);
            for field_type in answer.types() {
                assert!(FieldValue::parse(*field_type, &value).is_ok(), "{answer:?} {field_type:?}");
            }
        }
    }
}
