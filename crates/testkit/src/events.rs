//! Events as a backend would send them.

use backend::{Event, FinishReason, StopReason, TokenLogprob, Usage};

/// A prompt of so many tokens.
pub fn prompt(tokens: u32) -> Event {
    Event::Prompt { tokens, cached: 0, echo: None, logprobs: Vec::new() }
}

/// One token.
pub fn text(choice: u16, text: &str) -> Event {
    Event::Text { choice, text: text.into(), tokens: 1, logprobs: Vec::new() }
}

pub fn finished(choice: u16, reason: FinishReason) -> Event {
    Event::Finished { choice, reason, stop: None }
}

/// Ended by a stop string.
pub fn stopped_by(choice: u16, stop: &str) -> Event {
    let stop = Some(StopReason::StopString(stop.into()));
    Event::Finished { choice, reason: FinishReason::Stop, stop }
}

pub fn done(prompt_tokens: u32, completion_tokens: u32) -> Event {
    Event::Done(Usage { prompt_tokens, cached_tokens: 0, completion_tokens })
}

/// One whole answer: a prompt of 5 tokens, and a token a piece.
pub fn answer(pieces: &[&str]) -> Vec<Event> {
    answers(&[pieces])
}

/// Several whole answers to the same prompt, one after the other.
pub fn answers(choices: &[&[&str]]) -> Vec<Event> {
    let tokens = choices.iter().map(|pieces| pieces.len() as u32).sum();
    let mut events = vec![prompt(5)];
    for (choice, pieces) in (0..).zip(choices) {
        events.extend(pieces.iter().map(|piece| text(choice, piece)));
        events.push(finished(choice, FinishReason::Stop));
    }
    events.push(done(5, tokens));
    events
}

/// A token as its bytes say, with no alternatives.
pub fn logprob(token: u32, bytes: &[u8], logprob: Option<f32>) -> TokenLogprob {
    let text = String::from_utf8_lossy(bytes).into_owned();
    TokenLogprob { token, text, bytes: bytes.to_vec(), logprob, top: Vec::new() }
}
