//! Moments and spans of time as people write them on the command line.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::app::Moment;

/// Until when, as it is written: a position, a time of RFC 3339, or a date, which means its end in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Until(pub Moment);

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "no position and no time: write 1200, 2026-11-24T09:30:00Z or 2026-11-24".to_owned();
        if let Ok(position) = text.parse::<u64>() {
            return Ok(Self(Moment::Position(position)));
        }
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Self(Moment::Time(time.as_microsecond())));
        }
        // `Date` also takes what begins with a date, such as a time without an offset: whose time would that be?
        let date: Date = text.parse().ok().filter(|_| text.len() == 10).ok_or_else(wrong)?;
        let tomorrow = date.tomorrow().map_err(|_| wrong())?;
        let end = tomorrow.to_zoned_datetime(TimeZone::UTC).map_err(|_| wrong())?.timestamp().as_microsecond() - 1;
        Ok(Self(Moment::Time(end)))
    }
}

/// How long a secret goes on opening, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grace(pub i64);

impl FromStr for Grace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "no time: write 30min, 12h or 7d, at most 7d".to_owned();
        let span: jiff::Span = text.parse().map_err(|_| wrong())?;
        // Days of 24 hours: no calendar is meant.
        let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
        let longest = SignedDuration::from_micros(aggregates::token::MAX_GRACE_US);
        if duration.is_negative() || duration > longest {
            return Err(wrong());
        }
        i64::try_from(duration.as_micros()).map(Self).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_is_a_position_a_time_or_the_end_of_a_date() {
        let time = |text: &str| Moment::Time(text.parse::<Timestamp>().unwrap().as_microsecond());
        for (text, moment) in [
            ("0", Moment::Position(0)),
            ("1200", Moment::Position(1_200)),
            ("2026-11-24T09:30:00Z", time("2026-11-24T09:30:00Z")),
            ("2026-11-24T09:30:00.5+01:00", time("2026-11-24T08:30:00.5Z")),
            ("2026-11-24", time("2026-11-24T23:59:59.999999Z")),
        ] {
            assert_eq!(text.parse::<Until>(), Ok(Until(moment)), "{text}");
        }
        for text in ["", "-1", "1.5", "soon", "2026-13-01", "2026-11-24T09:30:00", "24.11.2026"] {
            assert!(text.parse::<Until>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_of_grace_is_up_to_7_days() {
        for (text, seconds) in [("0s", 0), ("30min", 1_800), ("12h", 43_200), ("7d", 604_800), ("1d 12h", 129_600)] {
            assert_eq!(text.parse::<Grace>(), Ok(Grace(seconds * 1_000_000)), "{text}");
        }
        for text in ["", "5", "-1h", "8d", "7d 1s", "1mo", "soon"] {
            assert!(text.parse::<Grace>().is_err(), "{text}");
        }
    }
}
