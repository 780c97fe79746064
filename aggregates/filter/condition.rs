//! One condition: from what was written, checked against the kind of its field, to a test on keys.

use std::borrow::Cow;
use std::ops::Bound;

use serde_json::Value;

use super::comparable::{self, date_key, moment_key};
use super::error::{Fault, FilterError, join, near};
use super::fields::{Kind, Operator, Subject};
use super::{MAX_TEXT_CHARS, MAX_VALUES};
use crate::contact_address::{parse_email, parse_phone};
use crate::field_value::{FieldType, FieldValue};
use crate::folding::fold;

/// A value as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A text, byte by byte.
    Text(String),
    /// A moment that the workspace recorded, in microseconds since the epoch.
    Moment(i64),
}

/// What at least one value has to be. `Debug` may print it: it holds the caller's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Any value.
    Present,
    /// One of these.
    Among(Vec<Key>),
    /// A text with this part.
    Contains(String),
    /// A text with this beginning.
    StartsWith(String),
    /// A text with this end.
    EndsWith(String),
    /// Between these.
    Range(Bound<Key>, Bound<Key>),
}

/// One condition on a contact.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    subject: Subject,
    kind: Kind,
    asked: Asked,
    negative: bool,
    pub(super) shown: Shown,
}

/// How a condition was written, for [`super::Filter::words`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    /// What the field is, without an article.
    pub(super) words: String,
    pub(super) operator: Operator,
    pub(super) value: Value,
}

/// A test, or one that depends on the time.
#[derive(Clone, Debug, PartialEq)]
enum Asked {
    Test(Test),
    /// Microseconds before now.
    Within(i64),
}

impl Condition {
    /// What it looks at.
    #[must_use]
    pub const fn subject(&self) -> Subject {
        self.subject
    }

    /// What the values are.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether no value may pass [`Self::test`], instead of at least one.
    #[must_use]
    pub const fn is_negative(&self) -> bool {
        self.negative
    }

    /// What at least one value (or, when it is negative, no value) has to be at `now`, in microseconds since the epoch.
    #[must_use]
    pub fn test(&self, now: i64) -> Cow<'_, Test> {
        match &self.asked {
            Asked::Test(test) => Cow::Borrowed(test),
            Asked::Within(duration) => Cow::Owned(within(self.kind, now.saturating_sub(*duration), now)),
        }
    }
}

fn within(kind: Kind, from: i64, now: i64) -> Test {
    let text = |micros: i64| Key::Text(moment_key(i128::from(micros) * 1_000));
    match kind {
        Kind::DateTime => Test::Range(Bound::Included(text(from)), Bound::Included(text(now))),
        Kind::Date => {
            let day = |micros: i64| {
                let moment = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
                Key::Text(date_key(jiff::tz::TimeZone::UTC.to_datetime(moment).date()))
            };
            // A midnight at or after `from` is one that is later than the microsecond before it: that of the day after.
            Test::Range(Bound::Excluded(day(from.saturating_sub(1))), Bound::Included(day(now)))
        }
        _ => Test::Range(Bound::Included(Key::Moment(from)), Bound::Unbounded),
    }
}

/// Reads a duration: a whole number and `s`, `m`, `h`, `d` or `w`, up to ten years. In microseconds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<i64> {
    const SECOND: i64 = 1_000_000;
    const TEN_YEARS: i64 = 3_653 * 24 * 3_600 * SECOND;
    let text = text.trim();
    let unit = match text.chars().last()? {
        's' => SECOND,
        'm' => 60 * SECOND,
        'h' => 3_600 * SECOND,
        'd' => 24 * 3_600 * SECOND,
        'w' => 7 * 24 * 3_600 * SECOND,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let plain = (1..=9).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number: i64 = plain.then(|| digits.parse().ok())??;
    number.checked_mul(unit).filter(|micros| (1..=TEN_YEARS).contains(micros))
}

/// Reads an operator that fields of `kind` have.
pub(super) fn operator(name: &Value, field: &str, kind: Kind, path: &str) -> Result<Operator, FilterError> {
    let path = join(path, "op");
    let names: Vec<&str> = kind.operators().iter().map(|operator| operator.name()).collect();
    let has = format!("{field} has the operators {}", names.join(", "));
    let Some(text) = name.as_str() else {
        return Err(FilterError::new(&path, Fault::FilterForm, "op must be a text: the name of an operator")
            .value(name)
            .hint(has));
    };
    let found = text.parse::<Operator>().ok();
    if let Some(operator) = found.filter(|operator| kind.operators().contains(operator)) {
        return Ok(operator);
    }
    let message = match found {
        Some(_) => format!("{field} does not have this operator"),
        None => "there is no such operator".to_owned(),
    };
    let close = near(text, names.iter().copied());
    Err(FilterError::new(&path, Fault::UnknownOperator, message).value(name).hint(has).candidates(close))
}

/// What a condition is about, as its field tells.
pub(super) struct About<'f> {
    pub(super) subject: Subject,
    pub(super) kind: Kind,
    pub(super) words: &'f str,
}

/// Makes a condition; `value` is nothing when none was written. Of tags, the values have to be keys already.
pub(super) fn condition(
    about: &About<'_>,
    operator: Operator,
    value: Option<&Value>,
    path: &str,
) -> Result<Condition, FilterError> {
    let asked = asked(about.kind, operator, value, &join(path, "value"))?;
    let shown = Shown { words: about.words.to_owned(), operator, value: value.cloned().unwrap_or_default() };
    Ok(Condition { subject: about.subject, kind: about.kind, asked, negative: operator.is_negative(), shown })
}

fn asked(kind: Kind, operator: Operator, value: Option<&Value>, path: &str) -> Result<Asked, FilterError> {
    if matches!(operator, Operator::Exists | Operator::NotExists) {
        return match value {
            // `"value": true` says the same again.
            None | Some(Value::Bool(true)) => Ok(Asked::Test(Test::Present)),
            Some(other) => Err(FilterError::new(path, Fault::UnexpectedValue, "this operator takes no value")
                .value(other)
                .hint("leave value out; the opposite of exists is notExists")),
        };
    }
    let Some(value) = value else {
        return Err(FilterError::new(path, Fault::MissingValue, "this operator needs a value").hint(format!(
            "a value is {}; contacts without a value are found with notExists",
            expected(kind, operator)
        )));
    };
    let test = match operator {
        Operator::In | Operator::NotIn => Test::Among(list(kind, operator, value, path, 1..=MAX_VALUES)?),
        Operator::Between => {
            let ends = list(kind, operator, value, path, 2..=2)?;
            let [from, to] = <[Key; 2]>::try_from(ends).map_err(|_| misfit(kind, operator, value, path))?;
            if from > to {
                return Err(FilterError::new(
                    path,
                    Fault::InvalidValue,
                    "the first value must not be after the second",
                )
                .value(value)
                .hint("exchange the two values"));
            }
            Test::Range(Bound::Included(from), Bound::Included(to))
        }
        Operator::WithinLast | Operator::NotWithinLast => {
            let duration = value.as_str().and_then(parse_duration);
            return duration.map(Asked::Within).ok_or_else(|| misfit(kind, operator, value, path));
        }
        _ => {
            let key = key(kind, operator, value).ok_or_else(|| misfit(kind, operator, value, path))?;
            single(kind, operator, key)
        }
    };
    Ok(Asked::Test(test))
}

fn single(kind: Kind, operator: Operator, key: Key) -> Test {
    let text = |key: Key| match key {
        Key::Text(text) => text,
        Key::Moment(moment) => moment.to_string(),
    };
    match operator {
        Operator::Contains | Operator::NotContains if !matches!(kind, Kind::List | Kind::Tag) => {
            Test::Contains(text(key))
        }
        Operator::StartsWith => Test::StartsWith(text(key)),
        Operator::EndsWith => Test::EndsWith(text(key)),
        Operator::Lt => Test::Range(Bound::Unbounded, Bound::Excluded(key)),
        Operator::Lte => Test::Range(Bound::Unbounded, Bound::Included(key)),
        Operator::Gt => Test::Range(Bound::Excluded(key), Bound::Unbounded),
        Operator::Gte => Test::Range(Bound::Included(key), Bound::Unbounded),
        _ => Test::Among(vec![key]),
    }
}

/// Whether the operator looks at a part of a text.
const fn is_partial(operator: Operator) -> bool {
    matches!(operator, Operator::Contains | Operator::NotContains | Operator::StartsWith | Operator::EndsWith)
}

fn expected(kind: Kind, operator: Operator) -> String {
    match operator {
        Operator::In | Operator::NotIn => format!("an array of 1 to {MAX_VALUES}, each {}", kind.expected()),
        Operator::Between => format!("an array of two, each {}", kind.expected()),
        Operator::WithinLast | Operator::NotWithinLast => {
            "a duration: a whole number and s, m, h, d or w, up to ten years, for example 24h or 7d".to_owned()
        }
        _ if is_partial(operator) && matches!(kind, Kind::Phone) => "a part of a phone number: digits".to_owned(),
        _ if is_partial(operator) && matches!(kind, Kind::Email) => Kind::Text.expected(),
        _ => kind.expected(),
    }
}

fn misfit(kind: Kind, operator: Operator, value: &Value, path: &str) -> FilterError {
    let error =
        FilterError::new(path, Fault::InvalidValue, format!("must be {}", expected(kind, operator))).value(value);
    let operators = kind.operators();
    match value {
        Value::Array(_) if operators.contains(&Operator::In) && !matches!(operator, Operator::In | Operator::NotIn) => {
            error.hint("for any of several values use in, for none of them notIn")
        }
        Value::String(text) if matches!(kind, Kind::Choice(_) | Kind::Channel) => {
            error.candidates(near(text, kind.choices().iter().copied()))
        }
        Value::String(text) if matches!(kind, Kind::DateTime | Kind::Moment) => {
            match FieldValue::parse(FieldType::Date, value) {
                Ok(_) => error.hint(format!("say when on that day, and with which offset from UTC: {text}T00:00:00Z")),
                Err(_) => error,
            }
        }
        Value::String(_) if matches!(kind, Kind::Email | Kind::Phone) => error.hint("contains finds a part of it"),
        Value::String(text) if matches!(kind, Kind::Number | Kind::Truth | Kind::State) => {
            match serde_json::from_str(text.trim()) {
                Ok(Value::Number(_)) if matches!(kind, Kind::Number) => error.hint("leave the quotes out"),
                Ok(Value::Bool(_)) if !matches!(kind, Kind::Number) => error.hint("leave the quotes out"),
                _ => error,
            }
        }
        _ => error,
    }
}

fn list(
    kind: Kind,
    operator: Operator,
    value: &Value,
    path: &str,
    size: std::ops::RangeInclusive<usize>,
) -> Result<Vec<Key>, FilterError> {
    let items = value.as_array().filter(|items| size.contains(&items.len()));
    let items = items.ok_or_else(|| misfit(kind, operator, value, path))?;
    let read = |(index, item): (usize, &Value)| {
        key(kind, Operator::Eq, item).ok_or_else(|| misfit(kind, Operator::Eq, item, &format!("{path}[{index}]")))
    };
    items.iter().enumerate().map(read).collect()
}

/// Reads one value; nothing when it does not fit.
fn key(kind: Kind, operator: Operator, value: &Value) -> Option<Key> {
    let typed = |field_type| comparable::keys(&FieldValue::parse(field_type, value).ok()?).pop();
    let text = || value.as_str().filter(|text| text.chars().count() <= MAX_TEXT_CHARS);
    // A text that folds to nothing is part of every text: it would filter nothing.
    let folded = || text().map(fold).filter(|folded| !folded.is_empty());
    let partial = is_partial(operator);
    let key = match kind {
        Kind::Moment => return Some(Key::Moment(moment(value.as_str()?)?)),
        Kind::Text | Kind::List => folded()?,
        Kind::Email if partial => folded()?,
        Kind::Email => fold(&parse_email(text()?)?),
        Kind::Phone if partial => part_of_number(text()?)?,
        Kind::Phone => parse_phone(text()?)?,
        Kind::Code => {
            let code = text()?.trim();
            (1..=64).contains(&code.chars().count()).then(|| code.to_ascii_lowercase())?
        }
        Kind::Choice(_) | Kind::Channel => kind.choices().contains(&text()?).then(|| text().map(str::to_owned))??,
        Kind::Tag => text()?.to_owned(),
        Kind::Number => typed(FieldType::Number)?,
        Kind::Truth | Kind::State => typed(FieldType::Boolean)?,
        Kind::Date => typed(FieldType::Date)?,
        Kind::DateTime => typed(FieldType::DateTime)?,
        Kind::Time => typed(FieldType::Time)?,
    };
    Some(Key::Text(key))
}

fn moment(text: &str) -> Option<i64> {
    text.trim().parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

fn part_of_number(text: &str) -> Option<String> {
    let part: String =
        text.chars().filter(|letter| !matches!(letter, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}')).collect();
    let digits = part.strip_prefix('+').unwrap_or(&part);
    (!part.is_empty() && digits.len() <= 15 && digits.bytes().all(|digit| digit.is_ascii_digit())).then_some(part)
}
