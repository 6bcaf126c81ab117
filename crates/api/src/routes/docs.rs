//! `GET /docs`, `/swagger-ui` and `/redoc`: pages that show `/openapi.json` to people.
//!
//! All that they need is in the binary (`crates/api/assets/README.md` says where it is from), and their policy lets them ask
//! nobody but this server. Every address is relative, so that they work behind a proxy that serves them below a path.

use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{Method, Uri};
use axum::response::{Html, IntoResponse, Response};

use super::asset::Asset;
use crate::answer::{Error, Result};
use crate::extract::Path;

const SWAGGER_UI: &str = include_str!("docs/swagger-ui.html");
const REDOC: &str = include_str!("docs/redoc.html");

/// Both write styles into the page; ReDoc searches in a worker that it makes of a blob.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const ASSETS: [Asset; 5] = [
    Asset::plain("swagger-ui.js", Asset::SCRIPT, include_bytes!("docs/swagger-ui.js")),
    Asset::plain("redoc.js", Asset::SCRIPT, include_bytes!("docs/redoc.js")),
    Asset::compressed("swagger-ui.css", Asset::CSS, include_bytes!("../../assets/swagger-ui.css.gz")),
    Asset::compressed("swagger-ui-bundle.js", Asset::SCRIPT, include_bytes!("../../assets/swagger-ui-bundle.js.gz")),
    Asset::compressed("redoc.standalone.js", Asset::SCRIPT, include_bytes!("../../assets/redoc.standalone.js.gz")),
];

/// They are megabytes.
const CACHING: &str = "max-age=600";

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
    let no_route = || Error::NoRoute { method: method.to_string(), path: uri.path().to_owned() };
    Ok(Asset::find(&ASSETS, &file).ok_or_else(no_route)?.answer(CACHING))
}
