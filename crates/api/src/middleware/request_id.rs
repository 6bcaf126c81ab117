//! `x-request-id`: the client's, if it is safe to repeat, else a new one.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use uuid::Uuid;

pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// In the extensions of every request.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

pub(super) async fn request_id(mut request: Request, next: impl AsyncFnOnce(Request) -> Response) -> Response {
    let id = request.headers().get(HEADER).and_then(safe).unwrap_or_else(|| Uuid::new_v4().to_string());
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next(request).await;
    // Safe characters are visible ASCII, so this does not fail.
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// What cannot break a line of a log, or be mistaken for markup.
fn safe(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&byte);
    ((1..=128).contains(&text.len()) && text.bytes().all(is_safe)).then(|| text.to_owned())
}
