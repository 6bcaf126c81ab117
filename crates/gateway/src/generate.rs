//! A group of servers as a [`Backend`]: what is asked of it goes to a server in OpenAI's words, and comes back as events.

use std::collections::VecDeque;
use std::sync::Arc;

use backend::{
    Activity, Backend, BoxFuture, Classification, Classified, Error, Event, Events, Generation, ModelCard, ModelState,
    Passage, Pieces, Result, UpstreamReading,
};
use futures_util::stream;
use openai::Heard;

use crate::Group;
use crate::exchange::Streamed;
use crate::failure::Failure;
use crate::question;

impl Backend for Group {
    fn card(&self) -> Arc<ModelCard> {
        self.current_card()
    }

    fn state(&self) -> ModelState {
        if self.roster.readings().iter().any(|upstream| upstream.usable) {
            ModelState::Ready
        } else {
            ModelState::Failed { reason: "no server behind it can answer".into() }
        }
    }

    fn activity(&self) -> Activity {
        let (running, waiting) = self.roster.load();
        Activity { running, waiting, ..Activity::default() }
    }

    fn generate(&self, generation: Generation) -> BoxFuture<'_, Result<Events>> {
        Box::pin(async move {
            question::check(&generation)?;
            let answer = self.stream(&generation).await?;
            let reading = Reading::new(answer, generation);
            Ok(Box::pin(stream::unfold(reading, |mut reading| async { Some((reading.next().await?, reading)) })) as Events)
        })
    }

    fn classify(&self, _: Classification) -> BoxFuture<'_, Result<Classified>> {
        let refusal = Error::unsupported("model", "it runs on another server, which is asked for texts only");
        Box::pin(std::future::ready(Err(refusal)))
    }

    fn relays(&self) -> bool {
        true
    }

    fn relay(&self, passage: Passage) -> BoxFuture<'_, Result<Pieces>> {
        Box::pin(self.hand_on(passage))
    }

    fn upstreams(&self) -> Vec<UpstreamReading> {
        self.roster.readings()
    }

    fn drain(&self) {
        self.stop_taking();
    }
}

/// An answer while it is read.
struct Reading {
    /// `None` after its end: the server is left as soon as there is nothing more to come.
    answer: Option<Streamed>,
    heard: Heard,
    generation: Generation,
    /// Read, and not handed out yet.
    ready: VecDeque<Event>,
}

impl Reading {
    fn new(answer: Streamed, generation: Generation) -> Self {
        let tokens = generation.prompt.estimated_tokens();
        let heard = Heard::new(usize::from(generation.choices.get()), tokens);
        // What the prompt really has is known in the end.
        let prompt = Event::Prompt { tokens, cached: 0, echo: None, logprobs: Vec::new() };
        Self { answer: Some(answer), heard, generation, ready: [prompt].into() }
    }

    async fn next(&mut self) -> Option<Result<Event>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            let answer = self.answer.as_mut()?;
            match read(answer, &mut self.heard, &self.generation).await {
                Ok(Some(events)) => self.ready.extend(events),
                Ok(None) => {
                    self.answer = None;
                    self.ready.push_back(Event::Done(self.heard.usage()));
                }
                Err(error) => {
                    self.answer = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// The next events; `None` where the answer has come to its end.
async fn read(answer: &mut Streamed, heard: &mut Heard, generation: &Generation) -> Result<Option<Vec<Event>>> {
    let chunk = answer.next().await.map_err(Failure::into_error)?;
    let events = match &chunk {
        Some(chunk) => heard.read(chunk).map(Some),
        None => heard.end().map(|_| None),
    };
    let events = events.map_err(|unheard| answer.unheard(unheard).into_error())?;
    if events.is_none() {
        answer.succeeded(heard.has_usage());
    }
    // Only the server can count them, and it does so after it has taken them all.
    if heard.has_usage() {
        generation.check_prompt_tokens(heard.usage().prompt_tokens as usize)?;
    }
    Ok(events)
}
