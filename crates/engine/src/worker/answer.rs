//! One choice of a request: how its tokens are chosen, and how they become text.

use backend::{FinishReason, StopReason, TokenLogprob};
use checkpoint::Tokenizer;

use super::request::RequestId;
use crate::job::Job;
use crate::sampling::Sampler;
use crate::text::{Piece, Text};

#[derive(Debug)]
pub(super) struct Answer {
    request: RequestId,
    choice: u16,
    sampler: Sampler,
    text: Text,
    generated: usize,
    max_new: usize,
    ignore_eos: bool,
}

/// What a new token did to the answer.
#[derive(Debug)]
pub(super) struct Advance {
    pub(super) piece: Piece,
    /// Why nothing follows, if nothing does.
    pub(super) finished: Option<(FinishReason, Option<StopReason>)>,
}

impl Answer {
    pub(super) fn new(request: RequestId, choice: u16, job: &Job, tokenizer: &Tokenizer) -> Self {
        let detokenizer = if job.continues { tokenizer.continuing_detokenizer() } else { tokenizer.detokenizer() };
        Self {
            request,
            choice,
            sampler: Sampler::new(&job.sampling, choice, &job.prompt),
            text: Text::new(detokenizer, job.stop.strings().to_vec()),
            generated: 0,
            max_new: job.max_new,
            ignore_eos: job.stop.ignore_eos,
        }
    }

    pub(super) fn request(&self) -> RequestId {
        self.request
    }

    pub(super) fn choice(&self) -> u16 {
        self.choice
    }

    /// Nothing but the prompt was asked for.
    pub(super) fn is_prompt_only(&self) -> bool {
        self.max_new == 0
    }

    pub(super) fn choose(&mut self, logits: &mut [f32]) -> u32 {
        self.sampler.choose(logits)
    }

    /// Takes the token that was chosen.
    pub(super) fn push(&mut self, tokenizer: &Tokenizer, token: u32, logprob: Option<TokenLogprob>) -> Advance {
        self.generated += 1;
        if !self.ignore_eos && tokenizer.end_of_text().contains(&token) {
            return self.end(Piece::default(), FinishReason::Stop, Some(StopReason::EndOfText(token)));
        }
        let (piece, stop) = self.text.push(tokenizer, token, logprob);
        match stop {
            Some(stop) => Advance { piece, finished: Some((FinishReason::Stop, Some(stop))) },
            None if self.generated >= self.max_new => self.end(piece, FinishReason::Length, None),
            None => Advance { piece, finished: None },
        }
    }

    /// Shows what was held back. Broken characters at the end can still complete a stop string.
    fn end(&mut self, mut piece: Piece, reason: FinishReason, stop: Option<StopReason>) -> Advance {
        let (rest, late_stop) = self.text.finish();
        piece.text.push_str(&rest.text);
        piece.tokens += rest.tokens;
        piece.logprobs.extend(rest.logprobs);
        let finished = match late_stop {
            Some(stop) => (FinishReason::Stop, Some(stop)),
            None => (reason, stop),
        };
        Advance { piece, finished: Some(finished) }
    }
}
