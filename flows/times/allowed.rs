//! The times at which something may happen: hours of the day, days of the week.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use super::{DAY_US, HORIZON_DAYS, day_after, instants, local, time_of_day};

/// Hours of the day, from the first to just before the second; over midnight when the second is not after the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    from: Time,
    to: Time,
}

impl Window {
    /// Reads `09:00-18:00` or, over midnight, `22:00-06:00`. A day ends at `24:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let from = time_of_day(from)?;
        if to.trim() == "24:00" {
            return Some(Self { from, to: Time::midnight() });
        }
        let to = time_of_day(to)?;
        (from != to).then_some(Self { from, to })
    }

    /// Whether it is open at this time of day.
    #[must_use]
    pub fn contains(&self, time: Time) -> bool {
        if self.from < self.to { self.from <= time && time < self.to } else { self.from <= time || time < self.to }
    }
}

/// Days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days([bool; 7]);

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Days {
    /// Reads `mon-fri`, `mon,wed` or both together, `mon-wed,sat`; `fri-mon` goes over the end of the week.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = |name: &str| NAMES.iter().position(|known| name.trim().eq_ignore_ascii_case(known));
        let mut days = [false; 7];
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            let length = (last + 7 - first) % 7;
            for step in 0..=length {
                days[(first + step) % 7] = true;
            }
        }
        Some(Self(days))
    }

    fn contains(self, day: Weekday) -> bool {
        let number = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
        self.0.get(number).copied().unwrap_or_default()
    }
}

/// When something may happen. Hours over midnight belong to the day on which they begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Only in these hours.
    pub between: Option<Window>,
    /// Only on these days.
    pub days: Option<Days>,
}

impl Allowed {
    /// Whether `moment`, in microseconds since the epoch, is one of the allowed ones.
    #[must_use]
    pub fn holds(&self, moment: i64, zone: &TimeZone) -> bool {
        local(zone, moment).is_some_and(|wall| self.holds_on_wall(wall))
    }

    fn holds_on_wall(&self, wall: DateTime) -> bool {
        let mut day: Date = wall.date();
        if let Some(window) = self.between {
            if !window.contains(wall.time()) {
                return false;
            }
            if wall.time() < window.from {
                let Ok(before) = day.yesterday() else { return false };
                day = before;
            }
        }
        self.days.is_none_or(|days| days.contains(day.weekday()))
    }

    /// `moment` itself if it is allowed, or else the first one after it that is; nothing when there is none within two weeks.
    #[must_use]
    pub fn next(&self, moment: i64, zone: &TimeZone) -> Option<i64> {
        if self.holds(moment, zone) {
            return Some(moment);
        }
        let today = local(zone, moment)?.date();
        let opening = self.between.map_or(Time::midnight(), |window| window.from);
        let openings = (-1..=HORIZON_DAYS)
            .filter_map(|ahead| day_after(today, ahead))
            .flat_map(|day| instants(zone, day.to_datetime(opening)))
            .flatten();
        // When a clock is changed it may jump into the hours, or back into them.
        let end = moment.checked_add(i64::from(HORIZON_DAYS) * DAY_US)?;
        let changes = zone.following(Timestamp::from_microsecond(moment).ok()?);
        let changes = changes.map(|change| change.timestamp().as_microsecond()).take_while(|change| *change <= end);
        openings.chain(changes).filter(|later| *later > moment && self.holds(*later, zone)).min()
    }
}
