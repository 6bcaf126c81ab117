//! By which names a server may be asked. A page of another site can make a browser send requests to a server inside a network
//! by pointing a name of its own at it ("DNS rebinding"); it cannot make the browser send another name than that.

use std::fmt;
use std::str::FromStr;

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};

use crate::answer::{Error, Result};

/// `TRUSTED_HOSTS`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TrustedHosts {
    #[default]
    Any,
    These(Vec<TrustedHost>),
}

/// One name, or `*.` and what names have to end in. By which port it is asked does not matter, nor does the case of letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedHost {
    /// In lower case, without a port; an IPv6 address is in brackets.
    name: String,
    /// Names that end in `.` and the name.
    below: bool,
}

impl FromStr for TrustedHost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        let is_bare_ipv6 = name.contains("::") && !name.starts_with('[');
        let name = if is_bare_ipv6 { format!("[{name}]") } else { name.to_owned() };
        let has_port = name.parse::<Authority>().is_ok_and(|authority| authority.host() != name);
        let name = host_of(&name).filter(|host| !has_port && !host.contains('*'));
        let name = name.ok_or("a host name or address, or *. and the end of host names, without http://, port and path")?;
        Ok(Self { name, below })
    }
}

impl fmt::Display for TrustedHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

impl fmt::Display for TrustedHosts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("*"),
            Self::These(hosts) => formatter.write_str(&hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        }
    }
}

impl TrustedHost {
    fn is(&self, host: &str) -> bool {
        match host.strip_suffix(&self.name) {
            Some(rest) if self.below => rest.len() > 1 && rest.ends_with('.'),
            Some(rest) => rest.is_empty(),
            None => false,
        }
    }
}

/// Where whoever asks knows the address of the process and not its name: Kubernetes' probes, Prometheus. Nothing there is
/// worth protecting.
const BY_ADDRESS: [&str; 4] = ["/health", "/health/live", "/health/ready", "/metrics"];

impl TrustedHosts {
    /// Whether all the names by which this request calls the server (`:authority` or the target's, `Host`) are among these.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<()> {
        // Two are one for a proxy to look at and another for us (RFC 9112, section 3.2).
        if headers.get_all(HOST).iter().count() > 1 {
            return Err(Error::HeaderTwice { name: "host" });
        }
        let Self::These(trusted) = self else { return Ok(()) };
        if BY_ADDRESS.contains(&uri.path()) {
            return Ok(());
        }
        let header = headers.get(HOST).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let mut names = uri.authority().map(ToString::to_string).into_iter().chain(header).peekable();
        if names.peek().is_none() {
            return Err(Error::UntrustedHost { host: String::new() });
        }
        let is_trusted = |name: &String| host_of(name).is_some_and(|host| trusted.iter().any(|trusted| trusted.is(&host)));
        names.find(|name| !is_trusted(name)).map_or(Ok(()), |host| Err(Error::UntrustedHost { host }))
    }
}

/// Without the port and the final dot, in lower case.
fn host_of(text: &str) -> Option<String> {
    let authority: Authority = text.parse().ok().filter(|_| !text.contains('@'))?;
    let host = authority.host();
    let port = text.strip_prefix(host)?;
    let is_port = |port: &str| port.is_empty() || port.parse::<u16>().is_ok();
    if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
        return None;
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(patterns: &[&str]) -> TrustedHosts {
        TrustedHosts::These(patterns.iter().map(|pattern| pattern.parse().unwrap()).collect())
    }

    fn is_trusted(hosts: &TrustedHosts, uri: &str, names: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for name in names {
            headers.append(HOST, name.parse().unwrap());
        }
        hosts.check(&uri.parse().unwrap(), &headers).is_ok()
    }

    #[test]
    fn a_name_is_that_name_with_any_port_and_case() {
        let hosts = hosts(&["api.example.org", "10.0.0.1", "[::1]", "2001:db8::1"]);
        for name in ["api.example.org", "API.Example.ORG", "api.example.org:8091", "api.example.org.", "10.0.0.1:80"] {
            assert!(is_trusted(&hosts, "/", &[name]), "{name}");
        }
        for name in ["[::1]", "[::1]:8091", "[2001:db8::1]"] {
            assert!(is_trusted(&hosts, "/", &[name]), "{name}");
        }
        for name in [
            "example.org",
            "x.api.example.org",
            "api.example.org.evil",
            "10.0.0.11",
            "a@api.example.org",
            "",
            "*",
            "api.example.org:99999",
            "api.example.org:a",
        ] {
            assert!(!is_trusted(&hosts, "/", &[name]), "{name}");
        }
    }

    #[test]
    fn a_star_stands_for_one_or_more_labels() {
        let hosts = hosts(&["*.example.org"]);
        assert!(is_trusted(&hosts, "/", &["a.example.org"]) && is_trusted(&hosts, "/", &["a.b.example.org"]));
        for name in ["example.org", ".example.org", "notexample.org", "a.example.org.evil"] {
            assert!(!is_trusted(&hosts, "/", &[name]), "{name}");
        }
    }

    #[test]
    fn every_name_that_a_request_uses_counts() {
        let hosts = hosts(&["good"]);
        assert!(is_trusted(&hosts, "http://good/", &["good"]) && is_trusted(&hosts, "http://good/", &[]));
        assert!(!is_trusted(&hosts, "http://evil/", &["good"]) && !is_trusted(&hosts, "http://good/", &["evil"]));
        assert!(!is_trusted(&hosts, "/", &[]) && !is_trusted(&hosts, "/", &["good", "good"]));
        assert!(!is_trusted(&TrustedHosts::Any, "/", &["a", "b"]));
    }

    #[test]
    fn probes_ask_by_address() {
        let hosts = hosts(&["good"]);
        assert!(is_trusted(&hosts, "/health/ready", &["10.1.2.3:8091"]) && is_trusted(&hosts, "/metrics", &[]));
        assert!(!is_trusted(&hosts, "/v1/models", &["10.1.2.3:8091"]));
    }

    #[test]
    fn a_pattern_is_a_name() {
        for pattern in ["", "*", "*.", "a.*", "http://a", "a/b", "a b", "a@b", "a:80", "[::1]:80", "a:99999", "a:"] {
            assert!(pattern.parse::<TrustedHost>().is_err(), "{pattern}");
        }
        assert_eq!("*.Example.org".parse::<TrustedHost>().unwrap().to_string(), "*.example.org");
    }
}
