//! Tokens × panels of floats.

use std::marker::PhantomData;

use super::Sink;
use crate::{
    input::Input,
    lanes::{LANES, Lanes},
    matrix::PANELS,
    tile::Tile,
};

/// How a panel holds pairs of columns. See `matrix`.
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

/// # Safety
/// The panels hold the input's columns as `P` has them, and the machine has the instructions.
#[inline(always)]
pub(crate) unsafe fn run<L: Lanes, P: Pairs>(panels: [&[u8]; PANELS], input: &Input, sink: &Sink<'_>) {
    let mut work = Float { panels: panels.map(<[u8]>::as_ptr), input, sink, lanes: PhantomData::<(L, P)> };
    // SAFETY: the input has these tokens.
    unsafe { L::tiles(input.tokens, &mut work) };
}

struct Float<'a, L, P> {
    panels: [*const u8; PANELS],
    input: &'a Input,
    sink: &'a Sink<'a>,
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
    }
}

impl<L: Lanes, P: Pairs> Float<'_, L, P> {
    /// `T` tokens from `first` on times `N` panels from `panel` on.
    #[inline(always)]
    unsafe fn panels<const T: usize, const N: usize>(&self, first: usize, panel: usize) {
        let stride = self.input.stride;
        let pairs = self.input.columns.div_ceil(2);
        // SAFETY: the input is padded to whole groups, so every pair of columns is there for every token; the panels hold as many.
        unsafe {
            let values = self.input.values[first * stride..][..T * stride].as_ptr();
            let mut even = [[L::splat(0.0); T]; N];
            let mut odd = [[L::splat(0.0); T]; N];
            for pair in 0..pairs {
                let mut weights = [(L::splat(0.0), L::splat(0.0)); N];
                for n in 0..N {
                    weights[n] = P::load::<L>(self.panels[panel + n].add(pair * P::BYTES));
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
                    self.sink.put::<L>(first + token, panel + n, L::add(even[n][token], odd[n][token]));
                }
            }
        }
    }
}
