//! A panic is a bug of one handler: it is one request's 500, or the end of one answer, and the others go on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body::{Frame, SizeHint};

use crate::answer::Error;

pub(super) async fn catch_panic(answer: impl Future<Output = Response>) -> Response {
    // What the handler left half done goes with it: it shares nothing that a panic could leave in between.
    let answer = AssertUnwindSafe(answer).catch_unwind().await;
    // Its text may quote what a client sent; where it happened is logged as it happens.
    answer.map_or_else(|_| Error::Panic.into_response(), |answer| answer.map(|body| Body::new(Guarded(Some(body)))))
}

/// `None` if it panicked: what was polled must not be looked at again.
pub(crate) fn guarded<T>(poll: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(poll)).ok()
}

/// A body whose panic is its own error, so that the connection is closed before the answer's end, and the client sees that
/// something is missing. Gone once that happened.
struct Guarded(Option<Body>);

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        guarded(|| Pin::new(body).poll_frame(context)).unwrap_or_else(|| {
            self.0 = None;
            Poll::Ready(Some(Err(axum::Error::new("the answer has failed"))))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}
