//! Attention against its definition, and the law that a token's result does not depend on how a prompt is cut, on what else is
//! in the call, or on threads.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::num::NonZeroUsize;

use kernels::{AttentionShape, CacheError, Isa, KvCache, KvElement, KvShape, Pool, Slot, Slots, Span, attend};

const BLOCK: usize = 16;

/// Numbers that look random.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}

fn pool(threads: usize, isa: Isa) -> Pool {
    Pool::with_isa(NonZeroUsize::new(threads).unwrap(), isa)
}

/// A sequence with its keys, values and queries, and the blocks it has.
struct Sequence {
    shape: AttentionShape,
    length: usize,
    blocks: Vec<u32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    queries: Vec<f32>,
}

impl Sequence {
    fn new(shape: AttentionShape, length: usize, first_block: u32, seed: u64) -> Self {
        // Blocks are not in order, as in a cache that has been in use.
        let blocks = (0..length.div_ceil(BLOCK) as u32).rev().map(|block| first_block + block).collect();
        let width = shape.kv_heads * shape.head_dim;
        let queries = numbers(seed + 2, length * shape.heads * shape.head_dim).iter().map(|query| query * 3.0).collect();
        let (keys, values) = (numbers(seed, length * width), numbers(seed + 1, length * width));
        Self { shape, length, blocks, keys, values, queries }
    }

    fn write(&self, pool: &Pool, cache: &mut KvCache, layer: usize) {
        let slot = |position: usize| Slot { block: self.blocks[position / BLOCK], offset: (position % BLOCK) as u32 };
        let slots: Slots = (0..self.length).map(slot).collect();
        cache.write(pool, layer, &slots, &self.keys, &self.values);
    }

    /// Attention with the prompt cut into chunks of these lengths, which come to the whole.
    fn attend(&self, pool: &Pool, cache: &KvCache, chunks: &[usize]) -> Vec<f32> {
        let width = self.shape.heads * self.shape.head_dim;
        let (mut out, mut start) = (vec![f32::NAN; self.queries.len()], 0);
        for &tokens in chunks {
            let rows = start * width..(start + tokens) * width;
            let span = Span { blocks: &self.blocks, start, tokens, row: 0 };
            attend(pool, &self.shape, cache, 1, &[span], &self.queries[rows.clone()], &mut out[rows]);
            start += tokens;
        }
        out
    }

    /// The result for a token and head, by definition.
    fn expected(&self, token: usize, head: usize) -> Vec<f64> {
        let AttentionShape { heads, kv_heads, head_dim, scale, causal, window } = self.shape;
        let of = |values: &[f32], position: usize| -> Vec<f64> {
            let at = (position * kv_heads + head / (heads / kv_heads)) * head_dim;
            values[at..at + head_dim].iter().map(|&value| f64::from(value)).collect()
        };
        let query = &self.queries[(token * heads + head) * head_dim..][..head_dim];
        let end = if causal { token + 1 } else { self.length };
        let visible = window.map_or(0, |window| end.saturating_sub(window))..end;
        let score = |position| {
            let products = of(&self.keys, position).into_iter().zip(query).map(|(key, &query)| key * f64::from(query));
            (products.sum::<f64>() * f64::from(scale)).exp()
        };
        let weights: Vec<_> = visible.clone().map(score).collect();
        let total: f64 = weights.iter().sum();
        let mut result = vec![0.0; head_dim];
        for (position, weight) in visible.zip(weights) {
            for (result, value) in result.iter_mut().zip(of(&self.values, position)) {
                *result += weight / total * value;
            }
        }
        result
    }
}

fn shape(heads: usize, kv_heads: usize, head_dim: usize, window: Option<usize>) -> AttentionShape {
    AttentionShape { heads, kv_heads, head_dim, scale: 1.0 / (head_dim as f32).sqrt(), causal: true, window }
}

fn cache(shape: &AttentionShape, element: KvElement, blocks: usize) -> KvCache {
    let AttentionShape { kv_heads, head_dim, .. } = *shape;
    KvCache::new(KvShape { layers: 2, kv_heads, head_dim, block_tokens: BLOCK, element }, blocks).unwrap()
}

#[test]
fn attention_is_what_it_is_by_definition() {
    let shapes = [(4, 2, 8), (6, 2, 64), (3, 3, 80), (8, 1, 32), (2, 1, 128)];
    for isa in Isa::ALL {
        let pool = pool(2, isa);
        for (heads, kv_heads, head_dim) in shapes {
            for (window, element, tolerance) in [
                (None, KvElement::F32, 3e-6),
                (Some(5), KvElement::F32, 3e-6),
                (None, KvElement::F16, 3e-3),
                (None, KvElement::Bf16, 3e-2),
                (Some(5), KvElement::I8, 4e-2),
            ] {
                let shape = shape(heads, kv_heads, head_dim, window);
                let sequence = Sequence::new(shape, 45, 1, 7);
                let mut cache = cache(&shape, element, 4);
                sequence.write(&pool, &mut cache, 1);
                let out = sequence.attend(&pool, &cache, &[45]);
                for (row, found) in out.chunks(head_dim).enumerate() {
                    let expected = sequence.expected(row / heads, row % heads);
                    let near = found
                        .iter()
                        .zip(&expected)
                        .all(|(&found, expected)| (f64::from(found) - expected).abs() <= tolerance);
                    assert!(near, "{isa} {shape:?} {element:?} row {row}: {found:?}, not {expected:?}");
                }
            }
        }
    }
}

#[test]
fn tokens_of_a_text_that_is_only_read_see_each_other() {
    for isa in Isa::ALL {
        let pool = pool(2, isa);
        // Within a chunk of positions, and over several.
        for (heads, length, blocks) in [(3, 45, 3), (1, 700, 44)] {
            let shape = AttentionShape { causal: false, ..shape(heads, heads, 32, None) };
            let sequence = Sequence::new(shape, length, 0, 5);
            let mut cache = cache(&shape, KvElement::F32, blocks);
            sequence.write(&pool, &mut cache, 1);
            for (row, found) in sequence.attend(&pool, &cache, &[length]).chunks(32).enumerate().step_by(7) {
                let expected = sequence.expected(row / heads, row % heads);
                let near = found.iter().zip(&expected).all(|(&found, expected)| (f64::from(found) - expected).abs() <= 3e-6);
                assert!(near, "{isa} row {row}: {found:?}, not {expected:?}");
            }
        }
    }
}

#[test]
fn chunks_and_threads_do_not_show_in_the_result() {
    for isa in Isa::ALL {
        for window in [None, Some(20)] {
            for element in [KvElement::F32, KvElement::F16, KvElement::Bf16, KvElement::I8] {
                let shape = shape(6, 2, 32, window);
                let sequence = Sequence::new(shape, 70, 0, 3);
                let mut cache = cache(&shape, element, 5);
                sequence.write(&pool(2, isa), &mut cache, 1);
                let whole = sequence.attend(&pool(1, isa), &cache, &[70]);
                for chunks in [&[1; 70][..], &[3, 40, 27], &[69, 1], &[16, 16, 16, 16, 6]] {
                    assert_eq!(
                        sequence.attend(&pool(3, isa), &cache, chunks),
                        whole,
                        "{isa} {window:?} {element:?} {chunks:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn long_sequences_are_attended_to_in_parts_that_do_not_show() {
    // Longer than two chunks of positions; few heads, so that several threads share the positions of one.
    for (isa, window) in Isa::ALL.into_iter().flat_map(|isa| [(isa, None), (isa, Some(530))]) {
        let shape = shape(3, 1, 16, window);
        let sequence = Sequence::new(shape, 1100, 0, 9);
        let mut cache = cache(&shape, KvElement::F32, 69);
        sequence.write(&pool(2, isa), &mut cache, 1);
        let whole = sequence.attend(&pool(1, isa), &cache, &[1100]);
        for chunks in [&[1000, 97, 1, 1, 1][..], &[511, 1, 1, 511, 76], &[1099, 1]] {
            assert_eq!(sequence.attend(&pool(3, isa), &cache, chunks), whole, "{isa} {window:?} {chunks:?}");
        }
        for row in [0, 1535, 1536, 2000, 3071, 3072, 3299] {
            let expected = sequence.expected(row / 3, row % 3);
            let found = &whole[row * 16..][..16];
            let near = found.iter().zip(&expected).all(|(&found, expected)| (f64::from(found) - expected).abs() <= 3e-6);
            assert!(near, "{isa} {window:?} row {row}: {found:?}, not {expected:?}");
        }
    }
}

#[test]
fn what_a_block_held_before_does_not_show() {
    for isa in Isa::ALL {
        let pool = pool(2, isa);
        for element in [KvElement::F32, KvElement::F16, KvElement::Bf16, KvElement::I8] {
            for window in [None, Some(5)] {
                let shape = shape(4, 2, 24, window);
                let (mut fresh, mut used) = (cache(&shape, element, 3), cache(&shape, element, 3));
                let mut broken = Sequence::new(shape, 48, 0, 5);
                broken.keys.fill(f32::NAN);
                broken.values.fill(f32::INFINITY);
                broken.write(&pool, &mut used, 1);
                let sequence = Sequence::new(shape, 37, 0, 5);
                sequence.write(&pool, &mut fresh, 1);
                sequence.write(&pool, &mut used, 1);
                for chunks in [&[37][..], &[30, 1, 1, 1, 1, 1, 1, 1]] {
                    let expected = sequence.attend(&pool, &fresh, chunks);
                    assert!(expected.iter().all(|value| value.is_finite()));
                    assert_eq!(sequence.attend(&pool, &used, chunks), expected, "{isa} {element:?} {window:?}");
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "a slot is named twice")]
fn a_place_is_written_once_in_a_call() {
    let slots = [Slot { block: 1, offset: 3 }, Slot { block: 0, offset: 3 }, Slot { block: 1, offset: 3 }];
    let _ = Slots::from_iter(slots);
}

#[test]
fn sequences_in_one_call_do_not_see_each_other() {
    let pool = pool(2, Isa::detect());
    let shape = shape(4, 2, 16, None);
    let lengths = [33, 1, 16, 50];
    let mut cache = cache(&shape, KvElement::F16, 16);
    let sequences: Vec<_> = lengths
        .iter()
        .enumerate()
        .map(|(index, &length)| Sequence::new(shape, length, index as u32 * 4, index as u64))
        .collect();
    for sequence in &sequences {
        sequence.write(&pool, &mut cache, 1);
    }

    let queries: Vec<_> = sequences.iter().flat_map(|sequence| sequence.queries.iter().copied()).collect();
    let (mut spans, mut row) = (Vec::new(), 0);
    for sequence in &sequences {
        spans.push(Span { blocks: &sequence.blocks, start: 0, tokens: sequence.length, row });
        row += sequence.length;
    }
    let mut together = vec![f32::NAN; queries.len()];
    attend(&pool, &shape, &cache, 1, &spans, &queries, &mut together);

    let alone: Vec<_> = sequences.iter().flat_map(|sequence| sequence.attend(&pool, &cache, &[sequence.length])).collect();
    assert_eq!(together, alone);
}

#[test]
#[should_panic(expected = "rows out of order")]
fn two_sequences_do_not_have_the_same_row() {
    let pool = pool(2, Isa::detect());
    let shape = shape(4, 2, 16, None);
    let cache = cache(&shape, KvElement::F16, 4);
    let span = Span { blocks: &[0], start: 0, tokens: 2, row: 0 };
    let queries = vec![0.0; 2 * 4 * 16];
    attend(&pool, &shape, &cache, 1, &[span, Span { row: 1, ..span }], &queries, &mut queries.clone());
}

/// Their width would wrap around to none at all.
#[test]
#[should_panic(expected = "rows of a length that there is")]
fn more_heads_than_memory_has_addresses_are_refused() {
    let pool = pool(1, Isa::detect());
    let cache = cache(&shape(4, 1, 64, None), KvElement::F16, 4);
    let shape = shape(1 << 60, 1, 64, None);
    attend(&pool, &shape, &cache, 1, &[Span { blocks: &[0], start: 0, tokens: 1, row: 0 }], &[0.0; 449], &mut [0.0; 449]);
}

#[test]
fn a_value_too_large_for_a_cache_changes_nothing_before_it() {
    let shape = shape(4, 2, 16, None);
    for isa in Isa::ALL {
        let pool = pool(1, isa);
        for element in [KvElement::F16, KvElement::Bf16, KvElement::F32] {
            let mut sequence = Sequence::new(shape, 6, 1, 5);
            let attended = |sequence: &Sequence| {
                let mut cache = cache(&shape, element, 4);
                sequence.write(&pool, &mut cache, 1);
                sequence.attend(&pool, &cache, &[6])
            };
            let before = attended(&sequence);
            sequence.values[4 * 32..5 * 32].fill(1e6);
            let width = shape.heads * shape.head_dim;
            assert_eq!(attended(&sequence)[..4 * width], before[..4 * width], "{isa} {element:?}");
        }
    }
}

#[test]
fn what_is_no_number_is_none_in_every_cache() {
    let shape = shape(4, 2, 16, None);
    for isa in Isa::ALL {
        let pool = pool(1, isa);
        for element in [KvElement::F32, KvElement::F16, KvElement::Bf16, KvElement::I8] {
            for place in 0..16 {
                let mut sequence = Sequence::new(shape, 6, 1, 5);
                sequence.values[place] = f32::NAN;
                let mut cache = cache(&shape, element, 4);
                sequence.write(&pool, &mut cache, 1);
                let out = sequence.attend(&pool, &cache, &[6]);
                assert!(out[..16].iter().any(|value| value.is_nan()), "{isa} {element:?}: {place}");
            }
        }
    }
}

#[test]
fn all_instruction_sets_with_fused_operations_agree() {
    let shape = shape(6, 2, 64, Some(30));
    let sequence = Sequence::new(shape, 50, 0, 11);
    let results = [Isa::Avx512, Isa::Avx2].into_iter().filter(|isa| isa.is_available()).map(|isa| {
        let pool = pool(2, isa);
        let mut cache = cache(&shape, KvElement::F16, 4);
        sequence.write(&pool, &mut cache, 1);
        sequence.attend(&pool, &cache, &[50])
    });
    let results: Vec<_> = results.collect();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn impossible_caches_are_refused() {
    let shape = KvShape { layers: 2, kv_heads: 2, head_dim: 64, block_tokens: 20, element: KvElement::F16 };
    assert_eq!(KvCache::new(shape, 4).unwrap_err(), CacheError::BlockTokens { block_tokens: 20 });
    let shape = KvShape { block_tokens: 32, ..shape };
    assert_eq!(shape.bytes_per_block(), 2 * 2 * 2 * 64 * 32 * 2);
    assert!(matches!(KvCache::new(shape, usize::MAX / 2), Err(CacheError::Memory { .. })));
}
