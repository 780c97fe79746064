//! MCP over the real program: what a call does is in the log, and what it may not do is not.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{App, NewToken, OpenOptions};
use crate::http::test_doors::{doors_over, initialize};
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
