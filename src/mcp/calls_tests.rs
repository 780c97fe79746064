//! What comes of tool calls, over HTTP.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::http::test_doors::{GOOD, answer, doors, doors_with, initialize, problem};
use crate::settings::{Limits, Settings};

#[tokio::test]
async fn a_call_answers_with_structured_content_and_the_same_as_text() {
    let answer = doors().call("/mcp", "create_tag", json!({"name": "vip"})).await;
    let result = &answer["result"];
    let expected = json!({"arguments": {"name": "vip"}, "requestId": "req_1", "client": "test"});
    assert_eq!((&result["structuredContent"], &result["isError"]), (&expected, &json!(false)));
    let text = result["content"][0]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), expected);
    assert!(!text.contains(": "), "the text is compact");
}

#[tokio::test]
async fn an_unknown_tool_is_an_error_of_the_protocol_and_a_refusal_is_a_result() {
    let doors = doors();
    let unknown = doors.call("/mcp", "create_tga", json!({})).await;
    assert_eq!(unknown["error"]["code"], -32602);
    assert_eq!(unknown["error"]["data"]["candidates"][0]["id"], "create_tag");
    assert_eq!(problem(&doors.call("/mcp?readonly=1", "create_tag", json!({})).await)["code"], "forbidden");
    assert_eq!(problem(&doors.call("/mcp", "create_tag", json!({"panic": true})).await)["code"], "internal");
}

#[tokio::test]
async fn calls_over_the_limit_are_refused_in_the_result() {
    let limits = Limits { calls_per_token: 1, ..Limits::default() };
    let doors = doors_with(&Settings { limits, ..Settings::default() });
    assert_eq!(doors.call("/mcp", "list_events", json!({})).await["result"]["isError"], false);
    let problem = problem(&doors.call("/mcp", "list_events", json!({})).await);
    assert_eq!(problem["code"], "rate_limited");
    assert!(problem["retryAfterMs"].as_u64().unwrap() <= 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_server_gives_up_reads_that_wait_but_not_writes() {
    let doors = doors();
    let read = doors.call("/mcp", "list_events", json!({"hang": true}));
    let stop = async {
        doors.server.calls.running(|running| *running == 1).await;
        doors.server.drain().await;
    };
    let (answer, ()) = tokio::join!(read, stop);
    assert_eq!(problem(&answer)["code"], "unavailable");

    let doors = crate::http::test_doors::doors();
    let write = doors.call("/mcp", "create_tag", json!({"hang": true}));
    let stop = async {
        doors.server.calls.running(|running| *running == 1).await;
        let began = tokio::time::Instant::now();
        doors.server.drain().await;
        assert!(began.elapsed() >= Duration::from_secs(8), "the write had its time");
    };
    tokio::select! {
        answer = write => panic!("a write that may be on disk was answered as failed: {answer}"),
        () = stop => {}
    }
}

#[tokio::test]
async fn a_read_only_list_shows_no_writes() {
    let doors = doors();
    let list = async |uri: &str| {
        let session = doors.session(uri, "good").await;
        let headers = [GOOD, ("mcp-session-id", session.as_str())];
        let request = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"});
        let answer = answer(doors.send(Method::POST, uri, &headers, Some(request)).await).await;
        let tools = answer["result"]["tools"].as_array().unwrap().clone();
        tools.iter().map(|tool| tool["annotations"]["readOnlyHint"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    assert!(list("/mcp?toolsets=all").await.contains(&false), "without it there are writes");
    let reads = list("/mcp?toolsets=all&readonly=1").await;
    assert!(!reads.is_empty() && reads.iter().all(|read| *read));
    let response = doors.send(Method::POST, "/mcp?toolsets=nonsense", &[GOOD], Some(initialize())).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_call_through_another_tool_is_that_tools_call_in_every_way() {
    let limits = Limits { calls_per_token: 3, ..Limits::default() };
    let doors = doors_with(&Settings { limits, ..Settings::default() });
    let through = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    let direct = doors.call("/mcp", "create_tag", json!({"name": "vip"})).await;
    let indirect = doors.call("/mcp", "call_tool", through("create_tag", json!({"name": "vip"}))).await;
    let expected = json!({"arguments": {"name": "vip"}, "requestId": "req_1", "client": "test"});
    assert_eq!((&indirect["result"], &indirect["result"]["structuredContent"]), (&direct["result"], &expected));
    let itself = doors.call("/mcp", "call_tool", through("call_tool", json!({}))).await;
    assert_eq!(problem(&itself)["code"], "invalid_input");
    let fourth = doors.call("/mcp", "call_tool", through("list_events", json!({}))).await;
    assert_eq!(problem(&fourth)["code"], "rate_limited", "each counted once, those that mean nothing among them");
}

#[tokio::test(start_paused = true)]
async fn a_read_through_another_tool_is_given_up_like_a_read() {
    let doors = doors();
    let read = doors.call("/mcp", "call_tool", json!({"name": "list_events", "arguments": {"hang": true}}));
    let stop = async {
        doors.server.calls.running(|running| *running == 1).await;
        doors.server.drain().await;
    };
    let (answer, ()) = tokio::join!(read, stop);
    assert_eq!(problem(&answer)["code"], "unavailable");
}

/// Over a legacy stream: the signs of life of rmcp's own streams go by another clock than the one that tests turn.
#[tokio::test(start_paused = true)]
async fn a_call_that_takes_long_says_so_again_and_again() {
    let doors = doors();
    let (mut events, address) = doors.stream("/mcp/sse", "good").await;
    let post = async |message: Value| {
        let status = doors.send(Method::POST, &address, &[], Some(message)).await.status();
        assert_eq!(status, StatusCode::ACCEPTED);
    };
    post(initialize()).await;
    events.json().await;
    post(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    let params = json!({"name": "list_events", "arguments": {"hang": true}, "_meta": {"progressToken": "signs"}});
    post(json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params})).await;
    for seconds in [10.0, 20.0, 30.0, 40.0, 50.0] {
        let mut data = String::new();
        // Comments keep the connection alive.
        while data.is_empty() {
            data = events.next().await.unwrap().1;
        }
        let sign: Value = serde_json::from_str(&data).unwrap();
        assert_eq!(sign["method"], "notifications/progress");
        assert_eq!((&sign["params"]["progressToken"], &sign["params"]["progress"]), (&json!("signs"), &json!(seconds)));
    }
    assert_eq!(problem(&events.json().await)["code"], "unavailable", "a read is given up in the end");
}

#[tokio::test(start_paused = true)]
async fn a_read_ends_when_its_client_hangs_up() {
    let doors = doors();
    let params = || json!({"name": "list_events", "arguments": {"hang": true}});
    let began = tokio::time::Instant::now();
    tokio::select! {
        _ = doors.request(GOOD, "/mcp", "tools/call", params()) => panic!("it was answered"),
        () = doors.server.calls.running(|running| *running == 1) => {}
    }
    doors.server.calls.idle().await;
    assert!(began.elapsed() < Duration::from_secs(1), "before it was answered");

    let response = doors.request(GOOD, "/mcp", "tools/call", params()).await;
    assert_eq!(response.status(), StatusCode::OK, "the first sign of life opens the stream");
    doors.server.calls.running(|running| *running == 1).await;
    let began = tokio::time::Instant::now();
    drop(response);
    doors.server.calls.idle().await;
    assert!(began.elapsed() < Duration::from_secs(1), "after its stream was opened");
}

#[tokio::test(start_paused = true)]
async fn a_read_over_a_legacy_stream_ends_when_it_is_cancelled_and_with_the_stream() {
    let doors = doors();
    let (mut events, address) = doors.stream("/mcp/sse", "good").await;
    let post = async |message: Value| {
        let status = doors.send(Method::POST, &address, &[], Some(message)).await.status();
        assert_eq!(status, StatusCode::ACCEPTED);
    };
    let read = |id: u32| {
        let params = json!({"name": "list_events", "arguments": {"hang": true}});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
    };
    post(initialize()).await;
    events.json().await;
    post(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    let began = tokio::time::Instant::now();
    post(read(7)).await;
    doors.server.calls.running(|running| *running == 1).await;
    post(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}})).await;
    doors.server.calls.idle().await;
    post(read(8)).await;
    doors.server.calls.running(|running| *running == 1).await;
    drop(events);
    doors.server.calls.idle().await;
    assert!(began.elapsed() < Duration::from_secs(1));
}
