//! Prints what attention reaches of what this machine can do at most, for decoding and prompts of usual shapes:
//! `cargo run --release -p kernels --example attention`.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "printing is what it is for, and the shapes are valid")]

use std::{
    num::NonZeroUsize,
    thread,
    time::{Duration, Instant},
};

use kernels::{AttentionShape, KvCache, KvElement, KvShape, Pool, Slot, Slots, Span, attend, limits::Limits};

const BLOCK: usize = 16;

/// So much is gone through in turn, layer by layer, that little of it stays in the caches.
const BYTES: usize = 1 << 29;

/// The heads of Qwen2.5-0.5B, TinyLlama-1.1B and Llama-3-8B.
const HEADS: [(usize, usize, usize); 3] = [(14, 2, 64), (32, 4, 64), (32, 8, 128)];

/// Sequences, positions before, new tokens of each.
const CASES: [(usize, usize, usize); 5] = [(1, 4095, 1), (8, 300, 1), (32, 300, 1), (1, 0, 512), (1, 3584, 512)];

fn main() {
    // As many as there are cores, or the number given.
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let pool = Pool::new(given.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN));
    println!("{}, {} threads", pool.isa(), pool.threads());
    for (heads, kv_heads, head_dim) in HEADS {
        for element in [KvElement::F32, KvElement::F16, KvElement::I8] {
            let shape = AttentionShape { heads, kv_heads, head_dim, scale: 0.125, causal: true, window: None };
            let limits = Limits::measure(&pool, 1 << 29);
            println!(
                "{heads} heads for {kv_heads} of {head_dim}, {element:?}; limits: {:.1} GB/s, {:.2} float TFLOPS",
                limits.bytes / 1e9,
                limits.float_operations / 1e12
            );
            for case in CASES {
                print(&pool, &shape, element, case, &limits);
            }
        }
    }
}

fn print(pool: &Pool, shape: &AttentionShape, element: KvElement, case: (usize, usize, usize), limits: &Limits) {
    let (sequences, before, tokens) = case;
    let time = measure(pool, shape, element, case).as_secs_f64();
    let positions = sequences * (before + tokens).next_multiple_of(BLOCK);
    let bytes = positions * KvShape { layers: 1, block_tokens: 1, ..cache_shape(shape, element, 1) }.bytes_per_block();
    let seen = sequences * (before * tokens + tokens * (tokens + 1) / 2);
    let operations = 4 * seen * shape.heads * shape.head_dim;
    let (bytes, operations) = (bytes as f64 / time, operations as f64 / time);
    println!(
        "{sequences:>4} × {tokens:>3} tokens at {before:>4} {:>9.1} µs {:>6.1} GB/s ({:>3.0} %) {:>8.1} GFLOPS ({:>3.0} %)",
        time * 1e6,
        bytes / 1e9,
        100.0 * bytes / limits.bytes,
        operations / 1e9,
        100.0 * operations / limits.float_operations,
    );
}

/// The time of one layer.
fn measure(pool: &Pool, shape: &AttentionShape, element: KvElement, case: (usize, usize, usize)) -> Duration {
    let (sequences, before, tokens) = case;
    let each = (before + tokens).div_ceil(BLOCK);
    let layer_bytes = cache_shape(shape, element, 1).bytes_per_block() * each * sequences;
    // A prompt takes long enough to need no layers.
    let layers = if tokens > 1 { 1 } else { (BYTES / layer_bytes).max(1) };
    let mut cache = KvCache::new(cache_shape(shape, element, layers), each * sequences).unwrap();
    let blocks = blocks(each * sequences);
    fill(pool, &mut cache, layers, &blocks);
    let spans: Vec<_> = (0..sequences)
        .map(|row| Span { blocks: &blocks[row * each..][..each], start: before, tokens, row: row * tokens })
        .collect();
    let queries = numbers(sequences * tokens * shape.heads * shape.head_dim);
    let mut out = vec![0.0; queries.len()];
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        for layer in 0..layers {
            attend(pool, shape, &cache, layer, &spans, &queries, &mut out);
        }
        best = best.min(start.elapsed() / layers as u32);
    }
    best
}

fn cache_shape(shape: &AttentionShape, element: KvElement, layers: usize) -> KvShape {
    KvShape { layers, kv_heads: shape.kv_heads, head_dim: shape.head_dim, block_tokens: BLOCK, element }
}

/// In no order, as in a cache that has been in use.
fn blocks(count: usize) -> Vec<u32> {
    let mut blocks: Vec<u32> = (0..count as u32).collect();
    blocks.sort_by_key(|block| block.wrapping_mul(2_654_435_761));
    blocks
}

fn fill(pool: &Pool, cache: &mut KvCache, layers: usize, blocks: &[u32]) {
    let width = cache.shape().kv_heads * cache.shape().head_dim;
    let numbers = numbers(blocks.len() * BLOCK * width);
    let slots: Slots =
        blocks.iter().flat_map(|&block| (0..BLOCK as u32).map(move |offset| Slot { block, offset })).collect();
    for layer in 0..layers {
        cache.write(pool, layer, &slots, &numbers, &numbers);
    }
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 7919) % 1000) as f32 / 500.0 - 1.0).collect()
}
