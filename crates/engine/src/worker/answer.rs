//! One choice of a request: how its tokens are chosen, and how they become text.

use backend::{FinishReason, StopReason, TokenLogprob};
use checkpoint::Tokenizer;

use super::request::RequestId;
use crate::job::Asked;
use crate::sampling::Sampler;
use crate::speculation::{Guess, Guesser, Odds};
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
    /// The token that was chosen last, and its position.
    chosen: Option<(usize, u32)>,
    guesser: Option<Guesser>,
}

/// What a new token did to the answer.
#[derive(Debug)]
pub(super) struct Advance {
    pub(super) piece: Piece,
    /// Why nothing follows, if nothing does.
    pub(super) finished: Option<(FinishReason, Option<StopReason>)>,
}

impl Answer {
    pub(super) fn new(
        request: RequestId,
        choice: u16,
        asked: &Asked,
        tokenizer: &Tokenizer,
        guesser: Option<Guesser>,
    ) -> Self {
        let detokenizer = if asked.continues { tokenizer.continuing_detokenizer() } else { tokenizer.detokenizer() };
        Self {
            request,
            choice,
            sampler: Sampler::new(&asked.sampling, choice, &asked.prompt),
            text: Text::new(detokenizer, asked.stop.strings().to_vec()),
            generated: 0,
            max_new: asked.max_new,
            ignore_eos: asked.stop.ignore_eos,
            chosen: None,
            guesser,
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

    /// Chooses the token behind `position`.
    pub(super) fn choose(&mut self, position: usize, logits: &mut [f32]) -> u32 {
        let token = self.sampler.choose(logits);
        self.chosen = Some((position + 1, token));
        token
    }

    /// Whether the token at `position` was chosen last and is this one, so that what was run behind it counts.
    pub(super) fn has_chosen(&self, position: usize, token: u32) -> bool {
        self.chosen == Some((position, token))
    }

    /// Tokens that may still come.
    pub(super) fn left(&self) -> usize {
        self.max_new - self.generated
    }

    /// The chances of at most so many guesses at the tokens that follow `tokens`. Nothing is guessed that could not be generated.
    pub(super) fn expect(&mut self, tokenizer: &Tokenizer, tokens: &[u32], most: usize) -> &[f32] {
        let most = most.min(self.left() - 1);
        let ends = if self.ignore_eos { &[][..] } else { tokenizer.end_of_text() };
        self.guesser.as_mut().map_or(&[], |guesser| guesser.expect(tokens, most, ends))
    }

    /// Takes what a draft model guesses, and gives the chances of that.
    pub(super) fn hear(&mut self, guesses: &[(u32, f32)]) -> &[f32] {
        self.guesser.as_mut().map_or(&[], |guesser| guesser.hear(guesses))
    }

    /// What a draft model's guesses were worth so far.
    pub(super) fn odds(&self) -> Option<Odds> {
        self.guesser.as_ref().map(Guesser::odds)
    }

    /// The latest guesses.
    pub(super) fn guessed(&self) -> &[Guess] {
        self.guesser.as_ref().map_or(&[], Guesser::guesses)
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
