//! Whose request it is. Every path needs a key where keys are kept, but for those that are named here.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serving::{Asker, Gauge, Secret};

use crate::App;
use crate::answer::{Error, Result};
use crate::client_address::ClientAddress;

/// May be set to need one.
const METRICS: &str = "/metrics";

/// Paths that need no key, besides the files of pages for browsers. What is not here, needs one; also what is not there at all.
const PUBLIC: [&str; 11] = [
    "/",
    "/docs",
    "/health",
    "/health/live",
    "/health/ready",
    "/info",
    METRICS,
    "/openapi.json",
    "/redoc",
    "/status",
    "/swagger-ui",
];

/// What the pages for browsers consist of.
const PAGES: [&str; 2] = ["/console/", "/docs/"];

/// Paths that change what is served.
const ADMIN: [&str; 3] = ["/v1/load_lora_adapter", "/v1/lora_adapters", "/v1/unload_lora_adapter"];

/// Whether who asks there has to say who they are, where keys are kept.
pub(crate) fn asks_for_key(path: &str) -> bool {
    !PUBLIC.contains(&path) && !PAGES.iter().any(|page| path.starts_with(page))
}

/// Whether a setting decides that.
pub(crate) fn may_ask_for_key(path: &str) -> bool {
    path == METRICS
}

/// Whether their key has to be an admin's, too.
pub(crate) fn is_for_admins(path: &str) -> bool {
    ADMIN.contains(&path) || path == METRICS || path.starts_with("/v1/models/") && path.ends_with("/reload")
}

pub(super) async fn identify(app: &App, mut request: Request, next: impl AsyncFnOnce(Request) -> Response) -> Response {
    let path = request.uri().path();
    let needs_key = asks_for_key(path) || may_ask_for_key(path) && app.settings.metrics_need_key;
    if !needs_key {
        return next(request).await;
    }
    let is_for_admins = is_for_admins(path);
    let address = request.extensions().get::<ClientAddress>().map(|ClientAddress(address)| *address);
    let asker = match asker(app, address, request.headers(), is_for_admins).await {
        Ok(Some(asker)) => asker,
        Ok(None) => return next(request).await,
        Err(error) => return error.into_response(),
    };
    request.extensions_mut().insert(asker.clone());
    let mut response = next(request).await;
    show_standing(response.headers_mut(), &asker);
    response
}

/// `None` where nobody has to say who they are.
async fn asker(app: &App, address: Option<IpAddr>, headers: &HeaderMap, is_for_admins: bool) -> Result<Option<Asker>> {
    let asker = app.service.admit(address, key(headers)?).await?;
    if is_for_admins && asker.as_ref().is_some_and(|asker| !asker.is_admin()) {
        return Err(Error::Backend(backend::Error::Forbidden { reason: "this needs a key of the role admin".into() }));
    }
    Ok(asker)
}

/// `Authorization: Bearer …`, or `x-api-key`. Of two, one would be for a proxy to look at and another for us.
fn key(headers: &HeaderMap) -> Result<Option<Secret>> {
    let only = |name: &'static str| match headers.get_all(name).iter().count() {
        0 | 1 => Ok(headers.get(name).and_then(|value| value.to_str().ok())),
        _ => Err(Error::HeaderTwice { name }),
    };
    let bearer = only("authorization")?.and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let plain = only("x-api-key")?;
    if bearer.zip(plain).is_some_and(|(bearer, plain)| bearer != plain) {
        return Err(Error::TwoKeys);
    }
    Ok(bearer.or(plain).filter(|key| !key.is_empty()).map(Secret::new))
}

/// `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, as OpenAI has them.
fn show_standing(headers: &mut HeaderMap, asker: &Asker) {
    let Some(standing) = asker.standing() else { return };
    let requests = standing.requests.map(|gauge| (gauge, REQUESTS));
    let tokens = standing.tokens.map(|gauge| (gauge, TOKENS));
    for (Gauge { limit, remaining, reset }, names) in requests.into_iter().chain(tokens) {
        let [limit_name, remaining_name, reset_name] = names;
        headers.insert(limit_name, HeaderValue::from(limit));
        headers.insert(remaining_name, HeaderValue::from(remaining));
        if let Ok(reset) = HeaderValue::from_str(&duration(reset.as_secs_f64().ceil() as u64)) {
            headers.insert(reset_name, reset);
        }
    }
}

const REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
const TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// All of them, for pages of other origins to read.
pub(super) const STANDING: [[HeaderName; 3]; 2] = [REQUESTS, TOKENS];

/// `1h2m3s`
fn duration(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_as_openai_does() {
        assert_eq!([0, 59, 360, 7323].map(duration), ["0s", "59s", "6m0s", "2h2m3s"]);
    }
}
