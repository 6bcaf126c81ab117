//! What `OTEL_*` variables hold, as OpenTelemetry's specification writes it, and the same in flags and the file.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use telemetry::Protocol;

use super::parse::Expected;

/// Where the collector is; `None` if there is none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Endpoint(pub(crate) Option<Uri>);

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(uri) => uri.fmt(formatter),
            None => formatter.write_str("none"),
        }
    }
}

/// Headers, some of which are keys: only their names are ever shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Headers {
    pub(crate) headers: HeaderMap,
    /// How many entries were none. They are not repeated in a message, since they may be halves of keys.
    pub(crate) broken: usize,
}

impl fmt::Display for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.headers.keys().map(|name| format!("{name}=…")).collect();
        formatter.write_str(if names.is_empty() { "none".to_owned() } else { names.join(",") }.as_str())
    }
}

/// Names and values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ResourceAttributes(pub(crate) Vec<(String, String)>);

impl fmt::Display for ResourceAttributes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        formatter.write_str(if pairs.is_empty() { "none".to_owned() } else { pairs.join(",") }.as_str())
    }
}

pub(crate) fn endpoint(text: &str) -> Result<Endpoint, Expected> {
    const EXPECTED: Expected = Expected("http://host:port, or none; https is for a collector near by to pass on");
    if text.trim().eq_ignore_ascii_case("none") {
        return Ok(Endpoint(None));
    }
    let uri: Uri = text.trim().parse().map_err(|_| EXPECTED)?;
    let plain = uri.scheme_str() == Some("http") && uri.query().is_none();
    let host = uri.authority().is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    if plain && host { Ok(Endpoint(Some(uri))) } else { Err(EXPECTED) }
}

pub(crate) fn protocol(text: &str) -> Result<Protocol, Expected> {
    match text.trim().to_ascii_lowercase().as_str() {
        "grpc" => Ok(Protocol::Grpc),
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        _ => Err(Expected("grpc or http/protobuf")),
    }
}

/// Never fails, so that no message quotes a key: see [`Headers::broken`].
#[expect(clippy::unnecessary_wraps, reason = "the form of every function that reads a value")]
pub(crate) fn headers(text: &str) -> Result<Headers, Expected> {
    let mut read = Headers::default();
    for entry in entries(text) {
        let header = pair(entry).and_then(|(name, value)| {
            let mut value = HeaderValue::try_from(value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::try_from(name).ok()?, value))
        });
        match header {
            Some((name, value)) => drop(read.headers.insert(name, value)),
            None => read.broken += 1,
        }
    }
    Ok(read)
}

pub(crate) fn resource_attributes(text: &str) -> Result<ResourceAttributes, Expected> {
    let attributes: Option<Vec<_>> = entries(text).map(pair).collect();
    let attributes = attributes.filter(|attributes| !attributes.is_empty());
    attributes.map(ResourceAttributes).ok_or(Expected("name=value pairs with commas between them"))
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

fn pair(entry: &str) -> Option<(String, String)> {
    let (name, value) = entry.split_once('=')?;
    let (name, value) = (name.trim(), decoded(value.trim())?);
    (!name.is_empty()).then(|| (name.to_owned(), value))
}

/// `%20` is a space: a comma or an equals sign can only be written so.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_a_plain_http_address_or_none() {
        assert_eq!(endpoint("NONE"), Ok(Endpoint(None)));
        let shown = |text| endpoint(text).map(|endpoint| endpoint.to_string());
        assert_eq!(shown("http://collector:4317").as_deref(), Ok("http://collector:4317/"));
        assert_eq!(shown("http://[::1]:4318/base").as_deref(), Ok("http://[::1]:4318/base"));
        for text in ["", "localhost:4317", "https://collector", "http://user@collector", "http://collector/?a=b", "ftp://a"]
        {
            assert!(endpoint(text).is_err(), "{text}");
        }
    }

    #[test]
    fn headers_are_read_and_their_values_never_shown() {
        let headers = headers("Authorization=Basic%20c2VjcmV0,x-tenant = me,broken,bad name=1,a=%zz").unwrap();
        assert_eq!(headers.headers["authorization"], "Basic c2VjcmV0");
        assert_eq!((headers.headers.len(), headers.broken), (2, 3));
        assert_eq!(headers.to_string(), "authorization=…,x-tenant=…");
        assert!(!format!("{headers:?}").contains("c2VjcmV0"));
    }

    #[test]
    fn attributes_of_the_resource_are_pairs() {
        let attributes = resource_attributes("deployment.environment.name=prod, team=a%2Cb").unwrap();
        assert_eq!(attributes.to_string(), "deployment.environment.name=prod,team=a,b");
        assert!(resource_attributes("prod").is_err() && resource_attributes("").is_err());
    }
}
