//! Contacts found by filters, as an assistant asks for them; and what is no filter finds nobody.

use chatbotx::problem::Code;
use serde_json::{Value, json};

use crate::fixture::{NEW_YEAR, Program, says};

const DAY: i64 = 24 * 3_600 * 1_000_000;

/// A bakery with a few customers.
async fn bakery() -> Program {
    let program = Program::start().await;
    program.done("create_custom_field", json!({"name": "Orders", "type": "number"})).await;
    program.done("create_custom_field", json!({"name": "Birthday", "type": "date"})).await;
    for (name, tag, orders) in
        [("Ana", "VIP", 9), ("Bo", "VIP", 10), ("Chi", "Newsletter", 100), ("Đức", "Newsletter", 9)]
    {
        let email = format!("{}@example.com", name.replace("Đức", "duc"));
        let made = program.done("create_contact", json!({"firstName": name, "email": email, "tags": [tag]})).await;
        let contact = made["contact"]["id"].clone();
        program
            .done("set_contact_custom_field", json!({"contactId": contact, "field": "Orders", "value": orders}))
            .await;
        program.clock.turn(DAY);
    }
    program
}

fn names(answer: &Value) -> Vec<&str> {
    let items = answer["items"].as_array().expect("items").iter();
    items.map(|item| item["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_filter_finds_contacts_beside_the_other_members_and_alone() {
    let program = bakery().await;
    let filter = json!({"any": [
        {"all": [{"field": "tag", "op": "eq", "value": "vip"}, {"field": "customField.orders", "op": "gt", "value": 9}]},
        {"field": "name", "op": "startsWith", "value": "duc"},
    ]});
    let found = program.done("list_contacts", json!({"filter": filter, "withCount": true})).await;
    assert_eq!((names(&found), &found["totalCount"]), (vec!["Đức", "Bo"], &json!(2)));
    let both = program.done("list_contacts", json!({"filter": filter, "tags": ["VIP"], "sort": "name"})).await;
    assert_eq!(names(&both), ["Bo"]);
    let first = program.done("filter_contacts", json!({"filter": filter, "explain": true, "limit": 1})).await;
    assert_eq!(names(&first), ["Đức"]);
    assert_eq!(first["totalCount"], 2);
    let members: Vec<&str> = first.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(members, ["explanation", "totalCount", "items", "nextCursor"]);
    assert_eq!(
        first["explanation"],
        "(some tag is \"VIP\" and the custom field \"Orders\" is greater than 9) or the first and last name begins with \"duc\""
    );
    let second = json!({"filter": filter, "limit": 1, "cursor": first["nextCursor"]});
    let second = program.done("filter_contacts", second).await;
    assert_eq!((names(&second), second.get("nextCursor")), (vec!["Bo"], None));
}

#[tokio::test]
async fn the_last_days_end_at_the_clocks_now() {
    let program = bakery().await;
    let visitor = program.visitor("Eva").await;
    says(&visitor, "one", "Hello").await;
    let within = |last: &str| json!({"filter": {"field": "lastInboundAt", "op": "withinLast", "value": last}});
    assert_eq!(names(&program.done("filter_contacts", within("1h")).await), ["Eva"]);
    program.clock.turn(2 * 3_600 * 1_000_000);
    assert!(names(&program.done("filter_contacts", within("1h")).await).is_empty());
    assert_eq!(names(&program.done("filter_contacts", within("3h")).await), ["Eva"]);
    let waiting = json!({"filter": {"field": "unanswered", "op": "eq", "value": true}});
    assert_eq!(names(&program.done("filter_contacts", waiting).await), ["Eva"]);
    let second_day = jiff::Timestamp::from_microsecond(NEW_YEAR + DAY).expect("a time").to_string();
    let until = json!({"filter": {"field": "createdAt", "op": "lte", "value": second_day}, "sort": "created"});
    assert_eq!(names(&program.done("list_contacts", until).await), ["Bo", "Ana"]);
}

#[tokio::test]
async fn what_is_no_filter_is_refused_and_finds_nobody() {
    let program = bakery().await;
    for (filter, code, field) in [
        (json!({}), Code::InvalidInput, "filter"),
        (json!("{\"field\": \"email\", \"op\": \"exists\"}"), Code::InvalidInput, "filter"),
        (json!([]), Code::InvalidInput, "filter"),
        (json!({"all": []}), Code::InvalidInput, "filter.all"),
        (json!({"and": [{"field": "email", "op": "exists"}]}), Code::InvalidInput, "filter.and"),
        (json!({"all": [{"field": "emial", "op": "exists"}]}), Code::InvalidInput, "filter.all[0].field"),
        (json!({"field": "email", "op": "eq"}), Code::InvalidInput, "filter.value"),
        (json!({"field": "email", "op": "like", "value": "x"}), Code::InvalidInput, "filter.op"),
        (json!({"field": "tag", "op": "in", "value": ["VIP", "Newslettre"]}), Code::NotFound, "filter.value[1]"),
        (json!({"field": "customField.Order", "op": "gt", "value": 1}), Code::NotFound, "filter.field"),
        (
            json!({"not": {"field": "customField.Orders", "op": "gt", "value": "1"}}),
            Code::InvalidInput,
            "filter.not.value",
        ),
    ] {
        for name in ["list_contacts", "filter_contacts"] {
            let problem = program.refused(name, json!({ "filter": filter })).await;
            assert_eq!((problem.code, problem.field.as_deref()), (code, Some(field)), "{name} {filter}");
            assert!(problem.hint.is_some() || filter.is_array(), "{filter}: {problem:?}");
        }
    }
    let quoted =
        program.refused("filter_contacts", json!({"filter": "{\"field\": \"email\", \"op\": \"exists\"}"})).await;
    assert!(quoted.hint.is_some_and(|hint| hint.contains("not its text")));
    let misspelt = json!({"filter": {"all": [
        {"field": "tag", "op": "eq", "value": "Newslettre"}, {"field": "tag", "op": "eq", "value": "nobody"},
    ]}});
    let misspelt = program.refused("filter_contacts", misspelt).await;
    assert_eq!(misspelt.candidates[0].name.as_deref(), Some("Newsletter"));
    assert!(misspelt.hint.is_some_and(|hint| hint.contains("filter.all[1].value")));
}

#[tokio::test]
async fn what_filters_can_ask_is_listed_with_examples_that_work() {
    let program = bakery().await;
    let listed = program.done("list_filter_fields", json!({})).await;
    let items = listed["items"].as_array().expect("items");
    for item in items {
        let mut example = item["example"].clone();
        if item["field"] == "tag" {
            assert_eq!(listed["tags"], json!(["Newsletter", "VIP"]));
        }
        example["op"] = item["operators"]
            .as_array()
            .and_then(|operators| operators.iter().find(|op| **op == example["op"]))
            .expect("one of its operators")
            .clone();
        program.done("filter_contacts", json!({ "filter": example })).await;
    }
    let own: Vec<&str> = items.iter().filter_map(|item| item["field"].as_str()?.strip_prefix("customField.")).collect();
    assert_eq!(own, ["Birthday", "Orders"]);
    for operator in listed["operators"].as_array().expect("operators") {
        assert!(items.iter().any(|item| item["operators"].as_array().is_some_and(|all| all.contains(&operator["op"]))));
    }
}
