//! Waits over the days on which clocks are changed, and over midnight.

use super::*;

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().expect(text).as_microsecond()
}

fn shown(moment: Option<i64>) -> String {
    moment
        .and_then(|moment| Timestamp::from_microsecond(moment).ok())
        .map_or_else(String::new, |moment| moment.to_string())
}

fn in_zone(name: &str) -> TimeZone {
    zone(name).expect(name)
}

fn hours(between: &str, days: &str) -> Allowed {
    let between = (!between.is_empty()).then(|| Window::parse(between).expect(between));
    let days = (!days.is_empty()).then(|| Days::parse(days).expect(days));
    Allowed { between, days }
}

#[test]
fn zones_are_known_by_their_iana_names() {
    assert!(zone("Europe/Berlin").is_some() && zone("UTC").is_some());
    assert!(zone("Berlin").is_none() && zone("").is_none() && zone("+02:00").is_none());
}

#[test]
fn times_days_and_offsets_have_one_form() {
    for wrong in ["9:00", "09:60", "24:00", "09:00:00", "09.00", "", "+9:00", "0900"] {
        assert_eq!(time_of_day(wrong), None, "{wrong}");
    }
    assert_eq!(time_of_day("09:30").map(|time| (time.hour(), time.minute())), Some((9, 30)));
    for wrong in ["09:00", "09:00-09:00", "09:00-25:00", "9-17", "00:00-00:00", "24:00-06:00", "09:00-12:00-13:00"] {
        assert_eq!(Window::parse(wrong), None, "{wrong}");
    }
    for wrong in ["", "monday", "mon-", "mon,,tue", "mon-tue-wed", "8"] {
        assert_eq!(Days::parse(wrong), None, "{wrong}");
    }
    assert_eq!(Days::parse("fri-mon"), Days::parse("Mon, FRI,sat , sun"));
    assert_eq!(Days::parse("mon-mon"), Days::parse("mon"));
    for wrong in ["", "1", "--1d", "- 1d", "366d", "-53w", "1y", "-+1d"] {
        assert_eq!(Offset::parse(wrong), None, "{wrong}");
    }
    assert_eq!(Offset::parse("-1w"), Offset::parse("-7d"));
    assert_eq!(Offset::parse("+2h"), Offset::parse("2h"));
    assert!(Offset::parse("365d").is_some());
}

#[test]
fn a_moment_outside_the_hours_is_moved_to_their_beginning() {
    let zone = in_zone("Europe/Berlin");
    for (allowed, from, expected) in [
        (hours("09:00-18:00", ""), "2026-06-01T07:00:00Z", "2026-06-01T07:00:00Z"),
        (hours("09:00-18:00", ""), "2026-06-01T06:59:59.999999Z", "2026-06-01T07:00:00Z"),
        (hours("09:00-18:00", ""), "2026-06-01T15:59:59Z", "2026-06-01T15:59:59Z"),
        (hours("09:00-18:00", ""), "2026-06-01T16:00:00Z", "2026-06-02T07:00:00Z"),
        // A Friday evening.
        (hours("09:00-18:00", "mon-fri"), "2026-06-05T17:00:00Z", "2026-06-08T07:00:00Z"),
        (hours("", "mon,wed"), "2026-06-05T17:00:00Z", "2026-06-07T22:00:00Z"),
        (hours("", "sat"), "2026-06-05T17:00:00Z", "2026-06-05T22:00:00Z"),
        (hours("", ""), "2026-06-05T17:00:00Z", "2026-06-05T17:00:00Z"),
        (hours("00:00-24:00", "tue"), "2026-06-01T12:00:00Z", "2026-06-01T22:00:00Z"),
        (hours("20:00-24:00", ""), "2026-06-01T22:00:00Z", "2026-06-02T18:00:00Z"),
    ] {
        assert_eq!(shown(allowed.next(at(from), &zone)), expected, "{allowed:?} {from}");
    }
}

#[test]
fn hours_over_midnight_belong_to_the_day_on_which_they_begin() {
    let zone = TimeZone::UTC;
    let nights = hours("22:00-06:00", "fri");
    for (from, expected) in [
        ("2026-06-05T21:59:00Z", "2026-06-05T22:00:00Z"),
        ("2026-06-05T23:00:00Z", "2026-06-05T23:00:00Z"),
        ("2026-06-06T05:59:59Z", "2026-06-06T05:59:59Z"),
        ("2026-06-06T06:00:00Z", "2026-06-12T22:00:00Z"),
        // Early on Friday it is still Thursday's night.
        ("2026-06-05T03:00:00Z", "2026-06-05T22:00:00Z"),
    ] {
        assert_eq!(shown(nights.next(at(from), &zone)), expected, "{from}");
    }
}

#[test]
fn hours_that_a_clock_leaves_out_begin_when_it_was_changed_or_on_the_next_day() {
    // On 2026-03-29 the clock goes from 02:00 to 03:00 at 01:00 UTC.
    let zone = in_zone("Europe/Berlin");
    let from = at("2026-03-29T00:30:00Z");
    assert_eq!(shown(hours("02:30-05:00", "").next(from, &zone)), "2026-03-29T01:00:00Z");
    assert_eq!(shown(hours("02:10-02:50", "").next(from, &zone)), "2026-03-30T00:10:00Z");
    assert_eq!(shown(hours("02:10-02:50", "sun").next(from, &zone)), "2026-04-05T00:10:00Z");
}

#[test]
fn hours_that_a_clock_shows_twice_are_open_twice() {
    // On 2026-10-25 the clock goes from 03:00 back to 02:00 at 01:00 UTC.
    let zone = in_zone("Europe/Berlin");
    let early = hours("01:00-02:30", "");
    assert_eq!(shown(early.next(at("2026-10-25T00:29:00Z"), &zone)), "2026-10-25T00:29:00Z");
    assert_eq!(shown(early.next(at("2026-10-25T00:30:00Z"), &zone)), "2026-10-25T01:00:00Z");
    let late = hours("02:40-02:50", "");
    assert_eq!(shown(late.next(at("2026-10-25T00:50:00Z"), &zone)), "2026-10-25T01:40:00Z");
}

#[test]
fn a_time_of_day_is_the_next_one_and_once_a_day() {
    let zone = in_zone("Europe/Berlin");
    let any = Allowed::default();
    let next = |from: &str, time: &str, allowed: &Allowed| {
        shown(next_at(at(from), time_of_day(time).expect(time), allowed, &zone))
    };
    assert_eq!(next("2026-06-01T06:59:59Z", "09:00", &any), "2026-06-01T07:00:00Z");
    // Whoever comes back to the step at the very moment waits for the next day.
    assert_eq!(next("2026-06-01T07:00:00Z", "09:00", &any), "2026-06-02T07:00:00Z");
    assert_eq!(next("2026-06-05T08:00:00Z", "09:00", &hours("", "mon-fri")), "2026-06-08T07:00:00Z");
    // Left out by the clock: the first moment after it.
    assert_eq!(next("2026-03-29T00:00:00Z", "02:30", &any), "2026-03-29T01:00:00Z");
    assert_eq!(next("2026-03-29T01:00:00Z", "02:30", &any), "2026-03-30T00:30:00Z");
    // Shown twice by the clock: the first of the two, and not the second.
    assert_eq!(next("2026-10-25T00:00:00Z", "02:30", &any), "2026-10-25T00:30:00Z");
    assert_eq!(next("2026-10-25T00:30:00Z", "02:30", &any), "2026-10-26T01:30:00Z");
    assert_eq!(next("2026-06-01T06:00:00Z", "20:00", &hours("09:00-18:00", "")), "");
}

#[test]
fn a_day_begins_at_midnight_where_there_is_one() {
    let berlin = in_zone("Europe/Berlin");
    let named = |value: &str, offset: &str, zone: &TimeZone| {
        shown(named_by(value, Offset::parse(offset).unwrap_or_default(), zone))
    };
    assert_eq!(named("2026-06-01", "", &berlin), "2026-05-31T22:00:00Z");
    assert_eq!(named("2026-06-01", "9h", &berlin), "2026-06-01T07:00:00Z");
    // In Beirut the clock goes from 00:00 to 01:00 on this day.
    assert_eq!(named("2026-03-29", "", &in_zone("Asia/Beirut")), "2026-03-28T22:00:00Z");
    assert_eq!(named("soon", "", &berlin), "");
    assert_eq!(named("09:30:00", "", &berlin), "");
}

#[test]
fn days_of_an_offset_are_days_of_the_calendar_and_hours_are_hours() {
    let berlin = in_zone("Europe/Berlin");
    let named = |value: &str, offset: &str| shown(named_by(value, Offset::parse(offset).expect(offset), &berlin));
    // Over the change of 2026-03-29 a day has 23 hours.
    assert_eq!(named("2026-03-30", "-1d"), "2026-03-28T23:00:00Z");
    assert_eq!(named("2026-03-30", "-24h"), "2026-03-28T22:00:00Z");
    assert_eq!(named("2026-03-30T07:00:00Z", "-1d"), "2026-03-29T07:00:00Z");
    assert_eq!(named("2026-03-29T07:00:00Z", "-1d"), "2026-03-28T08:00:00Z");
    assert_eq!(named("2026-03-29T07:00:00Z", "-24h"), "2026-03-28T07:00:00Z");
    assert_eq!(named("2026-03-29T07:00:00Z", "-1w"), "2026-03-22T08:00:00Z");
}

#[test]
fn moments_at_the_ends_of_time_lead_nowhere() {
    let zone = in_zone("Europe/Berlin");
    for end in [i64::MIN, i64::MAX] {
        assert_eq!(hours("09:00-10:00", "").next(end, &zone), None);
        assert_eq!(next_at(end, Time::midnight(), &Allowed::default(), &zone), None);
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Zones with every kind of change: an hour, half an hour, two hours, at midnight, a whole day left out, none.
    const ZONES: [&str; 11] = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Antarctica/Troll",
        "Asia/Beirut",
        "Pacific/Apia",
        "America/Sao_Paulo",
        "Asia/Kathmandu",
        "Africa/Casablanca",
        "America/St_Johns",
    ];

    fn a_zone() -> impl Strategy<Value = TimeZone> {
        proptest::sample::select(ZONES.to_vec()).prop_map(in_zone)
    }

    /// From 2000 to 2039, half of them within two days of a change of the clock.
    fn a_moment(zone: &TimeZone) -> BoxedStrategy<i64> {
        let (first, last) = (at("2000-01-01T00:00:00Z"), at("2039-12-31T00:00:00Z"));
        let anywhere = first..last;
        let from = Timestamp::from_microsecond(first).expect("a moment");
        let changes: Vec<i64> =
            zone.following(from).take(60).map(|change| change.timestamp().as_microsecond()).collect();
        if changes.is_empty() {
            return anywhere.boxed();
        }
        let near =
            (proptest::sample::select(changes), -2 * DAY_US..2 * DAY_US).prop_map(|(change, away)| change + away);
        prop_oneof![anywhere, near].boxed()
    }

    fn a_case() -> impl Strategy<Value = (TimeZone, i64)> {
        a_zone().prop_flat_map(|zone| a_moment(&zone).prop_map(move |moment| (zone.clone(), moment)))
    }

    fn a_time() -> impl Strategy<Value = Time> {
        (0_i8..24, 0_i8..60).prop_map(|(hour, minute)| Time::new(hour, minute, 0, 0).expect("a time"))
    }

    fn an_allowed() -> impl Strategy<Value = Allowed> {
        let window = (a_time(), a_time()).prop_filter_map("empty", |(from, to)| {
            Window::parse(&format!("{}-{}", from.strftime("%H:%M"), to.strftime("%H:%M")))
        });
        let days = proptest::sample::subsequence(vec!["mon", "tue", "wed", "thu", "fri", "sat", "sun"], 1..=7)
            .prop_filter_map("days", |names| Days::parse(&names.join(",")));
        (proptest::option::of(window), proptest::option::of(days)).prop_map(|(between, days)| Allowed { between, days })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_next_allowed_moment_is_the_first_and_never_early(
            (zone, moment) in a_case(), allowed in an_allowed(), share in 0.0_f64..1.0,
        ) {
            let next = allowed.next(moment, &zone).expect("one within two weeks");
            prop_assert!(next >= moment);
            prop_assert!(allowed.holds(next, &zone));
            prop_assert_eq!(allowed.next(next, &zone), Some(next));
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any moment in between does")]
            let between = moment + ((next - moment) as f64 * share) as i64;
            prop_assert!(between == next || !allowed.holds(between, &zone));
        }

        #[test]
        fn the_next_time_of_day_shows_it_or_follows_a_change((zone, moment) in a_case(), time in a_time()) {
            let next = next_at(moment, time, &Allowed::default(), &zone).expect("one within two weeks");
            prop_assert!(next > moment);
            let wall = local(&zone, next).expect("a moment");
            if wall.time() != time {
                let before = local(&zone, next - 1).expect("a moment");
                prop_assert!(before < wall.date().to_datetime(time) || before.date() < wall.date());
                prop_assert!(wall.time() > time || before.date() < wall.date());
            }
            // A day has at most 26 hours; one day was left out in Samoa.
            prop_assert!(next - moment <= 51 * 3_600_000_000);
        }

        #[test]
        fn a_day_does_not_begin_before_its_first_moment((zone, moment) in a_case()) {
            let day = local(&zone, moment).expect("a moment").date();
            let begin = named_by(&day.to_string(), Offset::default(), &zone).expect("a day");
            prop_assert!(local(&zone, begin).expect("a moment").date() >= day);
            prop_assert!(local(&zone, begin - 1).expect("a moment").date() < day);
        }
    }
}
