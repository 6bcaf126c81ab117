//! Answers that are long in coming: a model is being loaded, or another server says nothing yet.

use std::panic::AssertUnwindSafe;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::timeout;

use super::{PING, Sse, events};
use crate::answer::{Error, Result};
use crate::middleware::Answered;

impl Sse {
    /// What `answering` comes to. Who `streams` is not left without a sign of life for longer than between two events: then the answer
    /// begins without its status being known, with 200 and pings, and a refusal is an event as any later failure is.
    pub(crate) async fn or_pings<S, A>(self, streams: S, answering: A) -> Result<Answered>
    where
        S: Future<Output = bool>,
        A: Future<Output = Result<Answered>> + Send + 'static,
    {
        let answering = AssertUnwindSafe(answering).catch_unwind();
        let mut answering = answering.map(|answered| answered.unwrap_or(Err(Error::Panic))).boxed();
        if let Ok(answered) = timeout(self.ping_every, &mut answering).await {
            return answered;
        }
        if !streams.await {
            return answering.await;
        }
        Ok(Answered::by_whom_it_may_be(self.late(answering)))
    }

    fn late(self, answering: BoxFuture<'static, Result<Answered>>) -> Response {
        let patience = self.patience;
        let waits = stream::unfold(Some(answering), move |answering| {
            let sse = self.clone();
            async move {
                let mut answering = answering?;
                Some(match timeout(sse.ping_every, &mut answering).await {
                    Ok(answered) => (sse.begun(answered), None),
                    Err(_) => (PING.into(), Some(answering)),
                })
            }
        });
        let first: Body = PING.into();
        let bodies = stream::once(std::future::ready(first)).chain(waits);
        events(data(bodies), patience)
    }

    /// What is left of an answer whose head is out.
    fn begun(&self, answered: Result<Answered>) -> Body {
        match answered.and_then(Answered::into_answer) {
            Ok(answer) => answer.into_body(),
            Err(error) => self.failure(&error).into(),
        }
    }
}

fn data(bodies: impl Stream<Item = Body>) -> impl Stream<Item = Result<Bytes, axum::Error>> {
    bodies.flat_map(Body::into_data_stream)
}
