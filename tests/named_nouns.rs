//! Tags, custom fields and bot fields: named once, renamed, and gone for good.

use chatbotx::problem::Code;
use serde_json::{Value, json};

use crate::fixture::{Program, same_tables};

async fn contact(program: &Program, name: &str, tags: &[&str]) -> Value {
    let made = program.done("create_contact", json!({"firstName": name})).await["contact"]["id"].clone();
    if !tags.is_empty() {
        program.done("add_contact_tags", json!({"contactId": made, "tags": tags})).await;
    }
    made
}

fn names(list: &Value) -> Vec<&str> {
    let items = list.as_array().expect("a list").iter();
    items.map(|item| item["name"].as_str().expect("a name")).collect()
}

/// Expects that tables built anew from the log hold the same.
async fn same_when_rebuilt(program: &Program) {
    let before = program.tables().await;
    program.app.rebuild_projections(&chatbotx::app::unheard()).await.expect("rebuilt");
    same_tables(&before, &program.tables().await);
}

#[tokio::test]
async fn a_renamed_tag_stays_on_its_contacts_and_its_old_name_is_free() {
    let program = Program::start().await;
    let ana = contact(&program, "Ana", &["VIP"]).await;
    program.done("create_tag", json!({"name": "Gold"})).await;
    let taken = program.refused("update_tag", json!({"tag": "vip", "name": "GOLD"})).await;
    assert_eq!((taken.code, taken.candidates[0].name.as_deref()), (Code::Conflict, Some("Gold")));
    let renamed = program.done("update_tag", json!({"tag": "vip", "name": "Platinum"})).await;
    assert_eq!((&renamed["tag"]["name"], &renamed["changed"]), (&json!("Platinum"), &json!(true)));
    // Only its spelling: nobody else has the name.
    program.done("update_tag", json!({"tag": "platinum", "name": "PLATINUM"})).await;
    let shown = program.done("get_tag", json!({"tag": "platinum"})).await;
    assert_eq!((&shown["tag"]["name"], &shown["tag"]["contactCount"]), (&json!("PLATINUM"), &json!(1)));
    let listed = program.done("list_contact_tags", json!({"contactId": ana})).await;
    assert_eq!(names(&listed["items"]), ["PLATINUM"]);
    assert_eq!(program.refused("get_tag", json!({"tag": "vip"})).await.code, Code::NotFound);
    program.done("create_tag", json!({"name": "vip"})).await;
    same_when_rebuilt(&program).await;
}

#[tokio::test]
async fn a_deleted_tag_leaves_every_contact_and_nothing_of_it_is_shown() {
    let program = Program::start().await;
    let ana = contact(&program, "Ana", &["VIP", "New"]).await;
    let bo = contact(&program, "Bo", &["VIP"]).await;
    let id = program.done("get_tag", json!({"tag": "VIP"})).await["tag"]["id"].clone();
    let dry = program.done("delete_tag", json!({"tag": "VIP", "dryRun": true})).await;
    assert_eq!(dry["wouldAppend"][0]["type"], "TagDeleted");
    let deleted = program.done("delete_tag", json!({"tag": "VIP", "idempotencyKey": "k"})).await;
    assert_eq!(deleted["deleted"], json!({"id": id, "name": "VIP"}));
    let again = program.done("delete_tag", json!({"tag": "VIP", "idempotencyKey": "k"})).await;
    assert_eq!((&again["replayed"], &again["deleted"]), (&json!(true), &deleted["deleted"]));

    assert_eq!(program.done("get_contact", json!({"contactId": ana})).await["contact"]["tags"], json!(["New"]));
    let updated = program.done("update_contact", json!({"contactId": ana, "lastName": "López"})).await;
    assert_eq!(updated["contact"]["tags"], json!(["New"]), "what was decided shows nothing of it either");
    let listed = program.done("list_contact_tags", json!({"contactId": bo})).await;
    assert_eq!(listed["items"], json!([]));
    for (operation, arguments) in [
        ("add_contact_tags", json!({"contactId": bo, "tagId": id})),
        ("add_contact_tags", json!({"contactId": bo, "tag": id})),
        ("remove_contact_tags", json!({"contactId": bo, "tagId": id})),
        ("list_contacts", json!({"tags": [id]})),
        ("get_tag", json!({"tag": "VIP"})),
        ("update_tag", json!({"tag": id, "name": "Gold"})),
        ("delete_tag", json!({"tag": id})),
    ] {
        assert_eq!(program.refused(operation, arguments).await.code, Code::NotFound, "{operation}");
    }

    let added = program.done("add_contact_tags", json!({"contactId": bo, "tags": ["vip"]})).await;
    assert_ne!(added["added"][0]["id"], id, "the name is free, for another tag");
    let tagged = program.done("list_contacts", json!({"tags": ["vip"], "withCount": true})).await;
    assert_eq!((&tagged["items"][0]["id"], &tagged["totalCount"]), (&bo, &json!(1)));
    same_when_rebuilt(&program).await;
    let program = program.restart().await;
    assert_eq!(program.done("get_contact", json!({"contactId": ana})).await["contact"]["tags"], json!(["New"]));
}

#[tokio::test]
async fn a_fields_definition_changes_but_not_its_type_and_takes_its_values_along() {
    let program = Program::start().await;
    let ana = contact(&program, "Ana", &[]).await;
    program.done("create_custom_field", json!({"name": "Plan", "type": "text"})).await;
    program.done("set_contact_custom_field", json!({"contactId": ana, "field": "plan", "value": "pro"})).await;
    let typed = program.refused("update_custom_field", json!({"field": "plan", "type": "number"})).await;
    assert_eq!((typed.code, typed.field.as_deref()), (Code::InvalidInput, Some("type")));
    assert_eq!(program.refused("update_custom_field", json!({"field": "plan"})).await.code, Code::InvalidInput);
    let changed = program
        .done("update_custom_field", json!({"field": "plan", "name": "Tariff", "description": "what they pay"}))
        .await;
    assert_eq!((&changed["customField"]["name"], &changed["customField"]["type"]), (&json!("Tariff"), &json!("text")));
    let shown = program.done("get_custom_field", json!({"field": "tariff"})).await;
    assert_eq!(shown["customField"]["description"], "what they pay");
    program.done("update_custom_field", json!({"field": "tariff", "description": ""})).await;
    let value = program.done("get_contact_custom_field", json!({"contactId": ana, "field": "TARIFF"})).await;
    assert_eq!((&value["customField"]["value"], &value["customField"]["setBy"]), (&json!("pro"), &json!("local")));

    program.done("delete_custom_field", json!({"field": "tariff"})).await;
    let shown = program.done("get_contact", json!({"contactId": ana})).await;
    assert_eq!(shown["contact"]["customFields"], Value::Null);
    let updated = program.done("update_contact", json!({"contactId": ana, "lastName": "López"})).await;
    assert_eq!(updated["contact"]["customFields"], Value::Null);
    for (operation, arguments) in [
        ("get_custom_field", json!({"field": "tariff"})),
        ("set_contact_custom_field", json!({"contactId": ana, "field": "tariff", "value": "pro"})),
        ("get_contact_custom_field", json!({"contactId": ana, "field": "tariff"})),
        ("clear_contact_custom_field", json!({"contactId": ana, "field": "tariff"})),
    ] {
        assert_eq!(program.refused(operation, arguments).await.code, Code::NotFound, "{operation}");
    }
    program.done("create_custom_field", json!({"name": "Tariff", "type": "number"})).await;
    let listed = program.done("list_contact_custom_fields", json!({"contactId": ana})).await;
    assert_eq!(listed["items"], json!([]), "another field has no values yet");
    same_when_rebuilt(&program).await;
}

#[tokio::test]
async fn several_values_are_set_and_cleared_all_or_none() {
    let program = Program::start().await;
    let ana = contact(&program, "Ana", &[]).await;
    for (name, kind) in [("Plan", "text"), ("Visits", "number"), ("Birthday", "date")] {
        program.done("create_custom_field", json!({"name": name, "type": kind})).await;
    }
    let head = program.head().await;
    for (last, field) in [
        (json!({"field": "birthday", "value": "tomorrow"}), "fields[1].value"),
        (json!({"field": "birthday", "value": "2026-11-23", "operation": "append"}), "fields[1].operation"),
        (json!({"field": "nobody", "value": 1}), "fields[1].field"),
    ] {
        let fields = json!([{"field": "plan", "value": "pro"}, last]);
        let problem = program.refused("set_contact_custom_fields", json!({"contactId": ana, "fields": fields})).await;
        assert_eq!(problem.field.as_deref(), Some(field));
    }
    assert_eq!(program.head().await, head, "nothing was set");

    let fields = json!([
        {"field": "visits", "value": 2},
        {"field": "plan", "value": "pro"},
        {"field": "visits", "value": 3, "operation": "increase"},
    ]);
    let set = program.done("set_contact_custom_fields", json!({"contactId": ana, "fields": fields})).await;
    let values: Vec<&Value> =
        set["customFields"].as_array().expect("values").iter().map(|field| &field["value"]).collect();
    assert_eq!(values, [&json!(5), &json!("pro")]);

    let cleared =
        program.done("clear_contact_custom_fields", json!({"contactId": ana, "fields": ["visits", "birthday"]})).await;
    assert_eq!((names(&cleared["cleared"]), &cleared["changed"]), (vec!["Visits", "Birthday"], &json!(true)));
    let none = program.done("get_contact_custom_field", json!({"contactId": ana, "field": "visits"})).await;
    assert_eq!((&none["customField"]["name"], &none["customField"]["value"]), (&json!("Visits"), &Value::Null));
    let clear = json!({"contactId": ana, "field": "plan"});
    assert_eq!(program.done("clear_contact_custom_field", clear.clone()).await["changed"], true);
    assert_eq!(program.done("clear_contact_custom_field", clear).await["changed"], false);
    let increased = json!({"contactId": ana, "field": "visits", "value": 1, "operation": "increase"});
    let increased = program.done("set_contact_custom_field", increased).await;
    assert_eq!(increased["customField"]["value"], 1, "what was cleared counts from nothing");
    same_when_rebuilt(&program).await;
}

#[tokio::test]
async fn bot_fields_are_variables_of_the_workspace() {
    let program = Program::start().await;
    let hours =
        json!({"name": "Opening hours", "type": "text", "value": "9 to 18", "description": "what visitors are told"});
    let made = program.done("create_bot_field", hours.clone()).await;
    assert_eq!(made["botField"]["value"], "9 to 18");
    assert!(made["botField"]["id"].as_str().is_some_and(|id| id.starts_with("botfield_")));
    assert_eq!(program.refused("create_bot_field", hours).await.candidates[0].name.as_deref(), Some("Opening hours"));
    program.done("create_bot_field", json!({"name": "Orders", "type": "number"})).await;
    let wrong = program.refused("create_bot_field", json!({"name": "Open", "type": "boolean", "value": "yes"})).await;
    assert_eq!((wrong.code, wrong.field.as_deref()), (Code::InvalidInput, Some("value")));

    let more = json!({"field": "orders", "value": 2, "operation": "increase"});
    program.done("set_bot_field", more.clone()).await;
    assert_eq!(program.done("set_bot_field", more).await["botField"]["value"], 4);
    let head = program.head().await;
    let fields = json!([{"field": "orders", "value": 1}, {"field": "opening hours", "value": 9}]);
    let refused = program.refused("set_bot_fields", json!({"fields": fields})).await;
    assert_eq!((refused.field.as_deref(), program.head().await), (Some("fields[1].value"), head));
    let fields = json!([{"field": "orders", "value": 1}, {"field": "opening hours", "value": ", Sunday 10 to 12", "operation": "append"}]);
    let set = program.done("set_bot_fields", json!({"fields": fields})).await;
    assert_eq!(set["botFields"][1]["value"], "9 to 18, Sunday 10 to 12");

    let listed = program.done("list_bot_fields", json!({})).await;
    assert_eq!(names(&listed["items"]), ["Opening hours", "Orders"]);
    assert_eq!((&listed["items"][1]["value"], &listed["items"][1]["setBy"]), (&json!(1), &json!("local")));
    let typo = program.refused("get_bot_field", json!({"field": "order"})).await;
    assert_eq!((typo.code, typo.candidates[0].name.as_deref()), (Code::NotFound, Some("Orders")));
    same_when_rebuilt(&program).await;
    program.done("delete_bot_field", json!({"field": "orders"})).await;
    assert_eq!(program.refused("get_bot_field", json!({"field": "orders"})).await.code, Code::NotFound);
    program.done("create_bot_field", json!({"name": "Orders", "type": "text"})).await;
    assert_eq!(program.done("get_bot_field", json!({"field": "orders"})).await["botField"]["value"], Value::Null);
}
