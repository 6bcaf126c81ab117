//! Where a server is.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{PathAndQuery, Scheme};
use thiserror::Error;

/// `http://` or `https://`, a host, and perhaps a path that all routes lie below. `/v1` at its end is left out: whoever copies a
/// base URL out of a client's settings means the same server.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    uri: Uri,
    /// Without a slash at its end.
    base: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAnAddress {
    #[error("an address such as http://host:8000")]
    Malformed,
    /// It would be printed with the address.
    #[error("an address without a name or password; a key goes into api_key")]
    HasPassword,
    #[error("an address without ? and what follows it")]
    HasQuery,
}

impl Address {
    pub(crate) fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// The address of a route, which begins with a slash.
    pub(crate) fn of(&self, route: &str) -> Uri {
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(format!("{}{route}", self.base)).ok();
        Uri::from_parts(parts).unwrap_or_else(|_| self.uri.clone())
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let uri: Uri = text.parse().map_err(|_| NotAnAddress::Malformed)?;
        let known = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme());
        let authority = uri.authority().filter(|authority| known && !authority.host().is_empty());
        let authority = authority.ok_or(NotAnAddress::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(NotAnAddress::HasPassword);
        }
        if uri.query().is_some() {
            return Err(NotAnAddress::HasQuery);
        }
        let base = uri.path().trim_end_matches('/');
        let base = base.strip_suffix("/v1").unwrap_or(base).to_owned();
        Ok(Self { uri, base })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority) = (self.uri.scheme_str().unwrap_or_default(), self.uri.authority());
        write!(formatter, "{scheme}://{}{}", authority.map_or("", |authority| authority.as_str()), self.base)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(address: &str) -> String {
        address.parse::<Address>().unwrap().of("/v1/models").to_string()
    }

    #[test]
    fn a_base_url_of_a_client_is_the_same_server() {
        for address in
            ["http://text2sql:8000", "http://text2sql:8000/", "http://text2sql:8000/v1", "http://text2sql:8000/v1/"]
        {
            assert_eq!(route(address), "http://text2sql:8000/v1/models");
            assert_eq!(address.parse::<Address>().unwrap().to_string(), "http://text2sql:8000");
        }
        assert_eq!(route("https://gpu.example/llm"), "https://gpu.example/llm/v1/models");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let refused = |text: &str| text.parse::<Address>().unwrap_err();
        assert_eq!(refused("text2sql:8000"), NotAnAddress::Malformed);
        assert_eq!(refused("ftp://host"), NotAnAddress::Malformed);
        assert_eq!(refused("http://"), NotAnAddress::Malformed);
        assert_eq!(refused("http://me:secret@host"), NotAnAddress::HasPassword);
        assert_eq!(refused("http://host?key=secret"), NotAnAddress::HasQuery);
    }
}
