//! The answer in one piece.

use backend::{Choices, Event};
use serde::Serialize;
use utoipa::ToSchema;

use super::Logprobs;
use super::logprobs::Offset;
use crate::chat::stop_string;
use crate::schema::FinishReason;
use crate::{Header, Reported, Usage};

/// The answer, and, as OpenAI has it, each of its chunks too.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = TextCompletion)]
pub struct Completion {
    pub id: String,
    /// Always `text_completion`.
    #[schema(examples("text_completion"))]
    pub object: &'static str,
    pub created: u64,
    pub model: String,
    pub system_fingerprint: String,
    pub choices: Vec<Choice>,
    /// Of all prompts together; in a stream only in the last chunk, and only if it was asked for.
    #[schema(value_type = Option<Usage>)]
    #[serde(skip_serializing_if = "Reported::is_absent")]
    pub usage: Reported,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = TextChoice)]
pub struct Choice {
    /// Over all prompts: the third answer to the second prompt of `n: 4` is 6.
    pub index: usize,
    pub text: String,
    pub logprobs: Option<Logprobs>,
    #[schema(value_type = Option<FinishReason>)]
    pub finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
}

impl Completion {
    pub(super) fn new(header: Header, choices: Vec<Choice>, usage: Reported) -> Self {
        let Header { id, created, model, system_fingerprint } = header;
        Self { id, object: "text_completion", created, model, system_fingerprint, choices, usage }
    }
}

/// Turns the events of several prompts into changes of choices: what a chunk shows and an answer adds up.
#[derive(Debug)]
pub(super) struct Shaper {
    per_prompt: usize,
    offsets: Vec<Offset>,
}

impl Shaper {
    pub(super) fn new(prompts: usize, choices: Choices) -> Self {
        let per_prompt = usize::from(choices.get());
        Self { per_prompt, offsets: vec![Offset::default(); prompts * per_prompt] }
    }

    pub(super) fn choices(&self) -> usize {
        self.offsets.len()
    }

    /// What an event adds to which choice; nothing for the usage, and for a choice that was not asked for.
    pub(super) fn shape(&mut self, prompt: usize, event: Event) -> Vec<Choice> {
        let first = prompt * self.per_prompt;
        match event {
            Event::Prompt { echo: Some(text), logprobs, .. } => (first..first + self.per_prompt)
                .filter_map(|index| self.piece(index, text.clone(), logprobs.clone()))
                .collect(),
            Event::Prompt { echo: None, .. } | Event::Done(_) => Vec::new(),
            Event::Text { text, logprobs, .. } if text.is_empty() && logprobs.is_empty() => Vec::new(),
            Event::Text { choice, text, logprobs, .. } => {
                self.piece(first + usize::from(choice), text, logprobs).into_iter().collect()
            }
            Event::Finished { choice, reason, stop } => {
                let ended = self.piece(first + usize::from(choice), String::new(), Vec::new());
                let ended = ended.map(|choice| Choice {
                    finish_reason: Some(reason.as_str()),
                    stop_reason: stop_string(stop),
                    ..choice
                });
                ended.into_iter().collect()
            }
        }
    }

    fn piece(&mut self, index: usize, text: String, tokens: Vec<backend::TokenLogprob>) -> Option<Choice> {
        let logprobs = self.offsets.get_mut(index)?.logprobs(tokens);
        let logprobs = (!logprobs.is_empty()).then_some(logprobs);
        Some(Choice { index, text, logprobs, finish_reason: None, stop_reason: None })
    }
}

impl Choice {
    fn empty(index: usize) -> Self {
        Self { index, text: String::new(), logprobs: None, finish_reason: None, stop_reason: None }
    }

    fn extend(&mut self, piece: Self) {
        self.text.push_str(&piece.text);
        if let Some(logprobs) = piece.logprobs {
            self.logprobs.get_or_insert_default().append(logprobs);
        }
        self.finish_reason = self.finish_reason.or(piece.finish_reason);
        self.stop_reason = self.stop_reason.take().or(piece.stop_reason);
    }
}

/// Gathers the events of all prompts until they are an answer.
#[derive(Debug)]
pub struct Collector {
    header: Header,
    shaper: Shaper,
    choices: Vec<Choice>,
    usage: Usage,
}

impl Collector {
    pub fn new(header: Header, prompts: usize, choices: Choices) -> Self {
        let shaper = Shaper::new(prompts, choices);
        let choices = (0..shaper.choices()).map(Choice::empty).collect();
        Self { header, shaper, choices, usage: Usage::default() }
    }

    pub fn push(&mut self, prompt: usize, event: Event) {
        if let Event::Done(usage) = event {
            self.usage.add(usage);
        }
        for piece in self.shaper.shape(prompt, event) {
            if let Some(choice) = self.choices.get_mut(piece.index) {
                choice.extend(piece);
            }
        }
    }

    /// To be called when the events of all prompts have ended.
    pub fn finish(self) -> Completion {
        Completion::new(self.header, self.choices, Reported::Now(self.usage))
    }
}
