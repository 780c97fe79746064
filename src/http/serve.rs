//! Listens, serves and stops: the life of the network door.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::front::{Front, guard};
use super::gate::Gate;
use super::health::{Phase, Readiness};
use super::peer::Peer;
use super::write_deadline::WriteDeadline;
use super::{events, health, metrics, refusal};
use crate::mcp::{self, Backend, Calls, Door};
use crate::settings::Settings;

/// How long running calls may take to end when the server stops.
const DRAIN_TIME: Duration = Duration::from_secs(8);
/// How long reads go on then: long enough for all but those that wait for something to happen.
const DRAIN_READS: Duration = Duration::from_secs(1);
/// How long the last answers may take from the handler to the wire.
const DRAIN_ANSWERS: Duration = Duration::from_millis(250);
/// How long connections may take to close after their streams ended.
const CLOSE_TIME: Duration = Duration::from_secs(2);
/// How long a client may take nothing of what is sent to it: then it is gone, or as good as gone, and its connection is closed.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// How often old samples are folded, so that they do not pile up when nobody asks for them.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// The pause after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Everything behind the listener.
pub struct Server {
    router: Router,
    pub(crate) gate: Arc<Gate>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) readiness: Arc<Readiness>,
    /// Ends the event streams.
    pub(crate) streams_end: CancellationToken,
}

impl Server {
    /// Mounts MCP, health and `more` behind the checks that `settings` ask for.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, settings: &Settings, more: Router, readiness: Arc<Readiness>) -> Self {
        let gate = Gate::new(Arc::clone(&backend), settings);
        let calls = Arc::new(Calls::new(&settings.limits));
        let streams_end = CancellationToken::new();
        let door =
            Door::new(Arc::clone(&backend), Arc::clone(&gate), Arc::clone(&calls), settings, streams_end.clone());
        let front = Front::new(settings, Arc::clone(&readiness));
        // What is not routed is not there. That includes OAuth discovery: a client that finds it ignores the token it was given.
        let router = mcp::routes(door)
            .merge(events::routes(&backend, &gate, &settings.limits, streams_end.clone()))
            .merge(health::routes(backend, Arc::clone(&gate), Arc::clone(&readiness)))
            .merge(more)
            .fallback(async || refusal::not_found("there is nothing at this address"))
            .layer(from_fn_with_state(front, guard));
        #[cfg(feature = "conformance")]
        let router = match settings.conformance.clone() {
            Some(house) => router.layer(from_fn_with_state(house, mcp::conformance::let_in)),
            None => router,
        };
        Self { router, gate, calls, readiness, streams_end }
    }

    /// The routes, with the checks in front: for tests, and for other listeners.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Lets running calls end, then the streams. Afterwards only idle connections are left.
    pub(crate) async fn drain(&self) {
        self.readiness.set(Phase::Draining);
        let calls = async {
            if tokio::time::timeout(DRAIN_READS, self.calls.idle()).await.is_err() {
                self.calls.reads_end().cancel();
                self.calls.idle().await;
            }
        };
        if tokio::time::timeout(DRAIN_TIME, calls).await.is_err() {
            tracing::warn!("calls were still running when the time to stop was over");
        }
        // Whoever listens is told that this is the end, instead of being cut off.
        self.calls.reads_end().cancel();
        // A call counts as ended a moment before its answer is in its stream, and ending a stream drops what is not written.
        tokio::time::sleep(DRAIN_ANSWERS).await;
        self.streams_end.cancel();
    }
}

/// Serves HTTP on `listener` until `shutdown`, then drains: takes nothing new, lets running calls end for up to 10 s, ends the event
/// streams. `more` are routes to be served beside MCP and health. Sets the readiness to draining, never to ready.
///
/// # Errors
/// When the listener's address cannot be read.
pub async fn serve(
    backend: Arc<dyn Backend>,
    mut settings: Settings,
    more: Router,
    listener: TcpListener,
    shutdown: CancellationToken,
    readiness: Arc<Readiness>,
) -> io::Result<()> {
    // The address that was really bound is the one whose name clients use.
    settings.listen = listener.local_addr()?;
    let server = Server::new(backend, &settings, more, readiness);
    let background = CancellationToken::new();
    let watching = tokio::spawn({
        let (watch, stop) = (Arc::clone(&server.gate.watch), background.clone());
        async move { watch.run(stop).await }
    });
    let upkeep = tokio::spawn(keep_metrics(background.clone()));
    let hang_up = CancellationToken::new();
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(settings.limits.connections));
    loop {
        // A connection beyond the cap waits in the kernel's queue; those that ended are taken off the set meanwhile.
        let place = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            Ok(place) = Arc::clone(&places).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let serving = serve_connection(
                    stream,
                    Peer(address),
                    server.router(),
                    settings.limits.header_time,
                    hang_up.clone(),
                );
                connections.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    server.drain().await;
    hang_up.cancel();
    let closing = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(CLOSE_TIME, closing).await.is_err() {
        connections.shutdown().await;
    }
    background.cancel();
    let _ = tokio::join!(watching, upkeep);
    Ok(())
}

/// Serves one connection. After `hang_up` it ends with the request it is in.
async fn serve_connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    header_time: Duration,
    hang_up: CancellationToken,
) {
    // Without this every event of a stream waits 40 ms for the client's acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection has no TCP_NODELAY");
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(header_time);
    let mut connection = pin!(http.serve_connection(TokioIo::new(WriteDeadline::new(stream, WRITE_TIME)), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = hang_up.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn keep_metrics(stop: CancellationToken) {
    let mut clock = tokio::time::interval(METRICS_UPKEEP);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => {
                if let Some(recorder) = metrics::recorder() {
                    recorder.run_upkeep();
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
