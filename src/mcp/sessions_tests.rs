//! Whose session is whose, over both HTTP transports.

use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::http::test_doors::{Events, GOOD, OTHER, answer, doors, doors_with, initialize, ping};
use crate::settings::{Limits, Settings};

#[tokio::test]
async fn a_streamable_session_is_only_there_for_its_token() {
    for uri in ["/mcp", "/mcp/sse"] {
        let doors = doors();
        let session = doors.session(uri, "good").await;
        let mine = [GOOD, ("mcp-session-id", session.as_str())];
        let foreign = [OTHER, ("mcp-session-id", session.as_str())];
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let response = doors.send(Method::POST, uri, &mine, Some(initialized)).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        assert_eq!(answer(doors.send(Method::POST, uri, &mine, Some(ping(7))).await).await["id"], 7);
        for method in [Method::POST, Method::GET, Method::DELETE] {
            let response = doors.send(method.clone(), uri, &foreign, Some(ping(8))).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{method} {uri}");
        }
        assert_eq!(doors.status(Method::GET, uri, &mine).await, StatusCode::OK, "nobody else ended it");
        assert_eq!(doors.status(Method::DELETE, uri, &mine).await, StatusCode::ACCEPTED);
        assert_eq!(doors.send(Method::POST, uri, &mine, Some(ping(9))).await.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_client_without_a_handshake_is_answered_without_a_session() {
    let doors = doors();
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    let request = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": {"_meta": meta}});
    let headers = [GOOD, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")];
    let response = doors.send(Method::POST, "/mcp?toolsets=all", &headers, Some(request)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key("mcp-session-id"));
    let answer = answer(response).await;
    assert!(!answer["result"]["tools"].as_array().unwrap().is_empty());
    assert_eq!(answer["result"]["cacheScope"], "private");
}

#[tokio::test]
async fn a_legacy_session_answers_on_its_stream_to_posts_that_name_it() {
    let doors = doors();
    let (mut events, address) = doors.stream("/mcp/sse?toolsets=all", "good").await;
    assert!(address.starts_with("/mcp/sse?sessionId="), "{address}");
    let response = doors.send(Method::POST, &address, &[], Some(initialize())).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(events.json().await["result"]["serverInfo"]["name"], "chatbotx");
    let alias = address.replace("/mcp/sse?", "/mcp/messages?");
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(doors.send(Method::POST, &alias, &[GOOD], Some(initialized)).await.status(), StatusCode::ACCEPTED);
    assert_eq!(doors.send(Method::POST, &alias, &[], Some(ping(2))).await.status(), StatusCode::ACCEPTED);
    assert_eq!(events.json().await["id"], 2);
    let list = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"});
    assert_eq!(doors.send(Method::POST, &address, &[], Some(list)).await.status(), StatusCode::ACCEPTED);
    let tools = events.json().await["result"]["tools"].as_array().unwrap().len();
    assert_eq!(tools, crate::operations::all().operations().len(), "the stream's URL chose all toolsets");
}

#[tokio::test]
async fn a_legacy_session_takes_nothing_from_others() {
    let doors = doors();
    let (events, address) = doors.stream("/mcp/sse", "good").await;
    let post = async |uri: &str, headers: &[(&str, &str)]| {
        doors.send(Method::POST, uri, headers, Some(initialize())).await.status()
    };
    assert_eq!(post(&address, &[OTHER]).await, StatusCode::NOT_FOUND);
    assert_eq!(post(&address, &[("x-workspace-token", "wrong")]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(post("/mcp/sse?sessionId=guessed", &[]).await, StatusCode::NOT_FOUND);
    assert_eq!(post("/mcp/messages?sessionId=guessed", &[GOOD]).await, StatusCode::NOT_FOUND);
    assert_eq!(post("/mcp/messages", &[GOOD]).await, StatusCode::BAD_REQUEST);
    assert_eq!(post(&address, &[("content-type", "text/plain")]).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let id = address.split_once('=').unwrap().1;
    assert_eq!(post("/mcp", &[GOOD, ("mcp-session-id", id)]).await, StatusCode::NOT_FOUND);
    assert_eq!(post(&address, &[GOOD]).await, StatusCode::ACCEPTED);
    drop(events);
    assert_eq!(post(&address, &[GOOD]).await, StatusCode::NOT_FOUND, "the session ended with its stream");
}

#[tokio::test]
async fn probes_open_no_session() {
    let limits = Limits { sessions_per_token: 1, ..Limits::default() };
    let doors = doors_with(&Settings { limits, ..Settings::default() });
    let response = doors.send(Method::HEAD, "/mcp/sse", &[GOOD], None).await;
    assert_eq!(
        (response.status(), &response.headers()["content-type"]),
        (StatusCode::OK, &"text/event-stream".parse().unwrap())
    );
    let json_only = [GOOD, ("accept", "application/json")];
    assert_eq!(doors.status(Method::GET, "/mcp/sse", &json_only).await, StatusCode::NOT_ACCEPTABLE);
    let _events = doors.stream("/mcp/sse", "good").await;
    let response = doors.send(Method::GET, "/mcp/sse", &[GOOD], None).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "the one place was free until then");
    assert!(response.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(
        doors.send(Method::POST, "/mcp", &[GOOD], Some(initialize())).await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(doors.send(Method::POST, "/mcp", &[OTHER], Some(initialize())).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_revoked_token_ends_its_streams_on_both_transports() {
    let doors = doors();
    let (mut legacy, address) = doors.stream("/mcp/sse", "good").await;
    let (mut other, _) = doors.stream("/mcp/sse", "other").await;
    let session = doors.session("/mcp", "good").await;
    let headers = [GOOD, ("mcp-session-id", session.as_str())];
    let response = doors.send(Method::GET, "/mcp", &headers, None).await;
    let mut standalone = Events::of(response);
    standalone.next().await.expect("the first event of the stream");
    doors.server.gate.watch.look().await;
    doors.backend.revoke("good");
    doors.server.gate.watch.look().await;
    assert_eq!(legacy.next().await, None);
    assert_eq!(standalone.next().await, None);
    drop(legacy);
    assert_eq!(doors.send(Method::POST, &address, &[], Some(ping(1))).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(doors.send(Method::POST, "/mcp", &headers, Some(ping(1))).await.status(), StatusCode::UNAUTHORIZED);
    doors.server.streams_end.cancel();
    assert_eq!(other.next().await, None, "the other token's stream was open until the server stopped");
}

#[tokio::test]
async fn every_revision_with_a_handshake_is_spoken() {
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let doors = doors();
        let mut request = initialize();
        request["params"]["protocolVersion"] = json!(revision);
        let said = answer(doors.send(Method::POST, "/mcp", &[GOOD], Some(request.clone())).await).await;
        assert_eq!(said["result"]["protocolVersion"], revision);
        let (mut events, address) = doors.stream("/mcp/sse", "good").await;
        assert_eq!(doors.send(Method::POST, &address, &[], Some(request)).await.status(), StatusCode::ACCEPTED);
        assert_eq!(events.json().await["result"]["protocolVersion"], revision, "over a legacy stream");
    }
}

#[tokio::test]
async fn what_is_no_message_is_a_bad_request_and_not_another_type() {
    let doors = doors();
    let batch = json!([initialize(), ping(2)]);
    for uri in ["/mcp", "/mcp/sse"] {
        for body in [batch.clone(), json!("cut"), json!({"jsonrpc": "2.0"})] {
            let response = doors.send(Method::POST, uri, &[GOOD], Some(body)).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{uri}");
            assert_eq!(refusal(response).await["error"]["code"], -32700);
        }
        let text = [GOOD, ("content-type", "text/plain")];
        let response = doors.send(Method::POST, uri, &text, Some(initialize())).await;
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

async fn refusal(response: Response) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

#[tokio::test]
async fn a_session_that_nobody_listens_to_ends_with_its_token_as_well() {
    let doors = doors();
    let mine = doors.session("/mcp", "good").await;
    let other = doors.session("/mcp", "other").await;
    let status = async |token: (&str, &str), session: &str| {
        doors.send(Method::POST, "/mcp", &[token, ("mcp-session-id", session)], Some(ping(2))).await.status()
    };
    assert_eq!((status(GOOD, &mine).await, status(OTHER, &other).await), (StatusCode::OK, StatusCode::OK));
    let caller = doors.backend.caller("good");
    doors.backend.revoke("good");
    doors.server.gate.watch.look().await;
    // The token comes back, as a session's owner would with another secret; the session does not.
    doors.backend.admit("good", caller);
    while status(GOOD, &mine).await != StatusCode::NOT_FOUND {
        tokio::task::yield_now().await;
    }
    assert_eq!(status(OTHER, &other).await, StatusCode::OK, "another token's session goes on");
}
