//! `GET /docs`, `/swagger-ui` and `/redoc`: pages that show `/openapi.json` to people.
//!
//! All that they need is in the binary (`crates/api/assets/README.md` says where it is from), and their policy lets them ask
//! nobody but this server. Every address is relative, so that they work behind a proxy that serves them below a path.

use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, Uri};
use axum::response::{Html, IntoResponse, Response};

use crate::answer::{Error, Result};
use crate::extract::Path;

const SWAGGER_UI: &str = include_str!("docs/swagger-ui.html");
const REDOC: &str = include_str!("docs/redoc.html");

/// Both write styles into the page; ReDoc searches in a worker that it makes of a blob.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file that the pages need.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    compressed: bool,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: [Asset; 5] = [
    small("swagger-ui.js", include_bytes!("docs/swagger-ui.js")),
    small("redoc.js", include_bytes!("docs/redoc.js")),
    large("swagger-ui.css", CSS, include_bytes!("../../assets/swagger-ui.css.gz")),
    large("swagger-ui-bundle.js", SCRIPT, include_bytes!("../../assets/swagger-ui-bundle.js.gz")),
    large("redoc.standalone.js", SCRIPT, include_bytes!("../../assets/redoc.standalone.js.gz")),
];

const fn small(name: &'static str, bytes: &'static [u8]) -> Asset {
    Asset { name, content_type: SCRIPT, bytes, compressed: false }
}

const fn large(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Asset {
    Asset { name, content_type, bytes, compressed: true }
}

/// Swagger UI: every route, to be read and tried.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "show_swagger_ui",
    tag = "documentation",
    responses((status = 200, description = "A page.", body = String, content_type = "text/html"))
)]
pub(super) async fn swagger_ui() -> Response {
    page(SWAGGER_UI)
}

/// The same page under its other name.
#[utoipa::path(
    get,
    path = "/swagger-ui",
    operation_id = "show_swagger_ui_again",
    tag = "documentation",
    responses((status = 200, description = "A page.", body = String, content_type = "text/html"))
)]
pub(super) async fn swagger_ui_again() -> Response {
    page(SWAGGER_UI)
}

/// ReDoc: every route, to be read.
#[utoipa::path(
    get,
    path = "/redoc",
    operation_id = "show_redoc",
    tag = "documentation",
    responses((status = 200, description = "A page.", body = String, content_type = "text/html"))
)]
pub(super) async fn redoc() -> Response {
    page(REDOC)
}

fn page(html: &'static str) -> Response {
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response()
}

/// A script or style of these pages, compressed with gzip where it is large, whoever asks: browsers all know it.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    operation_id = "show_asset",
    tag = "documentation",
    params(("file" = String, Path, description = "Its name.", example = "swagger-ui.css")),
    responses(
        (status = 200, description = "The file.", content((String = "text/javascript"), (String = "text/css"))),
        (status = 404, description = "unknown_url")
    )
)]
pub(super) async fn asset(method: Method, uri: Uri, Path(file): Path<String>) -> Result<Response> {
    let asset = ASSETS.iter().find(|asset| asset.name == file);
    let asset = asset.ok_or_else(|| Error::NoRoute { method: method.to_string(), path: uri.path().to_owned() })?;
    let headers = [
        (CONTENT_TYPE, asset.content_type),
        // Another version of the server may have others under the same names.
        (CACHE_CONTROL, "max-age=600"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let encoding = asset.compressed.then_some([(CONTENT_ENCODING, "gzip")]);
    Ok((headers, encoding, asset.bytes).into_response())
}
