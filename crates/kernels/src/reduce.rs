//! What a long row of numbers comes to, chunk by chunk: greatest values, and sums of exponentials.
//!
//! A chunk's results are computed by one fixed sequence of operations, so that they do not depend on how chunks are shared out;
//! who needs the whole row's adds them up in order. The greatest values tell which chunks need not be looked at again.

use crate::{
    isa::{Isa, Kernel},
    lanes::{LANES, Lanes, exp, load, store, sum},
};

/// Elements in a chunk; the last one of a row may have fewer.
pub const CHUNK: usize = 256;

/// The term e^((value − most) · scale) of each value from `floor` on; what is below, or not a number, has the term zero.
///
/// Exponents are taken as −87.3 if they are below that: a floor keeps them away.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exponential {
    pub most: f32,
    pub scale: f32,
    pub floor: f32,
}

/// The greatest value of each chunk: −∞ if it has no numbers.
///
/// # Panics
/// If there is not one place for each chunk.
pub fn maxima(isa: Isa, values: &[f32], out: &mut [f32]) {
    assert_eq!(out.len(), values.len().div_ceil(CHUNK), "a maximum for each chunk");
    available(isa).dispatch(Maxima { values, out });
}

/// Whether all of them are numbers, and none is beyond all.
pub fn are_finite(isa: Isa, values: &[f32]) -> bool {
    let mut are_finite = true;
    available(isa).dispatch(Finite { values, out: &mut are_finite });
    are_finite
}

/// The sum of the terms of each chunk. Chunks whose greatest value, given by `maxima`, is below the floor are not read.
///
/// # Panics
/// If there is not one maximum and one place for each chunk.
pub fn sums(isa: Isa, values: &[f32], maxima: &[f32], terms: Exponential, out: &mut [f32]) {
    assert_eq!(maxima.len(), values.len().div_ceil(CHUNK), "a maximum for each chunk");
    assert_eq!(out.len(), maxima.len(), "a sum for each chunk");
    available(isa).dispatch(Sums { values, maxima, terms, out });
}

/// The terms themselves, those that `sums` adds up.
///
/// # Panics
/// If there are not as many places as values.
pub fn exponentials(isa: Isa, values: &[f32], terms: Exponential, out: &mut [f32]) {
    assert_eq!(values.len(), out.len(), "a place for each term");
    available(isa).dispatch(Exponentials { values, terms, out });
}

/// What `dispatch` relies on: an instruction set that this machine has.
fn available(isa: Isa) -> Isa {
    if isa.is_available() { isa } else { Isa::Portable }
}

struct Maxima<'a> {
    values: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Maxima<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (values, out) in self.values.chunks(CHUNK).zip(self.out) {
            // SAFETY: `load` keeps to the slice; `dispatch` vouches for the instructions.
            unsafe {
                let nothing = L::splat(f32::NEG_INFINITY);
                let mut greatest = nothing;
                for at in (0..values.len()).step_by(LANES) {
                    let count = (values.len() - at).min(LANES);
                    let value = L::first(count, load::<L>(&values[at..], count), nothing);
                    // In this order: the maximum of something that is not a number and `b` is `b`.
                    greatest = L::max(value, greatest);
                }
                *out = L::greatest(greatest);
            }
        }
    }
}

struct Finite<'a> {
    values: &'a [f32],
    out: &'a mut bool,
}

impl Kernel for Finite<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        // Zero times a number is zero, and times anything else no number, which stays in the sum.
        let (whole, rest) = self.values.as_chunks::<LANES>();
        // SAFETY: each chunk has as many elements as there are lanes; `dispatch` vouches for the instructions.
        unsafe {
            let zero = L::splat(0.0);
            // Four sums, for each addition waits for the one before it.
            let mut sums = [zero; 4];
            let (fours, others) = whole.as_chunks::<4>();
            for chunks in fours {
                for (sum, chunk) in sums.iter_mut().zip(chunks) {
                    *sum = L::fma(L::load(chunk.as_ptr()), zero, *sum);
                }
            }
            for chunk in others {
                sums[0] = L::fma(L::load(chunk.as_ptr()), zero, sums[0]);
            }
            let sum = sum::<L>(L::add(L::add(sums[0], sums[1]), L::add(sums[2], sums[3])));
            *self.out = sum.is_finite() && rest.iter().all(|value| value.is_finite());
        }
    }
}

struct Sums<'a> {
    values: &'a [f32],
    maxima: &'a [f32],
    terms: Exponential,
    out: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { values, maxima, terms, out } = self;
        for ((values, greatest), out) in values.chunks(CHUNK).zip(maxima).zip(out) {
            if *greatest < terms.floor {
                *out = 0.0;
                continue;
            }
            // SAFETY: `load` keeps to the slice; `dispatch` vouches for the instructions.
            unsafe {
                let mut total = L::splat(0.0);
                for at in (0..values.len()).step_by(LANES) {
                    let count = (values.len() - at).min(LANES);
                    total = L::add(total, term::<L>(&values[at..], count, terms));
                }
                *out = sum::<L>(total);
            }
        }
    }
}

struct Exponentials<'a> {
    values: &'a [f32],
    terms: Exponential,
    out: &'a mut [f32],
}

impl Kernel for Exponentials<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { values, terms, out } = self;
        for at in (0..values.len()).step_by(LANES) {
            let count = (values.len() - at).min(LANES);
            // SAFETY: `load` and `store` keep to the slices; `dispatch` vouches for the instructions.
            unsafe { store::<L>(&mut out[at..], count, term::<L>(&values[at..], count, terms)) };
        }
    }
}

/// The terms of the first `count` values, and zeros.
#[inline(always)]
unsafe fn term<L: Lanes>(values: &[f32], count: usize, terms: Exponential) -> L::Floats {
    let Exponential { most, scale, floor } = terms;
    // SAFETY: `load` keeps to the slice; the caller vouches for the instructions.
    unsafe {
        let value = load::<L>(values, count);
        let term = exp::<L>(L::mul(L::sub(value, L::splat(most)), L::splat(scale)));
        L::first(count, L::where_at_least(value, L::splat(floor), term), L::splat(0.0))
    }
}
