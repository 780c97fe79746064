//! Whether the process lives, whether it can work, and its numbers: for supervisors, load balancers and Prometheus.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::json;

use super::gate::Gate;
use super::peer::{Peer, is_local};
use super::{metrics, refusal};
use crate::mcp::Backend;

/// What the program is doing as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It recovers and catches up.
    Starting,
    /// It works.
    Ready,
    /// It finishes what runs and takes nothing new.
    Draining,
}

impl Phase {
    const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }
}

/// The phase of the program, set by whoever starts and stops it.
#[derive(Debug)]
pub struct Readiness(AtomicU8);

impl Readiness {
    /// A program that starts.
    #[must_use]
    pub fn starting() -> Arc<Self> {
        Arc::new(Self(AtomicU8::new(Phase::Starting as u8)))
    }

    /// Moves to another phase. A program that drains never becomes ready again.
    pub fn set(&self, phase: Phase) {
        self.0.fetch_max(phase as u8, Ordering::Release);
    }

    /// The phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }
}

#[derive(Clone)]
struct Health {
    backend: Arc<dyn Backend>,
    gate: Arc<Gate>,
    readiness: Arc<Readiness>,
}

/// `/healthz`, `/readyz`, `/metrics`.
pub fn routes(backend: Arc<dyn Backend>, gate: Arc<Gate>, readiness: Arc<Readiness>) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({"status": "alive"}))))
        .route("/readyz", get(ready))
        .route("/metrics", get(numbers))
        .with_state(Health { backend, gate, readiness })
}

async fn ready(State(health): State<Health>) -> Response {
    let phase = health.readiness.phase();
    let troubles = health.backend.troubles();
    if phase == Phase::Ready && !troubles.is_empty() {
        let body = json!({"status": "failing", "troubles": troubles});
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    }
    let status = if phase == Phase::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"status": phase.name()}))).into_response()
}

/// The numbers tell about all workspaces, so they need a token, unless someone on this very machine asks.
async fn numbers(State(health): State<Health>, peer: Option<Extension<Peer>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let local = peer.is_some_and(|Extension(peer)| is_local(peer, &parts.headers));
    if !local && let Err(response) = health.gate.identify(&mut parts).await {
        return response;
    }
    match metrics::recorder() {
        Some(recorder) => {
            recorder.run_upkeep();
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.render()).into_response()
        }
        None => refusal::refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "metrics are not recorded"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draining_program_is_never_ready_again() {
        let readiness = Readiness::starting();
        assert_eq!(readiness.phase(), Phase::Starting);
        readiness.set(Phase::Ready);
        assert_eq!(readiness.phase(), Phase::Ready);
        readiness.set(Phase::Draining);
        readiness.set(Phase::Ready);
        assert_eq!(readiness.phase(), Phase::Draining);
    }
}
