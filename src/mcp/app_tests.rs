//! MCP over the real program: what a call does is in the log, and what it may not do is not.

use aggregates::token::Scope;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{App, NewToken, OpenOptions};
use crate::http::test_doors::{answer, doors_over, initialize};
use crate::settings::Settings;

#[tokio::test]
async fn a_tag_made_over_a_legacy_stream_is_in_the_log_until_the_token_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::open(&OpenOptions::in_folder(folder.path())).await.unwrap();
    let workspace = app.create_workspace("Test").await.unwrap();
    let new =
        NewToken { name: "test".to_owned(), permission: Default::default(), scopes: Vec::new(), expires_at: None };
    let token = app.create_token(workspace, &new).await.unwrap();
    let doors = doors_over(app.clone(), &Settings::default());
    let (mut events, address) = doors.stream("/mcp/sse", &token.text).await;
    let post = async |message: Value| {
        let status = doors.send(Method::POST, &address, &[], Some(message)).await.status();
        assert_eq!(status, StatusCode::ACCEPTED);
    };
    post(initialize()).await;
    events.json().await;
    post(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    let mut call = async |name: &str, arguments: Value| {
        let params = json!({"name": name, "arguments": arguments});
        post(json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params})).await;
        events.json().await["result"].clone()
    };
    let made = call("create_tag", json!({"name": "VIP"})).await;
    assert_eq!(made["structuredContent"]["changed"], true, "{made}");
    let listed = call("list_events", json!({"types": ["TagCreated"]})).await;
    let event = &listed["structuredContent"]["items"][0];
    assert_eq!(event["position"], made["structuredContent"]["position"], "{listed}");
    assert_eq!(event["actor"]["id"], token.id.to_string());
    let refused = call("create_tag", json!({"name": "VIP", "colour": "red"})).await;
    assert_eq!((&refused["isError"], refused.get("structuredContent")), (&json!(true), None));
    assert!(refused["content"][0]["text"].as_str().unwrap().starts_with("{\"code\":\"invalid_input\""), "{refused}");
    app.revoke_token(workspace, token.id).await.unwrap();
    doors.server.gate.watch.look().await;
    assert_eq!(events.next().await, None, "the stream outlived its token");
    app.close().await;
}

#[tokio::test]
async fn what_is_begun_in_a_form_is_completed_for_those_who_may_look_it_up() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::open(&OpenOptions::in_folder(folder.path())).await.unwrap();
    let workspace = app.create_workspace("Test").await.unwrap();
    let token = async |name: &str, scopes: &[Scope]| {
        let (name, scopes) = (name.to_owned(), scopes.to_vec());
        let new = NewToken { name, permission: Default::default(), scopes, expires_at: None };
        app.create_token(workspace, &new).await.unwrap().text
    };
    let (all, flows) = (token("all", &[]).await, token("flows", &[Scope::FlowsRead]).await);
    let doors = doors_over(app.clone(), &Settings::default());
    let ask = async |token: &str, method: &str, params: Value| {
        answer(doors.request(("x-workspace-token", token), "/mcp", method, params).await).await
    };
    let made = ask(
        &all,
        "tools/call",
        json!({"name": "create_contact",
        "arguments": {"firstName": "Ana", "email": "ana@example.org"}}),
    )
    .await;
    let id = &made["result"]["structuredContent"]["contact"]["id"];
    let begun = |reference: Value, argument: &str, value: &str| json!({"ref": reference, "argument": {"name": argument, "value": value}});
    let prompt = || json!({"type": "ref/prompt", "name": "contact_briefing"});
    let template = || json!({"type": "ref/resource", "uri": "chatbotx://contacts/{id}"});
    for (reference, argument, value, proposed) in [
        (prompt(), "contact", "An", json!(["email:ana@example.org"])),
        (prompt(), "contact", "Bo", json!([])),
        (template(), "id", "ana", json!([id])),
        (template(), "id", "contact_", json!([id])),
    ] {
        let answer = ask(&all, "completion/complete", begun(reference, argument, value)).await;
        assert_eq!(answer["result"]["completion"]["values"], proposed, "{value}: {answer}");
    }
    for (token, reference, argument) in [
        (&all, prompt(), "nothing"),
        (&all, json!({"type": "ref/prompt", "name": "nothing"}), "contact"),
        (&all, json!({"type": "ref/resource", "uri": "chatbotx://workspace"}), "id"),
        (&flows, prompt(), "contact"),
        (&flows, template(), "id"),
    ] {
        let answer = ask(token, "completion/complete", begun(reference, argument, "ana")).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
    assert_eq!(ask(&flows, "prompts/list", json!({})).await["result"]["prompts"], json!([]));
    let listed = ask(&all, "prompts/list", json!({})).await["result"].clone();
    assert_eq!((&listed["prompts"][0]["name"], &listed["cacheScope"]), (&json!("triage_inbox"), &json!("private")));
    let filled = json!({"name": "contact_briefing", "arguments": {"contact": "email:ana@example.org"}});
    let text = ask(&all, "prompts/get", filled).await["result"]["messages"][0]["content"]["text"].clone();
    assert!(text.as_str().unwrap().contains(r#"{"contactId":"email:ana@example.org""#), "{text}");
    app.close().await;
}
