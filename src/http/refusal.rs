//! The answers of a door that does not let a request in: RFC 9457 problem details, before any operation is reached.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::origin::Foreign;
use crate::problem::Problem;

/// Problem details under `status`. `code` is the machine's word for it, `message` a sentence for the caller.
#[must_use]
pub fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "code": code,
        "message": message,
    });
    with_body(status, &body)
}

fn with_body(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// A problem that an operation's caller would see, before there is an operation.
#[must_use]
pub fn problem(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut body = json!({"type": "about:blank", "title": status.canonical_reason(), "status": status.as_u16()});
    if let (Value::Object(body), Ok(Value::Object(members))) = (&mut body, serde_json::to_value(problem)) {
        body.extend(members);
    }
    with_body(status, &body)
}

/// Nobody we know. `shown` tells whether a token was shown that opens nothing.
#[must_use]
pub fn unauthenticated(shown: bool, message: &str) -> Response {
    let mut response = refuse(StatusCode::UNAUTHORIZED, "unauthenticated", message);
    let challenge =
        if shown { "Bearer realm=\"chatbotx\", error=\"invalid_token\"" } else { "Bearer realm=\"chatbotx\"" };
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

/// Too much of something; `wait` is the time until more is allowed.
#[must_use]
pub fn too_many(message: &str, wait: Duration) -> Response {
    let mut response = refuse(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message);
    // Rounded up: a client that waits this long must not come too early.
    let seconds = wait.as_millis().div_ceil(1_000).max(1);
    if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// Something that may work in a moment.
#[must_use]
pub fn unavailable(message: &str) -> Response {
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    response
}

/// The server is about to stop.
#[must_use]
pub fn draining() -> Response {
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the server is stopping; try again soon");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A request with a foreign `Host` or `Origin`.
#[must_use]
pub fn foreign(what: Foreign) -> Response {
    match what {
        Foreign::HostUnreadable => {
            refuse(StatusCode::BAD_REQUEST, "invalid_host", "the request needs exactly one valid Host header")
        }
        Foreign::Host => refuse(
            StatusCode::FORBIDDEN,
            "host_not_allowed",
            "this Host is not served here; the operator allows one with --public-url or --allow-host",
        ),
        Foreign::Origin => refuse(
            StatusCode::FORBIDDEN,
            "origin_not_allowed",
            "pages of this Origin may not call this server; the operator allows one with --allow-origin",
        ),
    }
}

/// What is asked for does not exist, or not for this caller.
#[must_use]
pub fn not_found(message: &str) -> Response {
    refuse(StatusCode::NOT_FOUND, "not_found", message)
}
