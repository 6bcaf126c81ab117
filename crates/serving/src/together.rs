//! Several generations as one answer.

use std::pin::Pin;

use backend::{Error, Event, Events, Generation};
use futures_core::Stream;
use futures_util::stream::{self, FuturesUnordered, SelectAll, StreamExt};
use thiserror::Error as ThisError;

use crate::Service;

/// Events with the position of the generation that they belong to. An `Err` is the last item.
pub type Answers = Pin<Box<dyn Stream<Item = Result<(usize, Event), Refused>> + Send>>;

/// Which of several generations has no answer, and why: then none of them has one.
#[derive(Debug, Clone, PartialEq, ThisError)]
#[error("number {index}")]
pub struct Refused {
    pub index: usize,
    #[source]
    pub error: Error,
}

impl Refused {
    /// The error, which says where in `list` it was: `input` becomes `input[3]`.
    pub fn within(self, list: &str) -> Error {
        let Self { index, error } = self;
        error.renamed(|parameter| if parameter == list { format!("{list}[{index}]") } else { parameter.to_owned() })
    }
}

impl Service {
    /// Runs them side by side, as far as the backend does. Resolves when all of them run, or one is refused: then none is
    /// answered.
    pub async fn generate_all(&self, generations: Vec<Generation>) -> Result<Answers, Refused> {
        let refused = |index| move |error| Refused { index, error };
        let mut waiting: FuturesUnordered<_> = generations
            .into_iter()
            .enumerate()
            .map(|(index, generation)| async move {
                Ok(numbered(index, self.generate(generation).await.map_err(refused(index))?))
            })
            .collect();
        let mut running = SelectAll::new();
        let mut early = Vec::new();
        // Those that run are read meanwhile: if they stood still, those that wait for their places would wait for ever.
        while !waiting.is_empty() {
            tokio::select! {
                Some(admitted) = waiting.next() => running.push(admitted?),
                Some(event) = running.next(), if !running.is_empty() => early.push(event?),
            }
        }
        Ok(Box::pin(stream::iter(early.into_iter().map(Ok)).chain(running)))
    }
}

fn numbered(index: usize, events: Events) -> Answers {
    Box::pin(events.map(move |event| event.map(|event| (index, event)).map_err(|error| Refused { index, error })))
}
