//! Guesses for a step: asked of every answer that goes on, weighed, and put into the plan.

use std::time::Duration;

use super::Worker;
use crate::model::Model;
use crate::scheduler::Plan;
use crate::sequence::Sequence;
use crate::settings::{GuessSource, Memory, Progress, Speculation};
use crate::speculation::{DraftError, DraftModel, Guesser, Lengths, MOST_GUESSES, Offer, StepCost, Task};

/// What the worker keeps for it.
#[derive(Debug)]
pub(crate) struct Speculating {
    /// Guesses behind one token.
    most: usize,
    /// As many as pay, or else as many as there are.
    adaptive: bool,
    /// Without it guesses come from the text.
    draft: Option<DraftModel>,
    /// Of a step of the model.
    cost: StepCost,
    lengths: Lengths,
}

/// To catch up with so many tokens costs a small model as much as guessing one; it has to be worth it.
const CAUGHT_UP_FOR_ONE: usize = 16;

impl Speculating {
    /// Loads the draft model for `model`, if there is to be one.
    pub(crate) fn start(
        speculation: Speculation,
        model: &Model,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, DraftError> {
        let Speculation { source, tokens, adaptive } = speculation;
        let draft = match source {
            GuessSource::Ngram => None,
            GuessSource::Model(draft) => Some(DraftModel::load(*draft, model, adaptive, progress)?),
        };
        let most = tokens.get().min(MOST_GUESSES);
        Ok(Self { most, adaptive, draft, cost: StepCost::default(), lengths: Lengths::default() })
    }

    /// What guessing holds beside the model.
    pub(crate) fn memory(&self) -> Memory {
        self.draft.as_ref().map_or(Memory::default(), DraftModel::memory)
    }

    /// For a new answer.
    pub(super) fn guesser(&self) -> Guesser {
        if self.draft.is_some() { Guesser::of_model() } else { Guesser::of_text() }
    }

    /// After a failure nobody knows what it holds.
    pub(super) fn forget(&mut self) {
        if let Some(draft) = &mut self.draft {
            draft.forget();
        }
    }

    fn choose(&mut self, plan: &Plan, drafting: bool) {
        if !self.adaptive {
            return self.lengths.take_all();
        }
        let Self { draft, cost, lengths, .. } = self;
        match draft {
            Some(draft) if drafting => {
                lengths.choose(plan.rows(), plan.chunks.len(), cost, |rows| draft.seconds(rows, cost));
            }
            _ => lengths.choose(plan.rows(), plan.chunks.len(), cost, |_| 0.0),
        }
    }
}

impl Worker {
    /// Has guesses run along for as many rows as that pays.
    pub(super) fn speculate(&mut self, plan: &mut Plan) {
        let Some(speculating) = &mut self.speculating else { return };
        let most = speculating.most;
        speculating.lengths.clear();
        for (index, chunk) in plan.chunks.iter().enumerate() {
            let sequence = self.scheduler.sequence(chunk.sequence).filter(|sequence| sequence.is_decoding());
            let (Some(sequence), Some(answer)) = (sequence, self.answers.get_mut(&chunk.sequence)) else { continue };
            let most = match &speculating.draft {
                Some(draft) if draft.behind(sequence) > CAUGHT_UP_FOR_ONE * answer.left() => 0,
                Some(draft) => most.min(draft.room(sequence)),
                None => most,
            };
            speculating.lengths.offer(Offer::new(index, answer.expect(&self.tokenizer, &sequence.tokens, most)));
        }
        speculating.choose(plan, true);
        self.draft(plan);
        self.put_guesses(plan);
    }

    /// Has the small model, if there is one, make the guesses that were chosen to be made, and chooses among those.
    fn draft(&mut self, plan: &mut Plan) {
        let Self { speculating: Some(speculating), scheduler, answers, tokenizer, .. } = self else { return };
        let Speculating { adaptive, draft: Some(draft), cost, lengths, .. } = speculating else { return };
        let mut tasks = Vec::new();
        for offer in lengths.offers().iter().filter(|offer| offer.taken > 0) {
            let id = plan.chunks[offer.chunk].sequence;
            let room = scheduler.make_room(plan, offer.chunk, offer.taken);
            let odds = answers.get(&id).and_then(|answer| answer.odds()).filter(|_| room > 0);
            tasks.extend(odds.map(|odds| Task::new(id, offer.chunk, room, odds)));
        }
        lengths.clear();
        if tasks.is_empty() {
            return draft.rest();
        }
        let catch_up = if *adaptive { draft.catch_up(cost.of(plan.rows()), cost) } else { usize::MAX };
        draft.guess(scheduler, &mut tasks, tokenizer.end_of_text(), catch_up);
        for task in &tasks {
            if let Some(answer) = answers.get_mut(&task.sequence) {
                lengths.offer(Offer::new(task.chunk, answer.hear(&task.guesses)));
            }
        }
        speculating.choose(plan, false);
    }

    fn put_guesses(&mut self, plan: &mut Plan) {
        let Some(Speculating { lengths, .. }) = &self.speculating else { return };
        for offer in lengths.offers().iter().filter(|offer| offer.taken > 0) {
            let Some(answer) = self.answers.get(&plan.chunks[offer.chunk].sequence) else { continue };
            self.scheduler.draft(plan, offer.chunk, answer.guessed()[..offer.taken].iter().map(|guess| guess.token));
            let drafted = plan.chunks[offer.chunk].drafted;
            self.totals.drafts += u64::from(drafted > 0);
            self.totals.drafted += drafted as u64;
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
