//! Decides what the next step runs. Pure: it moves sequences and blocks about, and touches neither model nor clock.
//!
//! Each step takes one token of every decoding sequence and fills what is left of its token budget with prompts, in chunks.
//! The prompt whose turn is first is sure of half of it, the shortest have the rest, so that nobody waits for the end of
//! somebody else's long prompt and that one goes on all the same.
//!
//! When the blocks run out, the sequence whose turn would come last is set back: it gives up its blocks, waits, and is computed
//! again from its tokens later (mostly from blocks that are still remembered).
//!
//! Guesses at what follows a decoding sequence have what is left over: they take no budget that anybody else has a use for, and
//! no block that a sequence holds.

use std::collections::{BTreeSet, HashMap};

use smallvec::SmallVec;

use crate::blocks::{BlockPool, PrefixHash};
use crate::sequence::{Rank, Sequence, SequenceId};

/// So many sequences in a step, and what it says and keeps of each takes no memory of its own.
pub(crate) const SEQUENCES: usize = 32;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Sequences in one step.
    pub(crate) running: usize,
    /// Tokens in one step; at least `running`.
    pub(crate) step_tokens: usize,
}

/// What one step runs. Sequences appear at most once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) chunks: SmallVec<[Chunk; SEQUENCES]>,
    /// Started with this step for the first time, with the number of tokens that they found computed already.
    pub(crate) admitted: Vec<(SequenceId, usize)>,
    /// What is left of the token budget.
    left: usize,
}

impl Plan {
    /// Tokens that the step runs.
    pub(crate) fn rows(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.count + chunk.drafted).sum()
    }
}

/// `count` tokens of a sequence from position `start` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) sequence: SequenceId,
    pub(crate) start: usize,
    pub(crate) count: usize,
    /// It reaches the end of the tokens, so that the next one can be sampled from its last row.
    pub(crate) samples: bool,
    /// Guesses that are run behind them.
    pub(crate) drafted: usize,
}

impl Chunk {
    /// The position behind the last token, guesses included.
    pub(crate) fn end(&self) -> usize {
        self.start + self.count + self.drafted
    }
}

#[derive(Debug)]
pub(crate) struct Scheduler {
    limits: Limits,
    pool: BlockPool,
    sequences: HashMap<SequenceId, Sequence>,
    /// In order of rank.
    waiting: BTreeSet<Rank>,
    running: BTreeSet<Rank>,
    /// Those that were told to run before: setting back and taking up again is nobody's business outside.
    started: BTreeSet<SequenceId>,
    counts: Counts,
}

/// What happened since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) preemptions: u64,
    /// Prompt tokens that were looked up in the prefix cache, and that were found.
    pub(crate) prefix_queries: u64,
    pub(crate) prefix_hits: u64,
}

impl Scheduler {
    pub(crate) fn new(limits: Limits, pool: BlockPool) -> Self {
        let limits = Limits { step_tokens: limits.step_tokens.max(limits.running), ..limits };
        Self {
            limits,
            pool,
            sequences: HashMap::new(),
            waiting: BTreeSet::new(),
            running: BTreeSet::new(),
            started: BTreeSet::new(),
            counts: Counts::default(),
        }
    }

    pub(crate) fn add(&mut self, sequence: Sequence) {
        self.waiting.insert(sequence.rank());
        self.sequences.insert(sequence.id, sequence);
    }

    /// Frees all that a sequence holds, wherever it is.
    pub(crate) fn remove(&mut self, id: SequenceId) {
        if let Some(sequence) = self.sequences.remove(&id) {
            self.waiting.remove(&sequence.rank());
            self.running.remove(&sequence.rank());
            self.started.remove(&id);
            self.pool.release(&sequence.blocks);
        }
    }

    /// Forgets all sequences and what the blocks hold. What was counted stays.
    pub(crate) fn clear(&mut self) {
        let pool = BlockPool::new(self.pool.total(), self.pool.block_tokens());
        *self = Self { counts: self.counts, ..Self::new(self.limits, pool) };
    }

    pub(crate) fn sequence(&self, id: SequenceId) -> Option<&Sequence> {
        self.sequences.get(&id)
    }

    pub(crate) fn pool(&self) -> &BlockPool {
        &self.pool
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn plan(&mut self) -> Plan {
        self.plan_within(usize::MAX)
    }

    /// The same, with at most so many tokens of prompts where answers go on, whose readers wait for the end of the step.
    pub(crate) fn plan_within(&mut self, beside_answers: usize) -> Plan {
        self.forget_guesses();
        let mut plan = Plan { left: self.limits.step_tokens, ..Plan::default() };
        self.plan_decoding(&mut plan);
        if !plan.chunks.is_empty() {
            plan.left = plan.left.min(beside_answers);
        }
        self.plan_prompts(&mut plan);
        plan
    }

    /// Puts guesses behind the tokens of the chunk at `index`, which is a decoding sequence's: as many as the step's budget and
    /// free blocks allow. They are among its tokens until the plan was run.
    pub(crate) fn draft(&mut self, plan: &mut Plan, index: usize, guesses: impl ExactSizeIterator<Item = u32>) {
        let room = self.make_room(plan, index, guesses.len());
        let chunk = &mut plan.chunks[index];
        let Some(sequence) = self.sequences.get_mut(&chunk.sequence) else { return };
        sequence.tokens.extend(guesses.take(room));
        chunk.drafted = room;
        plan.left -= room;
    }

    /// Takes the blocks for as many guesses, and tells for how many there is room.
    pub(crate) fn make_room(&mut self, plan: &Plan, index: usize, most: usize) -> usize {
        let Some(sequence) = self.sequences.get_mut(&plan.chunks[index].sequence) else { return 0 };
        let (size, most) = (self.pool.block_tokens(), most.min(plan.left));
        while sequence.blocks.len() * size < sequence.tokens.len() + most {
            let Some(block) = self.pool.allocate() else { break };
            sequence.blocks.push(block);
        }
        most.min(sequence.blocks.len() * size - sequence.tokens.len())
    }

    /// Notes that a draft model has computed so many positions, the last of them perhaps of guesses.
    pub(crate) fn drafted(&mut self, id: SequenceId, positions: usize) {
        if let Some(sequence) = self.sequences.get_mut(&id) {
            sequence.drafted = positions;
        }
    }

    /// Notes that a plan was run. Of what was guessed nothing is known yet.
    pub(crate) fn computed(&mut self, plan: &Plan) {
        for chunk in &plan.chunks {
            if let Some(sequence) = self.sequences.get_mut(&chunk.sequence) {
                sequence.tokens.truncate(sequence.tokens.len() - chunk.drafted);
                sequence.computed = chunk.start + chunk.count;
                publish_full_blocks(&mut self.pool, sequence);
            }
        }
    }

    /// The token appended last is the one that was guessed, so that it is computed already.
    pub(crate) fn confirm(&mut self, id: SequenceId) {
        if let Some(sequence) = self.sequences.get_mut(&id) {
            sequence.computed += 1;
            publish_full_blocks(&mut self.pool, sequence);
        }
    }

    /// Adds a sampled token to its sequence.
    pub(crate) fn append(&mut self, id: SequenceId, token: u32) {
        if let Some(sequence) = self.sequences.get_mut(&id) {
            sequence.tokens.push(token);
        }
    }

    /// One token of each sequence that is past its prompt, the first in rank first; for a block it may have to set back
    /// one that is behind it.
    fn plan_decoding(&mut self, plan: &mut Plan) {
        let decoding: SmallVec<[_; SEQUENCES]> =
            self.running.iter().map(|rank| rank.id).filter(|id| self.sequences[id].pending() == 1).collect();
        for id in decoding {
            if !self.running.contains(&self.sequences[&id].rank()) {
                continue; // It was set back for one before it.
            }
            if self.grow(id) {
                self.take(id, 1, plan);
            }
        }
    }

    /// Makes room for one more token; `false` if the sequence itself had to be set back for it.
    fn grow(&mut self, id: SequenceId) -> bool {
        loop {
            let sequence = &self.sequences[&id];
            if sequence.blocks.len() * self.pool.block_tokens() >= sequence.tokens.len() {
                return true;
            }
            if let Some(block) = self.pool.allocate() {
                self.sequence_mut(id).blocks.push(block);
                continue;
            }
            let Some(last) = self.running.last().map(|rank| rank.id) else { return false };
            self.set_back(last);
            if last == id {
                return false;
            }
        }
    }

    fn set_back(&mut self, id: SequenceId) {
        self.counts.preemptions += 1;
        let sequence = self.sequence_mut(id);
        let rank = sequence.rank();
        let blocks = std::mem::take(&mut sequence.blocks);
        sequence.published.clear();
        sequence.computed = 0;
        sequence.drafted = 0;
        self.pool.release(&blocks);
        self.running.remove(&rank);
        self.waiting.insert(rank);
    }

    /// Prompts that were begun, whose blocks are theirs already, and those that wait.
    fn plan_prompts(&mut self, plan: &mut Plan) {
        let begun = self.running.iter().filter(|rank| self.sequences[&rank.id].pending() > 1);
        let waiting = self.waiting.iter().filter(|rank| !self.waits_for_its_leader(rank.id));
        let mut prompts: Vec<Rank> = begun.chain(waiting).copied().collect();
        let Some(first) = prompts.iter().min().copied().filter(|_| plan.left > 0) else { return };
        // Whoever cannot have the blocks when it is its turn is not overtaken by those who want fewer, or it would never have them.
        if !self.begin(first, plan) {
            prompts.retain(|rank| self.running.contains(rank));
        }
        prompts.retain(|rank| *rank != first);
        prompts.sort_by_key(|rank| (rank.priority(), self.sequences[&rank.id].pending(), *rank));
        let (wanted, half) = (self.pending_of(first), plan.left.div_ceil(2));
        let mut left = plan.left;
        let mut chosen = vec![(first, 0)];
        for rank in prompts {
            // Only those of the same priority share with it; the others have what it does not want.
            let sure = if rank.priority() == first.priority() { wanted.min(half) } else { wanted };
            let room = left.saturating_sub(sure);
            if room > 0 && !self.will_be_found(rank, &chosen) && self.begin(rank, plan) {
                let count = self.pending_of(rank).min(room);
                left -= count;
                chosen.push((rank, count));
            }
        }
        chosen[0].1 = wanted.min(left);
        chosen.sort_unstable();
        for (rank, count) in chosen {
            self.take(rank.id, count, plan);
        }
    }

    /// Tokens that a running sequence still has to have run; none of one that could not begin.
    fn pending_of(&self, rank: Rank) -> usize {
        if self.running.contains(&rank) { self.sequences[&rank.id].pending() } else { 0 }
    }

    /// Whether a waiting prompt begins like one of which more is computed in this step, further than what can be found of it now: the
    /// longer it waits the less of it is left to do.
    fn will_be_found(&self, rank: Rank, chosen: &[(Rank, usize)]) -> bool {
        let sequence = &self.sequences[&rank.id];
        let can_begin = !self.running.contains(&rank) && self.running.len() < self.limits.running;
        if !can_begin || sequence.wants_whole_prompt() {
            return false;
        }
        let size = self.pool.block_tokens();
        let blocks_alike = |other: &Sequence| {
            if (other.tenant, other.adapter()) != (sequence.tenant, sequence.adapter()) {
                return 0;
            }
            let before_last = &sequence.tokens[..sequence.tokens.len() - 1];
            other.tokens.iter().zip(before_last).take_while(|(a, b)| a == b).count() / size
        };
        let computed =
            chosen.iter().filter(|(rank, _)| self.running.contains(rank)).map(|(rank, _)| &self.sequences[&rank.id]);
        let most = computed.map(blocks_alike).max().unwrap_or(0);
        most > 0 && most > self.found(sequence).len()
    }

    /// Has a waiting sequence run, if there is a place and there are blocks; one that runs does so already.
    fn begin(&mut self, rank: Rank, plan: &mut Plan) -> bool {
        if self.running.contains(&rank) {
            return true;
        }
        if self.running.len() >= self.limits.running {
            return false;
        }
        let Some(cached) = self.reserve(rank.id) else { return false };
        self.waiting.remove(&rank);
        self.running.insert(rank);
        if self.started.insert(rank.id) {
            plan.admitted.push((rank.id, cached));
        }
        true
    }

    fn waits_for_its_leader(&self, id: SequenceId) -> bool {
        self.sequences[&id].leader.is_some_and(|leader| !self.prompt_is_computed(leader))
    }

    /// So that it can be taken over; what has ended had it computed.
    pub(crate) fn prompt_is_computed(&self, id: SequenceId) -> bool {
        self.sequences.get(&id).is_none_or(Sequence::prompt_is_computed)
    }

    /// Takes the blocks for all tokens of a waiting sequence, as many as possible from the prefix cache, and tells how
    /// many tokens those hold; `None` if there are not enough.
    fn reserve(&mut self, id: SequenceId) -> Option<usize> {
        let size = self.pool.block_tokens();
        let sequence = &self.sequences[&id];
        let needed = sequence.tokens.len().div_ceil(size);
        let found = self.found(sequence);
        let revived = found.iter().filter(|(block, _)| self.pool.is_idle(*block)).count();
        // Each running sequence may want a block within the next steps; without that reserve a new one would be set back
        // as soon as it has started.
        let spare = self.running.len();
        if self.pool.available() < needed - found.len() + revived + spare {
            return None;
        }
        // A prompt that has to be run whole is not looked up; of others all tokens count, once, as vLLM counts them.
        if !sequence.wants_whole_prompt() && !self.started.contains(&id) {
            self.counts.prefix_queries += sequence.tokens.len() as u64;
            self.counts.prefix_hits += (found.len() * size) as u64;
        }
        for (block, _) in &found {
            self.pool.hold(*block);
        }
        let fresh: Vec<_> = (found.len()..needed).map_while(|_| self.pool.allocate()).collect();
        let sequence = self.sequence_mut(id);
        sequence.computed = found.len() * size;
        sequence.blocks = found.iter().map(|(block, _)| *block).chain(fresh).collect();
        sequence.published = found.iter().map(|(_, hash)| *hash).collect();
        Some(sequence.computed)
    }

    /// The blocks of the prefix cache that a sequence begins with.
    fn found(&self, sequence: &Sequence) -> Vec<(u32, PrefixHash)> {
        let size = self.pool.block_tokens();
        // The last token is always run: its row is what the next one is sampled from.
        let reusable = if sequence.wants_whole_prompt() { 0 } else { (sequence.tokens.len() - 1) / size * size };
        self.pool.find_prefix(self.pool.root(sequence.tenant, sequence.adapter()), &sequence.tokens[..reusable])
    }

    /// Puts so many tokens of a running sequence into the plan, or what the budget allows.
    fn take(&mut self, id: SequenceId, count: usize, plan: &mut Plan) {
        let sequence = &self.sequences[&id];
        let count = count.min(plan.left);
        if count > 0 {
            plan.left -= count;
            let samples = count == sequence.pending();
            plan.chunks.push(Chunk { sequence: id, start: sequence.computed, count, samples, drafted: 0 });
        }
    }

    /// Takes back what is left of those that did not come true: blocks, and a draft model's positions behind the last token that
    /// was not guessed.
    fn forget_guesses(&mut self) {
        for rank in &self.running {
            let Some(sequence) = self.sequences.get_mut(&rank.id) else { continue };
            sequence.drafted = sequence.drafted.min(sequence.tokens.len() - 1);
            let needed = sequence.tokens.len().div_ceil(self.pool.block_tokens());
            if sequence.blocks.len() > needed {
                self.pool.release(&sequence.blocks.split_off(needed));
            }
        }
    }

    fn sequence_mut(&mut self, id: SequenceId) -> &mut Sequence {
        self.sequences.get_mut(&id).expect("an id in `waiting` or `running` has its sequence")
    }
}

fn publish_full_blocks(pool: &mut BlockPool, sequence: &mut Sequence) {
    let size = pool.block_tokens();
    while (sequence.published.len() + 1) * size <= sequence.computed {
        let index = sequence.published.len();
        let parent = sequence.published.last().copied().unwrap_or_else(|| pool.root(sequence.tenant, sequence.adapter()));
        let tokens = &sequence.tokens[index * size..(index + 1) * size];
        sequence.published.push(pool.publish(sequence.blocks[index], parent, tokens));
    }
}

#[cfg(test)]
#[path = "scheduler_tests.rs"]
mod tests;
