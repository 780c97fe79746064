//! When a wait is over: moments computed in a contact's time zone.
//!
//! Nothing here is ever early. A wall clock that is put forward leaves out some times of day, and one that is put back shows some
//! twice: a time that is left out counts as the first moment after it, one that is shown twice as the first of the two.
//!
//! The zones are those that are built into the program, so that every machine computes the same.

mod allowed;
#[cfg(test)]
mod tests;

use aggregates::filter::parse_duration;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp};

pub use allowed::{Allowed, Days, Window};

use crate::terms::MAX_DURATION_US;

const DAY_US: i64 = 24 * 3_600 * 1_000_000;
/// How far ahead a moment is looked for. A week holds every weekday; a second one is for hours that a clock leaves out.
const HORIZON_DAYS: i32 = 15;

/// The time zone of an IANA name.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// Reads a time of day, `09:30`.
#[must_use]
pub fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

/// How long before or after a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offset {
    /// Days of the calendar: the clock shows the same time, whether or not it was changed in between.
    days: i32,
    /// Time that passes, in microseconds.
    exact_us: i64,
}

impl Offset {
    /// Reads `-1d`, `2h` or `+30m`, at most 365 days: days and weeks are counted on the calendar, hours and less as they pass.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (sign, size) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        // A second sign, or blanks behind the first.
        if !size.starts_with(|letter: char| letter.is_ascii_digit()) {
            return None;
        }
        let micros = sign * parse_duration(size).filter(|micros| *micros <= MAX_DURATION_US)?;
        if size.ends_with(['d', 'w']) {
            return Some(Self { days: i32::try_from(micros / DAY_US).ok()?, exact_us: 0 });
        }
        Some(Self { days: 0, exact_us: micros })
    }
}

/// The next moment after `now` at which the clock shows `time` and which is allowed; nothing when there is none within two weeks.
#[must_use]
pub fn next_at(now: i64, time: Time, allowed: &Allowed, zone: &TimeZone) -> Option<i64> {
    let today = local(zone, now)?.date();
    // A day that was moved by its time zone may begin before today and still lie ahead.
    (-1..=HORIZON_DAYS).find_map(|ahead| {
        let moment = first(zone, day_after(today, ahead)?.to_datetime(time))?;
        (moment > now && allowed.holds(moment, zone)).then_some(moment)
    })
}

/// The moment that a date field's value names: a moment, or the beginning of a day, moved by `offset`. Nothing when it is neither.
#[must_use]
pub fn named_by(value: &str, offset: Offset, zone: &TimeZone) -> Option<i64> {
    let wall = match value.parse::<Timestamp>() {
        Ok(moment) if offset.days == 0 => return moment.as_microsecond().checked_add(offset.exact_us),
        Ok(moment) => zone.to_datetime(moment),
        Err(_) => value.parse::<Date>().ok()?.to_datetime(Time::midnight()),
    };
    let moved = day_after(wall.date(), offset.days)?.to_datetime(wall.time());
    first(zone, moved)?.checked_add(offset.exact_us)
}

/// What the clock shows at a moment.
fn local(zone: &TimeZone, moment: i64) -> Option<DateTime> {
    Timestamp::from_microsecond(moment).ok().map(|moment| zone.to_datetime(moment))
}

fn day_after(day: Date, days: i32) -> Option<Date> {
    day.checked_add(Span::new().try_days(days).ok()?).ok()
}

/// The first moment at which the clock shows `wall` or, if it never does, something later.
fn first(zone: &TimeZone, wall: DateTime) -> Option<i64> {
    instants(zone, wall).into_iter().flatten().min()
}

/// The moments at which the clock shows `wall`: one, or two when it is put back over it. When it is put forward over it, the moment
/// at which that happens.
fn instants(zone: &TimeZone, wall: DateTime) -> [Option<i64>; 2] {
    let at = |offset: jiff::tz::Offset| offset.to_timestamp(wall).ok();
    let micros = |moment: Timestamp| moment.as_microsecond();
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => [at(offset).map(micros), None],
        AmbiguousOffset::Fold { before, after } => [at(before).map(micros), at(after).map(micros)],
        AmbiguousOffset::Gap { after, .. } => {
            let change = at(after).and_then(|moment| zone.following(moment).next());
            [change.map(|change| micros(change.timestamp())), None]
        }
    }
}
