//! The addresses that no proxy leads to: `NO_PROXY`.

use std::net::IpAddr;

/// What `NO_PROXY` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Exceptions(Vec<Exception>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    /// Every address.
    All,
    /// A host and everything below it, at one port or any.
    Host(String, Option<u16>),
    /// The addresses that begin with so many bits, at one port or any.
    Network(IpAddr, u8, Option<u16>),
}

impl Exceptions {
    /// Reads a list, with commas or white space between; an entry that makes no sense says nothing.
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        Self(entries.filter_map(Exception::parse).collect())
    }

    /// Says whether no proxy leads to a host.
    pub(super) fn cover(&self, host: &str, port: u16) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        let address = bare.parse().ok().map(plain);
        self.0.iter().any(|exception| match (exception, address) {
            (Exception::All, _) => true,
            (Exception::Host(name, only), None) => {
                let below = bare.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                below && only.is_none_or(|only| only == port)
            }
            (Exception::Network(network, bits, only), Some(address)) => {
                shares(*network, address, *bits) && only.is_none_or(|only| only == port)
            }
            (Exception::Host(..), Some(_)) | (Exception::Network(..), None) => false,
        })
    }
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::All);
        }
        let entry = entry.split_once("://").map_or(entry, |(_, rest)| rest).trim_end_matches('/');
        if let Some((network, bits)) = entry.split_once('/') {
            let network: IpAddr = network.trim_matches(['[', ']']).parse().ok()?;
            let bits: u8 = bits.parse().ok()?;
            return (bits <= width(network)).then_some(Self::Network(network, bits, None));
        }
        let (host, port) = match entry.parse::<IpAddr>() {
            Ok(_) => (entry, None),
            Err(_) => match entry.rsplit_once(':') {
                Some((host, port)) => (host, Some(port.parse().ok()?)),
                None => (entry, None),
            },
        };
        let host = host.trim_matches(['[', ']']);
        if let Ok(address) = host.parse::<IpAddr>() {
            let address = plain(address);
            return Some(Self::Network(address, width(address), port));
        }
        let name = host.trim_start_matches('*').trim_matches('.').to_ascii_lowercase();
        (!name.is_empty()).then_some(Self::Host(name, port))
    }
}

/// Reads an address of version 4 that is written as one of version 6.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Says whether two addresses of the same version begin with the same bits.
fn shares(a: IpAddr, b: IpAddr, bits: u8) -> bool {
    let begins = |a: u128, b: u128, width: u32| bits == 0 || (a ^ b) >> (width - u32::from(bits)) == 0;
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => begins(u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => begins(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_entries_that_curl_knows() {
        for (list, host, port, covered) in [
            ("*", "a.lab", 80, true),
            ("a.lab", "a.lab", 80, true),
            ("a.lab", "A.Lab.", 80, true),
            ("foo, a.lab", "a.lab", 80, true),
            ("foo a.lab", "a.lab", 80, true),
            ("lab", "a.lab", 80, true),
            (".lab", "a.lab", 80, true),
            (".a.lab", "a.lab", 80, true),
            ("*.lab", "b.a.lab", 80, true),
            ("b", "a.lab", 80, false),
            ("ab", "lab", 80, false),
            ("ab", "l.lab", 80, false),
            ("a.lab:80", "a.lab", 80, true),
            ("a.lab:80", "a.lab", 443, false),
            ("http://a.lab/", "a.lab", 80, true),
            ("a.lab:x", "a.lab", 80, false),
            ("10.0.0.1", "10.0.0.1", 80, true),
            ("10.0.0.1:81", "10.0.0.1", 80, false),
            ("10.0.0.0/8", "10.9.9.9", 80, true),
            ("10.0.0.0/8", "11.0.0.1", 80, false),
            ("0.0.0.0/0", "11.0.0.1", 80, true),
            ("10.0.0.0/33", "10.0.0.1", 80, false),
            ("0.1", "10.0.0.1", 80, false),
            ("fd00::/8", "[fd12::1]", 80, true),
            ("[fd12::1]:80", "[fd12::1]", 80, true),
            ("fd12::1", "[fd12::1]", 80, true),
            ("::1", "[fd12::1]", 80, false),
            ("10.0.0.0/8", "[::ffff:10.0.0.1]", 80, true),
            ("", "a.lab", 80, false),
            (" , ,", "a.lab", 80, false),
            (".", "a.lab", 80, false),
        ] {
            assert_eq!(Exceptions::parse(list).cover(host, port), covered, "{list} {host}:{port}");
        }
    }

    proptest! {
        #[test]
        fn no_list_makes_it_panic(list in "[a-z0-9.:/*, \\[\\]é-]{0,24}", host in "[a-z0-9.:\\[\\]é]{0,12}") {
            let _ = Exceptions::parse(&list).cover(&host, 80);
        }
    }
}
