//! Tables of what a custom field takes and refuses; beside `field_value.rs`, which would be too long with them.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn types() -> [FieldType; 10] {
    use FieldType::{Boolean, Date, DateTime, Email, List, Number, Phone, Text, Time, Url};
    [Text, Number, Boolean, Date, DateTime, Time, Url, Email, Phone, List]
}

/// Expects each value to be read as `field_type` in the spelling beside it, and that spelling as itself.
fn reads(field_type: FieldType, cases: &[(Value, Value)]) {
    for (value, spelling) in cases {
        let read = FieldValue::parse(field_type, value).unwrap_or_else(|error| panic!("{value}: {error}"));
        assert_eq!(&read.to_value(), spelling, "{value}");
        assert_eq!(read.field_type(), field_type);
        assert!(FieldValue::parse(field_type, spelling) == Ok(read), "{spelling} again");
    }
}

fn refuses(field_type: FieldType, values: &[Value]) {
    for value in values {
        let read = FieldValue::parse(field_type, value).map(|read| read.to_value());
        assert_eq!(read, Err(InvalidValue { field_type, expected: expected(field_type) }), "{value}");
    }
}

fn same(value: Value) -> (Value, Value) {
    (value.clone(), value)
}

#[test]
fn a_value_of_another_json_type_is_refused() {
    for field_type in types() {
        refuses(field_type, &[json!(null), json!({})]);
        let (is_number, is_boolean) = (field_type == FieldType::Number, field_type == FieldType::Boolean);
        assert_eq!(FieldValue::parse(field_type, &json!(1)).is_ok(), is_number);
        assert_eq!(FieldValue::parse(field_type, &json!(true)).is_ok(), is_boolean);
        assert_eq!(FieldValue::parse(field_type, &json!([])).is_ok(), field_type == FieldType::List);
    }
    refuses(FieldType::Number, &[json!("12"), json!("NaN"), json!("")]);
    refuses(FieldType::Boolean, &[json!("true"), json!(0)]);
}

#[test]
fn a_text_has_up_to_10000_characters() {
    let longest = json!("ß".repeat(MAX_TEXT_CHARS));
    reads(FieldType::Text, &[same(json!("")), same(json!(" 😀\n")), same(longest)]);
    refuses(FieldType::Text, &[json!("x".repeat(MAX_TEXT_CHARS + 1))]);
}

#[test]
fn a_number_has_one_spelling() {
    let huge: Value = serde_json::from_str("18446744073709551616").expect("larger than any integer of ours");
    reads(
        FieldType::Number,
        &[
            (json!(1.0), json!(1)),
            (json!(-0.0), json!(0)),
            (json!(-3e3), json!(-3_000)),
            same(json!(12.5)),
            same(json!(u64::MAX)),
            same(json!(i64::MIN)),
            same(json!(f64::MAX)),
            same(json!(f64::MIN_POSITIVE)),
            (huge, json!(18_446_744_073_709_552_000.0)),
        ],
    );
    assert!(serde_json::from_str::<Value>("1e400").is_err(), "no door lets in what is not finite");
    assert!(serde_json::from_str::<Value>("NaN").is_err(), "no door lets in what is not a number");
}

#[test]
fn a_date_is_a_day_that_exists() {
    reads(FieldType::Date, &[same(json!("2026-11-23")), same(json!("2024-02-29")), same(json!("0001-01-01"))]);
    refuses(
        FieldType::Date,
        &[
            json!("2026-02-30"),
            json!("2026-02-29"),
            json!("2026-13-01"),
            json!("2026-00-10"),
            json!("20261123"),
            json!("2026-11-3"),
            json!("2026-W48-1"),
            json!("2026-327"),
            json!("20261123T0"),
            json!("23.11.2026"),
            json!(" 2026-11-23"),
            json!("2026-11-23T00:00:00Z"),
            json!("２０２６-11-23"),
            json!(""),
        ],
    );
}

#[test]
fn a_moment_needs_its_offset_and_is_stored_in_utc() {
    reads(
        FieldType::DateTime,
        &[
            same(json!("2026-11-23T09:30:00Z")),
            (json!("2026-11-23T09:30:00+01:00"), json!("2026-11-23T08:30:00Z")),
            (json!("2026-11-23T09:30:00.120-03:30"), json!("2026-11-23T13:00:00.12Z")),
            // A leap second is the second before it: our clock has none.
            (json!("2016-12-31T23:59:60Z"), json!("2016-12-31T23:59:59Z")),
        ],
    );
    refuses(
        FieldType::DateTime,
        &[
            json!("2026-11-23T09:30:00"),
            json!("2026-11-23"),
            json!("2026-02-30T09:30:00Z"),
            json!("2026-11-23T24:00:00Z"),
            json!("2026-11-23T09:30:61Z"),
            json!("2026-11-23T09:30:00[Europe/Berlin]"),
            json!("99999-01-01T00:00:00Z"),
            json!("tomorrow"),
            json!(1_795_000_000),
        ],
    );
}

#[test]
fn a_time_of_day_has_no_date_and_no_fraction() {
    reads(FieldType::Time, &[(json!("09:30"), json!("09:30:00")), same(json!("00:00:00")), same(json!("23:59:59"))]);
    refuses(
        FieldType::Time,
        &[
            json!("24:00"),
            json!("09:60"),
            json!("09:30:60"),
            json!("9:30"),
            json!("0930"),
            json!("T09:30"),
            json!("09:30:00.5"),
            json!("09:30Z"),
            json!("2026-11-23T09:30:00"),
            json!("half past nine"),
        ],
    );
}

#[test]
fn an_address_has_a_host_and_shows_all_of_itself() {
    let longest = format!("https://{}", "x".repeat(MAX_URL_BYTES - 8));
    reads(
        FieldType::Url,
        &[
            same(json!("https://example.com/a?b=c#d")),
            same(json!("http://bücher.example")),
            same(json!("https://[::1]:8080/")),
            same(json!(longest)),
        ],
    );
    refuses(
        FieldType::Url,
        &[
            json!("https://"),
            json!("https:///etc/passwd"),
            json!("https://?q"),
            json!("ftp://example.com"),
            json!("javascript:alert(1)"),
            json!("example.com"),
            json!(" https://example.com"),
            json!("https://example.com/a b"),
            json!("https://example.com/\u{202e}gpj.exe"),
            json!("https://example.com/\u{0}"),
            json!(format!("{longest}x")),
        ],
    );
}

#[test]
fn addresses_are_read_as_those_of_contacts() {
    reads(FieldType::Email, &[(json!("Ana@Example.com "), json!("Ana@example.com"))]);
    refuses(FieldType::Email, &[json!("ana"), json!("")]);
    reads(FieldType::Phone, &[(json!("+49 170 1234567"), json!("+491701234567"))]);
    refuses(FieldType::Phone, &[json!("0170 1234567"), json!("")]);
}

#[test]
fn a_list_has_up_to_100_texts_of_up_to_1000_characters() {
    let longest = json!(vec!["é".repeat(1_000); MAX_LIST_ITEMS]);
    reads(FieldType::List, &[same(json!([])), same(json!(["a", "a", ""])), same(longest)]);
    refuses(
        FieldType::List,
        &[
            json!(vec!["a"; MAX_LIST_ITEMS + 1]),
            json!(["x".repeat(1_001)]),
            json!(["a", 1]),
            json!([["a"]]),
            json!([null]),
            json!("a"),
        ],
    );
}

#[test]
fn names_of_types_are_those_of_their_values() {
    for field_type in types() {
        let name: &str = field_type.into();
        assert_eq!(serde_json::to_value(field_type).expect("a JSON form"), json!(name));
        assert_eq!(name.parse(), Ok(field_type));
        let value = json!({ "type": name, "value": match field_type {
            FieldType::Number => json!(1),
            FieldType::Boolean => json!(true),
            FieldType::List => json!([]),
            _ => json!("text"),
        }});
        let read: FieldValue = serde_json::from_value(value.clone()).expect("a stored value");
        assert_eq!(serde_json::to_value(&read).expect("a JSON form"), value);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_read_reads_as_itself(text in "[-+0-9TZ:.W/@a ]{0,30}", number in any::<f64>()) {
        for field_type in types() {
            for value in [json!(text), json!(number), json!([text])] {
                if let Ok(read) = FieldValue::parse(field_type, &value) {
                    prop_assert!(FieldValue::parse(field_type, &read.to_value()) == Ok(read));
                }
            }
        }
    }
}
