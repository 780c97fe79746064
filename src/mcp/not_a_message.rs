//! What is posted as JSON and is no message: cut, without sense, or several at once, which only revision 2025-03-26 had.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Whether a body is said to be JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let says_json = |value: &HeaderValue| {
        let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("application/json")
    };
    headers.get(header::CONTENT_TYPE).is_some_and(says_json)
}

/// The answer to it. It has no id, since none could be read.
pub(super) fn refused() -> Response {
    let message = "this is no JSON-RPC message; batches are not taken";
    let error = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": message}});
    (StatusCode::BAD_REQUEST, axum::Json(error)).into_response()
}
