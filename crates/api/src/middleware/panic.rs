//! A panic in a handler is a bug of that handler: it is one request's 500, and the others go on.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::answer::Error;

pub(crate) async fn catch_panic(request: Request, next: Next) -> Response {
    // What the handler left half done goes with it: it shares nothing that a panic could leave in between.
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    // Its text may quote what a client sent; where it happened is logged as it happens.
    answer.unwrap_or_else(|_| Error::Panic.into_response())
}
