//! Which network an address is in: the longest prefix wins. A look-up costs one hash for each prefix length in use, not one for each network.

use ipnet::{IpNet, Ipv4Net};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};

/// Values by network.
#[derive(Debug, Clone)]
pub struct Networks<T> {
    /// By family and length, longest first.
    lengths: Vec<(bool, u8)>,
    values: HashMap<IpNet, T>,
}

impl<T> Default for Networks<T> {
    fn default() -> Networks<T> {
        Networks { lengths: Vec::new(), values: HashMap::new() }
    }
}

impl<T> Networks<T> {
    /// Adds a network; gives the value back that stood there.
    pub fn insert(&mut self, network: IpNet, value: T) -> Option<T> {
        let network = canonical(network);
        let length = (is_v4(&network), network.prefix_len());
        if !self.lengths.contains(&length) {
            self.lengths.push(length);
            self.lengths.sort_by_key(|(_, length)| std::cmp::Reverse(*length));
        }
        self.values.insert(network, value)
    }

    /// The value of the narrowest network that holds the address.
    pub fn get(&self, address: IpAddr) -> Option<&T> {
        let address = address.to_canonical();
        self.lengths
            .iter()
            .filter(|(v4, _)| *v4 == address.is_ipv4())
            .find_map(|(_, length)| self.values.get(&IpNet::new(address, *length).ok()?.trunc()))
    }

    /// Does any network hold the address?
    pub fn holds(&self, address: IpAddr) -> bool {
        self.get(address).is_some()
    }
}

impl<T: Default> FromIterator<IpNet> for Networks<T> {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Networks<T> {
        let mut all = Networks::default();
        for network in networks {
            all.insert(network, T::default());
        }
        all
    }
}

/// The network as addresses are looked up: host bits off, an IPv4 network written in IPv6 (RFC 4291 section 2.5.5.2) as IPv4.
pub fn canonical(network: IpNet) -> IpNet {
    let network = network.trunc();
    let IpNet::V6(v6) = network else { return network };
    match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
        (Some(v4), Some(length)) => Ipv4Net::new(v4, length).map_or(network, IpNet::V4),
        _ => network,
    }
}

/// Is it an address in the world, at which a stranger may have a server? Not so are those that mean something only inside a machine or a network
/// (RFC 6890 section 2.2), and those by which such a one can be written in another way.
pub fn is_in_the_world(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !INSIDE_V4.iter().any(|(first, length)| {
            let network = Ipv4Net::new(*first, *length);
            network.is_ok_and(|network| network.contains(&v4))
        }),
        IpAddr::V6(v6) => match v6.segments() {
            // RFC 6052 section 2.1: an IPv4 address, for networks that have IPv6 only.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                let bits = (u32::from(high) << 16) | u32::from(low);
                is_in_the_world(IpAddr::V4(Ipv4Addr::from_bits(bits)))
            }
            // Teredo, documentation, 6to4: each hides an IPv4 address, or nobody.
            [0x2001, 0 | 0xdb8, ..] | [0x2002, ..] => false,
            [first, ..] => first >> 13 == 1,
        },
    }
}

const INSIDE_V4: &[(Ipv4Addr, u8)] = &[
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
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

fn is_v4(network: &IpNet) -> bool {
    matches!(network, IpNet::V4(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_is_not_in_the_world_however_it_is_written() {
        for (address, want) in [
            ("8.8.8.8", true),
            ("100.63.255.255", true),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.31.255.255", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
            ("224.0.0.1", false),
            ("2a00:1450::1", true),
            ("::1", false),
            ("::", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::127.0.0.1", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b::808:808", true),
            ("2002:7f00:1::1", false),
            ("2001:0:7f00:1::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_in_the_world(address.parse().unwrap()), want, "{address}");
        }
    }

    #[test]
    fn the_narrowest_network_wins() {
        let mut networks = Networks::default();
        for (network, value) in [
            ("10.0.0.0/8", 1),
            ("10.1.0.0/16", 2),
            ("10.1.2.3/32", 3),
            ("::ffff:192.0.2.0/120", 4),
            ("2001:db8::/32", 5),
            ("2001:db8:1::/48", 6),
        ] {
            assert_eq!(networks.insert(network.parse().unwrap(), value), None);
        }
        for (address, want) in [
            ("10.9.9.9", Some(1)),
            ("10.1.9.9", Some(2)),
            ("10.1.2.3", Some(3)),
            ("::ffff:10.1.2.3", Some(3)),
            ("192.0.2.77", Some(4)),
            ("2001:db8:2::1", Some(5)),
            ("2001:db8:1:2::1", Some(6)),
            ("192.0.3.1", None),
            ("::1", None),
        ] {
            assert_eq!(networks.get(address.parse().unwrap()).copied(), want, "{address}");
        }
        assert_eq!(networks.insert("10.1.7.7/16".parse().unwrap(), 9), Some(2));
    }
}
