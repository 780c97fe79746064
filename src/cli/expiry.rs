//! When a token ends, as people say it: after a time, or at one.

use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// An end, not yet on the clock.
#[derive(Clone, Debug)]
pub enum Expiry {
    /// So long from now, with days and months of the calendar in UTC.
    After(Span),
    /// Then.
    At(Timestamp),
}

impl FromStr for Expiry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Self::At(time));
        }
        match text.parse::<Span>() {
            Ok(span) if span.is_positive() => Ok(Self::After(span)),
            _ => Err("no time: write 30d, 12h, 90min or 2027-01-31T00:00:00Z".to_owned()),
        }
    }
}

impl Expiry {
    /// The end in microseconds since the epoch.
    ///
    /// # Errors
    /// When it is not after `now`, or further away than the calendar goes.
    pub fn end_after(&self, now: Timestamp) -> Result<i64, String> {
        let end = match self {
            Self::At(time) => *time,
            Self::After(span) => now
                .to_zoned_datetime(TimeZone::UTC)
                .checked_add(*span)
                .map_err(|_| "this is further away than the calendar goes".to_owned())?
                .timestamp(),
        };
        if end > now { Ok(end.as_microsecond()) } else { Err("this time is over".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_time_end_after_or_a_time() {
        let now: Timestamp = "2026-01-30T12:00:00Z".parse().unwrap();
        for (text, end) in [
            ("30d", "2026-03-01T12:00:00Z"),
            ("12h", "2026-01-31T00:00:00Z"),
            ("90min", "2026-01-30T13:30:00Z"),
            ("1mo", "2026-02-28T12:00:00Z"),
            ("2027-01-31T00:00:00+01:00", "2027-01-30T23:00:00Z"),
        ] {
            let expected = end.parse::<Timestamp>().unwrap().as_microsecond();
            assert_eq!(text.parse::<Expiry>().unwrap().end_after(now), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_end_is_refused() {
        for text in ["", "30", "soon", "-1d", "0d"] {
            assert!(text.parse::<Expiry>().is_err(), "{text}");
        }
        let now: Timestamp = "2026-01-30T12:00:00Z".parse().unwrap();
        assert!("2025-01-01T00:00:00Z".parse::<Expiry>().unwrap().end_after(now).is_err());
    }
}
