//! Waits as a run sees them: until when, and what ends them.

use std::collections::{BTreeMap, BTreeSet};

use aggregates::field_value::FieldValue;
use aggregates::filter::{Facts, NamedTag};
use aggregates::ids::{FieldId, TagId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::given::{Given, at, failure, faults, mentioned, only, refused, to, written};
use super::*;
use crate::happening::seen_by;

fn steps(form: &Value) -> Value {
    json!({"here": {"wait": form}, "below": {"end": {}}})
}

/// A Monday, at 08:00 in Berlin.
const NOW: &str = "2026-06-01T06:00:00Z";

fn until(form: &Value) -> String {
    match Given::default().enter(&steps(form)).next {
        Next::Wait(Waiting { reason: WaitingFor::Time, until: Some(until), attempt: 0 }) => shown(until),
        other => format!("{other:?}"),
    }
}

fn shown(moment: i64) -> String {
    jiff::Timestamp::from_microsecond(moment).expect("a moment").to_string()
}

fn waiting(until: Option<&str>) -> Waiting {
    Waiting { reason: WaitingFor::Time, until: until.map(at), attempt: 0 }
}

fn for_event(until: Option<&str>) -> Waiting {
    Waiting { reason: WaitingFor::Event { event: "tagApplied".to_owned() }, until: until.map(at), attempt: 0 }
}

fn later(now: &str) -> Given {
    Given { now: at(now), ..Given::default() }
}

#[test]
fn a_duration_passes_and_is_moved_into_the_hours() {
    assert_eq!(until(&json!({"for": "30m"})), "2026-06-01T06:30:00Z");
    assert_eq!(until(&json!({"for": "30m", "between": "09:00-18:00"})), "2026-06-01T07:00:00Z");
    assert_eq!(until(&json!({"for": "12h", "between": "09:00-18:00", "days": "mon"})), "2026-06-08T07:00:00Z");
    assert_eq!(until(&json!({"for": "1d", "days": "thu-fri"})), "2026-06-03T22:00:00Z");
}

#[test]
fn a_time_of_day_is_shown_by_the_contacts_clock_or_the_named_one() {
    assert_eq!(until(&json!({"at": "09:00"})), "2026-06-01T07:00:00Z");
    assert_eq!(until(&json!({"at": "09:00", "timezone": "contact"})), "2026-06-01T07:00:00Z");
    assert_eq!(until(&json!({"at": "09:00", "timezone": "UTC"})), "2026-06-01T09:00:00Z");
    assert_eq!(until(&json!({"at": "09:00", "timezone": "America/New_York"})), "2026-06-01T13:00:00Z");
    assert_eq!(until(&json!({"at": "09:00", "days": "wed"})), "2026-06-03T07:00:00Z");
    assert_eq!(until(&json!({"at": "08:00"})), "2026-06-02T06:00:00Z");
    // A contact whose zone is not one is met in UTC.
    let lost = Given { timezone: "Nowhere", ..Given::default() }.enter(&steps(&json!({"at": "09:00"})));
    assert_eq!(lost, only(pause(at("2026-06-01T09:00:00Z"))));
}

fn dated(form: &Value, field: &Value) -> Turn {
    let words = json!({"contact": {"customField": {"Appointment": field}}, "run": {"when": field}});
    Given { words, ..Given::default() }.enter(&steps(form))
}

#[test]
fn a_date_is_taken_from_its_field_and_moved() {
    let day = json!("2026-06-10");
    let until = |form: &Value| match dated(form, &day).next {
        Next::Wait(Waiting { until: Some(until), .. }) => shown(until),
        other => format!("{other:?}"),
    };
    assert_eq!(until(&json!({"date": "customField.Appointment"})), "2026-06-09T22:00:00Z");
    assert_eq!(until(&json!({"date": "customField.appointment"})), "2026-06-09T22:00:00Z");
    assert_eq!(until(&json!({"date": "run.when", "offset": "-1d"})), "2026-06-08T22:00:00Z");
    assert_eq!(until(&json!({"date": "run.when", "offset": "-1d", "between": "09:00-18:00"})), "2026-06-09T07:00:00Z");
    let moment = json!("2026-06-10T08:30:00Z");
    let turn = dated(&json!({"date": "run.when", "offset": "-90m"}), &moment);
    assert_eq!(turn, only(pause(at("2026-06-10T07:00:00Z"))));
}

#[test]
fn a_date_field_may_be_named_by_its_id() {
    let field = FieldId(Uuid::from_u128(7));
    let mut given = Given::default();
    given.nouns.add_field(field, "Appointment", FieldType::Date);
    given.facts.fields = BTreeMap::from([(field, FieldValue::Date("2026-06-10".to_owned()))]);
    let turn = given.enter(&steps(&json!({"date": format!("customField.{field}")})));
    assert_eq!(turn, only(pause(at("2026-06-09T22:00:00Z"))));
}

#[test]
fn a_date_that_has_passed_counts_as_now_or_is_left_out() {
    let day = json!("2026-05-01");
    assert_eq!(dated(&json!({"date": "run.when"}), &day), only(to("below")));
    let hours = json!({"date": "run.when", "between": "09:00-18:00"});
    assert_eq!(dated(&hours, &day), only(pause(at("2026-06-01T07:00:00Z"))));
    let skipped = json!({"date": "run.when", "between": "09:00-18:00", "ifPast": "skip"});
    assert_eq!(dated(&skipped, &day), only(to("below")));
    // One that lies ahead is waited for all the same.
    assert_eq!(dated(&skipped, &json!("2026-06-02")), only(pause(at("2026-06-02T07:00:00Z"))));
}

#[test]
fn without_a_date_the_run_fails() {
    for nothing in [Value::Null, json!(""), json!("soon"), json!(7)] {
        assert_eq!(failure(&dated(&json!({"date": "customField.Appointment"}), &nothing)), "date_missing");
    }
}

#[test]
fn a_timer_goes_on_when_its_time_has_come_and_not_before() {
    let form = steps(&json!({"for": "30m"}));
    let waiting = waiting(Some("2026-06-01T06:30:00Z"));
    let early = later("2026-06-01T06:29:59.999999Z").resume(&form, &waiting, &Resumption::Timer);
    assert_eq!(early, only(Next::Wait(waiting.clone())));
    let due = later("2026-06-01T06:30:00Z").resume(&form, &waiting, &Resumption::Timer);
    assert_eq!(due, only(to("below")));
}

#[test]
fn a_late_timer_waits_for_the_hours_again() {
    let form = steps(&json!({"for": "30m", "between": "09:00-18:00", "days": "mon-fri"}));
    let waited = waiting(Some("2026-06-05T15:59:00Z"));
    // The server was down over the weekend's beginning.
    let late = later("2026-06-05T21:00:00Z").resume(&form, &waited, &Resumption::Timer);
    assert_eq!(late, only(Next::Wait(waiting(Some("2026-06-08T07:00:00Z")))));
    let next = later("2026-06-08T07:00:00Z").resume(&form, &waiting(Some("2026-06-08T07:00:00Z")), &Resumption::Timer);
    assert_eq!(next, only(to("below")));
}

#[test]
fn what_the_contact_writes_does_not_end_a_wait() {
    for (form, waiting) in [
        (json!({"for": "30m"}), waiting(Some("2026-06-01T06:30:00Z"))),
        (json!({"event": "tagApplied"}), for_event(None)),
    ] {
        let turn = Given::default().resume(&steps(&form), &waiting, &written("hello"));
        assert_eq!(turn, only(Next::Wait(waiting)));
    }
}

#[test]
fn an_event_is_waited_for_with_and_without_an_end() {
    let enter = |form: &Value| Given::default().enter(&steps(form));
    assert_eq!(enter(&json!({"event": "tagApplied"})), only(Next::Wait(for_event(None))));
    let timed = json!({"event": "tagApplied", "timeout": "1d"});
    assert_eq!(enter(&timed), only(Next::Wait(for_event(Some("2026-06-02T06:00:00Z")))));
    let hours = json!({"event": "tagApplied", "timeout": "1d", "between": "09:00-18:00"});
    assert_eq!(enter(&hours), only(Next::Wait(for_event(Some("2026-06-02T07:00:00Z")))));
}

#[test]
fn the_event_goes_on_and_the_end_of_the_time_elsewhere() {
    let form = steps(&json!({"event": "tagApplied", "timeout": "1d", "onTimeout": "here"}));
    let waiting = for_event(Some("2026-06-02T06:00:00Z"));
    assert_eq!(Given::default().resume(&form, &waiting, &Resumption::Event), only(to("below")));
    let due = later("2026-06-02T06:00:00Z");
    assert_eq!(due.resume(&form, &waiting, &Resumption::Timer), only(to("here")));
    let plain = steps(&json!({"event": "tagApplied", "timeout": "1d"}));
    assert_eq!(due.resume(&plain, &waiting, &Resumption::Timer), only(to("below")));
    // A time that was never set does not come.
    let endless = for_event(None);
    assert_eq!(due.resume(&plain, &endless, &Resumption::Timer), only(Next::Wait(endless)));
}

#[test]
fn an_event_that_the_filter_does_not_mean_is_waited_past() {
    let (vip, other) = (TagId(Uuid::from_u128(1)), TagId(Uuid::from_u128(2)));
    let filter = |name: &str| json!({"field": "tag", "op": "eq", "value": name});
    let form = |name: &str| steps(&json!({"event": "tagApplied", "where": filter(name)}));
    let added = |tag| aggregates::contact::Event::ContactTagsAdded { tags: BTreeSet::from([tag]) }.into();
    let resumed = |form: &Value, tag: TagId| {
        let mut given = Given::default();
        given.nouns.add_tag(vip, "VIP");
        let facts = Facts { tags: vec![NamedTag { id: vip, name: "VIP".to_owned() }], ..Facts::default() };
        given.facts = seen_by(&added(tag), &facts);
        given.resume(form, &for_event(None), &Resumption::Event)
    };
    assert_eq!(resumed(&form("VIP"), vip), only(to("below")));
    assert_eq!(resumed(&form("VIP"), other), only(Next::Wait(for_event(None))));
    assert_eq!(failure(&resumed(&form("Gone"), vip)), "filter_failed");
}

#[test]
fn an_event_does_not_end_a_wait_for_the_time() {
    let turn = Given::default().resume(&steps(&json!({"for": "30m"})), &waiting(Some(NOW)), &Resumption::Event);
    assert_eq!(failure(&turn), "not_waiting");
}

#[test]
fn a_wait_has_one_thing_to_wait_for_and_what_belongs_to_it() {
    let codes = |form: &Value| refused(&steps(form)).into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    assert_eq!(codes(&json!({})), ["missing_member"]);
    assert_eq!(codes(&json!({"for": "1d", "at": "09:00"})), ["invalid_form"]);
    for form in [
        json!({"for": "1d", "offset": "1d"}),
        json!({"for": "1d", "ifPast": "skip"}),
        json!({"for": "1d", "where": {}}),
        json!({"for": "1d", "timeout": "1d"}),
        json!({"event": "tagApplied", "onTimeout": "here"}),
        json!({"at": "9:00"}),
        json!({"at": "24:00"}),
        json!({"for": "1d", "between": "9-17"}),
        json!({"for": "1d", "days": "monday"}),
        json!({"date": "run.when", "offset": "1 day"}),
        json!({"date": "run.when", "ifPast": "never"}),
    ] {
        assert_eq!(codes(&form), ["invalid_form"], "{form}");
    }
    for form in [
        json!({"for": "1d", "between": "20:00-24:00", "days": "mon, wed-fri", "timezone": "Europe/Berlin"}),
        json!({"date": "run.when", "offset": "+2w", "ifPast": "now"}),
        json!({"event": "x", "where": {"field": "tag"}, "timeout": "1d", "onTimeout": "here", "timezone": "contact"}),
    ] {
        assert_eq!(codes(&form), [""; 0], "{form}");
    }
}

#[test]
fn faults_that_only_the_step_can_tell_are_told() {
    let paths = |form: &Value| faults(&steps(form)).into_iter().map(|(_, path)| path).collect::<Vec<_>>();
    assert_eq!(paths(&json!({"for": "1d", "between": "09:00-09:00"})), ["steps.here.wait.between"]);
    assert_eq!(paths(&json!({"at": "20:00", "between": "09:00-18:00"})), ["steps.here.wait.at"]);
    assert_eq!(paths(&json!({"at": "23:00", "between": "22:00-06:00"})), [""; 0]);
    assert_eq!(paths(&json!({"date": "run.when", "offset": "-366d"})), ["steps.here.wait.offset"]);
    assert_eq!(paths(&json!({"date": "contact.email"})), ["steps.here.wait.date"]);
    assert_eq!(paths(&json!({"at": "09:00", "timezone": "Europe/Berlin"})), [""; 0]);
    assert_eq!(paths(&json!({"at": "09:00", "timezone": "Europe/Berln"})), ["steps.here.wait.timezone"]);
    let told = mentioned(&steps(&json!({"at": "09:00", "timezone": "Europe/Berln"}))).join("\n");
    assert!(told.contains("id: \"Europe/Berlin\""), "{told}");
}

#[test]
fn everything_that_a_wait_names_is_told() {
    let form = json!({"event": "x", "where": {"field": "tag"}, "timeout": "1d", "onTimeout": "here"});
    let told = mentioned(&steps(&form)).join("\n");
    for named in ["event: Event(\"x\")", "where: Filter(", "timeout: Duration(", "onTimeout: Step(\"here\")"] {
        assert!(told.contains(named), "{named} in {told}");
    }
    let told = mentioned(&steps(&json!({"date": "customField.a"}))).join("\n");
    assert!(told.contains("date: Read { target: CustomField(\"a\"), types: [Date, DateTime] }"), "{told}");
}
