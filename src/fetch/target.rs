//! The address as it is written: what can be told from its text alone, before any name is looked up.

use std::net::IpAddr;

use url::{Host, Url};

use super::addresses::Policy;
use super::failure::{Failure, Refusal};

/// The longest address, in bytes.
const MAX_BYTES: usize = 8_192;

/// Names that mean something on this machine or in an inner network only, with everything under them.
const INNER_NAMES: &[&str] =
    &["localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa"];

/// Reads an address. Its literals are read as browsers read them: decimal, octal, hexadecimal and short ones come out as what they are.
pub(super) fn read(text: &str, policy: &Policy) -> Result<Url, Failure> {
    if text.len() > MAX_BYTES {
        return Err(Failure::Refused(Refusal::Long));
    }
    let url = Url::parse(text).map_err(|_| Failure::Refused(Refusal::Form))?;
    check(&url, policy).map(|()| url)
}

/// The address that `location` means at `from`.
pub(super) fn redirected(from: &Url, location: &str, policy: &Policy) -> Result<Url, Failure> {
    if location.len() > MAX_BYTES {
        return Err(Failure::Refused(Refusal::Long));
    }
    let to = from.join(location).map_err(|_| Failure::Refused(Refusal::Form))?;
    check(&to, policy)?;
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(Failure::Refused(Refusal::Downgrade));
    }
    Ok(to)
}

fn check(url: &Url, policy: &Policy) -> Result<(), Failure> {
    let refused = |refusal| Err(Failure::Refused(refusal));
    if !matches!(url.scheme(), "http" | "https") {
        return refused(Refusal::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused(Refusal::Credentials);
    }
    let permitted = match url.host() {
        None => return refused(Refusal::Form),
        Some(Host::Ipv4(address)) => policy.permits(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => policy.permits(IpAddr::V6(address)),
        // Which addresses an inner name has is looked at only where any of them may be allowed.
        Some(Host::Domain(name)) => !is_inner_name(name) || policy.allows_any(),
    };
    if permitted { Ok(()) } else { refused(Refusal::Host) }
}

/// Whether a name means something on this machine or in an inner network only; one without a dot is found by a search list at best.
pub(super) fn is_inner_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_under =
        |inner: &str| name.strip_suffix(inner).is_some_and(|before| before.is_empty() || before.ends_with('.'));
    !name.contains('.') || INNER_NAMES.iter().any(|inner| is_under(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<Failure> {
        read(text, &Policy::default()).err()
    }

    #[test]
    fn what_is_no_plain_web_address_is_refused() {
        for (text, expected) in [
            ("https://example.com/a?b#c", None),
            ("http://example.com:8080", None),
            ("https://exämple.com", None),
            ("example.com", Some(Refusal::Form)),
            ("", Some(Refusal::Form)),
            ("http://", Some(Refusal::Form)),
            ("http://1.2.3.4.5", Some(Refusal::Form)),
            ("http://[fe80::1%25eth0]/", Some(Refusal::Form)),
            ("ftp://example.com", Some(Refusal::Scheme)),
            ("file:///etc/passwd", Some(Refusal::Scheme)),
            ("gopher://example.com", Some(Refusal::Scheme)),
            ("data:text/plain,x", Some(Refusal::Scheme)),
            ("https://ana@example.com", Some(Refusal::Credentials)),
            ("https://ana:secret@example.com", Some(Refusal::Credentials)),
            ("https://:secret@example.com", Some(Refusal::Credentials)),
            ("https://127.0.0.1@example.com", Some(Refusal::Credentials)),
            ("http://localhost", Some(Refusal::Host)),
        ] {
            assert_eq!(refusal(text), expected.map(Failure::Refused), "{text}");
        }
        let long = format!("https://example.com/{}", "a".repeat(MAX_BYTES));
        assert_eq!(refusal(&long), Some(Failure::Refused(Refusal::Long)));
    }

    #[test]
    fn a_redirect_is_checked_like_an_address_and_never_gives_encryption_up() {
        let from = Url::parse("https://example.com/a/b").unwrap();
        let to = |location: &str| redirected(&from, location, &Policy::default()).map(|url| url.to_string());
        assert_eq!(to("c?d").as_deref(), Ok("https://example.com/a/c?d"));
        assert_eq!(to("//example.org/").as_deref(), Ok("https://example.org/"));
        assert_eq!(to("http://example.com/"), Err(Failure::Refused(Refusal::Downgrade)));
        assert_eq!(to("https://10.0.0.1/"), Err(Failure::Refused(Refusal::Host)));
        assert_eq!(to("//169.254.169.254/"), Err(Failure::Refused(Refusal::Host)));
        assert_eq!(to("https://a:b@example.com/"), Err(Failure::Refused(Refusal::Credentials)));
        assert_eq!(to("ftp://example.com/"), Err(Failure::Refused(Refusal::Scheme)));
    }

    #[test]
    fn a_name_that_only_an_inner_network_knows_is_told_from_others() {
        for name in ["localhost", "localhost.", "a.localhost", "db.internal", "printer.local", "db", "x.home.arpa"] {
            assert!(is_inner_name(name), "{name}");
        }
        for name in ["example.com", "localhost.example.com", "notlocal.net", "internal.example.org", "mylocal.dev"] {
            assert!(!is_inner_name(name), "{name}");
        }
    }
}
