//! From a stream of events to the frames of a stream.

use futures_core::Stream;
use futures_util::StreamExt;
use serde::Serialize;

use crate::answer::{Error, Result};
use crate::sse::{self, Frame};

/// Each event makes any number of chunks; those of one event are sent together.
pub(super) fn frames<T, C, I, E: Into<Error>>(
    events: impl Stream<Item = Result<T, E>>,
    mut chunks: impl FnMut(T) -> I,
) -> impl Stream<Item = Result<Frame>>
where
    I: IntoIterator<Item = C>,
    C: Serialize,
{
    events.map(move |event| together(chunks(event.map_err(Into::into)?))).filter(|frame| {
        let news = !frame.as_ref().is_ok_and(String::is_empty);
        std::future::ready(news)
    })
}

fn together<C: Serialize>(chunks: impl IntoIterator<Item = C>) -> Result<Frame> {
    chunks.into_iter().map(|chunk| sse::frame(&chunk)).collect()
}

/// Reads events to their end.
pub(super) async fn each<T, E: Into<Error>>(
    mut events: impl Stream<Item = Result<T, E>> + Unpin,
    mut take: impl FnMut(T),
) -> Result<(), Error> {
    while let Some(event) = events.next().await {
        take(event.map_err(Into::into)?);
    }
    Ok(())
}
