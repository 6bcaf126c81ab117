//! Tokens × a pair of panels of floats.
//!
//! More tokens than a tile holds go over the pair in chunks of columns, as in `integer`.

use std::marker::PhantomData;

use super::{Line, Scratch, Sink};
use crate::{
    input::Input,
    lanes::{LANES, Lanes},
    matrix::PANELS,
    tile::Tile,
};

/// How a panel holds two columns. See `matrix`.
pub(crate) trait Pairs {
    const BYTES: usize;

    /// 16 rows of the first and of the second column of a pair.
    ///
    /// # Safety
    /// `from` holds a pair, and the machine has the instructions.
    unsafe fn load<L: Lanes>(from: *const u8) -> (L::Floats, L::Floats);
}

pub(crate) struct F32;
pub(crate) struct F16;
pub(crate) struct Bf16;

impl Pairs for F32 {
    const BYTES: usize = 8 * LANES;

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const u8) -> (L::Floats, L::Floats) {
        // SAFETY: the pair is 32 floats.
        unsafe { (L::load(from.cast()), L::load(from.add(4 * LANES).cast())) }
    }
}

impl Pairs for F16 {
    const BYTES: usize = 4 * LANES;

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const u8) -> (L::Floats, L::Floats) {
        // SAFETY: the pair is 32 half floats.
        unsafe { (L::load_f16(from.cast()), L::load_f16(from.add(2 * LANES).cast())) }
    }
}

impl Pairs for Bf16 {
    const BYTES: usize = 4 * LANES;

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const u8) -> (L::Floats, L::Floats) {
        // SAFETY: the pair is 32 half floats.
        unsafe { L::load_bf16_pairs(from.cast()) }
    }
}

/// Pairs of columns that stay in the cache while all tokens pass: 16 KiB of 16-bit weights.
const CHUNK_PAIRS: usize = 128;

/// How far ahead weights are asked for, in bytes.
const AHEAD: usize = 2048;

/// # Safety
/// `pair` holds the input's columns as `P` has them, and the machine has the instructions.
#[inline(always)]
pub(crate) unsafe fn run<L: Lanes, P: Pairs>(pair: &[u8], input: &Input, sink: &Sink<'_>, scratch: &mut Scratch) {
    let pairs = input.columns.div_ceil(2);
    let chunk = if input.tokens <= L::TILE { pairs } else { CHUNK_PAIRS };
    if chunk < pairs {
        scratch.sums.resize((input.tokens * SUMS).max(scratch.sums.len()), Line([0; 64]));
    }
    let sums = scratch.sums.as_mut_ptr().cast::<f32>();
    // SAFETY: the pair of panels holds all pairs of columns; the input has these tokens.
    unsafe {
        for first in (0..pairs).step_by(chunk) {
            let weights = pair.as_ptr().add(first * PANELS * P::BYTES);
            let count = chunk.min(pairs - first);
            let mut work =
                Float { weights, first, count, pairs, input, sink, sums, ahead: AHEAD, lanes: PhantomData::<(L, P)> };
            L::tiles(input.tokens, &mut work);
        }
    }
}

/// Vectors of sums for each token: even and odd columns of each panel.
const SUMS: usize = 2 * PANELS;

/// Some pairs of columns of all tokens.
struct Float<'a, L, P> {
    weights: *const u8,
    first: usize,
    count: usize,
    /// Of a whole token.
    pairs: usize,
    input: &'a Input,
    sink: &'a Sink<'a>,
    /// `SUMS` vectors for each token, where there are several parts.
    sums: *mut f32,
    /// How far ahead weights are asked for, where they come from memory.
    ahead: usize,
    lanes: PhantomData<(L, P)>,
}

impl<L: Lanes, P: Pairs> Tile for Float<'_, L, P> {
    #[inline(always)]
    unsafe fn tile<const T: usize>(&mut self, first: usize) {
        // SAFETY: the caller vouches for the tokens and the instructions.
        unsafe {
            if L::WIDE {
                self.panels::<T, 2>(first, 0);
            } else {
                self.panels::<T, 1>(first, 0);
                self.panels::<T, 1>(first, 1);
            }
        }
        // The first tile has brought them.
        self.ahead = 0;
    }
}

impl<L: Lanes, P: Pairs> Float<'_, L, P> {
    /// `T` tokens from `first` on times `N` panels from `panel` on.
    #[inline(always)]
    unsafe fn panels<const T: usize, const N: usize>(&self, first: usize, panel: usize) {
        let stride = self.input.stride;
        // SAFETY: the input is padded to whole groups, so every pair of columns is there for every token; the panels hold as many.
        unsafe {
            let values = self.input.values[first * stride..][..T * stride].as_ptr().add(2 * self.first);
            let mut even = [[L::splat(0.0); T]; N];
            let mut odd = [[L::splat(0.0); T]; N];
            if self.first > 0 {
                for n in 0..N {
                    for token in 0..T {
                        let kept = self.kept(first + token, panel + n);
                        (even[n][token], odd[n][token]) = (L::load(kept), L::load(kept.add(LANES)));
                    }
                }
            }
            for pair in 0..self.count {
                let at = self.weights.add(pair * PANELS * P::BYTES);
                if self.ahead > 0 {
                    for line in (0..PANELS * P::BYTES).step_by(64) {
                        L::prefetch(at.wrapping_add(self.ahead + line));
                    }
                }
                let mut weights = [(L::splat(0.0), L::splat(0.0)); N];
                for n in 0..N {
                    weights[n] = P::load::<L>(at.add((panel + n) * P::BYTES));
                }
                for token in 0..T {
                    let value = values.add(token * stride + 2 * pair);
                    let (a, b) = (L::splat(*value), L::splat(*value.add(1)));
                    for n in 0..N {
                        even[n][token] = L::fma(weights[n].0, a, even[n][token]);
                        odd[n][token] = L::fma(weights[n].1, b, odd[n][token]);
                    }
                }
            }
            for n in 0..N {
                for token in 0..T {
                    if self.first + self.count == self.pairs {
                        self.sink.put::<L>(first + token, panel + n, L::add(even[n][token], odd[n][token]));
                    } else {
                        let kept = self.kept(first + token, panel + n);
                        L::store(kept, even[n][token]);
                        L::store(kept.add(LANES), odd[n][token]);
                    }
                }
            }
        }
    }

    /// Where a token's sums of a panel wait for the next part.
    fn kept(&self, token: usize, panel: usize) -> *mut f32 {
        self.sums.wrapping_add((token * SUMS + 2 * panel) * LANES)
    }
}
