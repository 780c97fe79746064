//! How the parts of a wait are written: times of day, hours, days, zones.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::times::{Days, Offset, Window, time_of_day, zone};

/// A time of day, `09:30`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(super) struct TimeOfDay(
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), extend("examples" = ["09:30", "18:00"]))]
    pub(super) String,
);

impl TimeOfDay {
    pub(super) fn read(&self) -> Option<jiff::civil::Time> {
        time_of_day(&self.0)
    }
}

/// Hours of the day.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(super) struct Hours(
    #[schemars(
        regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"),
        extend("examples" = ["09:00-18:00", "22:00-06:00"])
    )]
    pub(super) String,
);

impl Hours {
    pub(super) fn read(&self) -> Option<Window> {
        Window::parse(&self.0)
    }
}

/// Days of the week.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(super) struct Weekdays(
    #[schemars(
        regex(pattern = r"^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?( ?, ?(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?)*$"),
        extend("examples" = ["mon-fri", "mon,wed", "sat-sun"])
    )]
    pub(super) String,
);

impl Weekdays {
    pub(super) fn read(&self) -> Option<Days> {
        Days::parse(&self.0)
    }
}

/// How long before or after a date.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(super) struct OffsetText(
    #[schemars(regex(pattern = r"^[-+]?[1-9][0-9]{0,8}[smhdw]$"), extend("examples" = ["-1d", "2h"]))] pub(super) String,
);

impl OffsetText {
    pub(super) fn read(&self) -> Option<Offset> {
        Offset::parse(&self.0)
    }
}

/// A time zone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(super) struct ZoneName(
    #[schemars(length(min = 1, max = 64), extend("examples" = ["contact", "Europe/Berlin", "UTC"]))] pub(super) String,
);

impl ZoneName {
    /// Whether the contact's own zone is meant.
    pub(super) fn is_contacts(&self) -> bool {
        self.0 == "contact"
    }

    pub(super) fn read(&self) -> Option<jiff::tz::TimeZone> {
        zone(&self.0)
    }
}

/// What happens when the moment of a date has passed already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum IfPast {
    /// It counts as now: the flow goes on at the next allowed moment.
    #[default]
    Now,
    /// The wait is left out: the flow goes on at once, whatever between and days say.
    Skip,
}
