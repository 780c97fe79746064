//! Before rmcp sees that somebody wants to listen over Streamable HTTP: what the caller may not read is taken out of the request, since
//! rmcp acknowledges what it finds there without asking who wants it.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rmcp::ErrorData;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Handler;
use super::access::Access;
use crate::http::refusal;

/// Whether a request says that it wants to listen. rmcp refuses a request whose header and body differ in this.
pub(super) fn asks_for_it(headers: &HeaderMap) -> bool {
    headers.get("mcp-method").is_some_and(|method| method == "subscriptions/listen")
}

/// The body without the resources that the caller may not read.
///
/// # Errors
/// The answer for a body that is too long, and for a request that cannot be fulfilled.
pub(super) async fn prepare(
    handler: &Handler,
    access: &Access,
    parts: &mut Parts,
    body: Body,
    bytes_max: usize,
) -> Result<Body, Response> {
    let bytes = to_bytes(body, bytes_max).await.map_err(|_| {
        refusal::refuse(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the message is too long, or ended early")
    })?;
    let Some((mut message, wanted)) = listen_request(&bytes) else { return Ok(Body::from(bytes)) };
    let permitted = handler
        .before_listening(wanted, access, &CancellationToken::new())
        .await
        .map_err(|error| refused(&message["id"], &error))?;
    message["params"]["notifications"]["resourceSubscriptions"] = json!(*permitted.readable);
    parts.extensions.insert(permitted);
    // Its length is another one now.
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Body::from(message.to_string()))
}

/// The message and the resources that it names. What is not of this form is for rmcp to refuse.
fn listen_request(bytes: &Bytes) -> Option<(Value, Vec<String>)> {
    let message: Value = serde_json::from_slice(bytes).ok()?;
    if message["method"] != "subscriptions/listen" || !message["params"]["notifications"].is_object() {
        return None;
    }
    let wanted = match message["params"]["notifications"].get("resourceSubscriptions") {
        None => Vec::new(),
        Some(named) => serde_json::from_value(named.clone()).ok()?,
    };
    Some((message, wanted))
}

fn refused(id: &Value, error: &ErrorData) -> Response {
    let body = json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string();
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
