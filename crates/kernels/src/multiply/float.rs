//! Tokens × a pair of panels of floats.
//!
//! More tokens than a tile holds go over the pair in chunks of columns, as in `integer`.

use std::marker::PhantomData;

use super::{Coming, Kept, Scratch, Sink};
use crate::{
    input::Input,
    lanes::{LANES, Lanes, prefetch_stream},
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

/// # Safety
/// `pair` holds the input's columns as `P` has them, and the machine has the instructions.
#[inline(always)]
pub(crate) unsafe fn run<L: Lanes, P: Pairs>(pair: &[u8], input: &Input, sink: &Sink<'_>, scratch: &mut Scratch) {
    let pairs = input.columns.div_ceil(2);
    let chunk = if input.tokens <= L::TILE { pairs } else { CHUNK_PAIRS };
    let sums = scratch.sums(if chunk < pairs { input.tokens } else { 0 });
    // SAFETY: the pair of panels holds all pairs of columns; the input has these tokens.
    unsafe {
        for first in (0..pairs).step_by(chunk) {
            let weights = pair.as_ptr().add(first * PANELS * P::BYTES);
            let count = chunk.min(pairs - first);
            let is_last = first + count == pairs;
            let (size, tiles) = (count * PANELS * P::BYTES, input.tokens.div_ceil(L::TILE));
            let coming = Coming::new(weights.wrapping_add(size), size, tiles);
            let part = Part { weights, first, count, is_last };
            let mut work = Float { part, input, sink, sums, streams: true, coming, lanes: PhantomData::<(L, P)> };
            L::tiles(input.tokens, &mut work);
        }
    }
}

/// Some pairs of columns.
struct Part {
    weights: *const u8,
    first: usize,
    count: usize,
    is_last: bool,
}

/// A part of all tokens.
struct Float<'a, L, P> {
    part: Part,
    input: &'a Input,
    sink: &'a Sink<'a>,
    sums: Kept,
    /// Whether the weights come from memory, as they do for the first tile.
    streams: bool,
    coming: Coming,
    lanes: PhantomData<(L, P)>,
}

impl<L: Lanes, P: Pairs> Tile for Float<'_, L, P> {
    #[inline(always)]
    unsafe fn tile<const T: usize>(&mut self, first: usize) {
        let stride = self.input.stride;
        // SAFETY: the input is padded to whole groups, so every pair of columns is there for every token; the panels hold as many.
        // The caller vouches for the tokens and the instructions.
        unsafe {
            self.coming.ask::<L>();
            let values = self.input.values()[first * stride..][..T * stride].as_ptr().add(2 * self.part.first);
            let mut sums = if self.part.first > 0 { self.sums.load::<L, T>(first) } else { [[L::splat(0.0); T]; PANELS] };
            for pair in 0..self.part.count {
                let at = self.part.weights.add(pair * PANELS * P::BYTES);
                if self.streams {
                    prefetch_stream::<L>(at, PANELS * P::BYTES);
                }
                let weights = [P::load::<L>(at), P::load::<L>(at.add(P::BYTES))];
                for token in 0..T {
                    let value = values.add(token * stride + 2 * pair);
                    let (a, b) = (L::splat(*value), L::splat(*value.add(1)));
                    for panel in 0..PANELS {
                        let sum = L::fma(weights[panel].0, a, sums[panel][token]);
                        sums[panel][token] = L::fma(weights[panel].1, b, sum);
                    }
                }
            }
            if self.part.is_last {
                self.sink.put_all::<L, T>(first, &sums);
            } else {
                self.sums.store::<L, T>(first, &sums);
            }
        }
        self.streams = false;
    }
}
