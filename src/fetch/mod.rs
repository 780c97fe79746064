//! The one way out to addresses that somebody else chose: flows' HTTP steps, and whatever fetches or calls later. It reaches the public
//! internet and the ranges that the operator allows, and nothing else: not this machine, not the network that it stands in, not the
//! metadata of its cloud, however the address is written, wherever it redirects and whatever its name says the second time.
//!
//! Everything that is fetched has limits: time, size, redirects. Proxies of the environment are not used: they would resolve the name anew, out
//! of reach of the check. No connection is kept for the next request, so no request is sent twice because a kept one was stale.

mod addresses;
mod failure;
#[cfg(test)]
mod forbidden_tests;
mod resolving;
#[cfg(test)]
mod served;
mod target;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ipnet::IpNet;
use reqwest::header::{
    ACCEPT, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderName,
    HeaderValue, LOCATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use reqwest::redirect::Policy as Redirects;
use reqwest::{Client, Method, Response, StatusCode};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use url::Url;

use addresses::Policy;
pub use failure::{Cause, Failure, Refusal};
pub use resolving::Lookup;
use resolving::{CheckedLookup, NoAddress, SystemLookup};

/// How the number of what was fetched is called.
pub const FETCHES: &str = "chatbotx_fetches_total";
/// How long a connection may take, its name's look-up and its handshake included.
const CONNECT: Duration = Duration::from_secs(5);
/// How often an address may redirect.
const MAX_REDIRECTS: usize = 5;
/// The most that is sent in a body, in bytes.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// The most headers that are sent, and the most of all of them, in bytes.
const MAX_HEADERS: usize = 50;
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// What says that a request is the same one as before, for those who know it.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What the server is told wherever it leads; everything else stays with the host for which it was written.
const KEPT_HEADERS: [HeaderName; 4] = [ACCEPT, CONTENT_TYPE, USER_AGENT, IDEMPOTENCY_KEY];
/// What only the program itself says.
const OWN_HEADERS: [HeaderName; 8] =
    [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE, TE, TRAILER, EXPECT];

/// Something to fetch.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The address, as somebody wrote it.
    pub url: String,
    /// Headers. Those that may be secret are not sent on to another host.
    pub headers: HeaderMap,
    /// What to send.
    pub body: Bytes,
    /// How long all of it may take, redirects and the answer's body included.
    pub time: Duration,
    /// The most that the answer's body may have, in bytes; nothing = it is not read. That of an error (400 and more) never is.
    pub answer_bytes: Option<usize>,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The status, at the last address.
    pub status: StatusCode,
    /// The body; empty when it was not asked for.
    pub body: Bytes,
}

/// Fetches what somebody else chose.
pub struct Fetcher {
    policy: Arc<Policy>,
    lookup: Arc<dyn Lookup>,
    /// Made when it is first needed: reading the system's certificates takes a while.
    client: OnceCell<Client>,
}

impl Fetcher {
    /// Reaches the public internet and the ranges in `allowed`.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self::with_lookup(allowed, Arc::new(SystemLookup))
    }

    /// The same with names looked up by `lookup`.
    #[must_use]
    pub fn with_lookup(allowed: Vec<IpNet>, lookup: Arc<dyn Lookup>) -> Self {
        Self { policy: Arc::new(Policy::new(allowed)), lookup, client: OnceCell::new() }
    }

    /// Fetches, once.
    ///
    /// # Errors
    /// [`Failure`]: that it was refused, and why; or what went wrong. Statuses are no errors.
    pub async fn fetch(&self, request: Request) -> Result<Fetched, Failure> {
        let fetched = match timeout(request.time, self.follow(request)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(Failure::TimedOut),
        };
        let outcome = fetched.as_ref().map_or_else(|failure| failure.code(), |_| "answered");
        metrics::counter!(FETCHES, "outcome" => outcome).increment(1);
        if let Err(Failure::Unreachable(cause)) = &fetched {
            let cause: &str = cause.into();
            // Neither the address nor its host: both may hold what a customer said.
            tracing::info!(cause, "an address of somebody else's choice was not reached");
        }
        fetched
    }

    async fn client(&self) -> Result<&Client, Failure> {
        let made = self.client.get_or_try_init(|| async {
            let lookup = CheckedLookup { lookup: Arc::clone(&self.lookup), policy: Arc::clone(&self.policy) };
            Client::builder()
                .no_proxy()
                .dns_resolver(lookup)
                .redirect(Redirects::none())
                .retry(reqwest::retry::never())
                .pool_max_idle_per_host(0)
                .connect_timeout(CONNECT)
                .http1_only()
                .referer(false)
                .no_gzip()
                .no_brotli()
                .no_zstd()
                .no_deflate()
                .build()
        });
        made.await.map_err(|error| {
            tracing::error!(%error, "nothing can be fetched: the HTTP client cannot be made");
            Failure::Unreachable(Cause::NoConnection)
        })
    }

    /// Goes from address to address; each is checked anew, its text here and its addresses where the connection is made.
    async fn follow(&self, request: Request) -> Result<Fetched, Failure> {
        let Request { mut method, url, mut headers, mut body, answer_bytes, .. } = request;
        let mut url = target::read(&url, &self.policy)?;
        check(&headers, &body)?;
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("ChatbotX/", env!("CARGO_PKG_VERSION"))));
        let client = self.client().await?;
        for _ in 0..=MAX_REDIRECTS {
            let sending = client.request(method.clone(), url.clone()).headers(headers.clone()).body(body.clone());
            let answer = sending.send().await.map_err(|error| failure_of(&error))?;
            let Some(location) = location(&answer) else { return read(answer, answer_bytes).await };
            let next = target::redirected(&url, &location, &self.policy)?;
            if is_asked_anew(answer.status(), &method) {
                method = Method::GET;
                body = Bytes::new();
                headers.remove(CONTENT_TYPE);
                headers.remove(CONTENT_ENCODING);
            }
            if origin(&next) != origin(&url) {
                let kept = headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
                headers = kept.filter(|(name, _)| KEPT_HEADERS.contains(name)).collect();
            }
            url = next;
        }
        Err(Failure::TooManyRedirects(MAX_REDIRECTS))
    }
}

/// Whether the request can be sent as it is.
fn check(headers: &HeaderMap, body: &Bytes) -> Result<(), Failure> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let is_own = |name: &HeaderName| OWN_HEADERS.contains(name) || name.as_str().starts_with("proxy-");
    if headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES || headers.keys().any(is_own) {
        return Err(Failure::Refused(Refusal::Header));
    }
    if body.len() > MAX_BODY_BYTES {
        return Err(Failure::Refused(Refusal::Body));
    }
    Ok(())
}

/// Where an answer sends on to.
fn location(answer: &Response) -> Option<String> {
    let sends_on = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = answer.headers().get(LOCATION).filter(|_| sends_on)?;
    // Some servers write it in UTF-8.
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
}

/// Whether what follows is asked with GET, as browsers do it.
fn is_asked_anew(status: StatusCode, method: &Method) -> bool {
    match status {
        StatusCode::SEE_OTHER => *method != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        _ => false,
    }
}

/// To whom headers were given.
fn origin(url: &Url) -> (&str, Option<&str>, Option<u16>) {
    (url.scheme(), url.host_str(), url.port_or_known_default())
}

/// Reads a body up to its limit, and no byte more than one piece beyond it.
async fn read(mut answer: Response, most: Option<usize>) -> Result<Fetched, Failure> {
    let status = answer.status();
    let Some(most) = most.filter(|_| status.as_u16() < 400) else { return Ok(Fetched { status, body: Bytes::new() }) };
    if answer.content_length().is_some_and(|length| length > most as u64) {
        return Err(Failure::TooLarge(most));
    }
    let mut body = BytesMut::new();
    while let Some(piece) = answer.chunk().await.map_err(|_| Failure::BrokenOff)? {
        if body.len() + piece.len() > most {
            return Err(Failure::TooLarge(most));
        }
        body.extend_from_slice(&piece);
    }
    Ok(Fetched { status, body: body.freeze() })
}

/// What an error of the client means. Its text is not passed on: it tells what stands at the address.
fn failure_of(error: &reqwest::Error) -> Failure {
    let mut source = error.source();
    while let Some(within) = source {
        if let Some(NoAddress(cause)) = within.downcast_ref() {
            return Failure::Unreachable(*cause);
        }
        source = within.source();
    }
    // The only time of its own that the client has is that for a connection.
    if error.is_connect() || error.is_timeout() {
        Failure::Unreachable(Cause::NoConnection)
    } else {
        Failure::BrokenOff
    }
}
