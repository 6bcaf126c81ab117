//! The console: a page from which people try this server and watch it. `console/` has its source, and `npm run embed` there puts
//! what that builds into `assets/console/`.
//!
//! It is a client as any other: all that it shows comes from routes that anybody may ask. Its policy lets it ask nobody but this
//! server, and run nothing but its own script. Every address is relative, so that it works below a path, too.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, Uri};
use axum::response::Html;

use super::asset::Asset;
use crate::answer::{Error, Result};
use crate::extract::Path;

const PAGE: &str = include_str!("../../assets/console/console.html");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const ASSETS: [Asset; 3] = [
    Asset::compressed("console.js", Asset::SCRIPT, include_bytes!("../../assets/console/console.js.gz")),
    Asset::compressed("console.css", Asset::CSS, include_bytes!("../../assets/console/console.css.gz")),
    Asset::plain("icon.svg", Asset::SVG, include_bytes!("../../assets/console/icon.svg")),
];

/// Page, script and style fit together only as one version of the server has them, and are small enough to be sent each time.
const CACHING: &str = "no-cache";

pub(super) fn page() -> ([(HeaderName, &'static str); 4], Html<&'static str>) {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, CACHING),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, Html(PAGE))
}

/// A script, a style or a picture of the console; what is large is compressed with gzip.
#[utoipa::path(
    get,
    path = "/console/{file}",
    operation_id = "show_console_asset",
    tag = "documentation",
    params(("file" = String, Path, description = "Its name.", example = "console.css")),
    responses(
        (status = 200, description = "The file.",
            content((String = "text/javascript"), (String = "text/css"), (String = "image/svg+xml"))),
        (status = 404, description = "unknown_url")
    )
)]
pub(super) async fn asset(method: Method, uri: Uri, Path(file): Path<String>) -> Result<axum::response::Response> {
    let no_route = || Error::NoRoute { method: method.to_string(), path: uri.path().to_owned() };
    Ok(Asset::find(&ASSETS, &file).ok_or_else(no_route)?.answer(CACHING))
}
