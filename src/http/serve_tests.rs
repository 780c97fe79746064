//! Who gets in at the network door, and how it stops.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::http::test_doors::{GOOD, answer, doors, doors_with, initialize};
use crate::mcp::test_backend::TestBackend;
use crate::settings::Limits;

#[tokio::test]
async fn nobody_gets_in_without_a_valid_token_on_any_transport() {
    let doors = doors();
    for (method, uri) in [
        (Method::POST, "/mcp"),
        (Method::GET, "/mcp"),
        (Method::DELETE, "/mcp"),
        (Method::GET, "/mcp/sse"),
        (Method::HEAD, "/mcp/sse"),
        (Method::POST, "/mcp/sse"),
        (Method::GET, "/metrics"),
    ] {
        for headers in [&[][..], &[("x-workspace-token", "wrong")], &[GOOD, ("authorization", "Bearer other")]] {
            let response = doors.send(method.clone(), uri, headers, Some(initialize())).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {uri} {headers:?}");
            assert!(response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer"));
            assert!(!response.headers().contains_key("mcp-session-id"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_when_its_token_is_revoked_learns_nothing_more() {
    let doors = doors();
    let meta = serde_json::json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"}});
    let params = serde_json::json!({"_meta": meta, "name": "get_workspace", "arguments": {"hang": true}});
    let request = serde_json::json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params});
    let headers =
        [GOOD, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "get_workspace")];
    let revoking = async {
        doors.server.calls.running(|running| *running == 1).await;
        doors.backend.revoke("good");
        doors.server.gate.watch.look().await;
    };
    let (response, ()) = tokio::join!(doors.send(Method::POST, "/mcp", &headers, Some(request)), revoking);
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_place_for_a_token_opens_the_door_and_url_tokens_can_be_switched_off() {
    let places: [(&str, &[(&str, &str)]); 4] = [
        ("/mcp", &[GOOD]),
        ("/mcp", &[("authorization", "Bearer good")]),
        ("/mcp?token=good", &[]),
        ("/mcp/sse?workspace_token=good", &[]),
    ];
    let on = doors();
    let off = doors_with(&Settings { url_tokens: false, ..Settings::default() });
    for (uri, headers) in places {
        let response = on.send(Method::POST, uri, headers, Some(initialize())).await;
        assert_eq!(answer(response).await["result"]["serverInfo"]["name"], "chatbotx", "{uri}");
        let expected = if uri.contains('?') { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
        assert_eq!(off.send(Method::POST, uri, headers, Some(initialize())).await.status(), expected, "{uri}");
    }
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused_on_every_route() {
    let doors = doors();
    for uri in ["/mcp", "/mcp/sse", "/mcp/messages", "/healthz", "/readyz", "/metrics", "/elsewhere"] {
        let status = async |headers: &[(&str, &str)]| doors.status(Method::GET, uri, headers).await;
        assert_eq!(status(&[GOOD, ("host", "evil.example")]).await, StatusCode::FORBIDDEN, "{uri}");
        assert_eq!(status(&[GOOD, ("origin", "https://evil.example")]).await, StatusCode::FORBIDDEN, "{uri}");
    }
    let headers = [GOOD, ("origin", "http://localhost:3000")];
    let response = doors.send(Method::POST, "/mcp", &headers, Some(initialize())).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().keys().all(|name| !name.as_str().starts_with("access-control")), "CORS is closed");
}

#[tokio::test]
async fn what_is_not_ours_is_not_found_and_tells_no_referrer() {
    let doors = doors();
    for uri in
        ["/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server/mcp", "/register", "/"]
    {
        let response = doors.send(Method::GET, uri, &[], None).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{uri}");
        assert_eq!(response.headers()[header::REFERRER_POLICY], "no-referrer");
    }
}

#[tokio::test]
async fn an_address_that_fails_too_often_has_to_wait() {
    let limits = Limits { failed_authentications_per_address: 3, ..Limits::default() };
    let doors =
        doors_with(&Settings { limits, trust_proxy: vec!["0.0.0.0/32".parse().unwrap()], ..Settings::default() });
    let from = |address| [("x-workspace-token", "wrong"), ("x-forwarded-for", address)];
    for _ in 0..3 {
        assert_eq!(doors.status(Method::GET, "/mcp", &from("192.0.2.1")).await, StatusCode::UNAUTHORIZED);
    }
    let response = doors.send(Method::GET, "/mcp", &from("192.0.2.1"), None).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(response.headers()[header::RETRY_AFTER].to_str().unwrap().parse::<u32>().unwrap() <= 10);
    assert_eq!(doors.status(Method::GET, "/mcp", &from("192.0.2.2")).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn numbers_need_a_token_unless_this_machine_asks_without_a_proxy() {
    let doors = doors();
    let ask = async |peer: &str, headers: &[(&str, &str)]| {
        let mut request = Request::get("/metrics").header("host", "localhost").extension(Peer(peer.parse().unwrap()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        doors.server.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    };
    assert_eq!(ask("127.0.0.1:9", &[]).await, StatusCode::OK);
    assert_eq!(ask("127.0.0.1:9", &[("x-forwarded-for", "192.0.2.1")]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("192.0.2.1:9", &[]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("192.0.2.1:9", &[GOOD]).await, StatusCode::OK);
}

#[tokio::test]
async fn a_stopping_server_ends_its_streams_and_then_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (shutdown, readiness) = (CancellationToken::new(), Readiness::starting());
    readiness.set(Phase::Ready);
    let backend = TestBackend::new();
    let serving = tokio::spawn(serve(
        backend,
        Settings::default(),
        Router::new(),
        listener,
        shutdown.clone(),
        Arc::clone(&readiness),
    ));
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /mcp/sse?token=good HTTP/1.1\r\nhost: {address}\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut seen = String::new();
    let mut buffer = [0_u8; 4_096];
    while !seen.contains("sessionId=") {
        let count = client.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the stream ended: {seen}");
        seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), client.read_to_end(&mut Vec::new())).await;
    ended.expect("an open stream outlived the server").unwrap();
    serving.await.unwrap().unwrap();
    assert_eq!(readiness.phase(), Phase::Draining);
}

#[tokio::test]
async fn a_draining_server_takes_nothing_new_but_tells_its_health() {
    let doors = doors();
    doors.server.readiness.set(Phase::Draining);
    let response = doors.send(Method::POST, "/mcp", &[GOOD], Some(initialize())).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let headers: &HeaderMap = response.headers();
    assert!(headers.contains_key(header::RETRY_AFTER));
    assert_eq!(doors.status(Method::GET, "/readyz", &[]).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(doors.status(Method::GET, "/healthz", &[]).await, StatusCode::OK);
}
