//! From a stream of events to the frames of a stream.

use futures_core::Stream;
use futures_util::StreamExt;
use serde::Serialize;

use crate::answer::{Error, Result};
use crate::sse::{self, Frame};

/// Each event makes any number of chunks; those of one event are sent together.
pub(super) fn frames<T, C>(
    events: impl Stream<Item = backend::Result<T>>,
    mut chunks: impl FnMut(T) -> Vec<C>,
) -> impl Stream<Item = Result<Frame>>
where
    C: Serialize,
{
    events.map(move |event| together(&chunks(event?))).filter(|frame| {
        let news = !frame.as_ref().is_ok_and(String::is_empty);
        std::future::ready(news)
    })
}

fn together<C: Serialize>(chunks: &[C]) -> Result<Frame> {
    chunks.iter().map(sse::frame).collect()
}

/// Reads events to their end.
pub(super) async fn each<T>(
    mut events: impl Stream<Item = backend::Result<T>> + Unpin,
    mut take: impl FnMut(T),
) -> Result<(), Error> {
    while let Some(event) = events.next().await {
        take(event?);
    }
    Ok(())
}
