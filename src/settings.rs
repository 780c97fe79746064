//! What an operator can set about the doors that listen on the network, with defaults that are safe on a laptop.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::http::Uri;
use ipnet::IpNet;

/// The settings of the HTTP doors. The command line fills them from options and environment variables.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; port 0 picks a free one. Loopback unless the operator says otherwise.
    pub listen: SocketAddr,
    /// The address that clients use when a proxy stands before the server; its host is then a valid `Host` and its origin a valid
    /// `Origin`.
    pub public_url: Option<Uri>,
    /// Further valid `Host` values, as `name` (any port) or `name:port`.
    pub allow_hosts: Vec<String>,
    /// Further valid `Origin` values, as `scheme://host[:port]`; a port of `*` is any port.
    pub allow_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trust_proxy: Vec<IpNet>,
    /// Whether `?token=` and `?workspace_token=` are accepted on the MCP endpoints.
    pub url_tokens: bool,
    /// How much one caller may ask for.
    pub limits: Limits,
    /// Serves the fixtures of the conformance suite, and lets everybody in.
    #[cfg(feature = "conformance")]
    pub conformance: Option<crate::mcp::conformance::OpenHouse>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            public_url: None,
            allow_hosts: Vec::new(),
            allow_origins: Vec::new(),
            trust_proxy: Vec::new(),
            url_tokens: true,
            limits: Limits::default(),
            #[cfg(feature = "conformance")]
            conformance: None,
        }
    }
}

/// Bounds that keep one caller from taking the machine from the others. A rate of 0 is no limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Tool calls of one token in 10 s.
    pub calls_per_token: u32,
    /// Tool calls in one workspace in 10 s.
    pub calls_per_workspace: u32,
    /// Wrong or missing credentials from one address in 10 s.
    pub failed_authentications_per_address: u32,
    /// Sessions that one token may hold at a time, legacy streams and Streamable HTTP together.
    pub sessions_per_token: usize,
    /// Sessions of all tokens.
    pub sessions: usize,
    /// Event streams of one token that may be open at a time.
    pub streams_per_token: usize,
    /// Streams of `/api/v1/events` that may be open at a time, of all tokens.
    pub event_streams: usize,
    /// After this time without a message a Streamable HTTP session is forgotten; a client that comes back later has to initialize
    /// again, and not every client can, so it is long: the caps bound the memory.
    pub session_idle: Duration,
    /// After this time without a message from the client an open legacy stream is closed.
    pub stream_idle: Duration,
    /// Bytes of an MCP message.
    pub body_bytes: usize,
    /// How long a client may take to send the head of its next request. It also closes idle connections, so it is longer than the
    /// 60 s for which proxies keep them.
    pub header_time: Duration,
    /// Connections that may be open at a time.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls_per_token: 1_200,
            calls_per_workspace: 6_000,
            failed_authentications_per_address: 600,
            sessions_per_token: 64,
            sessions: 4_096,
            streams_per_token: 256,
            event_streams: 4_096,
            session_idle: Duration::from_hours(8),
            stream_idle: Duration::from_hours(24),
            body_bytes: 4 * 1024 * 1024,
            header_time: Duration::from_secs(75),
            connections: 8_192,
        }
    }
}
