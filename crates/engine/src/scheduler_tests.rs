use backend::{Priority, Tenant};
use proptest::prelude::*;

use super::*;
use crate::sequence::Turn;

const BLOCK: usize = 4;

fn scheduler(running: usize, step_tokens: usize, blocks: usize) -> Scheduler {
    Scheduler::new(Limits { running, step_tokens }, BlockPool::new(blocks, BLOCK))
}

fn sequence(id: u64, prompt: &[u32]) -> Sequence {
    Sequence {
        id: SequenceId(id),
        tokens: prompt.to_vec(),
        prompt_tokens: prompt.len(),
        computed: 0,
        drafted: 0,
        blocks: Vec::new(),
        published: Vec::new(),
        adapter: None,
        tenant: Tenant(0),
        priority: Priority(0),
        turn: Turn(id),
        leader: None,
        whole_prompt: false,
    }
}

/// A prompt that shares no block with another's.
fn prompt(id: u64, length: usize) -> Vec<u32> {
    (0..length as u32).map(|position| id as u32 * 10_000 + position).collect()
}

/// Runs a step in which every sequence that samples gets the token 1.
fn step(scheduler: &mut Scheduler) -> Plan {
    let plan = scheduler.plan();
    scheduler.computed(&plan);
    for chunk in plan.chunks.iter().filter(|chunk| chunk.samples) {
        scheduler.append(chunk.sequence, 1);
    }
    plan
}

/// (sequence, start, count) of each chunk.
fn chunks(plan: &Plan) -> Vec<(u64, usize, usize)> {
    plan.chunks.iter().map(|chunk| (chunk.sequence.0, chunk.start, chunk.count)).collect()
}

#[test]
fn a_long_prompt_is_run_in_chunks_beside_decoding() {
    let mut scheduler = scheduler(4, 8, 100);
    scheduler.add(sequence(1, &prompt(1, 3)));
    step(&mut scheduler);
    scheduler.add(sequence(2, &prompt(2, 12)));
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 3, 1), (2, 0, 7)]);
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 4, 1), (2, 7, 5)]);
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 5, 1), (2, 12, 1)]);
}

#[test]
fn a_short_prompt_goes_beside_a_long_one() {
    let mut scheduler = scheduler(4, 8, 100);
    scheduler.add(sequence(1, &prompt(1, 100)));
    scheduler.add(sequence(2, &prompt(2, 90)));
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 0, 4), (2, 0, 4)]);
    scheduler.add(sequence(3, &prompt(3, 3)));
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 4, 4), (2, 4, 1), (3, 0, 3)], "the first is sure of half");
    assert_eq!(chunks(&step(&mut scheduler)), [(3, 3, 1), (1, 8, 4), (2, 5, 3)]);
}

#[test]
fn what_is_less_urgent_shares_nothing_that_the_first_wants() {
    let mut scheduler = scheduler(4, 8, 100);
    scheduler.add(sequence(1, &prompt(1, 12)));
    scheduler.add(Sequence { priority: Priority(1), ..sequence(2, &prompt(2, 3)) });
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 0, 8)]);
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 8, 4), (2, 0, 3)]);
}

#[test]
fn beside_answers_less_of_a_prompt_is_run() {
    let mut scheduler = scheduler(4, 100, 100);
    scheduler.add(sequence(1, &prompt(1, 3)));
    scheduler.add(sequence(2, &prompt(2, 50)));
    let run = |scheduler: &mut Scheduler| {
        let plan = scheduler.plan_within(10);
        scheduler.computed(&plan);
        scheduler.append(SequenceId(1), 1);
        chunks(&plan)
    };
    assert_eq!(run(&mut scheduler), [(1, 0, 3), (2, 0, 50)], "nobody reads yet");
    scheduler.add(sequence(3, &prompt(3, 50)));
    assert_eq!(run(&mut scheduler), [(1, 3, 1), (3, 0, 10)]);
}

#[test]
fn who_begins_as_another_waits_until_that_can_be_found() {
    let mut scheduler = scheduler(4, 16, 100);
    scheduler.add(sequence(1, &prompt(1, 20)));
    scheduler.add(sequence(2, &[prompt(1, 8), prompt(2, 2)].concat()));
    scheduler.add(Sequence { tenant: Tenant(1), ..sequence(3, &prompt(1, 9)) });
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 0, 8), (3, 0, 8)]);
    assert_eq!(chunks(&step(&mut scheduler)), [(3, 8, 1), (1, 8, 12), (2, 8, 2)]);
}

#[test]
fn who_cannot_have_its_blocks_is_not_overtaken() {
    let mut scheduler = scheduler(4, 100, 10);
    scheduler.add(sequence(1, &prompt(1, 20)));
    step(&mut scheduler);
    scheduler.add(sequence(2, &prompt(2, 30)));
    scheduler.add(sequence(3, &prompt(3, 3)));
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 20, 1)]);
    scheduler.remove(SequenceId(1));
    assert_eq!(chunks(&step(&mut scheduler)), [(2, 0, 30), (3, 0, 3)]);
}

#[test]
fn no_more_run_than_the_limit() {
    let mut scheduler = scheduler(2, 100, 100);
    for id in 1..=3 {
        scheduler.add(sequence(id, &prompt(id, 2)));
    }
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 0, 2), (2, 0, 2)]);
    scheduler.remove(SequenceId(1));
    assert_eq!(chunks(&step(&mut scheduler)), [(2, 2, 1), (3, 0, 2)]);
}

#[test]
fn a_lower_priority_number_starts_first() {
    let mut scheduler = scheduler(1, 100, 100);
    scheduler.add(sequence(1, &prompt(1, 2)));
    scheduler.add(Sequence { priority: Priority(-1), ..sequence(2, &prompt(2, 2)) });
    assert_eq!(chunks(&step(&mut scheduler)), [(2, 0, 2)]);
}

#[test]
fn as_many_overtake_a_second_choice_as_run_at_once() {
    let mut scheduler = scheduler(2, 100, 100);
    let (asker, second) = (Turn(1), SequenceId(100));
    scheduler.add(sequence(1, &prompt(1, 2)));
    scheduler.add(Sequence { turn: asker.of_choice(1, 2), leader: Some(SequenceId(1)), ..sequence(100, &prompt(1, 2)) });
    step(&mut scheduler);
    scheduler.remove(SequenceId(1));
    let mut begun = Vec::new();
    for id in 2..10 {
        scheduler.add(sequence(id, &prompt(id, 2)));
        for (id, _) in step(&mut scheduler).admitted {
            scheduler.remove(id);
            begun.push(id);
        }
    }
    assert!(begun.iter().position(|id| *id == second).is_some_and(|place| place <= 2), "{begun:?}");
}

#[test]
fn a_prefix_that_was_computed_is_not_run_again() {
    let mut scheduler = scheduler(4, 100, 100);
    scheduler.add(sequence(1, &prompt(1, 10)));
    step(&mut scheduler);
    scheduler.add(sequence(2, &prompt(1, 10)));
    let plan = step(&mut scheduler);
    assert_eq!(chunks(&plan), [(1, 10, 1), (2, 8, 2)]);
    assert_eq!(plan.admitted, [(SequenceId(2), 8)]);
}

#[test]
fn the_last_token_is_run_even_if_all_blocks_are_known() {
    let mut scheduler = scheduler(4, 100, 100);
    scheduler.add(sequence(1, &prompt(1, 8)));
    step(&mut scheduler);
    scheduler.add(sequence(2, &prompt(1, 8)));
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 8, 1), (2, 4, 4)]);
}

#[test]
fn a_prompt_whose_logarithms_are_wanted_is_run_whole() {
    let mut scheduler = scheduler(4, 100, 100);
    scheduler.add(sequence(1, &prompt(1, 8)));
    step(&mut scheduler);
    scheduler.add(Sequence { whole_prompt: true, ..sequence(2, &prompt(1, 8)) });
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 8, 1), (2, 0, 8)]);
}

#[test]
fn other_choices_wait_for_the_first_ones_prompt() {
    let mut scheduler = scheduler(4, 8, 100);
    scheduler.add(sequence(1, &prompt(1, 12)));
    scheduler.add(Sequence { leader: Some(SequenceId(1)), ..sequence(2, &prompt(1, 12)) });
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 0, 8)]);
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 8, 4)]);
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 12, 1), (2, 8, 4)]);
}

#[test]
fn when_blocks_run_out_the_youngest_is_set_back_and_comes_again() {
    let mut scheduler = scheduler(4, 100, 3);
    scheduler.add(sequence(1, &prompt(1, 4)));
    scheduler.add(sequence(2, &prompt(2, 3)));
    step(&mut scheduler);
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 4, 1), (2, 3, 1)]);
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 5, 1)], "2 needs a second block and there is none");
    assert_eq!(scheduler.counts().preemptions, 1);
    scheduler.remove(SequenceId(1));
    let plan = step(&mut scheduler);
    assert_eq!(chunks(&plan), [(2, 4, 1)], "its first block is still remembered");
    assert_eq!(plan.admitted, [], "it was admitted long ago");
    assert_eq!((scheduler.counts().prefix_queries, scheduler.counts().prefix_hits), (7, 0), "its own block is no hit");
}

#[test]
fn a_prompt_whose_logarithms_were_given_is_not_run_whole_again() {
    let mut scheduler = scheduler(4, 100, 3);
    scheduler.add(sequence(1, &prompt(1, 4)));
    scheduler.add(Sequence { whole_prompt: true, ..sequence(2, &prompt(2, 4)) });
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 0, 4), (2, 0, 4)]);
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 4, 1)], "2 was set back");
    scheduler.remove(SequenceId(1));
    assert_eq!(chunks(&step(&mut scheduler)), [(2, 4, 1)], "its first block is still remembered");
}

#[test]
fn clearing_leaves_the_counts() {
    let mut scheduler = scheduler(4, 100, 10);
    scheduler.add(sequence(1, &prompt(1, 10)));
    step(&mut scheduler);
    scheduler.clear();
    assert!(scheduler.is_empty());
    assert_eq!((scheduler.pool().in_use(), scheduler.counts().prefix_queries), (0, 10));
    scheduler.add(sequence(1, &prompt(1, 10)));
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 0, 10)], "nothing is remembered");
}

/// Runs a step with these guesses behind the first chunk, to which the model says `says`, and the token 1 to all others.
fn guess(scheduler: &mut Scheduler, guesses: &[u32], says: &[u32]) -> usize {
    let mut plan = scheduler.plan();
    scheduler.draft(&mut plan, 0, guesses.iter().copied());
    let (id, drafted) = (plan.chunks[0].sequence, plan.chunks[0].drafted);
    scheduler.computed(&plan);
    for (index, token) in says.iter().enumerate() {
        if index > 0 {
            scheduler.confirm(id);
        }
        scheduler.append(id, *token);
    }
    for chunk in &plan.chunks[1..] {
        scheduler.append(chunk.sequence, 1);
    }
    drafted
}

#[test]
fn guesses_that_came_true_are_computed_and_the_others_forgotten() {
    let mut scheduler = scheduler(4, 100, 100);
    scheduler.add(sequence(1, &prompt(1, 6)));
    step(&mut scheduler);
    assert_eq!(guess(&mut scheduler, &[7, 8, 9], &[7, 8, 1]), 3);
    let sequence = scheduler.sequence(SequenceId(1)).unwrap();
    assert_eq!(sequence.tokens[6..], [1, 7, 8, 1]);
    assert_eq!(sequence.published.len(), 2, "blocks of what is certain can be found");
    assert_eq!(chunks(&step(&mut scheduler)), [(1, 9, 1)]);
}

#[test]
fn guesses_take_what_the_budget_leaves() {
    let mut scheduler = scheduler(4, 8, 100);
    scheduler.add(sequence(1, &prompt(1, 3)));
    step(&mut scheduler);
    assert_eq!(guess(&mut scheduler, &[1; 20], &[2]), 7);
    scheduler.add(sequence(2, &prompt(2, 12)));
    assert_eq!(guess(&mut scheduler, &[1; 20], &[2]), 0, "a prompt has a use for all of it");
}

#[test]
fn guesses_take_free_blocks_and_give_them_back() {
    let mut scheduler = scheduler(4, 100, 4);
    scheduler.add(sequence(1, &prompt(1, 3)));
    scheduler.add(sequence(2, &prompt(2, 3)));
    step(&mut scheduler);
    assert_eq!(guess(&mut scheduler, &[1; 20], &[2]), 8, "two blocks are free");
    assert_eq!(scheduler.pool().available(), 0);
    step(&mut scheduler);
    assert_eq!((scheduler.counts().preemptions, scheduler.pool().available()), (0, 0), "and the others' when wanted");
}

#[test]
fn a_removed_sequence_leaves_no_block_behind() {
    let mut scheduler = scheduler(4, 8, 10);
    scheduler.add(sequence(1, &prompt(1, 12)));
    scheduler.add(sequence(2, &prompt(2, 12)));
    step(&mut scheduler);
    for id in 1..=2 {
        scheduler.remove(SequenceId(id));
    }
    assert_eq!(scheduler.pool().in_use(), 0);
    assert!(scheduler.is_empty());
}

/// What the model would have written to each position of each block: whose it is, and all tokens up to this one.
#[derive(Default)]
struct Written(HashMap<(u32, usize), (Tenant, Vec<u32>)>);

impl Written {
    /// Runs a plan: each sequence writes its positions to blocks that nobody else has, and finds before them what it takes to be there.
    fn run(&mut self, scheduler: &Scheduler, plan: &Plan) -> Result<(), TestCaseError> {
        let sequences = || plan.chunks.iter().map(|chunk| (chunk, scheduler.sequence(chunk.sequence).unwrap()));
        for (chunk, sequence) in sequences() {
            for position in chunk.start..chunk.end() {
                let block = sequence.blocks[position / BLOCK];
                let holders = scheduler.sequences.values().filter(|other| other.blocks.contains(&block)).count();
                prop_assert_eq!(holders, 1, "of block {}, which is written", block);
                let tokens = sequence.tokens[..=position].to_vec();
                self.0.insert((block, position % BLOCK), (sequence.tenant, tokens));
            }
        }
        for (chunk, sequence) in sequences() {
            for position in 0..chunk.end() {
                let (tenant, tokens) = &self.0[&(sequence.blocks[position / BLOCK], position % BLOCK)];
                prop_assert_eq!((*tenant, tokens.as_slice()), (sequence.tenant, &sequence.tokens[..=position]));
            }
        }
        Ok(())
    }
}

prop_compose! {
    /// Prompts with beginnings in common, and how many tokens are wanted behind them.
    fn request()(
        length in 1usize..30, new in 1usize..20, priority in -1i32..2, kind in 0u64..3, tenant in 0u64..2,
        whole_prompt: bool, choices in 1u16..4,
    ) -> (Sequence, u16, usize) {
        let asked = Sequence { priority: Priority(priority), tenant: Tenant(tenant), whole_prompt, ..sequence(0, &prompt(kind, length)) };
        (asked, choices, length + new)
    }
}

/// Gives each choice of these requests to the scheduler, and tells how many tokens each is to have.
fn add_all(scheduler: &mut Scheduler, requests: &[(Sequence, u16, usize)], running: usize) -> HashMap<SequenceId, usize> {
    let mut wanted = HashMap::new();
    for (number, (asked, choices, tokens)) in (0..).zip(requests) {
        let Sequence { priority, tenant, whole_prompt, .. } = *asked;
        let leader = SequenceId(10 * number);
        for choice in 0..*choices {
            let id = SequenceId(leader.0 + u64::from(choice));
            scheduler.add(Sequence {
                priority,
                tenant,
                whole_prompt: whole_prompt && choice == 0,
                turn: Turn(number).of_choice(choice, running),
                leader: (choice > 0).then_some(leader),
                ..sequence(id.0, &asked.tokens)
            });
            wanted.insert(id, *tokens);
        }
    }
    wanted
}

proptest! {
    /// Whatever arrives, whatever is guessed and whoever leaves: every sequence gets all its tokens, one after the other, each position
    /// is computed before the token behind it is sampled and is where its sequence looks for it, the limits hold, and in the end no
    /// block is held.
    #[test]
    fn every_sequence_is_finished(
        requests in prop::collection::vec(request(), 1..12),
        running in 1usize..5, step_tokens in 1usize..20, spare in 0usize..10,
        drafts in prop::collection::vec((0usize..10, 0usize..10), 1..40),
        leaves in prop::collection::vec(0usize..100, 0..4),
    ) {
        let most = requests.iter().map(|(.., tokens)| tokens.div_ceil(BLOCK)).max().unwrap_or(1);
        let mut scheduler = scheduler(running, step_tokens, most + spare);
        let wanted = add_all(&mut scheduler, &requests, running);
        let mut written = Written::default();
        let mut drafts = drafts.iter().cycle();
        for step in 0..10_000 {
            if leaves.contains(&step) && let Some(first) = scheduler.running.first() {
                scheduler.remove(first.id);
            }
            if scheduler.is_empty() {
                break;
            }
            let mut plan = scheduler.plan();
            prop_assert!(!plan.chunks.is_empty(), "something can always run");
            prop_assert!(plan.chunks.len() <= running);
            let set_back = scheduler.counts().preemptions;
            for index in 0..plan.chunks.len() {
                let sequence = scheduler.sequence(plan.chunks[index].sequence).unwrap();
                if sequence.is_decoding() {
                    let left = wanted[&sequence.id] - sequence.tokens.len() - 1;
                    let guesses = drafts.next().unwrap().0.min(left);
                    scheduler.draft(&mut plan, index, std::iter::repeat_n(1, guesses));
                }
            }
            prop_assert_eq!(scheduler.counts().preemptions, set_back, "nobody is set back for a guess");
            prop_assert!(plan.rows() <= step_tokens.max(running));
            for chunk in &plan.chunks {
                let sequence = scheduler.sequence(chunk.sequence).unwrap();
                prop_assert_eq!(chunk.start, sequence.computed);
                prop_assert!(chunk.end().div_ceil(BLOCK) <= sequence.blocks.len());
            }
            written.run(&scheduler, &plan)?;
            scheduler.computed(&plan);
            for chunk in plan.chunks.iter().filter(|chunk| chunk.samples) {
                let right = drafts.next().unwrap().1.min(chunk.drafted);
                for index in 0..=right {
                    if index > 0 {
                        scheduler.confirm(chunk.sequence);
                    }
                    scheduler.append(chunk.sequence, 1);
                    let sequence = scheduler.sequence(chunk.sequence).unwrap();
                    prop_assert_eq!(sequence.pending(), 1);
                    prop_assert!(sequence.published.len() * BLOCK <= sequence.computed);
                    prop_assert!(sequence.tokens.len() <= wanted[&sequence.id]);
                }
                if scheduler.sequence(chunk.sequence).unwrap().tokens.len() == wanted[&chunk.sequence] {
                    scheduler.remove(chunk.sequence);
                }
            }
        }
        prop_assert!(scheduler.is_empty(), "nobody starves");
        prop_assert_eq!(scheduler.pool().in_use(), 0);
    }
}
