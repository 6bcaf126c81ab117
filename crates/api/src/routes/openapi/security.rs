//! How a key is sent.

use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};

use crate::middleware::{asks_for_key, may_ask_for_key};

const BEARER: &str = "bearer";
const API_KEY: &str = "api_key";

/// Either header will do.
pub(super) fn declare(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let bearer = bearer.description(Some(ABOUT_KEYS));
    let header = ApiKeyValue::with_description("x-api-key", "The same key in another header.");
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer.build()));
    components.add_security_scheme(API_KEY, SecurityScheme::ApiKey(ApiKey::Header(header)));
    let any = [SecurityRequirement::new(BEARER, NO_SCOPES), SecurityRequirement::new(API_KEY, NO_SCOPES)];
    for (path, item) in &mut document.paths.paths {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            let or_none = may_ask_for_key(path).then(SecurityRequirement::default);
            let asks = asks_for_key(path) || or_none.is_some();
            operation.security = asks.then(|| or_none.into_iter().chain(any.clone()).collect());
        }
    }
}

const NO_SCOPES: [&str; 0] = [];

const ABOUT_KEYS: &str = "A server that has no keys takes any, or none. Where requests are metered, answers carry \
                          `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`: what is left of the organisation's quota.";
