//! Tools that no list shows: found by plain words, called by name, and what both may not do. And what answers cost a model.

use aggregates::token::{Permission, Scope};
use chatbotx::app::Caller;
use chatbotx::operations::{Selection, all};
use chatbotx::problem::Code;
use serde_json::{Value, json};
use tiktoken_rs::o200k_base_singleton;

use crate::fixture::{Program, call_as};

/// What twenty compact contacts may cost.
const CONTACTS_TOKENS: usize = 1_500;

fn names(found: &Value) -> Vec<&str> {
    found["items"].as_array().expect("items").iter().filter_map(|tool| tool["name"].as_str()).collect()
}

#[tokio::test]
async fn a_tool_that_is_not_listed_is_found_and_called() {
    let program = Program::start().await;
    let found = program.done("search_tools", json!({"query": "etiqueta nueva"})).await;
    let tool = &found["items"].as_array().expect("items").iter().find(|tool| tool["name"] == "create_tag");
    let tool = tool.expect("among the first five");
    assert_eq!((&tool["effect"], &tool["title"]), (&json!("write"), &json!("Create a tag")));
    assert_eq!(tool["inputSchema"]["required"], json!(["name"]));
    let made =
        program.done("call_tool", json!({"name": "create_tag", "arguments": {"name": "VIP", "idempotencyKey": "1"}}));
    let made = made.await;
    assert_eq!((&made["tag"]["name"], &made["changed"]), (&json!("VIP"), &json!(true)));
    let again = program.done("create_tag", json!({"name": "VIP", "idempotencyKey": "1"})).await;
    assert_eq!(
        (&again["replayed"], &again["position"]),
        (&json!(true), &made["position"]),
        "the key is the tool's own"
    );
    let through = program.done("call_tool", json!({"name": "list_tags"})).await;
    assert_eq!(through, program.done("list_tags", json!({})).await);
    let searched =
        program.done("call_tool", json!({"name": "search_tools", "arguments": {"query": "tag", "limit": 1}}));
    assert_eq!(names(&searched.await).len(), 1);
}

#[tokio::test]
async fn a_call_that_means_nothing_is_told_what_to_do() {
    let program = Program::start().await;
    let through = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    let unknown = program.refused("call_tool", through("create_tga", json!({}))).await;
    assert_eq!((unknown.code, unknown.field.as_deref()), (Code::NotFound, Some("name")));
    assert_eq!(unknown.candidates[0].id, "create_tag");
    let itself = program.refused("call_tool", through("call_tool", through("list_tags", json!({})))).await;
    assert_eq!((itself.code, itself.field.as_deref()), (Code::InvalidInput, Some("name")));
    let inner = program.refused("call_tool", through("create_tag", json!({"nam": "x"}))).await;
    assert_eq!(inner, program.refused("create_tag", json!({"nam": "x"})).await);
    let misplaced = program.refused("call_tool", json!({"name": "create_tag", "dryRun": true})).await;
    assert_eq!(misplaced.field.as_deref(), Some("dryRun"));
}

#[tokio::test]
async fn who_may_not_use_a_tool_neither_finds_nor_reaches_it() {
    let program = Program::start().await;
    let reader = Caller { permission: Permission::ReadOnly, ..program.caller.clone() };
    let people = Caller { scopes: vec![Scope::ContactsRead], ..program.caller.clone() };
    for caller in [&reader, &people] {
        let found =
            call_as(&program.app, caller, "search_tools", json!({"query": "send a message, new tag", "limit": 10}));
        let found = found.await.expect("open to all");
        let may = |name: &str| !["send_message", "create_tag"].contains(&name);
        assert!(names(&found).into_iter().all(may), "{:?}", names(&found));
        let write = json!({"name": "create_tag", "arguments": {"name": "x"}});
        let refused = call_as(&program.app, caller, "call_tool", write).await.expect_err("must be refused");
        assert_eq!(refused.code, Code::Forbidden);
        let read = json!({"name": "list_tags", "arguments": {}});
        assert!(call_as(&program.app, caller, "call_tool", read).await.is_ok());
        let selection = Selection::default();
        let listed = all().list(caller, &selection).find(|tool| tool.facts.name == "call_tool").expect("listed");
        assert!(listed.facts.annotations().read_only && listed.description.contains("only tools that read"));
    }
    let selection = Selection::default();
    let listed = all().list(&program.caller, &selection).find(|tool| tool.facts.name == "call_tool").expect("listed");
    let worst = listed.facts.annotations();
    assert!(!worst.read_only && worst.destructive && worst.open_world && !worst.idempotent);
    assert_eq!(program.head().await, 2, "nothing was written");
}

#[tokio::test]
async fn a_list_of_contacts_is_within_its_budget() {
    const PEOPLE: [(&str, &str); 20] = [
        ("Ana María", "López García"),
        ("Nguyễn", "Thị Hoa"),
        ("Jürgen", "Müller"),
        ("Olivia", "Smith"),
        ("João", "da Silva"),
        ("Trần", "Văn Nam"),
        ("Sofía", "Martínez"),
        ("Liam", "O'Connor"),
        ("Beatriz", "Oliveira"),
        ("Lê", "Minh Anh"),
        ("Friederike", "Schäfer"),
        ("Noah", "Johnson"),
        ("Lucía", "Fernández"),
        ("Phạm", "Quốc Bảo"),
        ("Hannah", "Weber"),
        ("Gabriel", "Santos"),
        ("Emma", "Williams"),
        ("Carlos", "Rodríguez"),
        ("Đặng", "Thu Trang"),
        ("Maximilian", "Hoffmann"),
    ];
    let program = Program::start().await;
    for (number, (first, last)) in PEOPLE.into_iter().enumerate() {
        program.clock.turn(3_600_000_000 + number as i64 * 61_123_000);
        let mut contact =
            json!({"firstName": first, "lastName": last, "email": format!("contact.{number}@example.com")});
        if number % 2 == 0 {
            contact["phone"] = json!(format!("+49170{:07}", 1_234_567 + number * 7_919));
        }
        contact["channelAccountId"] = json!("local");
        contact["channelUserId"] = json!(format!("v{number}"));
        contact["tags"] = json!([["VIP"], ["Newsletter"]][number % 2]);
        program.done("create_contact", contact).await;
    }
    let listed = program.done("list_contacts", json!({})).await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(20));
    let by_creation = program.done("list_contacts", json!({"sort": "created", "limit": 1})).await;
    assert!(listed["items"][0].get("createdAt").is_none() && by_creation["items"][0]["createdAt"].is_string());
    let tokens = o200k_base_singleton().encode_ordinary(&listed.to_string()).len();
    println!("twenty contacts cost {tokens} tokens");
    assert!(tokens < CONTACTS_TOKENS, "{tokens} tokens: {}", listed["items"][0]);
}
