//! The thread that owns a model: it takes jobs, runs steps, and sends events.
//!
//! `plan → run → apply`: the scheduler plans, the model runs, and what comes out is applied to the answers. Nothing else
//! touches the model, so nothing here is locked.

mod answer;
mod choosing;
mod outputs;
mod request;
mod speculate;
mod step;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

use backend::{Activity, Error};
use checkpoint::Tokenizer;
use decoding::Pace;

use crate::blocks::BlockPool;
use crate::job::{Asked, Job};
use crate::model::{BLOCK_TOKENS, Model};
use crate::scheduler::{Limits, Scheduler};
use crate::sequence::{Sequence, SequenceId, Turn};
use crate::shared::Shared;
use answer::Answer;
use request::{Request, RequestId};
pub(crate) use speculate::Speculating;

pub(crate) struct Worker {
    model: Model,
    tokenizer: Arc<Tokenizer>,
    limits: Limits,
    max_queued: usize,
    scheduler: Scheduler,
    requests: HashMap<RequestId, Request>,
    /// Boxed, because choosing takes them out and puts them back.
    answers: HashMap<SequenceId, Box<Answer>>,
    speculating: Option<Speculating>,
    next_id: u64,
    /// Requests since the start.
    arrived: u64,
    totals: Totals,
    pace: Pace,
    shared: Arc<Shared>,
    jobs: Receiver<Box<Job>>,
}

/// Tokens since the start.
#[derive(Debug, Default, Clone, Copy)]
struct Totals {
    prompt: u64,
    generated: u64,
    /// Times that guesses were run for a sequence, how many those were, and how many of them were right.
    drafts: u64,
    drafted: u64,
    accepted: u64,
}

impl Worker {
    pub(crate) fn new(
        model: Model,
        tokenizer: Arc<Tokenizer>,
        limits: Limits,
        max_queued: usize,
        speculating: Option<Speculating>,
        shared: Arc<Shared>,
        jobs: Receiver<Box<Job>>,
    ) -> Self {
        let scheduler = Scheduler::new(limits, BlockPool::new(model.blocks(), BLOCK_TOKENS));
        Self {
            model,
            tokenizer,
            limits,
            max_queued,
            scheduler,
            requests: HashMap::new(),
            answers: HashMap::new(),
            speculating,
            next_id: 0,
            arrived: 0,
            totals: Totals::default(),
            pace: Pace::new(Instant::now()),
            shared,
            jobs,
        }
    }

    /// Runs until nobody can send jobs any more; what is unfinished then is dropped.
    pub(crate) fn run(mut self) {
        while self.receive() {
            self.drop_abandoned();
            if !self.requests.is_empty() {
                self.shared.begin_step(Instant::now());
                if catch_unwind(AssertUnwindSafe(|| self.step())).is_err() {
                    self.start_afresh();
                }
            }
            self.publish();
        }
    }

    /// Takes what is there, and waits if there is nothing to do; `false` at the end.
    fn receive(&mut self) -> bool {
        if self.requests.is_empty() {
            match self.jobs.recv() {
                Ok(job) => self.accept(*job),
                Err(_) => return false,
            }
        }
        loop {
            match self.jobs.try_recv() {
                Ok(job) => self.accept(*job),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn accept(&mut self, job: Job) {
        let queued = self.waiting();
        let free = self.limits.running.saturating_sub(self.scheduler.running());
        if queued >= self.max_queued.saturating_add(free) {
            let retry_after = self.pace.wait_for(self.requests.len(), self.limits.running);
            let refusal = Error::QueueFull { reason: "the queue is full", retry_after };
            let _ = job.admitted.send(Err(refusal)); // Nobody waits for it any more: that is an answer too.
            return;
        }
        self.enqueue(job);
    }

    /// The first choice computes the prompt. The others take it over, and the scheduler hears of them when there are places.
    fn enqueue(&mut self, job: Job) {
        let leader = SequenceId(self.next_id);
        self.next_id += u64::from(job.asked.choices);
        let request = Request::new(job, leader, Turn(self.arrived), Instant::now());
        self.arrived += 1;
        let id = request.id();
        self.requests.insert(id, request);
        self.add_choices(id, 0..1);
    }

    /// Lets further choices wait for the places that are free: each holds its prompt, and is not to do so before it can run.
    fn offer_choices(&mut self) {
        let free = self.limits.running.saturating_sub(self.scheduler.running());
        if free == 0 {
            return;
        }
        let mut offers = Vec::new();
        for (id, request) in self.requests.iter_mut().filter(|(_, request)| request.has_more()) {
            if self.scheduler.prompt_is_computed(request.leader()) {
                offers.push((*id, request.offer(free)));
            }
        }
        for (id, choices) in offers {
            self.add_choices(id, choices);
        }
    }

    fn add_choices(&mut self, id: RequestId, choices: Range<u16>) {
        let Self { requests, answers, scheduler, speculating, tokenizer, limits, .. } = self;
        let Some(request) = requests.get(&id) else { return };
        let Asked { prompt, adapter, tenant, priority, .. } = request.asked();
        for choice in choices {
            let sequence = request.sequence(choice);
            let guesser = speculating.as_ref().map(Speculating::guesser);
            let answer = Answer::new(id, choice, request.asked(), tokenizer, guesser);
            answers.insert(sequence, Box::new(answer));
            scheduler.add(Sequence {
                id: sequence,
                tokens: prompt.clone(),
                prompt_tokens: prompt.len(),
                computed: 0,
                drafted: 0,
                blocks: Vec::new(),
                published: Vec::new(),
                adapter: adapter.clone(),
                tenant: *tenant,
                priority: *priority,
                turn: request.turn().of_choice(choice, limits.running),
                leader: (choice > 0).then_some(request.leader()),
                whole_prompt: choice == 0 && request.wants_prompt_logprobs(),
            });
        }
    }

    /// Ends the requests whose readers have gone, wherever they are.
    fn drop_abandoned(&mut self) {
        let abandoned: Vec<_> =
            self.requests.iter().filter(|(_, request)| request.is_abandoned()).map(|(id, _)| *id).collect();
        for id in abandoned {
            self.remove(id);
        }
    }

    /// Takes a request out, with all that its sequences hold.
    fn remove(&mut self, id: RequestId) -> Option<Request> {
        let request = self.requests.remove(&id)?;
        for sequence in request.sequences() {
            self.answers.remove(&sequence);
            self.scheduler.remove(sequence);
        }
        Some(request)
    }

    /// After a panic in a step, which is a bug: nobody can say what the sequences' blocks hold, so all requests fail and
    /// the next ones start with nothing.
    fn start_afresh(&mut self) {
        tracing::error!(requests = self.requests.len(), "the engine failed in a step; its requests are ended");
        for (_, request) in self.requests.drain() {
            request.fail(&Error::internal("the engine failed while it computed this answer"));
        }
        self.answers.clear();
        self.scheduler.clear();
        if let Some(speculating) = &mut self.speculating {
            speculating.forget();
        }
    }

    /// Requests of which nothing has begun.
    fn waiting(&self) -> usize {
        self.requests.values().filter(|request| request.is_waiting()).count()
    }

    fn publish(&mut self) {
        let now = Instant::now();
        let pool = self.scheduler.pool();
        let counts = self.scheduler.counts();
        self.shared.publish(Activity {
            running: self.scheduler.running() as u32,
            waiting: self.waiting() as u32,
            kv_cache_usage: pool.in_use() as f64 / pool.total() as f64,
            kv_blocks_in_use: pool.in_use() as u32,
            prefix_cache_queries: counts.prefix_queries,
            prefix_cache_hits: counts.prefix_hits,
            prompt_tokens: self.totals.prompt,
            generation_tokens: self.totals.generated,
            preemptions: counts.preemptions,
            drafts: self.totals.drafts,
            draft_tokens: self.totals.drafted,
            accepted_tokens: self.totals.accepted,
            tokens_per_second: self.pace.tokens_per_second(now, self.totals.generated),
            stalled_for: None,
        });
    }
}
