//! The way in: which token a request shows, whose it is, and how often an address may be wrong about it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::request::Parts;
use axum::response::Response;

use super::credentials::{self, Credentials};
use super::peer::ClientAddress;
use super::rate_window::RateWindow;
use super::refusal;
use super::token_watch::TokenWatch;
use crate::app::{Caller, NotLetIn};
use crate::mcp::Backend;
use crate::settings::Settings;

/// A request's checked token.
pub struct Identified {
    /// Whose it is.
    pub caller: Caller,
    /// The token, to be checked again while a stream is open.
    pub token: Arc<str>,
}

/// Checks tokens for the HTTP doors.
pub struct Gate {
    backend: Arc<dyn Backend>,
    url_tokens: bool,
    failures: RateWindow<IpAddr>,
    /// The tokens of open streams.
    pub watch: Arc<TokenWatch>,
}

impl Gate {
    /// A gate with the limits of `settings`.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, settings: &Settings) -> Arc<Self> {
        Arc::new(Self {
            watch: TokenWatch::new(Arc::clone(&backend), settings.limits.streams_per_token),
            failures: RateWindow::new(settings.limits.failed_authentications_per_address),
            url_tokens: settings.url_tokens,
            backend,
        })
    }

    /// Takes the token out of the request and finds out whose it is. A token in the URL counts here.
    ///
    /// # Errors
    /// The answer for a request without a valid token: 401, or 429 for an address that tried too often.
    pub async fn identify(&self, parts: &mut Parts) -> Result<Identified, Response> {
        match self.identify_if_shown(parts).await? {
            Some(identified) => Ok(identified),
            None => Err(self.failed(parts).unwrap_or_else(|| {
                refusal::unauthenticated(
                    false,
                    "a workspace token is needed, as Authorization: Bearer or x-workspace-token",
                )
            })),
        }
    }

    /// Like [`Self::identify`], but a request that shows no token at all is let pass, as nobody.
    ///
    /// # Errors
    /// The answer for a request with something that is no valid token.
    pub async fn identify_if_shown(&self, parts: &mut Parts) -> Result<Option<Identified>, Response> {
        let shown = credentials::take(parts, self.url_tokens);
        let message = match shown {
            Credentials::Missing => return Ok(None),
            Credentials::Unusable => "the request shows two different tokens, or something that is no token",
            Credentials::UrlTokenOff => "tokens in URLs are switched off here; send the token in a header",
            Credentials::Token(token) => {
                // An address that was wrong too often is not even looked up: guessing must not cost us anything.
                if let Err(wait) = self.failures.peek(address(parts)) {
                    return Err(refusal::too_many("too many failed attempts from this address", wait));
                }
                match self.backend.authenticate(&token).await {
                    Ok(caller) => return Ok(Some(Identified { caller, token: token.into() })),
                    Err(NotLetIn::Unauthenticated) => "the token is unknown, expired or revoked",
                    Err(NotLetIn::Unavailable) => {
                        return Err(refusal::unavailable("tokens cannot be looked up right now"));
                    }
                }
            }
        };
        Err(self.failed(parts).unwrap_or_else(|| refusal::unauthenticated(true, message)))
    }

    /// Counts a failed attempt; an answer when its address has had too many.
    #[must_use]
    pub fn failed(&self, parts: &Parts) -> Option<Response> {
        let wait = self.failures.count(address(parts)).err()?;
        Some(refusal::too_many("too many failed attempts from this address", wait))
    }
}

/// The front of the door puts the address into every request; without it all share one count.
fn address(parts: &Parts) -> IpAddr {
    let unknown = IpAddr::from([0_u8; 4]);
    let address = parts.extensions.get::<ClientAddress>().map_or(unknown, |one| one.0);
    match address {
        // One customer of an IPv6 provider holds at least a /64.
        IpAddr::V6(six) => {
            let mut segments = six.segments();
            segments[4..].fill(0);
            IpAddr::from(segments)
        }
        IpAddr::V4(_) => address,
    }
}
