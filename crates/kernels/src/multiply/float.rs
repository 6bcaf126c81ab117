//! Tokens × a pair of panels of floats.
//!
//! More tokens than a tile holds go over the pair in chunks of columns, as in `integer`.

use std::marker::PhantomData;

use super::{Coming, Kept, Scratch, Sink};
use crate::{
    input::Input,
    lanes::{Bf16Lanes, LANES, Lanes, prefetch_stream},
    matrix::PANELS,
    tile::Tile,
};

/// How a panel holds two columns (see `matrix`), and how they are multiplied.
pub(crate) trait Pairs<L: Lanes> {
    const BYTES: usize;
    /// 16 rows of both columns of a pair.
    type Weights: Copy;
    /// What a token is made of.
    type Element: Copy;
    /// A token's values in both columns, in all lanes.
    type Values: Copy;

    /// All tokens.
    fn tokens(input: &Input) -> &[Self::Element];

    /// # Safety
    /// `from` holds a pair, and the machine has the instructions.
    unsafe fn weights(from: *const u8) -> Self::Weights;

    /// # Safety
    /// `from` holds two elements, and the machine has the instructions.
    unsafe fn values(from: *const Self::Element) -> Self::Values;

    /// `sum` plus both products.
    ///
    /// # Safety
    /// The machine has the instructions.
    unsafe fn add(sum: L::Floats, weights: Self::Weights, values: Self::Values) -> L::Floats;
}

/// A panel's pair of columns, widened to floats.
pub(crate) trait Widened<L: Lanes> {
    const BYTES: usize;

    /// # Safety
    /// `from` holds a pair, and the machine has the instructions.
    unsafe fn load(from: *const u8) -> (L::Floats, L::Floats);
}

pub(crate) struct F32;
pub(crate) struct F16;
pub(crate) struct Bf16;

impl<L: Lanes> Widened<L> for F32 {
    const BYTES: usize = 8 * LANES;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> (L::Floats, L::Floats) {
        // SAFETY: the pair is 32 floats.
        unsafe { (L::load(from.cast()), L::load(from.add(4 * LANES).cast())) }
    }
}

impl<L: Lanes> Widened<L> for F16 {
    const BYTES: usize = 4 * LANES;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> (L::Floats, L::Floats) {
        // SAFETY: the pair is 32 half floats.
        unsafe { (L::load_f16(from.cast()), L::load_f16(from.add(2 * LANES).cast())) }
    }
}

impl<L: Lanes> Widened<L> for Bf16 {
    const BYTES: usize = 4 * LANES;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> (L::Floats, L::Floats) {
        // SAFETY: the pair is 32 half floats.
        unsafe { L::load_bf16_pairs(from.cast()) }
    }
}

/// Pairs that are multiplied as floats.
pub(crate) struct AsFloats<W>(PhantomData<W>);

impl<L: Lanes, W: Widened<L>> Pairs<L> for AsFloats<W> {
    const BYTES: usize = W::BYTES;
    type Weights = (L::Floats, L::Floats);
    type Element = f32;
    type Values = (L::Floats, L::Floats);

    fn tokens(input: &Input) -> &[f32] {
        input.values()
    }

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> Self::Weights {
        // SAFETY: the caller vouches for the pair and the instructions.
        unsafe { W::load(from) }
    }

    #[inline(always)]
    unsafe fn values(from: *const f32) -> Self::Values {
        // SAFETY: the caller vouches for the elements and the instructions.
        unsafe { (L::splat(*from), L::splat(*from.add(1))) }
    }

    #[inline(always)]
    unsafe fn add(sum: L::Floats, weights: Self::Weights, values: Self::Values) -> L::Floats {
        // SAFETY: the caller vouches for the instructions.
        unsafe { L::fma(weights.1, values.1, L::fma(weights.0, values.0, sum)) }
    }
}

/// Pairs of bf16 times tokens that are rounded to bf16.
pub(crate) struct Bf16Dots;

impl<L: Bf16Lanes> Pairs<L> for Bf16Dots {
    const BYTES: usize = 4 * LANES;
    type Weights = L::Bytes;
    type Element = u16;
    type Values = L::Ints;

    fn tokens(input: &Input) -> &[u16] {
        &input.bf16
    }

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> L::Bytes {
        // SAFETY: the caller vouches for the pair and the instructions.
        unsafe { L::load_bytes(from) }
    }

    #[inline(always)]
    unsafe fn values(from: *const u16) -> L::Ints {
        // SAFETY: the caller vouches for the elements and the instructions.
        unsafe { L::splat_int(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn add(sum: L::Floats, weights: L::Bytes, values: L::Ints) -> L::Floats {
        // SAFETY: the caller vouches for the instructions.
        unsafe { L::dot_bf16(sum, weights, values) }
    }
}

/// Pairs of columns that stay in the cache while all tokens pass: 16 KiB of 16-bit weights.
const CHUNK_PAIRS: usize = 128;

/// # Safety
/// `pair` holds the input's columns as `P` has them, and the machine has the instructions.
#[inline(always)]
pub(crate) unsafe fn run<L: Lanes, P: Pairs<L>>(pair: &[u8], input: &Input, sink: &Sink<'_>, scratch: &mut Scratch) {
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

impl<L: Lanes, P: Pairs<L>> Tile for Float<'_, L, P> {
    #[inline(always)]
    unsafe fn tile<const T: usize>(&mut self, first: usize) {
        let stride = self.input.stride;
        // SAFETY: the input is padded to whole groups, so every pair of columns is there for every token; the panels hold as many.
        // The caller vouches for the tokens and the instructions.
        unsafe {
            self.coming.ask::<L>();
            let values = P::tokens(self.input)[first * stride..][..T * stride].as_ptr().add(2 * self.part.first);
            let mut sums = if self.part.first > 0 { self.sums.load::<L, T>(first) } else { [[L::splat(0.0); T]; PANELS] };
            for pair in 0..self.part.count {
                let at = self.part.weights.add(pair * PANELS * P::BYTES);
                if self.streams {
                    prefetch_stream::<L>(at, PANELS * P::BYTES);
                }
                let weights = [P::weights(at), P::weights(at.add(P::BYTES))];
                for token in 0..T {
                    let values = P::values(values.add(token * stride + 2 * pair));
                    for panel in 0..PANELS {
                        sums[panel][token] = P::add(sums[panel][token], weights[panel], values);
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
