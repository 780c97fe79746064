//! Which `Host` and `Origin` values are ours. A web page can make a browser talk to a server on the loopback interface (DNS
//! rebinding); it cannot choose these two headers.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

use crate::settings::Settings;

/// A host, with the port when only that port is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    name: String,
    port: Option<u16>,
}

/// A scheme and a host; without a port any port is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: Host,
}

/// What the headers may say.
#[derive(Clone, Debug)]
pub struct AllowedOrigins {
    hosts: Vec<Host>,
    origins: Vec<Origin>,
}

/// Why a request is not for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// No `Host`, several, or one that is no host.
    HostUnreadable,
    /// A host that is not ours.
    Host,
    /// A page from elsewhere.
    Origin,
}

impl AllowedOrigins {
    /// Takes what the settings name, besides the loopback names. Entries that cannot be read allow nothing.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let mut hosts: Vec<Host> = settings.allow_hosts.iter().filter_map(|text| parse_host(text)).collect();
        if !settings.listen.ip().is_unspecified() {
            hosts.push(Host { name: settings.listen.ip().to_string(), port: None });
        }
        let mut origins: Vec<Origin> = settings.allow_origins.iter().filter_map(|text| parse_allowed(text)).collect();
        if let Some(url) = &settings.public_url
            && let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority())
        {
            // A proxy may pass the host with or without its port: any port of that name is ours.
            hosts.push(Host { name: name_of(authority), port: None });
            let port = authority.port_u16().or_else(|| default_port(scheme));
            origins.push(Origin { scheme: scheme.to_owned(), host: Host { name: name_of(authority), port } });
        }
        Self { hosts, origins }
    }

    /// Looks at `Host` always, at `Origin` where present.
    ///
    /// # Errors
    /// Which of the two is foreign.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Foreign> {
        let host = host_of(uri, headers).ok_or(Foreign::HostUnreadable)?;
        let ours = is_loopback(&host.name)
            || self.hosts.iter().any(|one| one.name == host.name && (one.port.is_none() || one.port == host.port));
        if !ours {
            return Err(Foreign::Host);
        }
        let mut values = headers.get_all(header::ORIGIN).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(()),
            (Some(value), None) => {
                let origin = value.to_str().ok().and_then(parse_origin).ok_or(Foreign::Origin)?;
                if self.knows(&origin) { Ok(()) } else { Err(Foreign::Origin) }
            }
            (Some(_), Some(_)) => Err(Foreign::Origin),
        }
    }

    fn knows(&self, origin: &Origin) -> bool {
        is_loopback(&origin.host.name)
            || self.origins.iter().any(|one| {
                one.scheme == origin.scheme
                    && one.host.name == origin.host.name
                    && (one.host.port.is_none() || one.host.port == origin.host.port)
            })
    }
}

fn host_of(uri: &Uri, headers: &HeaderMap) -> Option<Host> {
    let mut values = headers.get_all(header::HOST).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => parse_host(value.to_str().ok()?),
        (None, None) => uri.authority().map(|one| Host { name: name_of(one), port: one.port_u16() }),
        _ => None,
    }
}

fn parse_host(text: &str) -> Option<Host> {
    let authority = Authority::try_from(text.trim()).ok()?;
    if authority.as_str().contains('@') {
        return None;
    }
    Some(Host { name: name_of(&authority), port: authority.port_u16() })
}

fn name_of(authority: &Authority) -> String {
    // `localhost.` names the same machine as `localhost`.
    authority.host().trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

fn parse_origin(text: &str) -> Option<Origin> {
    let uri = Uri::try_from(text).ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let authority = uri.authority()?;
    let port = authority.port_u16().or_else(|| default_port(&scheme));
    Some(Origin { host: Host { name: name_of(authority), port }, scheme })
}

fn parse_allowed(text: &str) -> Option<Origin> {
    match text.trim().trim_end_matches('/').strip_suffix(":*") {
        Some(base) => {
            let origin = parse_origin(base)?;
            Some(Origin { host: Host { port: None, ..origin.host }, ..origin })
        }
        None => parse_origin(text.trim().trim_end_matches('/')),
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn is_loopback(name: &str) -> bool {
    matches!(name, "localhost" | "127.0.0.1" | "::1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &Settings, host: &str, origin: Option<&str>) -> Result<(), Foreign> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        AllowedOrigins::new(settings).check(&Uri::from_static("/mcp"), &headers)
    }

    #[test]
    fn loopback_names_are_ours_on_any_port() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:9", "LOCALHOST", "localhost."] {
            assert_eq!(check(&Settings::default(), host, None), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_name_that_only_looks_like_ours_is_foreign() {
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "127.0.0.2"] {
            assert_eq!(check(&Settings::default(), host, None), Err(Foreign::Host), "{host}");
        }
        assert_eq!(check(&Settings::default(), "localhost@evil.example", None), Err(Foreign::HostUnreadable));
    }

    #[test]
    fn a_missing_or_doubled_host_is_refused() {
        let allowed = AllowedOrigins::new(&Settings::default());
        let mut headers = HeaderMap::new();
        assert_eq!(allowed.check(&Uri::from_static("/"), &headers), Err(Foreign::HostUnreadable));
        headers.append(header::HOST, "localhost".parse().unwrap());
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert_eq!(allowed.check(&Uri::from_static("/"), &headers), Err(Foreign::HostUnreadable));
    }

    #[test]
    fn the_public_url_names_a_host_and_an_origin() {
        let settings = Settings { public_url: Some(Uri::from_static("https://Chat.Example/")), ..Settings::default() };
        assert_eq!(check(&settings, "chat.example", Some("https://chat.example")), Ok(()));
        assert_eq!(check(&settings, "chat.example:443", Some("https://chat.example:443")), Ok(()));
        assert_eq!(check(&settings, "chat.example", Some("http://chat.example")), Err(Foreign::Origin));
        assert_eq!(check(&settings, "chat.example", Some("https://chat.example:8443")), Err(Foreign::Origin));
    }

    #[test]
    fn an_origin_from_elsewhere_is_foreign_even_with_our_host() {
        for origin in ["https://evil.example", "null", "http://localhost.evil.example", "file://", "garbage"] {
            assert_eq!(check(&Settings::default(), "localhost", Some(origin)), Err(Foreign::Origin), "{origin}");
        }
        assert_eq!(check(&Settings::default(), "localhost", Some("http://localhost:5173")), Ok(()));
    }

    #[test]
    fn the_operator_adds_hosts_and_origins() {
        let settings = Settings {
            allow_hosts: vec!["box.example:8080".to_owned(), "any.example".to_owned()],
            allow_origins: vec!["https://app.example".to_owned(), "http://dev.example:*".to_owned()],
            ..Settings::default()
        };
        assert_eq!(check(&settings, "box.example:8080", Some("https://app.example:443")), Ok(()));
        assert_eq!(check(&settings, "box.example:8081", None), Err(Foreign::Host));
        assert_eq!(check(&settings, "any.example:1", Some("http://dev.example:3000")), Ok(()));
        assert_eq!(check(&settings, "any.example", Some("https://app.example:444")), Err(Foreign::Origin));
    }

    #[test]
    fn an_unspecified_bind_address_is_not_a_host() {
        let settings = Settings { listen: "0.0.0.0:8080".parse().unwrap(), ..Settings::default() };
        assert_eq!(check(&settings, "0.0.0.0:8080", None), Err(Foreign::Host));
        let settings = Settings { listen: "192.0.2.7:8080".parse().unwrap(), ..Settings::default() };
        assert_eq!(check(&settings, "192.0.2.7:8080", None), Ok(()));
    }
}
