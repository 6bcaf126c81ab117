//! Where the client found this server.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;

use crate::App;
use crate::serve::{Arrival, Protocol};

/// Scheme and host as the client has them, without a slash at the end. A proxy that speaks TLS in our place is not seen.
#[derive(Debug)]
pub(crate) struct BaseUrl(pub(crate) String);

impl FromRequestParts<App> for BaseUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let arrival = parts.extensions.get::<Arrival>();
        let scheme = if arrival.is_some_and(|arrival| arrival.protocol == Protocol::Https) { "https" } else { "http" };
        // HTTP/2 has the host in the address that is asked for.
        let host = parts.uri.authority().map(Authority::as_str);
        let host = host.or_else(|| parts.headers.get(HOST)?.to_str().ok()).unwrap_or("localhost:8091");
        Ok(Self(format!("{scheme}://{host}")))
    }
}
