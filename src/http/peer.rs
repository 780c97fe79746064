//! Who is at the other end of the connection: the address that limits count, seen through the proxies that the operator trusts.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The other end of the TCP connection; put into every request by the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The client's address: the peer, or what trusted proxies say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

const FORWARDED_FOR: &str = "x-forwarded-for";
/// Headers that only a proxy adds.
const PROXY_HEADERS: [&str; 5] = [FORWARDED_FOR, "x-forwarded-host", "x-real-ip", "forwarded", "via"];

/// Finds the client's address. Proxies append, so the list is read from its end, past the trusted ones; what stands further left
/// was written by the client and proves nothing.
#[must_use]
pub fn client_address(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> ClientAddress {
    let trusts = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut nearest = peer.0.ip().to_canonical();
    let named = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<&str> = named.flat_map(|value| value.split(',')).map(str::trim).collect();
    for text in named.into_iter().rev() {
        if !trusts(&nearest) {
            break;
        }
        let Some(address) = parse_address(text) else { break };
        nearest = address;
    }
    ClientAddress(nearest)
}

/// Some proxies write the port, too.
fn parse_address(text: &str) -> Option<IpAddr> {
    let address = text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|one| one.ip()));
    address.map(|one: IpAddr| one.to_canonical())
}

/// Whether the request comes from this machine itself and not through a proxy.
#[must_use]
pub fn is_local(peer: Peer, headers: &HeaderMap) -> bool {
    peer.0.ip().to_canonical().is_loopback() && PROXY_HEADERS.iter().all(|name| !headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        client_address(Peer(peer.parse().unwrap()), &headers, &trusted).0.to_string()
    }

    #[test]
    fn without_trust_the_peer_counts() {
        assert_eq!(seen("203.0.113.9:1", &["198.51.100.1"], &[]), "203.0.113.9");
        assert_eq!(seen("203.0.113.9:1", &["198.51.100.1"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_names_the_client() {
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.1:4711, 10.0.0.2"], &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.1", "10.0.0.2"], &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(seen("[::ffff:10.0.0.1]:1", &["2001:db8::1"], &["10.0.0.0/8"]), "2001:db8::1");
    }

    #[test]
    fn what_a_client_wrote_into_the_header_proves_nothing() {
        assert_eq!(seen("10.0.0.1:1", &["1.1.1.1, 198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1:1", &["nonsense"], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn a_request_through_a_proxy_is_not_local() {
        let mut headers = HeaderMap::new();
        assert!(is_local(Peer("127.0.0.1:1".parse().unwrap()), &headers));
        assert!(is_local(Peer("[::1]:1".parse().unwrap()), &headers));
        assert!(!is_local(Peer("192.0.2.1:1".parse().unwrap()), &headers));
        headers.insert("forwarded", "for=1.2.3.4".parse().unwrap());
        assert!(!is_local(Peer("127.0.0.1:1".parse().unwrap()), &headers));
    }
}
