//! What Prometheus sees. Labels are names of ours only: never ids, never words of callers.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Tool calls by tool and outcome (`ok` or a problem's code).
const TOOL_CALLS: &str = "chatbotx_tool_calls_total";
/// Seconds that tool calls took, by tool.
const TOOL_CALL_SECONDS: &str = "chatbotx_tool_call_duration_seconds";
/// Open sessions by transport.
const SESSIONS: &str = "chatbotx_mcp_sessions";
/// HTTP answers by status.
const HTTP_ANSWERS: &str = "chatbotx_http_answers_total";
/// Events appended to the log; counted by the log.
pub const EVENTS_APPENDED: &str = "chatbotx_events_appended_total";

const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The program's recorder, installed by the first caller; nothing when the process has another one.
#[must_use]
pub fn recorder() -> Option<&'static PrometheusHandle> {
    RECORDER.get_or_init(install).as_ref()
}

fn install() -> Option<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .inspect_err(|error| tracing::warn!(%error, "metrics are not recorded"))
        .ok()?;
    describe_counter!(TOOL_CALLS, "tool calls by tool and outcome");
    describe_histogram!(TOOL_CALL_SECONDS, "seconds that tool calls took");
    describe_gauge!(SESSIONS, "open MCP sessions by transport");
    describe_counter!(HTTP_ANSWERS, "HTTP answers by status");
    describe_counter!(EVENTS_APPENDED, "events appended to the log");
    describe_counter!(crate::fetch::FETCHES, "addresses of others' choice that were fetched, by outcome");
    Some(handle)
}

/// Counts a tool call.
pub fn tool_called(tool: &'static str, outcome: &'static str, took: Duration) {
    counter!(TOOL_CALLS, "tool" => tool, "outcome" => outcome).increment(1);
    histogram!(TOOL_CALL_SECONDS, "tool" => tool).record(took);
}

/// Counts an HTTP answer.
pub fn answered(status: u16) {
    counter!(HTTP_ANSWERS, "status" => status.to_string()).increment(1);
}

/// A session that counts as open until it is dropped.
#[derive(Debug)]
pub struct OpenSession(&'static str);

/// Counts a session of `transport`.
#[must_use]
pub fn session_opened(transport: &'static str) -> OpenSession {
    gauge!(SESSIONS, "transport" => transport).increment(1.0);
    OpenSession(transport)
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        gauge!(SESSIONS, "transport" => self.0).decrement(1.0);
    }
}
