//! Which pages may ask from a browser.

use std::time::Duration;

use axum::http::HeaderName;
use axum::http::header::RETRY_AFTER;
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};

use super::{identify, request_id};
use crate::app::Origins;
use crate::routes::ROUTER_SCORES;

/// How long a browser need not ask again: what it is told changes only with a new start.
const REMEMBERED: Duration = Duration::from_mins(10);

pub(crate) fn cors(origins: &Origins) -> CorsLayer {
    let origins = match origins {
        Origins::Any => AllowOrigin::from(Any),
        Origins::These(origins) => AllowOrigin::list(origins.iter().cloned()),
    };
    let own = [request_id::HEADER, RETRY_AFTER, ROUTER_SCORES];
    let exposed: Vec<HeaderName> = own.into_iter().chain(identify::STANDING.into_iter().flatten()).collect();
    // The keys travel in a header that a page sets itself, so cookies need not be allowed, and `*` is safe.
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(Any)
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed)
        .max_age(REMEMBERED)
}
