//! Limits of what is fetched, and what is sent along.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::IntoResponse;
use bytes::Bytes;
use tokio::net::TcpListener;

use super::served::{Served, fetcher, get, redirect};
use super::{Cause, Failure, Fetcher, MAX_BODY_BYTES, Refusal, Request};

fn guard() -> Fetcher {
    fetcher(&["127.0.0.0/8"], &Arc::default())
}

fn at(port: u16, path: &str) -> String {
    format!("http://127.0.0.1:{port}{path}")
}

async fn failure(request: Request) -> Failure {
    guard().fetch(request).await.map(|fetched| fetched.status).expect_err("no answer")
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_limit_whatever_length_it_claims() {
    let served = Served::start(|path| {
        let body = "x".repeat(path.trim_start_matches(['/', 'u']).parse().expect("a length"));
        // In pieces, without a length.
        let pieces = futures::stream::iter(
            body.into_bytes().chunks(7).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect::<Vec<_>>(),
        );
        if path.starts_with("/u") {
            Body::from_stream(pieces).into_response()
        } else {
            "x".repeat(path[1..].parse().expect("a length")).into_response()
        }
    })
    .await;
    for path in ["/1000", "/u1000"] {
        let fetched = guard().fetch(get(&at(served.port, path))).await.expect("an answer");
        assert_eq!((fetched.status, fetched.body.len()), (StatusCode::OK, 1_000), "{path}");
    }
    for path in ["/1001", "/u1001", "/u5000000"] {
        assert_eq!(failure(get(&at(served.port, path))).await, Failure::TooLarge(1_000), "{path}");
    }
    let unread = Request { answer_bytes: None, ..get(&at(served.port, "/1001")) };
    assert_eq!(guard().fetch(unread).await.expect("an answer").body, "");
}

#[tokio::test]
async fn a_status_is_an_answer_and_what_is_sent_arrives() {
    let served = Served::start(|_| (StatusCode::IM_A_TEAPOT, "no coffee")).await;
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-key"), HeaderValue::from_static("secret"))]);
    let body = Bytes::from_static(b"{}");
    let request = Request { method: Method::POST, headers, body, ..get(&at(served.port, "/pot?a=b")) };
    let fetched = guard().fetch(request).await.expect("an answer");
    assert_eq!((fetched.status.as_u16(), &fetched.body[..]), (418, &b""[..]));
    let asked = served.asked();
    assert_eq!((asked.len(), &asked[0].method, asked[0].uri.to_string()), (1, &Method::POST, "/pot?a=b".to_owned()));
    assert_eq!((asked[0].body.as_ref(), asked[0].headers["x-key"].as_bytes()), (&b"{}"[..], &b"secret"[..]));
    assert!(asked[0].headers["user-agent"].to_str().expect("text").starts_with("ChatbotX/"));
    assert_eq!(asked[0].headers.get("accept-encoding"), None, "what is packed would be larger than its limit");
}

#[tokio::test]
async fn the_time_is_for_all_of_it() {
    // It takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("bound").port();
    let short = |url: String| Request { time: Duration::from_millis(150), ..get(&url) };
    assert_eq!(failure(short(at(port, "/"))).await, Failure::TimedOut);
    // It begins an answer and does not end it.
    let served = Served::start(|_| {
        let endless = futures::StreamExt::chain(
            futures::stream::iter([Ok::<_, std::io::Error>("x")]),
            futures::stream::pending(),
        );
        Body::from_stream(endless).into_response()
    })
    .await;
    assert_eq!(failure(short(at(served.port, "/"))).await, Failure::TimedOut);
}

#[tokio::test]
async fn nothing_that_listens_and_nothing_by_that_name_are_told_alike() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listener.local_addr().expect("bound").port()
    };
    assert_eq!(failure(get(&at(port, "/"))).await, Failure::Unreachable(Cause::NoConnection));
    let unknown = failure(get("http://nothing.example.com/")).await;
    assert_eq!(unknown, Failure::Unreachable(Cause::UnknownName));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.expect("a connection");
            let mut head = [0_u8; 64];
            let _read = tokio::io::AsyncReadExt::read(&mut connection, &mut head).await;
            let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
            let _written = tokio::io::AsyncWriteExt::write_all(&mut connection, half).await;
        }
    });
    assert_eq!(failure(get(&at(port, "/"))).await, Failure::BrokenOff);
}

#[tokio::test]
async fn redirects_are_followed_as_browsers_do_and_not_for_ever() {
    let served = Served::start(|path| match path {
        "/end" => "there".into_response(),
        "/ever" => redirect(302, "/ever").into_response(),
        "/nowhere" => (StatusCode::FOUND, "no location").into_response(),
        status => redirect(status[1..].parse().expect("a status"), "/end").into_response(),
    })
    .await;
    for (path, method, body) in [
        ("/301", Method::GET, ""),
        ("/302", Method::GET, ""),
        ("/303", Method::GET, ""),
        ("/307", Method::POST, "{}"),
        ("/308", Method::POST, "{}"),
    ] {
        let before = served.asked().len();
        let request = Request { method: Method::POST, body: Bytes::from_static(b"{}"), ..get(&at(served.port, path)) };
        assert_eq!(guard().fetch(request).await.expect("an answer").body, "there");
        let asked = served.asked().split_off(before);
        assert_eq!((asked.len(), &asked[1].method, &asked[1].body[..]), (2, &method, body.as_bytes()), "{path}");
    }
    assert_eq!(guard().fetch(get(&at(served.port, "/nowhere"))).await.expect("an answer").status, StatusCode::FOUND);
    let before = served.asked().len();
    assert_eq!(failure(get(&at(served.port, "/ever"))).await, Failure::TooManyRedirects(5));
    assert_eq!(served.asked().len() - before, 6);
}

#[tokio::test]
async fn what_may_be_secret_is_not_sent_on_to_another_host() {
    let end = Served::start(|_| "there").await;
    let port = end.port;
    let begin = Served::start(move |path| match path {
        "/same" => redirect(307, "/end").into_response(),
        "/end" => "there".into_response(),
        _ => redirect(307, &at(port, "/end")).into_response(),
    })
    .await;
    let header = |name: &'static str| (HeaderName::from_static(name), HeaderValue::from_static("x"));
    let secret = ["authorization", "cookie", "x-api-key"];
    let kept = ["accept", "content-type", "idempotency-key"];
    let headers: HeaderMap = secret.iter().chain(&kept).map(|name| header(name)).collect();
    for (path, server, has_secrets) in [("/same", &begin, true), ("/other", &end, false)] {
        let request = Request { method: Method::POST, headers: headers.clone(), ..get(&at(begin.port, path)) };
        guard().fetch(request).await.expect("an answer");
        let last = server.asked().pop().expect("asked");
        assert_eq!(last.uri.path(), "/end");
        assert!(secret.iter().all(|name| last.headers.contains_key(*name) == has_secrets), "{path}: {last:?}");
        assert!(kept.iter().all(|name| last.headers.contains_key(*name)), "{path}: {last:?}");
    }
}

#[tokio::test]
async fn a_request_has_limits_and_says_nothing_that_only_the_program_may_say() {
    let served = Served::start(|_| "hello").await;
    let refused = async |request: Request| match failure(request).await {
        Failure::Refused(refusal) => refusal,
        other => panic!("{other}"),
    };
    let large = Bytes::from(vec![b'x'; MAX_BODY_BYTES + 1]);
    let base = get(&at(served.port, "/"));
    assert_eq!(refused(Request { body: large, ..base.clone() }).await, Refusal::Body);
    for name in ["host", "content-length", "transfer-encoding", "connection", "upgrade", "proxy-authorization"] {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static("x"))]);
        assert_eq!(refused(Request { headers, ..base.clone() }).await, Refusal::Header, "{name}");
    }
    let long = HeaderValue::from_str(&"x".repeat(20_000)).expect("a value");
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x"), long)]);
    assert_eq!(refused(Request { headers, ..base }).await, Refusal::Header);
    assert!(served.asked().is_empty());
}
