//! What is refused before anybody looks at the path.

use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, HOST, HeaderName, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderValue, Uri, Version};

use crate::App;
use crate::answer::{Error, Result};
use crate::serve::{Arrival, Protocol};

/// Bytes of a request's target. Nothing here needs more, and a longer one would fill the log.
const LONGEST_TARGET: usize = 8 * 1024;
/// Proxies add some twenty to what a client sends.
const MOST_HEADERS: usize = 100;
/// Bytes of all headers together, names and values.
const LARGEST_HEADERS: usize = 32 * 1024;

pub(super) fn admit(app: &App, request: &Request) -> Result<()> {
    let arrival = request.extensions().get::<Arrival>();
    if arrival.is_some_and(|arrival| arrival.protocol == Protocol::Mistaken) {
        return Err(Error::PlainHttp);
    }
    // RFC 9112, section 3.2. What came over no connection has no need to say it.
    if arrival.is_some() && request.version() == Version::HTTP_11 && !request.headers().contains_key(HOST) {
        return Err(Error::NoHost);
    }
    check_size(request.uri(), request.headers())?;
    app.settings.trusted_hosts.check(request.uri(), request.headers())?;
    check_encoding(request.headers())
}

/// hyper has limits of its own behind these, and answers without a body where they are met.
fn check_size(uri: &Uri, headers: &HeaderMap) -> Result<()> {
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > LONGEST_TARGET {
        return Err(Error::TargetTooLong { limit: LONGEST_TARGET });
    }
    if headers.len() > MOST_HEADERS {
        return Err(Error::HeadersTooLarge { limit: MOST_HEADERS, unit: "headers" });
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > LARGEST_HEADERS {
        return Err(Error::HeadersTooLarge { limit: LARGEST_HEADERS, unit: "bytes of headers" });
    }
    Ok(())
}

/// Nothing is inflated: a few bytes that become gigabytes are not worth what JSON of this size would save.
/// Of what is in chunks, hyper gives the chunks' bytes, whatever else was done to them.
fn check_encoding(headers: &HeaderMap) -> Result<()> {
    let only = |header: HeaderName, plain: &str| {
        let mut values = headers.get_all(header).iter();
        let first = values
            .next()
            .is_none_or(|value: &HeaderValue| value.is_empty() || value.as_bytes().eq_ignore_ascii_case(plain.as_bytes()));
        first && values.next().is_none()
    };
    if only(CONTENT_ENCODING, "identity") && only(TRANSFER_ENCODING, "chunked") {
        Ok(())
    } else {
        Err(Error::ContentEncoding)
    }
}
