//! One answer's text as its tokens come, and what ends it.

use backend::{FinishReason, Stop, StopReason, TokenLogprob};
use checkpoint::Tokenizer;

use crate::text::{Piece, Text};

#[derive(Debug)]
pub struct Utterance {
    text: Text,
    generated: usize,
    max_new: usize,
    ignore_eos: bool,
}

/// What a new token did to the answer.
#[derive(Debug)]
pub struct Advance {
    pub piece: Piece,
    /// Why nothing follows, if nothing does.
    pub finished: Option<(FinishReason, Option<StopReason>)>,
}

impl Utterance {
    /// Of at most `max_new` tokens. If it `continues` the prompt's own text, as a completion does and a chat message does not, what
    /// some tokenizers drop at the beginning of a text (SentencePiece's first space) stays.
    pub fn new(tokenizer: &Tokenizer, stop: &Stop, max_new: usize, continues: bool) -> Self {
        let detokenizer = if continues { tokenizer.continuing_detokenizer() } else { tokenizer.detokenizer() };
        let text = Text::new(detokenizer, stop.strings().to_vec());
        Self { text, generated: 0, max_new, ignore_eos: stop.ignore_eos }
    }

    /// Nothing but the prompt was asked for.
    pub fn is_prompt_only(&self) -> bool {
        self.max_new == 0
    }

    /// Tokens that may still come.
    pub fn left(&self) -> usize {
        self.max_new - self.generated
    }

    /// The tokens that end it.
    pub fn ends<'a>(&self, tokenizer: &'a Tokenizer) -> &'a [u32] {
        if self.ignore_eos { &[] } else { tokenizer.end_of_text() }
    }

    /// Takes the token that was chosen.
    pub fn push(&mut self, tokenizer: &Tokenizer, token: u32, logprob: Option<TokenLogprob>) -> Advance {
        self.generated += 1;
        if self.ends(tokenizer).contains(&token) {
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
