//! Tests: servers on this machine, names that somebody makes up, and listeners that nobody may ever reach.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::{TcpListener, TcpStream};

use super::{Fetcher, Lookup, Request};

/// A listener on every address of this machine that counts who connects.
pub(super) struct Canary {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
}

impl Canary {
    pub(super) async fn start() -> Self {
        let listener = match TcpListener::bind("[::]:0").await {
            Ok(both) => both,
            Err(_) => TcpListener::bind("0.0.0.0:0").await.expect("a port"),
        };
        let port = listener.local_addr().expect("bound").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { port, connections }
    }

    /// How many connections were ever made. One of our own comes behind them: when it was counted, they were.
    pub(super) async fn connections(&self) -> usize {
        let before = self.connections.load(Ordering::SeqCst);
        let _own = TcpStream::connect(("127.0.0.1", self.port)).await.expect("a connection");
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while self.connections.load(Ordering::SeqCst) == before && tokio::time::Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        let counted = self.connections.load(Ordering::SeqCst);
        self.connections.fetch_sub(1, Ordering::SeqCst);
        counted - 1
    }
}

/// Names with the answers that they give, one after the other; the last one again and again.
#[derive(Default)]
pub(super) struct Names {
    answers: BTreeMap<String, Vec<Vec<IpAddr>>>,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl Names {
    pub(super) fn with(mut self, name: &str, answers: &[&[&str]]) -> Self {
        let read = |answer: &&[&str]| answer.iter().map(|address| address.parse().expect("an address")).collect();
        self.answers.insert(name.to_owned(), answers.iter().map(read).collect());
        self
    }

    pub(super) fn asked(&self, name: &str) -> usize {
        self.asked.lock().expect("not poisoned").get(name).copied().unwrap_or(0)
    }
}

impl Lookup for Names {
    fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let mut asked = self.asked.lock().expect("not poisoned");
        let times = asked.entry(name.to_owned()).or_default();
        let answers = self.answers.get(name).filter(|answers| !answers.is_empty());
        let answer = answers.map(|answers| answers[(*times).min(answers.len() - 1)].clone());
        *times += 1;
        std::future::ready(answer.ok_or_else(|| io::ErrorKind::NotFound.into())).boxed()
    }
}

/// A fetcher that may reach these ranges of this machine, over these names.
pub(super) fn fetcher(allowed: &[&str], names: &Arc<Names>) -> Fetcher {
    let allowed = allowed.iter().map(|range| range.parse().expect("a range")).collect();
    Fetcher::with_lookup(allowed, Arc::<Names>::clone(names))
}

/// A plain GET with limits that no test meets by chance.
pub(super) fn get(url: &str) -> Request {
    Request {
        method: Method::GET,
        url: url.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        time: Duration::from_secs(20),
        answer_bytes: Some(1_000),
    }
}

/// What a server was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A server at 127.0.0.1 and at every other address of this machine.
pub(super) struct Served {
    pub(super) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Served {
    /// `answer` is given the path.
    pub(super) async fn start<R: IntoResponse>(answer: impl Fn(&str) -> R + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let handle = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let answer = answer(uri.path()).into_response();
            kept.lock().expect("not poisoned").push(Asked { method, uri, headers, body });
            std::future::ready(answer)
        };
        tokio::spawn(axum::serve(listener, Router::new().fallback(handle)).into_future());
        Self { port, asked }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

/// An answer that sends on.
pub(super) fn redirect(status: u16, location: &str) -> (StatusCode, [(&'static str, String); 1]) {
    (StatusCode::from_u16(status).expect("a status"), [("location", location.to_owned())])
}
