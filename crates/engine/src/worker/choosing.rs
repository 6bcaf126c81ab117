//! Choosing the tokens behind a step's rows. Sequences know nothing of each other, so all threads of the pool choose at once: one
//! alone would have the others wait, with a large vocabulary longer than for a layer.

use backend::TokenLogprob;
use checkpoint::Tokenizer;
use decoding::{Distribution, are_sound, describe};
use kernels::Pool;
use smallvec::SmallVec;

use super::answer::Answer;
use super::outputs::Row;
use super::request::RequestId;
use crate::sequence::SequenceId;

/// Logits that are worth another thread.
const LOGITS_OF_A_PIECE: usize = 32_768;

/// So many rows of a sequence that count, and noting them takes no memory: one, and guesses that came true.
const ROWS: usize = 4;

/// The rows of one sequence. Its answer is taken out of the worker's for the time.
pub(super) struct Choosing<'a> {
    answer: Box<Answer>,
    rows: &'a [Row],
    logits: &'a mut [f32], // (rows, vocabulary)
    /// Alternatives beside each logarithm, if logarithms are wanted at all.
    top: Option<u8>,
    /// The rows that count, with what was chosen behind those that are sampled from.
    counted: SmallVec<[(usize, Option<Chosen>); ROWS]>,
    /// The model computed something that is no number.
    is_broken: bool,
}

/// A token, and its logarithm if that is wanted.
pub(super) type Chosen = (u32, Option<TokenLogprob>);

/// Chooses for all of them.
pub(super) fn choose_all(pool: &Pool, tokenizer: &Tokenizer, all: &mut [Choosing<'_>]) {
    let vocabulary = all.first().map_or(1, Choosing::vocabulary);
    pool.for_each(all, (LOGITS_OF_A_PIECE / vocabulary).max(1), |choosing| choosing.choose(tokenizer));
}

impl<'a> Choosing<'a> {
    pub(super) fn new(answer: Box<Answer>, rows: &'a [Row], logits: &'a mut [f32], top: Option<u8>) -> Self {
        Self { answer, rows, logits, top, counted: SmallVec::new(), is_broken: false }
    }

    fn vocabulary(&self) -> usize {
        self.logits.len() / self.rows.len()
    }

    fn choose(&mut self, tokenizer: &Tokenizer) {
        let vocabulary = self.vocabulary();
        for (index, (row, logits)) in self.rows.iter().zip(self.logits.chunks_exact_mut(vocabulary)).enumerate() {
            if row.guess.is_some_and(|guess| !self.answer.has_chosen(row.position, guess)) {
                continue;
            }
            if !are_sound(logits) {
                self.is_broken = true;
                return;
            }
            let chosen = (row.samples && !self.answer.is_prompt_only()).then(|| {
                let token = self.answer.choose(row.position, logits);
                // The logarithm is of the model's own distribution, as choosing leaves it.
                let describe = |top| describe(tokenizer, token, Some(&Distribution::new(logits)), logits, top);
                (token, self.top.map(describe))
            });
            self.counted.push((index, chosen));
        }
    }

    pub(super) fn id(&self) -> SequenceId {
        self.rows[0].sequence
    }

    pub(super) fn request(&self) -> RequestId {
        self.answer.request()
    }

    pub(super) fn into_answer(self) -> Box<Answer> {
        self.answer
    }

    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// The rows that count, their logits, and what was chosen.
    pub(super) fn counted(&mut self) -> impl Iterator<Item = (Row, &[f32], Option<Chosen>)> {
        let vocabulary = self.vocabulary();
        let Self { rows, logits, counted, .. } = self;
        let (rows, logits): (_, &[f32]) = (*rows, logits);
        counted.drain(..).map(move |(index, chosen)| (rows[index], &logits[index * vocabulary..][..vocabulary], chosen))
    }
}
