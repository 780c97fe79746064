//! The filters of templates: those of the engine that cannot do harm, and one for dates.
//!
//! None fails on an unknown value. Through a filter that changes how a value looks it stays unknown, so that `{{ contact.firstName | upper | default('you') }}` says what it means.

use jiff::civil;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, State, Value, filters};

use crate::times::zone;

/// A filter as templates may use it: with so many arguments, or with these by name.
pub(super) struct Form {
    pub(super) name: &'static str,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) named: &'static [&'static str],
}

const fn form(name: &'static str, least: usize, most: usize, named: &'static [&'static str]) -> Form {
    Form { name, least, most, named }
}

/// The filters that a template may use.
pub(super) const FILTERS: &[Form] = &[
    form("abs", 0, 0, &[]),
    form("capitalize", 0, 0, &[]),
    form("date", 0, 2, &[]),
    form("default", 0, 2, &[]),
    form("first", 0, 0, &[]),
    form("float", 0, 1, &["default"]),
    form("int", 0, 1, &["default"]),
    form("join", 0, 1, &[]),
    form("last", 0, 0, &[]),
    form("length", 0, 0, &[]),
    form("lower", 0, 0, &[]),
    form("replace", 2, 2, &[]),
    form("round", 0, 2, &["precision", "method"]),
    form("title", 0, 0, &[]),
    form("trim", 0, 0, &[]),
    form("upper", 0, 0, &[]),
];

/// The tests that a template may use, after `is`.
pub(super) const TESTS: &[&str] = &[
    "defined",
    "undefined",
    "none",
    "boolean",
    "number",
    "integer",
    "float",
    "string",
    "sequence",
    "mapping",
    "odd",
    "even",
];

/// The longest pattern of the filter `date`, in characters.
const MAX_PATTERN_CHARS: usize = 100;

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("date", date);
    environment.add_filter("abs", |value: Value| if is_unknown(&value) { Ok(value) } else { filters::abs(value) });
    environment.add_filter("round", round);
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_filter("lower", |value: Value| looks(value, str::to_lowercase));
    environment.add_filter("upper", |value: Value| looks(value, str::to_uppercase));
    environment.add_filter("trim", |value: Value| looks(value, |text| text.trim().to_owned()));
    environment.add_filter("title", |value: Value| looks(value, |text| filters::title(text.into())));
    environment.add_filter("capitalize", |value: Value| looks(value, capitalized));
}

/// As everywhere with Jinja, what is no number is 0 unless another default is given: a customer may have typed anything.
fn int(state: &State, value: &Value, default: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let default = default.or_else(|| (!named.has("default")).then(|| Value::from(0)));
    filters::int(state, value, default, None, named)
}

/// As [`int`].
fn float(state: &State, value: &Value, default: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let default = default.or_else(|| (!named.has("default")).then(|| Value::from(0)));
    filters::float(state, value, default, named)
}

/// Changes how a value looks as a text.
fn looks(value: Value, change: impl Fn(&str) -> String) -> Value {
    if is_unknown(&value) { value } else { change(&value.to_string()).into() }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters.flat_map(char::to_lowercase)).collect()
}

fn round(value: Value, digits: Option<i32>, method: Option<&str>, named: Kwargs) -> Result<Value, Error> {
    if is_unknown(&value) { Ok(value) } else { filters::round(value, digits, method, named) }
}

fn is_unknown(value: &Value) -> bool {
    value.is_undefined() || value.is_none()
}

/// Whether `pattern` can be used to write any moment.
pub(super) fn is_date_format(pattern: &str) -> bool {
    pattern.chars().count() <= MAX_PATTERN_CHARS
        && strtime::format(pattern, &jiff::Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC)).is_ok()
}

/// Writes a day, a moment or a time of day by a pattern such as `%d.%m.%Y`, a moment in the contact's time zone if no other is
/// named. What is none of them stays as it is.
fn date(state: &State, value: &Value, pattern: Option<&str>, timezone: Option<&str>) -> Result<Value, Error> {
    let Some(text) = value.as_str() else { return Ok(value.clone()) };
    let contact = state.lookup("contact").and_then(|contact| contact.get_attr("timezone").ok());
    let named = timezone.or_else(|| contact.as_ref().and_then(Value::as_str));
    let zone = named.and_then(zone).unwrap_or(TimeZone::UTC);
    let (moment, usual) = if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        (Some(moment.to_zoned_datetime(zone)), "%Y-%m-%d %H:%M")
    } else if let Ok(day) = text.parse::<civil::Date>() {
        // The day itself is written, so the zone does not matter.
        (day.to_zoned_datetime(TimeZone::UTC).ok(), "%Y-%m-%d")
    } else if let Ok(time) = text.parse::<civil::Time>() {
        (civil::Date::default().to_datetime(time).to_zoned_datetime(TimeZone::UTC).ok(), "%H:%M")
    } else {
        (None, "")
    };
    let Some(moment) = moment else { return Ok(value.clone()) };
    let pattern = pattern.unwrap_or(usual);
    if !is_date_format(pattern) {
        return Err(Error::new(minijinja::ErrorKind::InvalidOperation, "not a pattern for dates"));
    }
    let written = strtime::format(pattern, &moment);
    written.map(Value::from).map_err(|_| Error::new(minijinja::ErrorKind::InvalidOperation, "a date out of range"))
}
