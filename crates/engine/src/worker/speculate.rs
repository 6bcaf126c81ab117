//! Guesses for a step: asked of every answer that goes on, weighed, and put into the plan.

use std::time::Duration;

use super::Worker;
use crate::scheduler::Plan;
use crate::sequence::Sequence;
use crate::settings::{GuessSource, Speculation};
use crate::speculation::{Lengths, MOST_GUESSES, Offer, StepCost};

/// What the worker keeps for it.
#[derive(Debug)]
pub(super) struct Speculating {
    /// Guesses behind one token.
    most: usize,
    adaptive: bool,
    cost: StepCost,
    lengths: Lengths,
}

impl Speculating {
    pub(super) fn new(speculation: &Speculation) -> Self {
        let Speculation { source: GuessSource::Ngram, tokens, adaptive } = *speculation;
        let most = tokens.get().min(MOST_GUESSES);
        Self { most, adaptive, cost: StepCost::default(), lengths: Lengths::default() }
    }
}

impl Worker {
    /// Has guesses run along for as many rows as that pays.
    pub(super) fn speculate(&mut self, plan: &mut Plan) {
        let Some(Speculating { most, adaptive, cost, lengths }) = &mut self.speculating else { return };
        lengths.clear();
        for (index, chunk) in plan.chunks.iter().enumerate() {
            let Some(sequence) = self.scheduler.sequence(chunk.sequence).filter(|sequence| sequence.is_decoding()) else {
                continue;
            };
            let Some(answer) = self.answers.get_mut(&chunk.sequence) else { continue };
            lengths.offer(Offer::new(index, answer.guess(&self.tokenizer, &sequence.tokens, *most)));
        }
        let offers = if *adaptive { lengths.choose(plan.rows(), plan.chunks.len(), cost) } else { lengths.take_all() };
        for offer in offers {
            let id = plan.chunks[offer.chunk].sequence;
            let Some(answer) = self.answers.get(&id).filter(|_| offer.taken > 0) else { continue };
            self.scheduler.draft(plan, offer.chunk, answer.guessed().take(offer.taken));
            self.totals.drafts += 1;
            self.totals.drafted += plan.chunks[offer.chunk].drafted as u64;
        }
    }

    /// Learns from a step what rows cost. One with a prompt in it says nothing of those without.
    pub(super) fn learn_cost(&mut self, plan: &Plan, took: Duration) {
        let decodes = |id| self.scheduler.sequence(id).is_none_or(Sequence::is_decoding);
        if let Some(speculating) = &mut self.speculating
            && plan.chunks.iter().all(|chunk| chunk.count == 1 && decodes(chunk.sequence))
        {
            speculating.cost.note(plan.rows(), took);
        }
    }
}
