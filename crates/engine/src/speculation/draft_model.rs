//! A small model that guesses for a large one, token by token, for all sequences together.
//!
//! Its keys and values lie in blocks of the same numbers as the large model's: what the scheduler hands out holds both, and a
//! prefix that is found again can be found here too.

use std::collections::HashSet;
use std::time::Instant;

use checkpoint::{Checkpoint, Tokenizer};
use decoding::Distribution;
use thiserror::Error;

use super::StepCost;
use super::cost::ROW;
use super::guesser::kind_of_confidence;
use super::heed::Heed;
use super::odds::Odds;
use crate::blocks::PrefixHash;
use crate::model::{BLOCK_TOKENS, Model, ModelError, Run, Wanted};
use crate::scheduler::Scheduler;
use crate::sequence::{Sequence, SequenceId};
use crate::settings::{Memory, Progress};

/// A row of guesses ends where the chance that all of it is right falls below this. (llama.cpp looks at what the small model
/// gives each guess alone, and wants 0.75 of it; here that counts as much as it was worth so far.)
const LEAST_CHANCE: f32 = 0.3;
/// Tokens that a sequence may be behind and still be guessed for at once, however little time there is.
const HARDLY_BEHIND: usize = 4;
/// Tokens that are caught up with in a step at most, for all sequences together.
const MOST_CAUGHT_UP: usize = 128;

/// Why a model cannot guess for another.
#[derive(Debug, Error)]
pub enum DraftError {
    #[error(
        "its token {id} is {draft} and the model's {own}; what is needed is the same vocabulary, as a smaller model of the same \
         family has it"
    )]
    Vocabulary { id: u32, draft: String, own: String },
    #[error("it classifies texts and writes none")]
    Classifier,
    #[error("it cannot be loaded")]
    Model(#[from] ModelError),
}

#[derive(Debug)]
pub(crate) struct DraftModel {
    model: Model,
    /// Tokens below this are known to both.
    vocabulary: usize,
    /// Positions that it has.
    context: usize,
    /// For each block the prefix whose keys and values are here in full.
    filled: Vec<Option<PrefixHash>>,
    cost: StepCost,
    heed: Heed,
    /// What a step of it takes beside one of the large model, as far as their sizes tell.
    share: f64,
    /// Whether guesses end where they become unlikely.
    choosy: bool,
}

/// A sequence that guesses are wanted for.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) sequence: SequenceId,
    /// The number of its chunk in the plan.
    pub(crate) chunk: usize,
    most: usize,
    odds: Odds,
    /// That all guesses are right.
    chance: f32,
    /// Each with what the small model gives it.
    pub(crate) guesses: Vec<(u32, f32)>,
    /// The tokens of its first run.
    first: std::ops::Range<usize>,
    steps: usize,
    finished: bool,
}

impl Task {
    /// At most so many guesses; `odds` says what they were worth so far.
    pub(crate) fn new(sequence: SequenceId, chunk: usize, most: usize, odds: Odds) -> Self {
        let guesses = Vec::with_capacity(most);
        Self { sequence, chunk, most, odds, chance: 1.0, guesses, first: 0..0, steps: 0, finished: false }
    }

    /// What it has run next: at first what is not computed yet, and then its latest guess.
    fn next<'a>(&'a self, sequence: &'a Sequence) -> Run<'a> {
        let (tokens, start) = match self.guesses.last() {
            None => (&sequence.tokens[self.first.clone()], self.first.start),
            Some((guess, _)) => (std::slice::from_ref(guess), sequence.tokens.len() + self.guesses.len() - 1),
        };
        let catches_up = self.guesses.is_empty() && self.first.end < sequence.tokens.len();
        let wanted = if catches_up { Wanted::Nothing } else { Wanted::Last };
        // What it guesses for a sequence with an adapter is only less often right.
        Run { tokens, start, blocks: &sequence.blocks, wanted, adapter: None }
    }

    /// Has nothing run in this step. So many positions are computed already.
    fn wait(&mut self, computed: usize) {
        self.first = computed..computed;
        self.finished = true;
    }

    /// Positions that are computed after all that was run.
    fn computed(&self) -> usize {
        self.first.end + self.steps.saturating_sub(1)
    }
}

impl DraftModel {
    /// Whether a model can guess for one with this tokenizer.
    pub(crate) fn check(draft: &Checkpoint, tokenizer: &Tokenizer) -> Result<(), DraftError> {
        if draft.classes.is_some() {
            return Err(DraftError::Classifier);
        }
        same_vocabulary(&draft.tokenizer, tokenizer)
    }

    /// Loads a model that was found to be able to guess for `large`, on the same threads; `choosy` if it is to stop where a guess
    /// becomes unlikely.
    pub(crate) fn load(
        draft: Checkpoint,
        large: &Model,
        choosy: bool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, DraftError> {
        let model = large.load_beside(draft.architecture, draft.weights, progress)?;
        let architecture = model.architecture();
        Ok(Self {
            vocabulary: architecture.vocabulary.min(large.architecture().vocabulary),
            context: architecture.context.min(model.blocks() * BLOCK_TOKENS),
            filled: vec![None; model.blocks()],
            cost: StepCost::default(),
            heed: Heed::ALWAYS,
            share: model.weight_bytes() as f64 / large.weight_bytes().max(1) as f64,
            choosy,
            model,
        })
    }

    /// Forgets what the blocks hold.
    pub(crate) fn forget(&mut self) {
        self.filled.fill(None);
    }

    pub(crate) fn memory(&self) -> Memory {
        Memory { weights: self.model.weight_bytes(), kv_cache: self.model.cache_bytes() }
    }

    /// Seconds of a step of so many rows; `large` is what the large model's steps take.
    pub(crate) fn seconds(&self, rows: usize, large: &StepCost) -> f64 {
        self.cost.measured(rows).unwrap_or_else(|| self.share * large.of(rows))
    }

    /// Seconds for each token that it catches up with, so many in a step.
    pub(crate) fn catching_up(&self, tokens: usize, large: &StepCost) -> f64 {
        (ROW + 1.0 / tokens as f64) * self.seconds(1, large)
    }

    /// How often it is asked for each time that what it has guessed is run.
    pub(crate) fn asked_for_one(&self) -> f64 {
        self.heed.asked_for_one()
    }

    /// Whether what it has guessed is run.
    pub(crate) fn heeded(&mut self, run: bool) {
        self.heed.note(run);
    }

    /// How many tokens it may catch up with in a step that may take so many seconds longer for it, all sequences together. (What was
    /// measured with a row or two says nothing of so many.)
    pub(crate) fn catch_up(&self, seconds: f64, large: &StepCost) -> usize {
        ((seconds / (ROW * self.seconds(1, large))) as usize).clamp(HARDLY_BEHIND, MOST_CAUGHT_UP)
    }

    /// How many tokens can be guessed behind a sequence's: none behind one with tokens or positions that it does not know.
    pub(crate) fn room(&self, sequence: &Sequence) -> usize {
        let unknown = |token: &u32| *token as usize >= self.vocabulary;
        if sequence.tokens[sequence.drafted..].iter().any(unknown) {
            return 0;
        }
        (self.context + 1).saturating_sub(sequence.tokens.len())
    }

    /// Tokens that it has yet to run before the last, whose run gives the first guess. Of what several sequences share, each is behind.
    pub(crate) fn behind(&self, sequence: &Sequence) -> usize {
        (sequence.tokens.len() - self.found(sequence)).saturating_sub(1)
    }

    /// Guesses for each task as many tokens as it wants, unless they become too unlikely or one is among `ends`, which is left
    /// out. Tasks that are far behind catch up, with at most so many tokens altogether, and get none yet; nor do those that
    /// would write a block that they share with a task before them, until that has filled it.
    pub(crate) fn guess(&mut self, scheduler: &mut Scheduler, tasks: &mut [Task], ends: &[u32], catch_up: usize) {
        let mut budget = catch_up;
        // What is run behind the first runs lies behind every prefix, in blocks that nobody shares.
        let mut written = HashSet::<u32>::new();
        for task in &mut *tasks {
            let Some(sequence) = scheduler.sequence(task.sequence) else { continue };
            let from = self.found(sequence);
            let count = (sequence.tokens.len() - from).min(budget.max(HARDLY_BEHIND));
            let blocks = &sequence.blocks[from / BLOCK_TOKENS..(from + count).div_ceil(BLOCK_TOKENS)];
            if blocks.iter().any(|block| written.contains(block)) {
                task.wait(from);
                continue;
            }
            written.extend(blocks);
            budget = budget.saturating_sub(count);
            task.first = from..from + count;
        }
        while self.step(scheduler, tasks, ends) {}
        for task in &*tasks {
            self.note_filled(scheduler, task);
            scheduler.drafted(task.sequence, task.computed());
        }
    }

    /// The positions of a sequence that are computed: those that were, or those of a prefix that is here.
    fn found(&self, sequence: &Sequence) -> usize {
        let known = sequence.published.iter().zip(&sequence.blocks);
        let known = known.take_while(|(hash, block)| self.filled[**block as usize] == Some(**hash)).count();
        sequence.drafted.max((known * BLOCK_TOKENS).min(sequence.tokens.len() - 1))
    }

    /// Has every unfinished task guess once; `false` if there is none.
    fn step(&mut self, scheduler: &Scheduler, tasks: &mut [Task], ends: &[u32]) -> bool {
        let began = Instant::now();
        let running = tasks.iter().filter(|task| !task.finished);
        let runs: Vec<_> = running.filter_map(|task| Some(task.next(scheduler.sequence(task.sequence)?))).collect();
        if runs.is_empty() {
            return false;
        }
        let guesses = runs.iter().all(|run| run.tokens.len() == 1).then_some(runs.len());
        let wanted: Vec<_> = runs.iter().map(|run| run.wanted == Wanted::Last).collect();
        let kept = self.model.forward(&runs);
        drop(runs);
        let logits = if kept > 0 { self.model.logits(0..kept) } else { &mut [] };
        let mut logits = logits.chunks_exact(logits.len().checked_div(kept).unwrap_or(1).max(1));
        for (task, wanted) in tasks.iter_mut().filter(|task| !task.finished).zip(wanted) {
            task.steps += 1;
            let row = if wanted { logits.next() } else { None };
            task.finished = !row.is_some_and(|row| task.take(&row[..self.vocabulary], ends, self.choosy));
        }
        // Steps that catch up are of another kind. The first over a prompt is one, which finds nothing in the caches.
        if let Some(rows) = guesses {
            self.cost.note(rows, began.elapsed());
        }
        true
    }

    /// A step went by without guesses.
    pub(crate) fn rest(&mut self) {
        self.cost.fade();
        self.heed.rest();
    }

    /// Of the blocks that a task has written, those that are full and certain can be found again, and the others no more. What
    /// lies behind them may have been written by another.
    fn note_filled(&mut self, scheduler: &Scheduler, task: &Task) {
        let Some(sequence) = scheduler.sequence(task.sequence).filter(|_| task.steps > 0) else { return };
        // The block before was full but not yet certain when its last token was run.
        let before = (task.first.start / BLOCK_TOKENS).saturating_sub(1);
        let behind = task.computed().div_ceil(BLOCK_TOKENS);
        for (index, block) in sequence.blocks.iter().enumerate().take(behind).skip(before) {
            let full = (index + 1) * BLOCK_TOKENS <= task.first.end;
            self.filled[*block as usize] = sequence.published.get(index).copied().filter(|_| full);
        }
    }
}

impl Task {
    /// Takes the likeliest token as a guess; `false` if it is to be the last or none.
    fn take(&mut self, logits: &[f32], ends: &[u32], choosy: bool) -> bool {
        let distribution = Distribution::new(logits);
        let Some(token) = distribution.top(logits, 1).first().copied().filter(|token| !ends.contains(token)) else {
            return false;
        };
        let given = distribution.logprob(logits[token as usize]).exp();
        self.chance *= self.odds.of(kind_of_confidence(given));
        self.guesses.push((token, given));
        self.guesses.len() < self.most && (!choosy || self.chance >= LEAST_CHANCE)
    }
}

/// Every token means the same to both.
fn same_vocabulary(draft: &Tokenizer, own: &Tokenizer) -> Result<(), DraftError> {
    let tokens = draft.vocabulary_size().max(own.vocabulary_size()) as u32;
    match (0..tokens).find(|id| draft.token(*id) != own.token(*id)) {
        Some(id) => {
            let text = |tokenizer: &Tokenizer| tokenizer.token(id).map_or("none".to_owned(), |text| format!("{text:?}"));
            Err(DraftError::Vocabulary { id, draft: text(draft), own: text(own) })
        }
        None => Ok(()),
    }
}
