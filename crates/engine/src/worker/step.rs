//! One step: plan, run, apply.

use std::sync::Arc;
use std::time::Instant;

use backend::{Error, FinishReason, StopReason};
use smallvec::SmallVec;

use super::Worker;
use super::choosing::{Choosing, choose_all};
use super::outputs::Row;
use super::request::{Request, RequestId};
use crate::model::{Run, Wanted};
use crate::scheduler::{Chunk, Plan, SEQUENCES, Scheduler};
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
    fn compute(&mut self, plan: &Plan) -> SmallVec<[Row; ROWS_AT_ONCE]> {
        let mut rows = SmallVec::new();
        let mut runs: SmallVec<[_; SEQUENCES]> = SmallVec::new();
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
        let Self { model, answers, requests, tokenizer, .. } = self;
        let pool = Arc::clone(model.pool());
        let mut left = model.logits(first..first + rows.len());
        let vocabulary = left.len() / rows.len();
        let mut sequences: SmallVec<[_; ROWS_AT_ONCE]> = SmallVec::new();
        for rows in rows.chunk_by(|a, b| a.sequence == b.sequence) {
            let (logits, behind) = left.split_at_mut(rows.len() * vocabulary);
            left = behind;
            let request = answers.get(&rows[0].sequence).and_then(|answer| requests.get(&answer.request()));
            let Some(top) = request.map(Request::logprobs) else { continue };
            let Some(answer) = answers.remove(&rows[0].sequence) else { continue };
            sequences.push(Choosing::new(answer, rows, logits, top));
        }
        choose_all(&pool, tokenizer, &mut sequences);
        let (mut chosen, mut broken): (SmallVec<[_; ROWS_AT_ONCE]>, _) = (SmallVec::new(), Vec::new());
        for mut sequence in sequences {
            let id = sequence.request();
            let Some(request) = requests.get_mut(&id) else { continue };
            for (row, logits, choice) in sequence.counted() {
                request.note_prompt_row(tokenizer, row.position + 1, logits);
                if !row.samples {
                    continue;
                }
                request.prompt_is_complete(tokenizer);
                if choice.is_none() {
                    request.send_logits(logits);
                }
                chosen.push((row, choice));
            }
            if sequence.is_broken() {
                broken.push(id);
            }
            answers.insert(sequence.id(), sequence.into_answer());
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
fn by_adapter<'a>(scheduler: &'a Scheduler, plan: &'a Plan) -> SmallVec<[(&'a Chunk, &'a Sequence); SEQUENCES]> {
    let with_sequence = |chunk: &'a Chunk| Some((chunk, scheduler.sequence(chunk.sequence)?));
    let mut chunks: SmallVec<[_; SEQUENCES]> = plan.chunks.iter().filter_map(with_sequence).collect();
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
