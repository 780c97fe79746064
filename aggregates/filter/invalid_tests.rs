//! What is no filter is refused, with the place, the value and what to do.

use serde_json::{Value, json};

use super::tests::nouns;
use super::*;

fn refused(json: &Value) -> Vec<FilterError> {
    match parse(json).and_then(|parsed| parsed.resolve(&nouns())) {
        Ok(filter) => panic!("{json} is taken as {}", filter.words()),
        Err(errors) => errors,
    }
}

fn is(field: &str, op: &str, value: Value) -> Value {
    let mut condition = json!({ "field": field, "op": op });
    condition["value"] = value;
    condition
}

#[test]
#[expect(clippy::too_many_lines, reason = "one list of everything that is wrong")]
fn every_broken_filter_is_refused_at_its_place() {
    let good = || is("email", "exists", Value::Null);
    let nested = |levels: usize| (1..levels).fold(good(), |inner, _| json!({ "not": inner }));
    for (json, code, path) in [
        (json!(null), Fault::FilterForm, ""),
        (json!(true), Fault::FilterForm, ""),
        (json!([good()]), Fault::FilterForm, ""),
        (json!(good().to_string()), Fault::FilterForm, ""),
        (json!({}), Fault::FilterForm, ""),
        (json!({"all": []}), Fault::FilterForm, "all"),
        (json!({"any": []}), Fault::FilterForm, "any"),
        (json!({"all": {"field": "email"}}), Fault::FilterForm, "all"),
        (json!({"all": [{}]}), Fault::FilterForm, "all[0]"),
        (json!({"all": [good()], "any": [good()]}), Fault::FilterForm, ""),
        (json!({"not": good(), "field": "email", "op": "exists"}), Fault::FilterForm, ""),
        (json!({"not": [good()]}), Fault::FilterForm, "not"),
        (json!({"and": [good()]}), Fault::FilterForm, "and"),
        (json!({"all": [good(), {"Any": [good()]}]}), Fault::FilterForm, "all[1].Any"),
        (json!({"field": "email", "operator": "exists"}), Fault::FilterForm, "operator"),
        (json!({"op": "exists"}), Fault::FilterForm, "field"),
        (json!({"field": 7, "op": "exists"}), Fault::FilterForm, "field"),
        (json!({"field": "email"}), Fault::FilterForm, "op"),
        (json!({"field": "customField.Plan"}), Fault::FilterForm, "op"),
        (json!({"field": "email", "op": ["exists"]}), Fault::FilterForm, "op"),
        (nested(6), Fault::TooDeep, "not.not.not.not.not"),
        (json!({"any": vec![good(); 51]}), Fault::TooLarge, ""),
        (is("mail", "exists", Value::Null), Fault::UnknownField, "field"),
        (is("Email", "exists", Value::Null), Fault::UnknownField, "field"),
        (is("customField.", "exists", Value::Null), Fault::UnknownField, "field"),
        (is("sequence.Welcome", "exists", Value::Null), Fault::UnknownField, "field"),
        (is("email", "equals", json!("a@b.co")), Fault::UnknownOperator, "op"),
        (is("email", "withinLast", json!("24h")), Fault::UnknownOperator, "op"),
        (is("tag", "startsWith", json!("V")), Fault::UnknownOperator, "op"),
        (is("customField.score", "contains", json!("1")), Fault::UnknownOperator, "op"),
        (is("customField.colours", "eq", json!("red")), Fault::UnknownOperator, "op"),
        (json!({"field": "email", "op": "eq"}), Fault::MissingValue, "value"),
        (is("customField.plan", "contains", Value::Null), Fault::MissingValue, "value"),
        (is("email", "exists", json!(false)), Fault::UnexpectedValue, "value"),
        (is("email", "notExists", json!("x")), Fault::UnexpectedValue, "value"),
        (is("name", "eq", json!(7)), Fault::InvalidValue, "value"),
        (is("name", "eq", json!("")), Fault::InvalidValue, "value"),
        (is("name", "contains", json!(" \u{200b} ")), Fault::InvalidValue, "value"),
        (is("name", "contains", json!("x".repeat(1_001))), Fault::InvalidValue, "value"),
        (is("name", "in", json!("Ana")), Fault::InvalidValue, "value"),
        (is("name", "in", json!([])), Fault::InvalidValue, "value"),
        (is("name", "in", json!(vec!["x"; 101])), Fault::InvalidValue, "value"),
        (is("name", "in", json!(["Ana", 7])), Fault::InvalidValue, "value[1]"),
        (is("name", "eq", json!(["Ana"])), Fault::InvalidValue, "value"),
        (is("email", "eq", json!("ana")), Fault::InvalidValue, "value"),
        (is("phone", "eq", json!("0170 1234567")), Fault::InvalidValue, "value"),
        (is("phone", "contains", json!("abc")), Fault::InvalidValue, "value"),
        (is("gender", "eq", json!("woman")), Fault::InvalidValue, "value"),
        (is("channel", "eq", json!("webchatt")), Fault::InvalidValue, "value"),
        (is("createdAt", "gt", json!("2026-11-23")), Fault::InvalidValue, "value"),
        (is("createdAt", "gt", json!(1_795_426_200)), Fault::InvalidValue, "value"),
        (is("createdAt", "withinLast", json!("a week")), Fault::InvalidValue, "value"),
        (is("createdAt", "withinLast", json!("-1h")), Fault::InvalidValue, "value"),
        (is("createdAt", "withinLast", json!("0h")), Fault::InvalidValue, "value"),
        (is("createdAt", "withinLast", json!("99999w")), Fault::InvalidValue, "value"),
        (
            is("createdAt", "between", json!(["2026-11-24T00:00:00Z", "2026-11-23T00:00:00Z"])),
            Fault::InvalidValue,
            "value",
        ),
        (is("createdAt", "between", json!(["2026-11-23T00:00:00Z"])), Fault::InvalidValue, "value"),
        (is("unanswered", "eq", json!("true")), Fault::InvalidValue, "value"),
        (is("customField.score", "eq", json!("9.5")), Fault::InvalidValue, "value"),
        (is("customField.birthday", "eq", json!("2026-02-30")), Fault::InvalidValue, "value"),
        (is("customField.alarm", "lt", json!("25:00")), Fault::InvalidValue, "value"),
        (is("tag", "eq", json!("Newslettre")), Fault::UnknownTag, "value"),
        (is("tag", "in", json!(["VIP", "nobody"])), Fault::UnknownTag, "value[1]"),
        (is("tag", "eq", json!(7)), Fault::InvalidValue, "value"),
        (is("customField.Plam", "eq", json!("x")), Fault::UnknownCustomField, "field"),
    ] {
        let errors = refused(&json);
        assert_eq!((errors[0].code, errors[0].path.as_str()), (code, path), "{json}");
        assert!(!errors[0].message.is_empty());
    }
    assert!(parse(&nested(5)).is_ok());
}

#[test]
fn every_fault_is_told_with_what_would_be_right() {
    let errors = refused(&json!({"all": [
        {"field": "emial", "op": "exists"},
        {"field": "createdAt", "op": "gt", "value": "2026-11-23"},
        {"any": [{"field": "name", "op": "isContained", "value": "x"}, {"field": "phone", "op": "eq", "value": "1"}]},
    ]}));
    let places: Vec<String> = errors.iter().map(|error| error.path_in("filter")).collect();
    assert_eq!(
        places,
        ["filter.all[0].field", "filter.all[1].value", "filter.all[2].any[0].op", "filter.all[2].any[1].value"]
    );
    assert_eq!(errors[0].candidates[0].id, "email");
    assert_eq!(errors[0].value, Some(json!("emial")));
    assert!(errors[1].hint.as_deref().is_some_and(|hint| hint.contains("2026-11-23T00:00:00Z")));
    assert!(errors[2].hint.as_deref().is_some_and(|hint| hint.contains("startsWith")), "{:?}", errors[2]);
    let text = refused(&json!(r#"{"field": "email", "op": "exists"}"#));
    assert!(text[0].hint.as_deref().is_some_and(|hint| hint.contains("object itself")));
}

#[test]
fn a_name_that_is_near_or_not_the_only_one_is_refused_with_what_there_is() {
    let near = refused(&is("tag", "eq", json!("Newslettre")));
    assert_eq!(near[0].candidates[0].id, "Newsletter");
    let mut nouns = nouns();
    nouns.add_tag(crate::ids::TagId(uuid::Uuid::from_u128(3)), "víp");
    let several = parse(&is("tag", "eq", json!("VIP"))).and_then(|parsed| parsed.resolve(&nouns));
    assert_eq!(several.map_err(|errors| errors[0].code), Err(Fault::Ambiguous));
    nouns.suggest("Nws", vec![Candidate { id: "tag_1".to_owned(), name: None, reason: "was said".to_owned() }]);
    let suggested = parse(&is("tag", "eq", json!("Nws"))).and_then(|parsed| parsed.resolve(&nouns));
    assert_eq!(suggested.map_err(|errors| errors[0].candidates[0].id.clone()), Err("tag_1".to_owned()));
}

#[test]
fn what_has_to_be_looked_up_is_told() {
    let json = json!({"all": [
        {"field": "tag", "op": "in", "value": ["VIP", "Newsletter"]},
        {"not": {"field": "tag", "op": "eq", "value": "Old"}},
        {"field": "customField.a.b", "op": "exists"},
    ]});
    let references = parse(&json).expect("a filter").references();
    assert_eq!(references.tags.into_iter().collect::<Vec<_>>(), ["Newsletter", "Old", "VIP"]);
    assert_eq!(references.fields.into_iter().collect::<Vec<_>>(), ["a.b"]);
}
