//! Somebody else's answer, read as events: the chunks of a stream, or an answer in one piece.
//!
//! Only what is needed is read, and what others add is no error: servers differ in where they put the usage, whether they send one at
//! all, and in what a piece of text may come with.

mod answer;
mod logprobs;
mod one_by_one;

use backend::{Event, FinishReason, StopReason, Usage, estimated_tokens};
use thiserror::Error;

use self::answer::{Answer, Choice};
use self::one_by_one::OneByOne;
use crate::problem::Said;

/// Of one request, over all its prompts.
const MOST_CHOICES: usize = 16 * 1024;

/// Why something is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unheard {
    #[error("not the JSON of an answer: {0}")]
    Malformed(String),
    #[error("choice {0}, which was not asked for")]
    NotAsked(u64),
    /// The stream ended, but not all choices did.
    #[error("the end of only {ended} of {asked} choices")]
    Unfinished { ended: usize, asked: usize },
    /// It is an error.
    #[error("{}", .0.message)]
    Problem(Said),
}

impl Unheard {
    /// What was found is not told: it is part of an answer.
    fn malformed(error: &serde_json::Error) -> Self {
        Self::Malformed(format!("{:?} error at column {}", error.classify(), error.column()))
    }
}

/// The state of reading one answer.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Which choices have ended.
    ended: Vec<bool>,
    /// It is not known how many were asked for: as many as come.
    open: bool,
    /// Tokens seen: at least one a piece.
    counted: u32,
    /// Bytes of text seen, reasoning and calls of tools among it.
    bytes: usize,
    usage: Option<Usage>,
    one_by_one: OneByOne,
    /// To how many prompts the choices are answers.
    prompts: u32,
    /// For want of a better number: what the prompt was thought to have.
    prompt_tokens: u32,
}

impl Heard {
    /// `prompt_tokens` stands where the server does not say.
    pub fn new(choices: usize, prompt_tokens: u32) -> Self {
        let ended = vec![false; choices];
        Self {
            ended,
            open: false,
            counted: 0,
            bytes: 0,
            usage: None,
            one_by_one: OneByOne::default(),
            prompts: 1,
            prompt_tokens,
        }
    }

    /// Of an answer to something that nobody has looked at.
    pub fn of_any(prompt_tokens: u32) -> Self {
        Self { open: true, ..Self::new(0, prompt_tokens) }
    }

    /// The answer to so many prompts.
    #[must_use]
    pub fn to(self, prompts: u32) -> Self {
        Self { prompts, ..self }
    }

    /// One chunk, or an answer in one piece.
    pub fn read(&mut self, json: &str) -> Result<Vec<Event>, Unheard> {
        let answer: Answer = serde_json::from_str(json).map_err(|error| Unheard::malformed(&error))?;
        if let Some(error) = answer.problem() {
            return Err(Unheard::Problem(error));
        }
        match answer.usage() {
            Some(usage) if answer.is_of_one_choice() => {
                self.one_by_one.add(usage, answer.choices.as_deref().unwrap_or_default());
                self.usage = Some(self.one_by_one.usage(self.prompts, self.prompt_tokens));
            }
            usage => self.usage = usage.or(self.usage),
        }
        let mut events = Vec::new();
        for choice in answer.choices.into_iter().flatten() {
            events.extend(self.choice(choice)?);
        }
        Ok(events)
    }

    fn choice(&mut self, choice: Choice) -> Result<Vec<Event>, Unheard> {
        let place = self.place(choice.index.unwrap_or(0))?;
        let mut events = Vec::new();
        let piece = choice.piece();
        if piece.tokens > 0 || !piece.logprobs.is_empty() {
            self.counted += piece.tokens;
            self.bytes += piece.bytes;
            let (text, tokens, logprobs) = (piece.text, piece.tokens, piece.logprobs);
            events.push(Event::Text { choice: place as u16, text, tokens, logprobs });
        }
        if let Some(reason) = choice.finish_reason.filter(|_| !self.ended[place]) {
            self.ended[place] = true;
            let reason = if reason == "length" { FinishReason::Length } else { FinishReason::Stop };
            let stop = choice.stop_reason.as_ref().and_then(stop_reason);
            events.push(Event::Finished { choice: place as u16, reason, stop });
        }
        Ok(events)
    }

    fn place(&mut self, index: u64) -> Result<usize, Unheard> {
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        if self.open && place < MOST_CHOICES && place >= self.ended.len() {
            self.ended.resize(place + 1, false);
        }
        if place < self.ended.len() { Ok(place) } else { Err(Unheard::NotAsked(index)) }
    }

    /// Whether the server said what the answer cost.
    pub fn has_usage(&self) -> bool {
        self.usage.is_some()
    }

    /// What the answer cost: as the server says, but never less than what was seen. If it says nothing, the tokens are estimated from
    /// the bytes, for an answer may come in one piece.
    pub fn usage(&self) -> Usage {
        let unsaid = || Usage {
            prompt_tokens: self.prompt_tokens,
            cached_tokens: 0,
            completion_tokens: estimated_tokens(self.bytes),
        };
        let said = self.usage.unwrap_or_else(unsaid);
        Usage { completion_tokens: said.completion_tokens.max(self.counted), ..said }
    }

    /// The last event. Fails if there was no end to every choice.
    pub fn end(&self) -> Result<Event, Unheard> {
        let (ended, asked) = (self.ended.iter().filter(|ended| **ended).count(), self.ended.len());
        if ended < asked { Err(Unheard::Unfinished { ended, asked }) } else { Ok(Event::Done(self.usage())) }
    }
}

/// vLLM's: a string that was met, or a token.
fn stop_reason(value: &serde_json::Value) -> Option<StopReason> {
    match value {
        serde_json::Value::String(text) => Some(StopReason::StopString(text.clone())),
        other => other.as_u64().and_then(|token| u32::try_from(token).ok()).map(StopReason::EndOfText),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Tokens of answers whose server does not say.
    fn counted(chunks: &[Value]) -> u32 {
        let mut heard = Heard::of_any(0);
        for chunk in chunks {
            heard.read(&chunk.to_string()).expect("an answer");
        }
        heard.usage().completion_tokens
    }

    #[test]
    fn what_is_thought_and_what_is_called_counts_as_what_is_said_does() {
        let text = "x".repeat(300);
        let said = |message: Value| counted(&[json!({"choices": [{"index": 0, "message": message}]})]);
        assert_eq!(said(json!({"content": text})), 100);
        assert_eq!(said(json!({"reasoning_content": text})), 100);
        assert_eq!(said(json!({"reasoning": text, "reasoning_content": text, "content": text})), 200);
        let call =
            |arguments: Value| json!({"tool_calls": [{"id": "c", "function": {"name": "abc", "arguments": arguments}}]});
        assert_eq!(said(call(json!(text))), 101);
        assert!(said(call(json!({ "x": text }))) >= 101, "some send an object");
        assert_eq!(said(json!({"tool_calls": [{"type": "unheard of"}, null]})), 1);
    }

    #[test]
    fn a_usage_of_one_choice_is_not_that_of_all() {
        let usage = json!({"prompt_tokens": 10, "completion_tokens": 6, "prompt_tokens_details": {"cached_tokens": 4}});
        let heard = |prompts: u32, answers: &[Value]| {
            let mut heard = Heard::of_any(99).to(prompts);
            for answer in answers {
                heard.read(&answer.to_string()).expect("an answer");
            }
            let Usage { prompt_tokens, cached_tokens, completion_tokens } = heard.usage();
            [prompt_tokens, cached_tokens, completion_tokens]
        };
        let choice = |text: String| json!({"index": 0, "text": text, "finish_reason": "stop"});
        let choices = json!(["x".repeat(20), "x".repeat(41), String::new()].map(choice));
        let whole = |choices: &Value| json!({"choices": choices, "usage": usage, "timings": {"predicted_n": 6}});
        assert_eq!(heard(1, &[whole(&json!([choices[0]]))]), [10, 4, 6]);
        assert_eq!(heard(1, &[whole(&choices)]), [10, 4, 6 + 13 + 1]);
        assert_eq!(heard(3, &[whole(&choices)]), [99, 12, 6 + 13 + 1], "only the first of three prompts was counted");
        let chunk = whole(&json!([]));
        assert_eq!(heard(1, &[chunk.clone(), chunk.clone(), chunk.clone()]), [10, 4, 18], "three answers to one prompt");
        assert_eq!(heard(3, &[chunk.clone(), chunk.clone(), chunk.clone()]), [30, 12, 18], "one to each of three");
        let going_on = json!({"choices": [{"index": 0, "text": ""}], "usage": usage, "timings": {}});
        assert_eq!(heard(1, &[going_on.clone(), going_on, chunk.clone()]), [10, 4, 6], "what it cost so far is in the sum");
        let others = json!({"choices": choices, "usage": usage});
        assert_eq!(heard(1, &[others]), [10, 4, 6], "others say what all cost");
    }

    #[test]
    fn a_piece_of_a_stream_is_a_token_at_least() {
        let piece = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]});
        assert_eq!(counted(&[piece(json!({"content": "a"})), piece(json!({"reasoning": "b"})), piece(json!({}))]), 2);
        let call = |arguments: &str| piece(json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}));
        assert_eq!(counted(&[call("{"), call("\"a\""), call(": 1}")]), 3);
    }
}
