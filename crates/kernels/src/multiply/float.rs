//! Tokens × panels of floats.

use super::{
    Sink,
    tile::{self, Tile},
};
use crate::{
    input::Input,
    lanes::{LANES, Lanes},
    matrix::PANELS,
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
    let mut work = Float { panels: panels.map(<[u8]>::as_ptr), input, sink, lanes: std::marker::PhantomData::<(L, P)> };
    // SAFETY: the input has these tokens.
    unsafe { tile::over(input.tokens, &mut work) };
}

struct Float<'a, L, P> {
    panels: [*const u8; PANELS],
    input: &'a Input,
    sink: &'a Sink<'a>,
    lanes: std::marker::PhantomData<(L, P)>,
}

impl<L: Lanes, P: Pairs> Tile for Float<'_, L, P> {
    #[inline(always)]
    unsafe fn tile<const T: usize>(&mut self, first: usize) {
        let stride = self.input.stride;
        let pairs = self.input.columns.div_ceil(2);
        // SAFETY: the input is padded to whole groups, so every pair of columns is there for every token; the panels hold as many.
        unsafe {
            let values = self.input.values[first * stride..][..T * stride].as_ptr();
            let mut even = [[L::splat(0.0); T]; PANELS];
            let mut odd = [[L::splat(0.0); T]; PANELS];
            for pair in 0..pairs {
                let first = P::load::<L>(self.panels[0].add(pair * P::BYTES));
                let second = P::load::<L>(self.panels[1].add(pair * P::BYTES));
                for token in 0..T {
                    let value = values.add(token * stride + 2 * pair);
                    let (a, b) = (L::splat(*value), L::splat(*value.add(1)));
                    even[0][token] = L::fma(first.0, a, even[0][token]);
                    even[1][token] = L::fma(second.0, a, even[1][token]);
                    odd[0][token] = L::fma(first.1, b, odd[0][token]);
                    odd[1][token] = L::fma(second.1, b, odd[1][token]);
                }
            }
            for panel in 0..PANELS {
                for token in 0..T {
                    self.sink.put::<L>(first + token, panel, L::add(even[panel][token], odd[panel][token]));
                }
            }
        }
    }
}
