//! Which addresses may be connected to. What is not known to be public is refused: a range that is made up tomorrow is no way in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What of IPv4 is not public, by the registry of special addresses (IANA), and one address of a cloud that looks public.
const FORBIDDEN_V4: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, reserved, broadcast.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
    // The inside of machines in Azure.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
];

/// What is public of IPv6, and what of that is not.
const PUBLIC_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const FORBIDDEN_V6: &[(Ipv6Addr, u8)] = &[
    // Assignments to protocols: benchmarking, ORCHID and others. Teredo is in it, too, and looked into before.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// What the operator allows beside what is public.
#[derive(Clone, Debug, Default)]
pub(super) struct Policy {
    allowed: Vec<IpNet>,
}

impl Policy {
    pub(super) const fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Whether the operator allows anything that is not public.
    pub(super) const fn allows_any(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// Whether the operator has named the address, or the one within it to which it leads.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        let is_in = |address: IpAddr| self.allowed.iter().any(|range| range.contains(&address));
        is_in(address) || inner(address).is_some_and(|inner| is_in(IpAddr::V4(inner)))
    }

    /// Whether it may be connected to.
    pub(super) fn permits(&self, address: IpAddr) -> bool {
        self.allows(address) || is_public(address)
    }
}

fn is_public(address: IpAddr) -> bool {
    if let Some(inner) = inner(address) {
        return is_public_v4(inner);
    }
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !FORBIDDEN_V4.iter().any(|(network, length)| is_in_v4(address, *network, *length))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let is_in = |(network, length): &(Ipv6Addr, u8)| is_in_v6(address, *network, *length);
    // An interface that carries an IPv4 address (ISATAP) leads to it.
    let carried = matches!(address.segments(), [_, _, _, _, 0 | 0x200, 0x5efe, _, _]).then(|| low_32(address));
    is_in(&PUBLIC_V6) && !FORBIDDEN_V6.iter().any(is_in) && carried.is_none_or(is_public_v4)
}

fn is_in_v4(address: Ipv4Addr, network: Ipv4Addr, length: u8) -> bool {
    Ipv4Net::new(network, length).is_ok_and(|range| range.contains(&address))
}

fn is_in_v6(address: Ipv6Addr, network: Ipv6Addr, length: u8) -> bool {
    Ipv6Net::new(network, length).is_ok_and(|range| range.contains(&address))
}

/// The IPv4 address to which an IPv6 address leads: by being written so (mapped, compatible, translated), or through a translator or a
/// tunnel (NAT64, 6to4, Teredo). Within the local prefix of translators (`64:ff9b:1::/48`) it may stand anywhere: that prefix is no public
/// address at all.
fn inner(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        // `::` and `::1` stand for themselves.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(of(high, low)),
        // Teredo hides the client's address by turning its bits round; the server's stands before it.
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            let server = of(server_high, server_low);
            Some(if is_public_v4(server) { of(!high, !low) } else { server })
        }
        _ => None,
    }
}

fn low_32(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(allowed: &[&str], address: &str) -> bool {
        let allowed = allowed.iter().map(|range| range.parse().unwrap()).collect();
        Policy::new(allowed).permits(address.parse().unwrap())
    }

    #[test]
    fn what_is_public_is_permitted() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "2001:200::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:0101:0101::1",
            "2001:0:0101:0101::fefe:fefe",
        ] {
            assert!(permits(&[], address), "{address}");
        }
    }

    #[test]
    fn what_is_not_public_is_not_permitted_at_either_end_of_its_range() {
        for address in "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1
            127.255.255.255 168.63.129.16 169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255
            192.0.0.0 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255
            198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
            :: ::1 ::2 ::7f00:1 ::ffff:127.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::10.0.0.1 64:ff9b:1::1.1.1.1
            64:ff9b:1:ffff::10.0.0.1 64:ff9b:2::1 100::1 2001::1 2001:0:7f00:1:: 2001:0:101:101::80ff:fffe 2001:2::1
            2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::1 2002:a9fe:a9fe::1 2606:4700::5efe:10.0.0.1
            2606:4700::200:5efe:127.0.0.1 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 febf::1 fec0::1
            ff02::1 ff0e::1"
            .split_whitespace()
        {
            assert!(!permits(&[], address), "{address}");
        }
    }

    #[test]
    fn an_operator_allows_ranges_and_nothing_beside_them() {
        let allowed = ["10.1.0.0/16", "fd00::/16"];
        for address in ["10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd00::1", "1.1.1.1"] {
            assert!(permits(&allowed, address), "{address}");
        }
        for address in ["10.0.255.255", "10.2.0.0", "::ffff:10.2.0.1", "fd01::1", "127.0.0.1", "169.254.169.254"] {
            assert!(!permits(&allowed, address), "{address}");
        }
    }
}
