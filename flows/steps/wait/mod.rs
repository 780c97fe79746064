//! `wait`: goes on later, at a moment or when something happens.

mod form;
#[cfg(test)]
mod tests;

use aggregates::field_value::FieldType;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use self::form::{Hours, IfPast, OffsetText, TimeOfDay, Weekdays, ZoneName};
use super::{Act, Here, holds, not_waiting};
use crate::finding::{Code, Finding, join, near};
use crate::mentions::{Mention, Mentions};
use crate::terms::{Duration, FilterText, StepName};
use crate::times::{Allowed, named_by, next_at, zone};
use crate::turn::{Next, Resumption, Scene, Target, Turn, Waiting, WaitingFor};

/// Waits: for a duration, for a time of day, for a date, or for something that happens to the contact. between and days move the moment
/// to the next one that they allow. What the contact writes meanwhile is kept.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    rename = "wait",
    extend(
        "oneOf" = [{"required": ["for"]}, {"required": ["at"]}, {"required": ["date"]}, {"required": ["event"]}],
        "dependentRequired" = {
            "offset": ["date"], "ifPast": ["date"], "where": ["event"], "timeout": ["event"], "onTimeout": ["timeout"]
        }
    )
)]
pub struct Wait {
    /// This long. A day has 24 hours here.
    #[serde(rename = "for")]
    duration: Option<Duration>,
    /// Until the clock shows this time next.
    at: Option<TimeOfDay>,
    /// Until the date that a custom field or a variable of the run holds, as in customField.appointment: a day begins at midnight.
    date: Option<Target>,
    /// How long after the date, or with a minus before it, as in -1d. Days and weeks are those of the calendar.
    offset: Option<OffsetText>,
    /// What happens when that moment has passed already; now when missing.
    #[serde(default)]
    if_past: IfPast,
    /// Until this happens to the contact, such as tagApplied, messageReceived or fieldSet.
    #[schemars(length(min = 1, max = 64))]
    event: Option<String>,
    /// Only if this is true when it happens; tag and customField.x mean what the event has changed.
    #[serde(rename = "where")]
    filter: Option<FilterText>,
    /// How long to wait for the event; without it, as long as it takes.
    timeout: Option<Duration>,
    /// Where to go on when that time is over; without it, at the step that follows.
    on_timeout: Option<StepName>,
    /// Go on in these hours only; over midnight they belong to the day on which they begin. An event goes on at any time, its timeout
    /// only in these hours.
    between: Option<Hours>,
    /// Go on on these days of the week only.
    days: Option<Weekdays>,
    /// The time zone of all this: a name such as Europe/Berlin, or contact (the default) for the contact's own.
    timezone: Option<ZoneName>,
}

impl Act for Wait {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        seen.duration("for", self.duration);
        seen.duration("timeout", self.timeout);
        seen.step("onTimeout", self.on_timeout.as_ref());
        if let Some(event) = &self.event {
            seen.add("event", Mention::Event(event));
        }
        seen.filter("where", self.filter.as_ref());
        if let Some(target) = &self.date {
            seen.add("date", Mention::Read { target, types: &[FieldType::Date, FieldType::DateTime] });
            if !matches!(target, Target::CustomField(_) | Target::Variable(_)) {
                let hint = "name a custom field of the type date or datetime, as in customField.appointment";
                seen.fault("date", Code::InvalidForm, "there is no date to wait for in this place", Some(hint));
            }
        }
        self.faults(seen);
    }

    fn pauses(&self) -> bool {
        // A date may have passed, so that the wait for it is over at once.
        self.at.is_some() || self.event.is_some() || self.duration.is_some()
    }

    fn enter(&self, here: Here<'_>, scene: &Scene<'_>) -> Result<Turn, Next> {
        let next = if let Some(event) = &self.event {
            let until = self.timeout.map(|timeout| self.allowed_from(scene.now.saturating_add(timeout.0), here, scene));
            let reason = WaitingFor::Event { event: event.clone() };
            Next::Wait(Waiting { reason, until: until.transpose()?, attempt: 0 })
        } else {
            match self.until(here, scene)? {
                Some(until) if until > scene.now => pause(until),
                _ => here.go_on(),
            }
        };
        Ok(Turn { effects: Vec::new(), next })
    }

    fn resume(&self, here: Here<'_>, waiting: &Waiting, by: &Resumption, scene: &Scene<'_>) -> Result<Turn, Next> {
        let again = || Next::Wait(waiting.clone());
        let next = match (by, &waiting.reason) {
            // Never early, whoever says that the time has come.
            (Resumption::Timer, _) if waiting.until.is_none_or(|until| scene.now < until) => again(),
            (Resumption::Timer, reason) => {
                // A timer that is late may come at a time that is not allowed.
                let allowed = self.allowed_from(scene.now, here, scene)?;
                match reason {
                    _ if allowed > scene.now => Next::Wait(Waiting { until: Some(allowed), ..waiting.clone() }),
                    WaitingFor::Event { .. } => here.go_to(self.on_timeout.as_ref()),
                    _ => here.go_on(),
                }
            }
            (Resumption::Event, WaitingFor::Event { .. }) => {
                let fits = self.filter.as_ref().map(|filter| holds(&filter.0, scene)).transpose()?;
                if fits.unwrap_or(true) { here.go_on() } else { again() }
            }
            (Resumption::Input(_), _) => again(),
            (Resumption::Event | Resumption::Answer(_), _) => return Err(not_waiting(here)),
        };
        Ok(Turn { effects: Vec::new(), next })
    }
}

fn pause(until: i64) -> Next {
    Next::Wait(Waiting { reason: WaitingFor::Time, until: Some(until), attempt: 0 })
}

impl Wait {
    /// What only the step itself can tell.
    fn faults<'s>(&'s self, seen: &mut Mentions<'s>) {
        let between = self.between.as_ref().map(Hours::read);
        if between == Some(None) {
            let hint = "write two different times, over midnight as in 22:00-06:00";
            seen.fault("between", Code::InvalidForm, "these hours are over when they begin", Some(hint));
        }
        if let (Some(time), Some(Some(window))) = (self.at.as_ref().and_then(TimeOfDay::read), between)
            && !window.contains(time)
        {
            let hint = "leave between out, or choose a time within it";
            seen.fault("at", Code::InvalidForm, "this time is outside the hours of between", Some(hint));
        }
        if self.offset.as_ref().is_some_and(|offset| offset.read().is_none()) {
            seen.fault("offset", Code::InvalidForm, "an offset is at most 365 days", Some("for example -1d or 2h"));
        }
        if let Some(name) = &self.timezone
            && !name.is_contacts()
            && name.read().is_none()
        {
            let zones: Vec<String> =
                TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect();
            let names = zones.iter().map(String::as_str).chain(["contact"]);
            let message = format!("there is no time zone {:?}", name.0);
            let finding = Finding::new(Code::InvalidForm, join(seen.path(), "timezone"), message)
                .hint("write a name such as Europe/Berlin or UTC, or contact for the contact's own")
                .candidates(near(&name.0, names));
            seen.add("timezone", Mention::Fault(finding));
        }
    }

    /// The moment to go on at, or nothing to go on at once.
    fn until(&self, here: Here<'_>, scene: &Scene<'_>) -> Result<Option<i64>, Next> {
        if let Some(time) = self.at.as_ref().and_then(TimeOfDay::read) {
            let moment = next_at(scene.now, time, &self.allowed(), &self.zone(scene));
            return moment.map(Some).ok_or_else(|| never(here));
        }
        if let Some(target) = &self.date {
            let moment = self.date(target, here, scene)?;
            if moment <= scene.now && self.if_past == IfPast::Skip {
                return Ok(None);
            }
            return self.allowed_from(moment.max(scene.now), here, scene).map(Some);
        }
        let duration = self.duration.map_or(0, |duration| duration.0);
        self.allowed_from(scene.now.saturating_add(duration), here, scene).map(Some)
    }

    /// The moment of the date, moved by the offset.
    fn date(&self, target: &Target, here: Here<'_>, scene: &Scene<'_>) -> Result<i64, Next> {
        let value = match target {
            Target::CustomField(name) => scene.custom_field(name),
            Target::Variable(name) => scene.words.get("run").and_then(|run| run.get(name)).cloned(),
            Target::Contact(_) | Target::BotField(_) => None,
        };
        let offset = self.offset.as_ref().and_then(OffsetText::read).unwrap_or_default();
        let text = value.as_ref().and_then(Value::as_str).unwrap_or_default();
        named_by(text, offset, &self.zone(scene)).ok_or_else(|| Next::Fail {
            code: "date_missing",
            reason: format!("the step {} waits for a date, and there is none in its field", here.name),
        })
    }

    fn allowed(&self) -> Allowed {
        let between = self.between.as_ref().and_then(Hours::read);
        Allowed { between, days: self.days.as_ref().and_then(Weekdays::read) }
    }

    /// The first moment from `moment` on that is allowed.
    fn allowed_from(&self, moment: i64, here: Here<'_>, scene: &Scene<'_>) -> Result<i64, Next> {
        self.allowed().next(moment, &self.zone(scene)).ok_or_else(|| never(here))
    }

    fn zone(&self, scene: &Scene<'_>) -> TimeZone {
        let named = self.timezone.as_ref().filter(|name| !name.is_contacts()).and_then(ZoneName::read);
        named.or_else(|| zone(scene.timezone)).unwrap_or(TimeZone::UTC)
    }
}

fn never(here: Here<'_>) -> Next {
    let reason = format!("the step {} waits for a moment that does not come within two weeks", here.name);
    Next::Fail { code: "no_such_moment", reason }
}
