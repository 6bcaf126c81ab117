//! A step of a model finds all its memory there. What this program takes is counted as a whole, so it is a program of its own with one
//! test.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::System;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use checkpoint::Checkpoint;
use engine::{Adapter, BLOCK_TOKENS, Model, Run, Wanted};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SEQUENCES: usize = 8;
/// Of each of several sequences.
const BLOCKS: usize = 4;

fn demo() -> Model {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/demo/demo.gguf");
    let Checkpoint { architecture, weights, .. } = Checkpoint::open(&path).unwrap();
    let threads = NonZeroUsize::new(2).unwrap();
    Model::load(architecture, weights, threads, 64 << 20, None, 1, &mut |_| {}).unwrap()
}

fn run(model: &mut Model, runs: &[Run<'_>]) {
    let rows = model.forward(runs);
    model.logits(0..rows);
}

/// How often the allocator was asked in the second of two equal works, and how often the system for a page, which is how larger buffers
/// come.
fn asked(mut work: impl FnMut()) -> (usize, u64) {
    work();
    let (region, faults) = (Region::new(MEMORY), page_faults());
    work();
    let Stats { allocations, reallocations, deallocations, .. } = region.change();
    (allocations + reallocations + deallocations, page_faults() - faults)
}

/// Of this process so far; zero where nobody counts.
fn page_faults() -> u64 {
    let Ok(file) = std::fs::File::open("/proc/self/stat") else { return 0 };
    // On the stack: what reads the file is counted, too.
    let mut text = [0; 1024];
    let length = std::io::Read::read(&mut &file, &mut text).unwrap();
    let text = std::str::from_utf8(&text[..length]).unwrap();
    // Behind the program's name, in brackets, it is the eighth.
    text.rsplit(") ").next().unwrap().split(' ').nth(7).unwrap().parse().unwrap()
}

#[test]
fn steps_like_one_before_take_no_memory() {
    let mut model = demo();
    let adapters = ["postgresql", "brief"].map(|name| {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/adapters").join(name);
        model.adapter(&checkpoint::Adapter::open(&path, model.architecture()).unwrap()).unwrap()
    });
    let blocks: [[u32; BLOCKS]; SEQUENCES] =
        std::array::from_fn(|index| std::array::from_fn(|block| (BLOCKS * index + block) as u32));
    let positions = BLOCKS * BLOCK_TOKENS;
    let mut several = |adapters: &[Adapter]| {
        asked(|| {
            for start in 0..positions {
                let runs: [_; SEQUENCES] = std::array::from_fn(|index| Run {
                    tokens: &[5],
                    start,
                    blocks: &blocks[index],
                    wanted: Wanted::Last,
                    adapter: adapters.get(index / 3),
                });
                run(&mut model, &runs);
            }
        })
    };
    let plain = several(&[]);
    assert!(plain.0 == 0 && plain.1 < positions as u64, "allocations and pages of eight sequences: {plain:?}");
    let adapted = several(&adapters);
    assert!(adapted.0 == 0 && adapted.1 < positions as u64, "allocations and pages with adapters: {adapted:?}");

    // So far behind that its context is shared among the threads.
    let (prompt, blocks): ([u32; 600], [u32; 40]) = ([7; 600], std::array::from_fn(|block| block as u32));
    let alone = asked(|| {
        for (index, tokens) in prompt.chunks(100).enumerate() {
            let wanted = Wanted::Last;
            run(&mut model, &[Run { tokens, start: 100 * index, blocks: &blocks, wanted, adapter: None }]);
        }
        for start in prompt.len()..blocks.len() * BLOCK_TOKENS {
            run(&mut model, &[Run { tokens: &[7], start, blocks: &blocks, wanted: Wanted::Last, adapter: None }]);
        }
    });
    assert!(alone.0 == 0 && alone.1 < 40, "allocations and pages of one sequence: {alone:?}");
}
