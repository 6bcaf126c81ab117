//! One step: plan, run, apply.

use std::time::Instant;

use backend::{Error, FinishReason, StopReason};
use decoding::{Distribution, are_sound, describe};

use super::Worker;
use super::outputs::Row;
use super::request::RequestId;
use crate::model::{Run, Wanted};
use crate::scheduler::{Chunk, Plan, Scheduler};
use crate::sequence::{Sequence, SequenceId};

/// Rows whose logits are computed at a time: enough for a fast product, few enough that a vocabulary of 150,000 words
/// stays within 20 MB.
const ROWS_AT_ONCE: usize = 32;

impl Worker {
    pub(super) fn step(&mut self) {
        self.offer_choices();
        let mut plan = self.scheduler.plan_within(self.pace.tokens_beside_answers());
        if plan.chunks.is_empty() {
            return self.refuse_all();
        }
        self.admit(&plan);
        self.speculate(&mut plan);
        let began = Instant::now();
        let rows = self.compute(&plan);
        self.scheduler.computed(&plan);
        self.count_prompt_tokens(&plan);
        for first in (0..rows.len()).step_by(ROWS_AT_ONCE) {
            let last = rows.len().min(first + ROWS_AT_ONCE);
            self.apply(&rows[first..last], first);
        }
        self.pace.step_ended(plan.rows(), began.elapsed());
        self.learn_cost(&plan, began.elapsed());
    }

    fn admit(&mut self, plan: &Plan) {
        let now = Instant::now();
        for (sequence, cached) in &plan.admitted {
            let request = self.answers.get(sequence).and_then(|answer| self.requests.get_mut(&answer.request()));
            if let Some(request) = request {
                request.begin(*cached, &self.tokenizer, now);
            }
        }
    }

    /// Runs the plan and tells what the rows are that the model keeps.
    fn compute(&mut self, plan: &Plan) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut runs = Vec::with_capacity(plan.chunks.len());
        for (chunk, sequence) in by_adapter(&self.scheduler, plan) {
            // What guesses are run behind is a single token, whose row is wanted like theirs.
            let wanted = if sequence.wants_whole_prompt() || chunk.drafted > 0 {
                Wanted::All
            } else if chunk.samples {
                Wanted::Last
            } else {
                Wanted::Nothing
            };
            rows.extend(rows_of(chunk, wanted, &sequence.tokens));
            runs.push(Run {
                tokens: &sequence.tokens[chunk.start..chunk.end()],
                start: chunk.start,
                blocks: &sequence.blocks,
                wanted,
                adapter: sequence.adapter.as_deref(),
            });
        }
        self.model.forward(&runs);
        rows
    }

    fn count_prompt_tokens(&mut self, plan: &Plan) {
        for chunk in &plan.chunks {
            let prompt = self.scheduler.sequence(chunk.sequence).map_or(0, |sequence| sequence.prompt_tokens);
            self.totals.prompt += prompt.saturating_sub(chunk.start).min(chunk.count) as u64;
        }
    }

    fn apply(&mut self, rows: &[Row], first: usize) {
        let logits = self.model.logits(first..first + rows.len());
        let vocabulary = logits.len() / rows.len();
        let (mut chosen, mut broken) = (Vec::with_capacity(rows.len()), Vec::new());
        for (row, logits) in rows.iter().zip(logits.chunks_exact_mut(vocabulary)) {
            let Some(answer) = self.answers.get_mut(&row.sequence) else { continue };
            let Some(request) = self.requests.get_mut(&answer.request()) else { continue };
            if row.guess.is_some_and(|guess| !answer.has_chosen(row.position, guess)) {
                continue;
            }
            if !are_sound(logits) {
                broken.push(answer.request());
                continue;
            }
            request.note_prompt_row(&self.tokenizer, row.position + 1, logits);
            if !row.samples {
                continue;
            }
            request.prompt_is_complete(&self.tokenizer);
            if answer.is_prompt_only() {
                request.send_logits(logits);
                chosen.push((row, None));
                continue;
            }
            let token = answer.choose(row.position, logits);
            // The logarithm is of the model's own distribution, as choosing leaves it.
            let logprob = request
                .logprobs()
                .map(|top| describe(&self.tokenizer, token, Some(&Distribution::new(logits)), logits, top));
            chosen.push((row, Some((token, logprob))));
        }
        for request in broken.into_iter().filter_map(|request| self.remove(request)) {
            request.fail(&Error::internal(
                "the model computed something that is no number: its weights are damaged, or an adapter's",
            ));
        }
        for (row, choice) in chosen {
            // Guesses behind a token that ended the answer are not part of it, right as they may be.
            if !self.answers.contains_key(&row.sequence) {
                continue;
            }
            if row.guess.is_some() {
                self.totals.accepted += 1;
                self.scheduler.confirm(row.sequence);
            }
            match choice {
                Some((token, logprob)) => self.advance(row.sequence, token, logprob),
                None => self.finish(row.sequence, FinishReason::Length, None),
            }
        }
    }

    fn advance(&mut self, sequence: SequenceId, token: u32, logprob: Option<backend::TokenLogprob>) {
        let Some(answer) = self.answers.get_mut(&sequence) else { return };
        let Some(request) = self.requests.get_mut(&answer.request()) else { return };
        self.totals.generated += 1;
        request.usage_mut().completion_tokens += 1;
        let advance = answer.push(&self.tokenizer, token, logprob);
        request.send_text(answer.choice(), advance.piece);
        match advance.finished {
            Some((reason, stop)) => self.finish(sequence, reason, stop),
            None => self.scheduler.append(sequence, token),
        }
    }

    fn finish(&mut self, sequence: SequenceId, reason: FinishReason, stop: Option<StopReason>) {
        self.scheduler.remove(sequence);
        let Some(answer) = self.answers.remove(&sequence) else { return };
        let Some(request) = self.requests.get_mut(&answer.request()) else { return };
        if request.finish(&answer, reason, stop) {
            self.pace.request_ended(request.age(Instant::now()));
            self.requests.remove(&answer.request());
        }
    }

    /// Nothing can run although something wants to: no request that was checked gets here, and none may wait for ever.
    fn refuse_all(&mut self) {
        let ids: Vec<RequestId> = self.requests.keys().copied().collect();
        for id in ids {
            if let Some(request) = self.remove(id) {
                request.fail(&Error::internal("the scheduler found nothing to run"));
            }
        }
    }
}

/// Those with the same adapter side by side, so that it is read once for all of them.
fn by_adapter<'a>(scheduler: &'a Scheduler, plan: &'a Plan) -> Vec<(&'a Chunk, &'a Sequence)> {
    let with_sequence = |chunk: &'a Chunk| Some((chunk, scheduler.sequence(chunk.sequence)?));
    let mut chunks: Vec<_> = plan.chunks.iter().filter_map(with_sequence).collect();
    chunks.sort_by_key(|(_, sequence)| sequence.adapter());
    chunks
}

fn rows_of(chunk: &Chunk, wanted: Wanted, tokens: &[u32]) -> impl Iterator<Item = Row> {
    let (guesses, end) = (chunk.start + chunk.count, chunk.end());
    let first = match wanted {
        Wanted::Nothing => end,
        Wanted::Last => end - 1,
        Wanted::All => chunk.start,
    };
    let (sequence, samples) = (chunk.sequence, chunk.samples);
    (first..end).map(move |position| Row {
        sequence,
        position,
        samples: samples && position + 1 >= guesses,
        guess: (position >= guesses).then(|| tokens[position]),
    })
}
