//! Guesses for a step: asked of every answer that goes on, weighed, and put into the plan.

use std::mem;
use std::time::Duration;

use super::Worker;
use crate::model::Model;
use crate::scheduler::Plan;
use crate::sequence::Sequence;
use crate::settings::{GuessSource, Memory, Progress, Speculation};
use crate::speculation::{DraftError, DraftModel, Drafting, Guesser, Lengths, MOST_GUESSES, Odds, Offer, StepCost, Task};

/// What the worker keeps for it.
#[derive(Debug)]
pub(crate) struct Speculating {
    /// Guesses behind one token.
    most: usize,
    /// As many as pay, or else as many as there are.
    adaptive: bool,
    /// Without it guesses come from the text.
    draft: Option<DraftModel>,
    /// Of the guesses in all answers.
    odds: Odds,
    /// Of a step of the model.
    cost: StepCost,
    lengths: Lengths,
    trial: Trial,
}

/// Whether a draft model is of use, which nobody sees in the answers.
#[derive(Debug, Default)]
struct Trial {
    steps: u32,
    /// Of those, the ones that ran guesses.
    ran: u32,
    /// The trial before was in vain.
    in_vain: bool,
}

/// Steps within which guesses have to bring back what it takes to catch up, where an answer does not end before. Found by trying.
const WORTH_IT_WITHIN: usize = 64;

/// Steps of a trial, and of how many at least one runs guesses where they pay.
const TRIAL: u32 = 500;
const SELDOM: u32 = 10;

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
        let odds = if draft.is_some() { Odds::of_model() } else { Odds::of_text() };
        let most = tokens.get().min(MOST_GUESSES);
        Ok(Self {
            most,
            adaptive,
            draft,
            odds,
            cost: StepCost::default(),
            lengths: Lengths::default(),
            trial: Trial::default(),
        })
    }

    /// What guessing holds beside the model.
    pub(crate) fn memory(&self) -> Memory {
        self.draft.as_ref().map_or(Memory::default(), DraftModel::memory)
    }

    /// For a new answer.
    pub(super) fn guesser(&self) -> Guesser {
        if self.draft.is_some() { Guesser::of_model(self.odds) } else { Guesser::of_text(self.odds) }
    }

    /// After a failure nobody knows what it holds.
    pub(super) fn forget(&mut self) {
        if let Some(draft) = &mut self.draft {
            draft.forget();
        }
    }

    /// Steps in which the draft model has only caught up say nothing.
    fn note_heed(&mut self) {
        let Self { draft: Some(draft), lengths, .. } = self else { return };
        if lengths.offers().iter().any(Offer::has_guesses) {
            draft.heeded(lengths.offers().iter().any(|offer| offer.taken > 0));
        }
    }

    /// `drafting`: the guesses are yet to be made.
    fn choose(&mut self, plan: &Plan, drafting: bool) {
        if !self.adaptive {
            return self.lengths.take_all();
        }
        let Self { draft, cost, lengths, .. } = self;
        match draft {
            Some(draft) if drafting => {
                let drafting = Drafting {
                    token: draft.catching_up(draft.catch_up(bearable(plan, cost), cost), cost),
                    round: |rows| draft.seconds(rows, cost),
                    asked_for_one: draft.asked_for_one(),
                };
                lengths.choose(plan.rows(), plan.chunks.len(), cost, &drafting);
            }
            _ => lengths.choose(plan.rows(), plan.chunks.len(), cost, &Drafting::NONE),
        }
    }

    /// Whether every answer in a step can be guessed for, so that it is up to the draft model alone.
    fn tries_draft_model(&self, plan: &Plan) -> bool {
        let offers = self.lengths.offers();
        self.adaptive && self.draft.is_some() && offers.len() == plan.chunks.len() && offers.iter().all(Offer::has_guesses)
    }
}

/// How much longer a step may take for a draft model to catch up: a quarter, or as long again where nobody else waits for it.
fn bearable(plan: &Plan, cost: &StepCost) -> f64 {
    let share = if plan.chunks.len() == 1 { 1.0 } else { 0.25 };
    share * cost.of(plan.rows())
}

impl Trial {
    /// Notes a step; `true` in that which ends the first of some trials in vain.
    fn is_in_vain(&mut self, ran: bool) -> bool {
        self.steps += 1;
        self.ran += u32::from(ran);
        if self.steps < TRIAL {
            return false;
        }
        let in_vain = self.ran < TRIAL / SELDOM;
        let before = mem::replace(self, Self { in_vain, ..Self::default() });
        in_vain && !before.in_vain
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
            let most = speculating.draft.as_ref().map_or(most, |draft| most.min(draft.room(sequence)));
            let steps = answer.left().min(WORTH_IT_WITHIN);
            let chances = answer.expect(&self.tokenizer, &sequence.tokens, most, &mut speculating.odds);
            let behind = speculating.draft.as_ref().map_or(0, |draft| draft.behind(sequence));
            speculating.lengths.offer(Offer::new(index, chances).behind(behind, steps));
        }
        speculating.choose(plan, true);
        let is_tried = speculating.tries_draft_model(plan);
        self.draft(plan);
        self.put_guesses(plan);
        if is_tried {
            self.try_draft_model(plan);
        }
    }

    /// Says that a draft model is in vain: it holds memory, and somebody expects something of it.
    fn try_draft_model(&mut self, plan: &Plan) {
        let ran = plan.chunks.iter().any(|chunk| chunk.drafted > 0);
        if self.speculating.as_mut().is_some_and(|speculating| speculating.trial.is_in_vain(ran)) {
            tracing::warn!(
                steps = TRIAL,
                draft_tokens = self.totals.drafted,
                accepted_tokens = self.totals.accepted,
                "guesses of the draft model are hardly ever run, for that would take longer than it saves: of use would be a smaller \
                 one, or one that says more often what the model says"
            );
        }
    }

    /// Has the small model, if there is one, make the guesses that were chosen to be made, and chooses among those.
    fn draft(&mut self, plan: &mut Plan) {
        let Self { speculating: Some(speculating), scheduler, answers, tokenizer, .. } = self else { return };
        let Speculating { adaptive, draft: Some(draft), odds: all, cost, lengths, .. } = speculating else { return };
        let mut tasks = Vec::new();
        for offer in lengths.offers().iter().filter(|offer| offer.taken > 0) {
            let id = plan.chunks[offer.chunk].sequence;
            let room = scheduler.make_room(plan, offer.chunk, offer.taken);
            let odds = answers.get(&id).and_then(|answer| answer.odds()).filter(|_| room > 0);
            tasks.extend(odds.map(|odds| Task::new(id, offer.chunk, room, odds)));
        }
        lengths.clear();
        if tasks.is_empty() {
            all.recover();
            return draft.rest();
        }
        let catch_up = if *adaptive { draft.catch_up(bearable(plan, cost), cost) } else { usize::MAX };
        draft.guess(scheduler, &mut tasks, tokenizer.end_of_text(), catch_up);
        for task in &tasks {
            if let Some(answer) = answers.get_mut(&task.sequence) {
                lengths.offer(Offer::new(task.chunk, answer.hear(&task.guesses)));
            }
        }
        speculating.choose(plan, false);
        speculating.note_heed();
    }

    fn put_guesses(&mut self, plan: &mut Plan) {
        let Some(Speculating { lengths, .. }) = &self.speculating else { return };
        for offer in lengths.offers().iter().filter(|offer| offer.taken > 0) {
            let Some(answer) = self.answers.get_mut(&plan.chunks[offer.chunk].sequence) else { continue };
            self.scheduler.draft(plan, offer.chunk, answer.run(offer.taken).iter().map(|guess| guess.token));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_vain_is_said_once() {
        let said = |ran: fn(u32) -> bool| {
            let mut trial = Trial::default();
            (0..3 * TRIAL).filter(|step| trial.is_in_vain(ran(*step))).collect::<Vec<_>>()
        };
        assert_eq!(said(|_| false), [TRIAL - 1]);
        assert_eq!(said(|step| step < 40), [TRIAL - 1], "run less and less");
        assert_eq!(said(|step| step / TRIAL == 1), [TRIAL - 1, 3 * TRIAL - 1], "of use in between");
        assert!(said(|step| step % 5 == 0).is_empty());
    }
}
