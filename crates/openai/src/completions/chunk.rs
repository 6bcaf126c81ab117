//! The answer as it is made.

use backend::{Choices, Event};

use super::answer::{Choice, Completion, Shaper};
use crate::{Header, Reported, Usage};

/// Turns the events of all prompts into chunks, and, once all are done, the usage.
#[derive(Debug)]
pub struct Chunks {
    header: Header,
    shaper: Shaper,
    include_usage: bool,
    usage: Usage,
    unfinished: usize,
}

impl Chunks {
    pub fn new(header: Header, prompts: usize, choices: Choices, include_usage: bool) -> Self {
        let shaper = Shaper::new(prompts, choices);
        Self { header, shaper, include_usage, usage: Usage::default(), unfinished: prompts }
    }

    pub fn push(&mut self, prompt: usize, event: Event) -> Vec<Completion> {
        if let Event::Done(usage) = event {
            return self.done(usage).into_iter().collect();
        }
        let pieces = self.shaper.shape(prompt, event);
        pieces.into_iter().map(|piece| self.chunk(vec![piece], Reported::later(self.include_usage))).collect()
    }

    fn done(&mut self, usage: backend::Usage) -> Option<Completion> {
        self.usage.add(usage);
        self.unfinished = self.unfinished.saturating_sub(1);
        (self.include_usage && self.unfinished == 0).then(|| self.chunk(Vec::new(), Reported::Now(self.usage)))
    }

    fn chunk(&self, choices: Vec<Choice>, usage: Reported) -> Completion {
        Completion::new(self.header.clone(), choices, usage)
    }
}
