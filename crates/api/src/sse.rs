//! Server-sent events (WHATWG HTML, section 9.2), as OpenAI's clients read them.

mod late;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Version};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_core::Stream;
use serde::Serialize;
use tokio::time::{Instant, Sleep, sleep};

use crate::App;
use crate::answer::Error;
use crate::attended::attended;
use crate::extract::hops;
use crate::middleware::{BrokenOff, guarded};
use crate::refusal::Manner;

/// What goes between the last event and a client that waits for it.
const PING: &str = ": ping\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// A whole number of events, ready to be sent.
pub(crate) type Frame = String;

/// One event that carries JSON. JSON escapes line ends, so the event is one line whatever the content.
pub(crate) fn frame<T: Serialize>(value: &T) -> Result<Frame, Error> {
    let json = serde_json::to_string(value).map_err(|error| Error::Backend(backend::Error::internal(error)))?;
    Ok(format!("data: {json}\n\n"))
}

/// How this request's events are sent: taken by handlers that may answer with a stream.
#[derive(Debug, Clone)]
pub(crate) struct Sse {
    ping_every: Duration,
    /// How long the client may take nothing, where its connection does not watch over that.
    patience: Option<Duration>,
    manner: Manner,
    /// All is right about the request, as far as can be said without a model, and its answer will be events.
    begins: Arc<AtomicBool>,
    broken_off: BrokenOff,
    /// The client is a gateway of our kind: it has to know whether to ask somebody else, and pings for itself.
    is_for_gateway: bool,
}

impl FromRequestParts<App> for Sse {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let manner = Manner::of(app, parts.uri.path(), &parts.extensions);
        let patience = (parts.version == Version::HTTP_2).then_some(app.settings.write_timeout);
        let is_for_gateway = hops(&parts.headers).iter().next().is_some();
        Ok(Self {
            ping_every: app.settings.ping_every,
            patience,
            manner,
            begins: Arc::default(),
            broken_off: BrokenOff::default(),
            is_for_gateway,
        })
    }
}

impl Sse {
    /// Answers with events until they end or one of them is an error.
    pub(crate) fn answer<S>(self, frames: S) -> Response
    where
        S: Stream<Item = Result<Frame, Error>> + Send + 'static,
    {
        let like = self.clone();
        like.events(Paced::new(Box::pin(frames), self))
    }

    /// An answer with this body.
    fn events<S>(self, body: S) -> Response
    where
        S: Stream<Item = Result<Bytes, axum::Error>> + Send + 'static,
    {
        let body = match self.patience {
            Some(patience) => Body::from_stream(attended(body, patience)),
            None => Body::from_stream(body),
        };
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        let mut answer = (headers, [("x-accel-buffering", HeaderValue::from_static("no"))], body).into_response();
        answer.extensions_mut().insert(self.broken_off);
        answer
    }

    /// The status is out already, so a failure is an event of its own, and there is no `[DONE]` to say that all is well.
    fn failure(&self, error: &Error) -> Frame {
        if let Some(reason) = error.bug() {
            tracing::error!(reason, "a stream has failed");
        }
        self.broken_off.by(error);
        let body = frame(&self.manner.body(error)).unwrap_or_default();
        format!("event: error\n{body}")
    }
}

/// Frames as they come, with a ping wherever none came for a while.
struct Paced<S> {
    /// `None` after the last frame.
    frames: Option<Pin<Box<S>>>,
    sse: Sse,
    silence: Pin<Box<Sleep>>,
}

impl<S> Paced<S> {
    fn new(frames: Pin<Box<S>>, sse: Sse) -> Self {
        let silence = Box::pin(sleep(sse.ping_every));
        Self { frames: Some(frames), sse, silence }
    }

    fn restart(&mut self) {
        let until = Instant::now() + self.sse.ping_every;
        self.silence.as_mut().reset(until);
    }

    /// The last words. What the frames held is free from here on, not only when the client has read them.
    fn end(&mut self, frame: Frame) -> Frame {
        self.frames = None;
        frame
    }
}

impl<S: Stream<Item = Result<Frame, Error>>> Stream for Paced<S> {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(frames) = &mut self.frames else { return Poll::Ready(None) };
        let next = guarded(|| frames.as_mut().poll_next(context));
        let frame = match next.unwrap_or(Poll::Ready(Some(Err(Error::Panic)))) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => {
                let failure = self.sse.failure(&error);
                self.end(failure)
            }
            Poll::Ready(None) => self.end(DONE.into()),
            Poll::Pending if self.silence.as_mut().poll(context).is_ready() => PING.into(),
            Poll::Pending => return Poll::Pending,
        };
        self.restart();
        Poll::Ready(Some(Ok(frame.into())))
    }
}
