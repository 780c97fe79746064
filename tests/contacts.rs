//! What an assistant does with contacts, tags and fields, as the operations promise it.

use chatbotx::problem::Code;
use serde_json::{Value, json};

use crate::fixture::Program;

fn id(answer: &Value) -> String {
    answer["contact"]["id"].as_str().expect("a contact's id").to_owned()
}

async fn ana(program: &Program) -> String {
    let ana =
        json!({"firstName": "Ana", "lastName": "López", "email": "ana.lopez@example.com", "phone": "+491701234567"});
    id(&program.done("create_contact", ana).await)
}

#[tokio::test]
async fn a_contact_is_found_by_whatever_names_it_and_only_exactly() {
    let program = Program::start().await;
    let ana = ana(&program).await;
    for reference in [ana.as_str(), "email:ANA.Lopez@example.com", "phone:+49 170 1234567"] {
        let found = program.done("get_contact", json!({"contactId": reference})).await;
        assert_eq!(id(&found), ana, "{reference}");
        assert_eq!(found["contact"]["name"], "Ana López");
    }
    let near = program.refused("get_contact", json!({"contactId": "email:anna.lopez@example.com"})).await;
    assert_eq!((near.code, near.candidates[0].id.as_str()), (Code::NotFound, ana.as_str()));
    let name = program.refused("get_contact", json!({"contactId": "lopez"})).await;
    assert_eq!((name.code, name.candidates[0].id.as_str()), (Code::InvalidInput, ana.as_str()));
    let tag =
        program.refused("add_contact_tags", json!({"contactId": "email:anna.lopez@example.com", "tag": "vip"})).await;
    assert_eq!((tag.code, tag.candidates[0].id.as_str()), (Code::NotFound, ana.as_str()));
}

#[tokio::test]
async fn an_address_that_is_taken_names_its_owner() {
    let program = Program::start().await;
    let ana = ana(&program).await;
    let bo = id(&program.done("create_contact", json!({"firstName": "Bo"})).await);
    for (name, arguments, field) in [
        ("create_contact", json!({"email": "Ana.Lopez@Example.com"}), "email"),
        ("create_contact", json!({"phone": "+491701234567"}), "phone"),
        ("update_contact", json!({"contactId": bo, "phone": "+491701234567"}), "phone"),
    ] {
        let problem = program.refused(name, arguments).await;
        assert_eq!((problem.code, problem.field.as_deref()), (Code::Conflict, Some(field)));
        assert_eq!(problem.candidates[0].id, ana);
    }
    program.done("update_contact", json!({"contactId": ana, "clear": ["phone"]})).await;
    let taken =
        program.done("update_contact", json!({"contactId": bo, "phone": "+491701234567", "lastName": null})).await;
    assert_eq!(taken["contact"]["phone"], "+491701234567");
}

#[tokio::test]
async fn an_upsert_makes_once_then_changes_and_never_joins_two() {
    let program = Program::start().await;
    let made = program.done("upsert_contact", json!({"email": "ana.lopez@example.com", "tags": ["lead"]})).await;
    assert_eq!((&made["created"], &made["changed"]), (&json!(true), &json!(true)));
    let again = program.done("upsert_contact", json!({"email": "ana.lopez@example.com", "firstName": "Ana"})).await;
    assert_eq!((&again["created"], id(&again)), (&json!(false), id(&made)));
    assert_eq!(again["contact"]["tags"], json!(["lead"]));
    let same = program.done("upsert_contact", json!({"email": "ana.lopez@example.com", "firstName": "Ana"})).await;
    assert_eq!(same["changed"], false);
    let bo = program.done("create_contact", json!({"phone": "+491701234567"})).await;
    let both =
        program.refused("upsert_contact", json!({"email": "ana.lopez@example.com", "phone": "+491701234567"})).await;
    let named: Vec<&str> = both.candidates.iter().map(|candidate| candidate.id.as_str()).collect();
    assert_eq!((both.code, named), (Code::Conflict, vec![id(&made).as_str(), id(&bo).as_str()]));
}

#[tokio::test]
async fn tags_are_made_when_missing_added_once_and_removed() {
    let program = Program::start().await;
    let ana = ana(&program).await;
    let names = |tags: &Value| -> Vec<String> {
        let tags = tags.as_array().expect("tags").iter();
        tags.map(|tag| tag["name"].as_str().expect("a name").to_owned()).collect()
    };
    let added = program.done("add_contact_tags", json!({"contactId": ana, "tags": ["VIP", "Zürich", "vip"]})).await;
    assert_eq!(
        (names(&added["tags"]), names(&added["added"])),
        (vec!["VIP".into(), "Zürich".into()], vec!["VIP".to_owned(), "Zürich".into()])
    );
    let again = program.done("add_contact_tags", json!({"contactId": ana, "tag": "zurich"})).await;
    assert_eq!((&again["changed"], names(&again["added"]).len()), (&json!(false), 0));
    let typo = program.refused("remove_contact_tags", json!({"contactId": ana, "tag": "vipp"})).await;
    assert_eq!((typo.code, typo.candidates[0].name.as_deref()), (Code::NotFound, Some("VIP")));
    let removed =
        program.done("remove_contact_tags", json!({"contactId": ana, "tagIds": [added["tags"][0]["id"]]})).await;
    assert_eq!(
        (names(&removed["tags"]), names(&removed["removed"])),
        (vec!["Zürich".to_owned()], vec!["VIP".to_owned()])
    );
    let listed = program.done("list_contact_tags", json!({"contactId": ana})).await;
    assert_eq!(names(&listed["items"]), ["Zürich"]);
    let tagged = program.done("list_contacts", json!({"tags": ["ZURICH"], "withCount": true})).await;
    assert_eq!((&tagged["items"][0]["id"], &tagged["totalCount"]), (&json!(ana), &json!(1)));
}

#[tokio::test]
async fn a_field_takes_values_of_its_type_only() {
    let program = Program::start().await;
    let ana = ana(&program).await;
    program.done("create_custom_field", json!({"name": "Visits", "type": "number"})).await;
    let set = async |value: Value, operation: &str| {
        let arguments = json!({"contactId": ana, "field": "visits", "value": value, "operation": operation});
        program.call("set_contact_custom_field", arguments).await
    };
    assert_eq!(set(json!(2), "increase").await.expect("set")["customField"]["value"], 2);
    assert_eq!(set(json!(3), "increase").await.expect("set")["customField"]["value"], 5);
    for (value, operation, field) in
        [(json!("5"), "set", "value"), (json!(1), "append", "operation"), (Value::Null, "set", "value")]
    {
        let problem = set(value, operation).await.expect_err("must be refused");
        assert_eq!((problem.code, problem.field.as_deref()), (Code::InvalidInput, Some(field)));
    }
    let listed = program.done("list_contact_custom_fields", json!({"contactId": ana})).await;
    assert_eq!((&listed["items"][0]["name"], &listed["items"][0]["value"]), (&json!("Visits"), &json!(5)));
    let typo = json!({"contactId": ana, "field": "visit", "value": 1});
    assert_eq!(program.refused("set_contact_custom_field", typo).await.candidates[0].name.as_deref(), Some("Visits"));
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_written_and_writes_nothing() {
    let program = Program::start().await;
    let before = program.head().await;
    let arguments = json!({"firstName": "Ana", "tags": ["vip"], "dryRun": true, "idempotencyKey": "k"});
    let dry = program.done("create_contact", arguments.clone()).await;
    assert_eq!((&dry["dryRun"], &dry["changed"], &dry["position"]), (&json!(true), &json!(true), &Value::Null));
    let types: Vec<&str> =
        dry["wouldAppend"].as_array().expect("events").iter().filter_map(|e| e["type"].as_str()).collect();
    assert_eq!(types, ["ContactCreated", "TagCreated", "ContactTagsAdded"]);
    assert_eq!(dry["wouldAppend"][0]["data"]["attributes"]["firstName"], "Ana");
    assert_eq!(program.head().await, before);
    let made =
        program.done("create_contact", json!({"firstName": "Ana", "tags": ["vip"], "idempotencyKey": "k"})).await;
    assert_eq!(made["replayed"], Value::Null, "the dry run did not use the key up");
    let replayed =
        program.done("create_contact", json!({"firstName": "Ana", "tags": ["vip"], "idempotencyKey": "k"})).await;
    assert_eq!(
        (&replayed["replayed"], &replayed["position"], id(&replayed)),
        (&json!(true), &made["position"], id(&made))
    );
    let other = program.refused("create_contact", json!({"firstName": "Bo", "idempotencyKey": "k"})).await;
    assert_eq!(other.code, Code::IdempotencyKeyReused);
}

#[tokio::test]
async fn a_list_goes_on_page_by_page_without_gaps_and_never_exceeds_its_size() {
    let program = Program::start().await;
    let long = "ü".repeat(255);
    for number in 0..60 {
        program
            .done("create_contact", json!({"firstName": format!("{number:02}{}", &long[4..]), "lastName": long}))
            .await;
    }
    let (mut cursor, mut seen, mut pages) = (Value::Null, Vec::new(), 0);
    loop {
        let arguments = json!({"limit": 50, "sort": "name", "detail": "full", "cursor": cursor});
        let page = program.done("list_contacts", arguments).await;
        assert!(page.to_string().len() <= 24_000);
        seen.extend(
            page["items"]
                .as_array()
                .expect("items")
                .iter()
                .map(|item| item["name"].as_str().expect("a name")[..2].to_owned()),
        );
        pages += 1;
        cursor = page["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert!(pages > 2, "long names do not fit on two pages");
    assert_eq!(seen, (0..60).map(|number| format!("{number:02}")).collect::<Vec<_>>());
    let picked = program.done("list_contacts", json!({"limit": 1, "fields": ["createdAt"]})).await;
    let members: Vec<&String> = picked["items"][0].as_object().expect("an item").keys().collect();
    assert_eq!(members, ["id", "createdAt"]);
}
