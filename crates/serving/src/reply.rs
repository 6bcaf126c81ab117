//! Answers that are one text each, read to their ends.

use std::time::Duration;

use backend::{Error, Event, FinishReason, Generation, Result, Usage};
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::Service;
use crate::together::Refused;

/// One answer to one prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub text: String,
    pub reason: FinishReason,
    pub usage: Usage,
    /// From the request to the last token.
    pub took: Duration,
}

/// A reply of which not everything is there yet.
#[derive(Debug, Default)]
struct Unfinished {
    text: String,
    reason: Option<FinishReason>,
    ended: Option<(Usage, Duration)>,
}

impl Service {
    /// The generation has to ask for one choice.
    pub async fn reply(&self, generation: Generation) -> Result<Reply> {
        let mut replies = self.replies(vec![generation]).await.map_err(|refused| refused.error)?;
        replies.pop().ok_or_else(|| Error::internal("one question has no answer"))
    }

    /// Runs them side by side; in the order in which they were asked. None is answered if one is refused.
    pub async fn replies(&self, generations: Vec<Generation>) -> Result<Vec<Reply>, Refused> {
        let started = Instant::now();
        let mut replies: Vec<_> = generations.iter().map(|_| Unfinished::default()).collect();
        let mut answers = self.generate_all(generations).await?;
        while let Some(answer) = answers.next().await {
            let (index, event) = answer?;
            replies[index].push(event, started);
        }
        replies
            .into_iter()
            .enumerate()
            .map(|(index, reply)| reply.finish().map_err(|error| Refused { index, error }))
            .collect()
    }
}

impl Unfinished {
    fn push(&mut self, event: Event, started: Instant) {
        match event {
            Event::Prompt { .. } => {}
            Event::Text { text, .. } => self.text.push_str(&text),
            Event::Finished { reason, .. } => self.reason = Some(reason),
            Event::Done(usage) => self.ended = Some((usage, started.elapsed())),
        }
    }

    fn finish(self) -> Result<Reply> {
        match self {
            Self { text, reason: Some(reason), ended: Some((usage, took)) } => Ok(Reply { text, reason, usage, took }),
            _ => Err(Error::internal("the backend's events ended without a reason")),
        }
    }
}
