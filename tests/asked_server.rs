//! A server on this machine that flows ask: it answers by the path, and remembers who asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What it was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub key: String,
    pub body: String,
}

/// The server. `/hold` is answered when it is let go, everything else at once.
pub struct AskedServer {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    is_free: Arc<watch::Sender<bool>>,
    given_up: Arc<AtomicUsize>,
}

/// Counts when it is dropped before it was told not to.
struct GivenUp(Option<Arc<AtomicUsize>>);

impl GivenUp {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl AskedServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let is_free = Arc::new(watch::Sender::new(false));
        let given_up: Arc<AtomicUsize> = Arc::default();
        let (kept, held, left) = (Arc::clone(&asked), Arc::clone(&is_free), Arc::clone(&given_up));
        let handle = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let key = headers.get("idempotency-key").map_or_else(String::new, |value| text(value.as_bytes()));
            let path = uri.path().to_owned();
            kept.lock().expect("not poisoned").push(Asked { method, path: path.clone(), key, body: text(&body) });
            let mut free = held.subscribe();
            let waiting = GivenUp(Some(Arc::clone(&left)));
            async move {
                if path == "/hold" {
                    let _freed = free.wait_for(|free| *free).await;
                }
                waiting.answered();
                answer(&path)
            }
        };
        tokio::spawn(axum::serve(listener, Router::new().fallback(handle)).into_future());
        Self { port, asked, is_free, given_up }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }

    /// Waits until it was asked so often.
    pub async fn is_asked(&self, times: usize) {
        until(async || self.asked().len() >= times).await;
    }

    /// Waits until so many of those who asked have hung up without an answer.
    pub async fn is_given_up(&self, times: usize) {
        until(async || self.given_up.load(Ordering::SeqCst) >= times).await;
    }

    /// Lets what it holds go.
    pub fn let_go(&self) {
        self.is_free.send_replace(true);
    }
}

/// Asks again and again until it is so.
pub async fn until(is_so: impl AsyncFn() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.expect("it comes to be so");
}

fn answer(path: &str) -> Response {
    match path {
        "/text" => "hello".into_response(),
        "/large" => format!("\"{}\"", "x".repeat(70_000)).into_response(),
        "/nothing" => StatusCode::NO_CONTENT.into_response(),
        "/inside" => (StatusCode::FOUND, [("location", "http://169.254.169.254/latest/")]).into_response(),
        "/broken" => (StatusCode::SERVICE_UNAVAILABLE, "no").into_response(),
        _ => r#"{"points": 7, "word": "Bienenstich"}"#.into_response(),
    }
}
