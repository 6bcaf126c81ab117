//! Who asks, behind the proxies that pass requests on.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// Each proxy appends whom it was asked by; of the headers with which proxies say that, only this one is looked at
/// (RFC 7239's `Forwarded` is not: a proxy that writes one of the two passes the other on as the client sent it).
const FORWARDED_FOR: &str = "x-forwarded-for";

/// `TRUSTED_PROXIES`: the networks of those whose word on whom they were asked by is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// The address from which a request came, as far as that can be believed: in the extensions of every request that came over
/// a connection. IPv4 in IPv6's clothes is IPv4. Who counts by it should count an IPv6 network of 64 bits as one client: that
/// is the least that a provider gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl TrustedProxies {
    /// `10.0.0.0/8`, `fd00::/8`, or an address alone.
    pub fn network(text: &str) -> Option<IpNet> {
        text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
    }

    /// Goes from the connection's other end leftwards through what proxies appended, as long as each was written by a proxy
    /// that is trusted. What a client wrote there itself is further left than its own address and not believed.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let mut client = peer.to_canonical();
        let values = headers.get_all(FORWARDED_FOR).iter().rev();
        // Bytes, since what a client sent before may be no text, and must not hide what was appended to it.
        let mut hops = values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
        while self.contains(client) {
            // Something that is no address comes from a proxy that does not know more.
            let Some(before) = hops.next().and_then(address) else { break };
            client = before;
        }
        ClientAddress(client)
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromIterator<IpNet> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(if networks.is_empty() { "none" } else { "" })?;
        formatter.write_str(&networks.join(", "))
    }
}

/// With a port or without.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(hop).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn client(proxies: &[&str], peer: &str, forwarded: &[impl AsRef<[u8]>]) -> String {
        let proxies = TrustedProxies(proxies.iter().map(|network| network.parse().unwrap()).collect());
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(value.as_ref()).unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).0.to_string()
    }

    #[test]
    fn nobody_is_believed_unless_told() {
        assert_eq!(client(&[], "10.0.0.1", &["1.2.3.4"]), "10.0.0.1");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", &["1.2.3.4"]), "192.0.2.1");
    }

    #[test]
    fn proxies_are_gone_through_from_the_right() {
        let proxies = ["10.0.0.0/8", "fd00::/8"];
        assert_eq!(client(&proxies, "10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(client(&proxies, "10.0.0.1", &["1.2.3.4, 10.0.0.9", "fd00::7"]), "1.2.3.4");
        // The client sent the first one itself.
        assert_eq!(client(&proxies, "10.0.0.1", &["127.0.0.1, 1.2.3.4, 10.0.0.9"]), "1.2.3.4");
        assert_eq!(client(&proxies, "10.0.0.1", &["10.0.0.3", "10.0.0.2"]), "10.0.0.3");
        assert_eq!(client(&proxies, "10.0.0.1", &[""; 0]), "10.0.0.1");
    }

    #[test]
    fn what_is_no_address_ends_the_search() {
        for odd in ["unknown", "", "1.2.3", "1.2.3.4 5.6.7.8", "_hidden", "[::1", "\u{80}"] {
            let forwarded = format!("1.2.3.4, {odd}, 10.0.0.2");
            assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &[&forwarded]), "10.0.0.2", "{odd}");
        }
    }

    #[test]
    fn ports_brackets_and_mapped_addresses() {
        let from = |hop| client(&["10.0.0.0/8"], "::ffff:10.0.0.1", &[hop]);
        assert_eq!(from("1.2.3.4:5678"), "1.2.3.4");
        assert_eq!(from("::ffff:1.2.3.4"), "1.2.3.4");
        assert_eq!(from("[2001:db8::1]:443"), "2001:db8::1");
        assert_eq!(from("[2001:db8::1]"), "2001:db8::1");
    }

    proptest! {
        #[test]
        fn what_a_client_sends_does_not_change_who_it_is(
            sent in prop::collection::vec(prop_oneof![b' '..=b'~', 0x80_u8..], 0..64)
        ) {
            let appended = [&sent, &b", 203.0.113.9"[..]].concat();
            prop_assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &[&appended]), "203.0.113.9");
            prop_assert_eq!(client(&["10.0.0.0/8"], "203.0.113.9", &[&sent]), "203.0.113.9");
        }
    }
}
