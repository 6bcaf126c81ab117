//! Files that pages for browsers consist of. They are in the binary.

use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};

/// A script, a style or a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asset {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    compressed: bool,
}

impl Asset {
    pub(super) const CSS: &str = "text/css; charset=utf-8";
    pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";
    pub(super) const SVG: &str = "image/svg+xml";

    pub(super) const fn plain(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        Self { name, content_type, bytes, compressed: false }
    }

    /// With gzip, in which it is sent whoever asks: browsers all know it.
    pub(super) const fn compressed(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        Self { name, content_type, bytes, compressed: true }
    }

    pub(super) fn find(assets: &'static [Self], name: &str) -> Option<&'static Self> {
        assets.iter().find(|asset| asset.name == name)
    }

    /// To be kept as `caching` says: another version of the server may have others under the same names.
    pub(super) fn answer(self, caching: &'static str) -> Response {
        let headers = [(CONTENT_TYPE, self.content_type), (CACHE_CONTROL, caching), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
        let encoding = self.compressed.then_some([(CONTENT_ENCODING, "gzip")]);
        (headers, encoding, self.bytes).into_response()
    }
}
