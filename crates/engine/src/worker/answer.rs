//! One choice of a request: how its tokens are chosen, and how they become text.

use backend::TokenLogprob;
use checkpoint::Tokenizer;
use decoding::{Advance, Sampler, Utterance};

use super::request::RequestId;
use crate::job::Asked;
use crate::speculation::{Guess, Guesser, Odds};

#[derive(Debug)]
pub(super) struct Answer {
    request: RequestId,
    choice: u16,
    sampler: Sampler,
    utterance: Utterance,
    /// The token that was chosen last, and its position.
    chosen: Option<(usize, u32)>,
    guesser: Option<Guesser>,
}

impl Answer {
    pub(super) fn new(
        request: RequestId,
        choice: u16,
        asked: &Asked,
        tokenizer: &Tokenizer,
        guesser: Option<Guesser>,
    ) -> Self {
        Self {
            request,
            choice,
            sampler: Sampler::new(&asked.sampling, choice, &asked.prompt),
            utterance: Utterance::new(tokenizer, &asked.stop, asked.max_new, asked.continues),
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
        self.utterance.is_prompt_only()
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
        self.utterance.left()
    }

    /// The chances of at most so many guesses at the tokens that follow `tokens`. Nothing is guessed that could not be generated.
    /// What the ones before were worth is noted in `all`, too.
    pub(super) fn expect(&mut self, tokenizer: &Tokenizer, tokens: &[u32], most: usize, all: &mut Odds) -> &[f32] {
        let most = most.min(self.left() - 1);
        let ends = self.utterance.ends(tokenizer);
        self.guesser.as_mut().map_or(&[], |guesser| guesser.expect(tokens, most, ends, all))
    }

    /// Takes what a draft model guesses, and gives the chances of that.
    pub(super) fn hear(&mut self, guesses: &[(u32, f32)]) -> &[f32] {
        self.guesser.as_mut().map_or(&[], |guesser| guesser.hear(guesses))
    }

    /// What a draft model's guesses were worth so far.
    pub(super) fn odds(&self) -> Option<Odds> {
        self.guesser.as_ref().map(Guesser::odds)
    }

    /// The first so many of the latest guesses, which are run.
    pub(super) fn run(&mut self, count: usize) -> &[Guess] {
        self.guesser.as_mut().map_or(&[], |guesser| guesser.run(count))
    }

    /// Takes the token that was chosen.
    pub(super) fn push(&mut self, tokenizer: &Tokenizer, token: u32, logprob: Option<TokenLogprob>) -> Advance {
        self.utterance.push(tokenizer, token, logprob)
    }
}
