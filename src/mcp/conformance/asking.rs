//! What a fixture does beside answering: tells its progress, logs, and asks the client in the middle of a call, as revisions before
//! 2026-07-28 do.

use std::time::Duration;

use rmcp::model::{
    ClientCapabilities, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam, ServerNotification,
    ServerRequest,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};

use super::fixtures::{Steps, typed};

/// Between two steps, so that a client sees them come one by one.
const STEP: Duration = Duration::from_millis(50);

/// Tells the steps of a call on its way.
pub(super) async fn tell_steps(steps: Steps, context: &RequestContext<RoleServer>) {
    let messages = ["Tool execution started", "Tool processing data", "Tool execution completed"];
    for (number, message) in messages.into_iter().enumerate() {
        if number > 0 {
            tokio::time::sleep(STEP).await;
        }
        // A client that is gone is told nothing.
        let _ = match steps {
            Steps::Progress => progress(number, context).await,
            Steps::Logging => log(message, context).await,
        };
    }
}

async fn progress(number: usize, context: &RequestContext<RoleServer>) -> Option<()> {
    let token = context.meta.get_progress_token()?;
    let progress = [0.0, 50.0, 100.0].get(number).copied()?;
    context.peer.notify_progress(ProgressNotificationParam::new(token, progress).with_total(100.0)).await.ok()
}

/// Clients of 2026-07-28 are told only what they ask for in the request.
async fn log(message: &str, context: &RequestContext<RoleServer>) -> Option<()> {
    let is_legacy = context.meta.protocol_version().is_none();
    if !is_legacy && context.meta.log_level().is_none() {
        return None;
    }
    let param = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(message));
    let notification = typed(json!({"method": "notifications/message", "params": param})).ok()?;
    context.peer.send_notification(ServerNotification::LoggingMessageNotification(notification)).await.ok()
}

/// Asks the client, and gives its answer.
///
/// # Errors
/// A client that did not say that it can; one that refuses, or is gone.
pub(super) async fn ask(request: Value, context: &RequestContext<RoleServer>) -> Result<Value, ErrorData> {
    let request: ServerRequest = typed(request)?;
    let can = context.client_capabilities().unwrap_or_default();
    let able = match request {
        ServerRequest::CreateMessageRequest(_) => can.sampling.is_some(),
        ServerRequest::ElicitRequest(_) => can.elicitation.is_some(),
        _ => false,
    };
    if !able {
        return Err(ErrorData::invalid_request("the client did not say that it can be asked for this", None));
    }
    let answer = context.peer.send_request(request).await;
    let answer = answer.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    serde_json::to_value(answer).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

/// Refuses a client that did not declare a capability.
///
/// # Errors
/// The refusal.
pub(super) fn require(capability: &str, context: &RequestContext<RoleServer>) -> Result<(), ErrorData> {
    let can = serde_json::to_value(context.client_capabilities().unwrap_or_default()).unwrap_or_default();
    if can.get(capability).is_some() {
        return Ok(());
    }
    let needed: ClientCapabilities = typed(json!({capability: {}}))?;
    Err(ErrorData::missing_required_client_capability(needed))
}
