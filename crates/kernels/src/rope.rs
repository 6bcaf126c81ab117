//! Rotary positions ("RoFormer", arXiv 2104.09864), with the halves of a head as the two parts of its pairs.

use crate::{
    isa::Kernel,
    lanes::{LANES, Lanes, load, store},
    pool::Pool,
    share::Shared,
};

/// Cosines and sines for each position.
#[derive(Debug, Clone)]
pub struct RopeTable {
    /// Pairs that are rotated: half the rotated dimensions.
    pairs: usize,
    positions: usize,
    /// positions × (pairs cosines, pairs sines)
    table: Vec<f32>,
}

impl RopeTable {
    /// The table for positions below `positions`. Cosines and sines are multiplied by the attention factor.
    pub fn new(inverse_frequencies: &[f32], attention_factor: f32, positions: usize) -> Self {
        let pairs = inverse_frequencies.len();
        let mut table = Vec::with_capacity(positions * 2 * pairs);
        for position in 0..positions {
            // The angle is rounded as the reference implementation does; what follows need not be.
            let angles = inverse_frequencies.iter().map(|frequency| f64::from(position as f32 * frequency));
            table.extend(angles.clone().map(|angle| angle.cos() as f32 * attention_factor));
            table.extend(angles.map(|angle| angle.sin() as f32 * attention_factor));
        }
        Self { pairs, positions, table }
    }

    /// How many positions there are.
    pub fn positions(&self) -> usize {
        self.positions
    }
}

/// Rotates the first dimensions of each head: `values` is tokens × heads · head_dim, and `positions` has one for each token.
///
/// # Panics
/// If the shapes do not fit, or a position is not in the table.
pub fn rotate(pool: &Pool, table: &RopeTable, values: &mut [f32], heads: usize, head_dim: usize, positions: &[u32]) {
    let width = heads * head_dim;
    assert_eq!(values.len(), positions.len() * width, "{} tokens of {heads} heads of {head_dim}", positions.len());
    assert!(2 * table.pairs <= head_dim, "{} rotated pairs in a head of {head_dim}", table.pairs);
    let values = Shared::new(values);
    pool.share(positions.len(), (16_384 / width.max(1)).max(1), |_, tokens| {
        for token in tokens {
            let position = positions[token] as usize;
            assert!(position < table.positions, "position {position} of {}", table.positions);
            let row = &table.table[position * 2 * table.pairs..][..2 * table.pairs];
            // SAFETY: each token is rotated by the one worker that got its number.
            let values = unsafe { values.slice(token * width, width) };
            pool.isa().dispatch(Rotate { row, values, head_dim });
        }
    });
}

/// The kernel: one token.
struct Rotate<'a> {
    /// Cosines, then sines.
    row: &'a [f32],
    values: &'a mut [f32],
    head_dim: usize,
}

impl Kernel for Rotate<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { row, values, head_dim } = self;
        let pairs = row.len() / 2;
        let (cosines, sines) = row.split_at(pairs);
        for head in values.chunks_exact_mut(head_dim) {
            let (firsts, seconds) = head.split_at_mut(pairs);
            for at in (0..pairs).step_by(LANES) {
                let count = (pairs - at).min(LANES);
                // SAFETY: `load` and `store` keep to the slices; `dispatch` vouches for the instructions.
                unsafe {
                    let (cosine, sine) = (load::<L>(&cosines[at..], count), load::<L>(&sines[at..], count));
                    let (first, second) = (load::<L>(&firsts[at..], count), load::<L>(&seconds[at..], count));
                    store::<L>(&mut firsts[at..], count, L::sub(L::mul(first, cosine), L::mul(second, sine)));
                    store::<L>(&mut seconds[at..], count, L::add(L::mul(second, cosine), L::mul(first, sine)));
                }
            }
        }
    }
}
