//! Which network an address is in: the longest prefix wins. A look-up costs one hash for each prefix length in use, not one for each network.

use ipnet::{IpNet, Ipv4Net};
use std::{collections::HashMap, net::IpAddr};

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

fn is_v4(network: &IpNet) -> bool {
    matches!(network, IpNet::V4(_))
}

#[cfg(test)]
mod tests {
    use super::*;

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
