//! x
use jiff::tz::{TimeZone, TimeZoneDatabase};
/// The time zone of an IANA name.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}
