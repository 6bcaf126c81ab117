//! A panic in a handler is a bug of that handler: it is one request's 500, and the others go on.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::answer::Error;

pub(crate) async fn catch_panic(request: Request, next: Next) -> Response {
    // What the handler left half done goes with it: it shares nothing that a panic could leave in between.
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answer.unwrap_or_else(|panic| Error::Panic { reason: text(panic.as_ref()) }.into_response())
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a text".into())
}
