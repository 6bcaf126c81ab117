//! Answers that are long in coming: a model is being loaded, or another server says nothing yet.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use super::{PING, Sse};
use crate::answer::{Error, Result};
use crate::attended::attended;
use crate::middleware::{Answered, Later};

impl Sse {
    /// All is right about the request, and its answer will be events: from now on nobody has to wait for the answer's head.
    pub(crate) fn begins(&self) {
        self.begins.store(true, Relaxed);
    }

    /// What `answering` comes to. Who is to be answered with events is not left without a sign of life for longer than between two of
    /// them: then the answer begins before it is known whether there is one, with 200 and pings, and a refusal is an event as any
    /// later failure is.
    pub(crate) async fn or_pings<A>(self, answering: A) -> Result<Answered>
    where
        A: Future<Output = Result<Answered>> + Send + 'static,
    {
        let mut answering = Box::pin(answering);
        loop {
            match timeout(self.ping_every, &mut answering).await {
                Ok(answered) => return answered,
                Err(_) if self.begins.load(Relaxed) && !self.is_for_gateway => break,
                Err(_) => {}
            }
        }
        // Goes on also while the client takes no pings: somebody may wait behind it. Ends with the body, at once.
        let answering = attended(stream::once(answering), Duration::MAX);
        let later = Later::default();
        Ok(Answered::later(self.late(answering.boxed(), later.clone()), later))
    }

    fn late(self, answering: BoxStream<'static, Result<Answered>>, later: Later) -> Response {
        let like = self.clone();
        let waits = stream::unfold(Some((self, answering, later)), |waiting| async {
            let (sse, mut answering, later) = waiting?;
            Some(match timeout(sse.ping_every, answering.next()).await {
                // It ends without an answer where that panicked.
                Ok(answered) => (sse.begun(answered.unwrap_or(Err(Error::Panic)), &later), None),
                Err(_) => (PING.into(), Some((sse, answering, later))),
            })
        });
        let first = stream::once(std::future::ready(Body::from(PING)));
        like.events(data(first.chain(waits)))
    }

    /// What is left of an answer whose head is out.
    fn begun(&self, answered: Result<Answered>, later: &Later) -> Body {
        match later.answer(answered) {
            // It has its own pings from now on, counted from here.
            Ok(answer) => Body::from_stream(data(stream::iter([PING.into(), answer.into_body()]))),
            Err(error) => self.failure(&error).into(),
        }
    }
}

fn data(bodies: impl Stream<Item = Body>) -> impl Stream<Item = Result<Bytes, axum::Error>> {
    bodies.flat_map(Body::into_data_stream)
}
