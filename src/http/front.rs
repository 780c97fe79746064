//! What happens to every HTTP request before a route sees it, and to every answer after: the same for all listeners and routes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;
use tower_http::timeout::TimeoutBody;

use super::health::{Phase, Readiness};
use super::origin::AllowedOrigins;
use super::peer::{Peer, client_address};
use super::{metrics, refusal};
use crate::settings::Settings;

/// How long a request's body may stand still.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The rules at the front of the door.
pub struct Front {
    allowed: AllowedOrigins,
    trusted: Vec<IpNet>,
    readiness: Arc<Readiness>,
}

impl Front {
    /// The rules that follow from the settings.
    #[must_use]
    pub fn new(settings: &Settings, readiness: Arc<Readiness>) -> Arc<Self> {
        let allowed = AllowedOrigins::new(settings);
        Arc::new(Self { allowed, trusted: settings.trust_proxy.clone(), readiness })
    }

    fn refusal(&self, request: &Request) -> Option<Response> {
        if let Err(what) = self.allowed.check(request.uri(), request.headers()) {
            return Some(refusal::foreign(what));
        }
        // Health is told to the end.
        let starts_something = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE);
        (self.readiness.phase() == Phase::Draining && starts_something).then(refusal::draining)
    }
}

/// The middleware.
pub async fn guard(State(front): State<Arc<Front>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    // The path only: a query may hold a token.
    let path = request.uri().path().to_owned();
    // Tests call the router without a listener; then there is no peer to know.
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer(SocketAddr::from(([0, 0, 0, 0], 0))));
    let address = client_address(peer, request.headers(), &front.trusted);
    request.extensions_mut().insert(address);
    let mut response = match front.refusal(&request) {
        Some(response) => response,
        None => next.run(request.map(|body| Body::new(TimeoutBody::new(BODY_TIME, body)))).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let status = response.status().as_u16();
    metrics::answered(status);
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(http.method = %method, http.path = path, http.status = status, duration_ms, "a request was answered");
    response
}
