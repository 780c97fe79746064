//! What filters mean, and which are none.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;
use crate::channel_account::Channel;
use crate::contact_attributes::Attributes;
use crate::field_value::{FieldType, FieldValue};
use crate::ids::{FieldId, TagId};
use crate::personal::Personal;

const NOW: i64 = 1_795_426_200_000_000;
const HOUR: i64 = 3_600_000_000;
const VIP: TagId = TagId(uuid::Uuid::from_u128(1));
const NEWS: TagId = TagId(uuid::Uuid::from_u128(2));

fn field(number: u128) -> FieldId {
    FieldId(uuid::Uuid::from_u128(100 + number))
}

const TYPES: [(&str, FieldType); 9] = [
    ("Plan", FieldType::Text),
    ("Score", FieldType::Number),
    ("Member", FieldType::Boolean),
    ("Birthday", FieldType::Date),
    ("Visit", FieldType::DateTime),
    ("Alarm", FieldType::Time),
    ("Colours", FieldType::List),
    ("Second.mail", FieldType::Email),
    ("Second phone", FieldType::Phone),
];

pub(super) fn nouns() -> Nouns {
    let mut nouns = Nouns::default();
    nouns.add_tag(VIP, "VIP");
    nouns.add_tag(NEWS, "Newsletter");
    for (number, (name, field_type)) in (0..).zip(TYPES) {
        nouns.add_field(field(number), name, field_type);
    }
    nouns
}

fn known(text: &str) -> Option<Personal<String>> {
    Some(Personal::Known(text.to_owned()))
}

fn ana() -> Facts {
    let values = [
        json!("Gold 100%"),
        json!(9.5),
        json!(true),
        json!("2000-02-29"),
        json!("2026-11-23T08:30:00+02:00"),
        json!("09:30"),
        json!(["Đỏ", "dark blue"]),
        json!("ana2@example.com"),
        json!("+84 24 3333 4444"),
    ];
    let typed = (0..).zip(TYPES).zip(values);
    let value = |field_type, value: &Value| FieldValue::parse(field_type, value).expect("a value");
    Facts {
        contact: None,
        attributes: Attributes {
            first_name: known("Nguyễn"),
            last_name: known("Ana"),
            email: known("Ana@Example.com"),
            phone: known("+491701234567"),
            gender: known("female"),
            language: known("pt-BR"),
            country: Some(Personal::Erased(true)),
            ..Attributes::default()
        },
        tags: vec![NamedTag { id: VIP, name: "VIP".to_owned() }],
        fields: typed.map(|((number, (_, kind)), json)| (field(number), value(kind, &json))).collect(),
        channels: BTreeSet::from([Channel::Webchat]),
        conversations: vec![
            ConversationFacts { status: "closed".to_owned(), owner: "none".to_owned(), unanswered: false },
            ConversationFacts { status: "open".to_owned(), owner: "ai".to_owned(), unanswered: true },
        ],
        created_at: NOW - 100 * HOUR,
        last_inbound_at: Some(NOW - 2 * HOUR),
        last_outbound_at: None,
        last_activity_at: NOW - 2 * HOUR,
        blocked: false,
        flows: BTreeMap::new(),
    }
}

fn filter(json: &Value) -> Result<Filter, Vec<FilterError>> {
    parse(json)?.resolve(&nouns())
}

fn is(field: &str, op: &str, value: Value) -> Value {
    match value {
        Value::Null => json!({ "field": field, "op": op }),
        value => json!({ "field": field, "op": op, "value": value }),
    }
}

fn holds(json: &Value, facts: &Facts) -> bool {
    filter(json).unwrap_or_else(|errors| panic!("{json}: {errors:?}")).matches(facts, NOW)
}

#[test]
fn a_condition_holds_of_a_contact_if_one_of_its_values_fits() {
    for (field, op, value) in [
        ("name", "eq", json!("nguyen  ANA")),
        ("name", "contains", json!("yen an")),
        ("firstName", "startsWith", json!("Ngu")),
        ("lastName", "endsWith", json!("NA")),
        ("email", "eq", json!("ana@example.com")),
        ("email", "endsWith", json!("@example.com")),
        ("phone", "eq", json!("+49 170 1234567")),
        ("phone", "contains", json!("170 12")),
        ("gender", "in", json!(["male", "female"])),
        ("language", "startsWith", json!("PT")),
        ("language", "eq", json!("pt-br")),
        ("tag", "eq", json!("vip")),
        ("tag", "contains", json!("VIP")),
        ("tag", "in", json!(["Newsletter", VIP.to_string()])),
        ("channel", "eq", json!("webchat")),
        ("customField.plan", "contains", json!("100%")),
        ("customField.Score", "gt", json!(9)),
        ("customField.Score", "lt", json!(10)),
        ("customField.Score", "between", json!([9.5, 9.5])),
        ("customField.Member", "eq", json!(true)),
        ("customField.Birthday", "lt", json!("2000-03-01")),
        ("customField.Visit", "eq", json!("2026-11-23T06:30:00Z")),
        ("customField.Visit", "withinLast", json!("4h")),
        ("customField.Alarm", "lte", json!("09:30:00")),
        ("customField.Colours", "contains", json!("do")),
        ("customField.Colours", "in", json!(["green", "Dark  Blue"])),
        ("customField.Second.mail", "exists", Value::Null),
        ("customField.Second phone", "startsWith", json!("+84")),
        ("createdAt", "withinLast", json!("100h")),
        ("createdAt", "gte", json!("2026-11-01T00:00:00+07:00")),
        ("lastInboundAt", "withinLast", json!("3h")),
        ("lastActivityAt", "lt", json!("2026-11-23T09:30:00Z")),
        ("conversation.status", "eq", json!("closed")),
        ("conversation.owner", "in", json!(["ai", "human"])),
        ("unanswered", "eq", json!(true)),
    ] {
        let condition = is(field, op, value);
        assert!(holds(&condition, &ana()), "{condition}");
        assert!(!holds(&json!({ "not": condition }), &ana()), "{condition}");
        if op != "exists" && field != "createdAt" && field != "lastActivityAt" {
            assert!(!holds(&condition, &Facts::default()), "{condition} holds of a contact of whom nothing is known");
        }
    }
}

#[test]
fn an_opposite_holds_where_nothing_is_known_and_where_no_value_fits() {
    for (field, op, opposite, value) in [
        ("email", "eq", "ne", json!("ana@example.com")),
        ("country", "in", "notIn", json!(["DE"])),
        ("customField.Plan", "contains", "notContains", json!("gold")),
        ("customField.Colours", "contains", "notContains", json!("do")),
        ("tag", "eq", "ne", json!("VIP")),
        ("tag", "contains", "notContains", json!("VIP")),
        ("tag", "in", "notIn", json!(["VIP", "Newsletter"])),
        ("channel", "eq", "ne", json!("webchat")),
        ("conversation.status", "eq", "ne", json!("closed")),
        ("lastInboundAt", "withinLast", "notWithinLast", json!("24h")),
        ("customField.Visit", "withinLast", "notWithinLast", json!("24h")),
        ("gender", "exists", "notExists", Value::Null),
        ("unanswered", "eq", "ne", json!(true)),
    ] {
        assert!(!holds(&is(field, op, value.clone()), &Facts::default()), "{field} {op}");
        assert!(holds(&is(field, opposite, value.clone()), &Facts::default()), "{field} {opposite}");
        let (one, other) = (is(field, op, value.clone()), is(field, opposite, value));
        assert_ne!(holds(&one, &ana()), holds(&other, &ana()), "{field}");
    }
}

#[test]
fn a_part_of_an_item_and_what_was_erased_are_not_found() {
    for (field, op, value) in [
        ("customField.Colours", "contains", json!("dark")),
        ("customField.Plan", "eq", json!("gold")),
        ("customField.Plan", "contains", json!("gold_")),
        ("country", "exists", Value::Null),
        ("timezone", "exists", Value::Null),
        ("lastOutboundAt", "exists", Value::Null),
        ("tag", "eq", json!("Newsletter")),
        ("customField.Visit", "withinLast", json!("1h")),
    ] {
        assert!(!holds(&is(field, op, value.clone()), &ana()), "{field} {op} {value}");
    }
}

#[test]
fn a_day_lies_within_the_last_days_by_its_midnight_and_not_in_the_future() {
    let born = |day: &str| Facts {
        fields: BTreeMap::from([(field(3), FieldValue::parse(FieldType::Date, &json!(day)).expect("a day"))]),
        ..Facts::default()
    };
    // Now is 09:30 of the 23rd.
    for (day, within, wanted) in [
        ("2026-11-23", "1d", true),
        ("2026-11-23", "9h", false),
        ("2026-11-22", "1d", false),
        ("2026-11-22", "34h", true),
        ("2026-11-24", "1d", false),
        ("1890-01-01", "3650d", false),
    ] {
        assert_eq!(
            holds(&is("customField.birthday", "withinLast", json!(within)), &born(day)),
            wanted,
            "{day} {within}"
        );
    }
}

#[test]
fn all_any_and_not_go_together() {
    let (yes, no) = (is("tag", "eq", json!("VIP")), is("tag", "eq", json!("Newsletter")));
    for (json, wanted) in [
        (json!({"all": [yes]}), true),
        (json!({"all": [yes, no]}), false),
        (json!({"any": [no, yes]}), true),
        (json!({"any": [no, no]}), false),
        (json!({"not": {"any": [no, {"not": {"all": [yes]}}]}}), true),
        (json!({"all": null, "any": [yes], "not": null, "field": null, "op": null, "value": null}), true),
    ] {
        assert_eq!(holds(&json, &ana()), wanted, "{json}");
    }
}

#[test]
fn every_example_is_a_filter() {
    let custom = TYPES.iter().map(|(name, field_type)| (format!("customField.{name}"), Kind::of(*field_type)));
    let fixed = FIELDS.iter().filter_map(|field| match field.place {
        Place::Fixed(_, kind) => Some((field.name.to_owned(), kind)),
        _ => None,
    });
    for (name, kind) in fixed.chain(custom) {
        let (operator, value) = kind.example();
        assert!(filter(&is(&name, operator.name(), value)).is_ok(), "{name}");
    }
}

#[test]
fn the_owners_of_conversations_are_those_that_there_are() {
    use strum::VariantArray as _;
    let owners: Vec<&str> = crate::conversation::Owner::VARIANTS.iter().map(Into::into).collect();
    let field = FIELDS.iter().find(|field| field.name == "conversation.owner").expect("a field");
    assert_eq!(field.kind().map(Kind::choices), Some(owners.as_slice()));
}

#[test]
fn a_filter_can_be_told_in_words() {
    let json = json!({"all": [
        {"field": "tag", "op": "ne", "value": TagId(uuid::Uuid::from_u128(1)).to_string()},
        {"any": [
            {"field": "customField.score", "op": "gte", "value": 5},
            {"field": "customField.colours", "op": "notIn", "value": ["red", "blue"]},
        ]},
        {"not": {"field": "country", "op": "exists"}},
        {"field": "email", "op": "ne", "value": "a@b.co"},
        {"field": "lastInboundAt", "op": "withinLast", "value": "7d"},
        {"field": "unanswered", "op": "ne", "value": true},
    ]});
    assert_eq!(
        filter(&json).expect("a filter").words(),
        "no tag is \"VIP\" and (the custom field \"Score\" is at least 5 or no item of the custom field \"Colours\" is one of \
         \"red\", \"blue\") and not (the country is known) and the e-mail address is not \"a@b.co\" (or is not known) and the time \
         of the last message from the contact lies within the last 7d and the contact is not waiting for an answer"
    );
}
