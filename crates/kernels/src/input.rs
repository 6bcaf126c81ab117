//! The tokens of a step as the products read them: floats, and for integer weights bytes with a scale for each group of 32.

use crate::{
    isa::Kernel,
    lanes::{LANES, Lanes},
    matrix::GROUP,
    pool::Pool,
    share::Shared,
};

/// Tokens × columns, loaded once and multiplied with several matrices. Its memory is kept from step to step.
#[derive(Debug, Default)]
pub struct Input {
    pub(crate) tokens: usize,
    pub(crate) columns: usize,
    /// Elements from one token to the next: the columns, padded with zeros to whole groups.
    pub(crate) stride: usize,
    pub(crate) values: Vec<f32>,
    /// Whether the last load made the fields below.
    pub(crate) quantised: bool,
    pub(crate) codes: Vec<i8>,
    /// For each token and group, what a code is multiplied by.
    pub(crate) scales: Vec<f32>,
    /// For each token and group, the sum of its quantised values.
    pub(crate) sums: Vec<f32>,
    /// What the dot products start from, so that unsigned codes give the product of what they stand for.
    pub(crate) starts: Starts,
}

/// For each token and group (or half group), −offset · Σ codes.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    /// Offset 128, groups of 32.
    pub(crate) bytes: Vec<i32>,
    /// Offset 8, groups of 32.
    pub(crate) nibbles: Vec<i32>,
    /// Offset 32, groups of 16.
    pub(crate) halves: Vec<i32>,
}

impl Input {
    pub fn new() -> Self {
        Self::default()
    }

    /// How many tokens the last load brought.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Takes `values`, tokens × `columns`; with `quantise` also in the form that integer matrices need.
    ///
    /// # Panics
    /// If `values` is not whole tokens.
    pub fn load(&mut self, pool: &Pool, values: &[f32], columns: usize, quantise: bool) {
        assert!(columns > 0 && values.len().is_multiple_of(columns), "{} values are not rows of {columns}", values.len());
        self.tokens = values.len() / columns;
        self.columns = columns;
        self.stride = columns.next_multiple_of(GROUP);
        self.quantised = quantise;
        self.resize();
        let targets = Targets {
            values: Shared::new(&mut self.values),
            codes: Shared::new(&mut self.codes),
            scales: Shared::new(&mut self.scales),
            sums: Shared::new(&mut self.sums),
            bytes: Shared::new(&mut self.starts.bytes),
            nibbles: Shared::new(&mut self.starts.nibbles),
            halves: Shared::new(&mut self.starts.halves),
        };
        let stride = self.stride;
        // About 16,000 values are worth another thread.
        pool.share(self.tokens, (16_384 / columns).max(1), |_, tokens| {
            for token in tokens {
                let row = &values[token * columns..][..columns];
                // SAFETY: each token is loaded by the one worker that got its number.
                let copy = unsafe { targets.values.slice(token * stride, stride) };
                copy[..columns].copy_from_slice(row);
                copy[columns..].fill(0.0);
                if quantise {
                    pool.isa().dispatch(Quantise { values: copy, targets: &targets, token });
                }
            }
        });
    }

    fn resize(&mut self) {
        let groups = if self.quantised { self.tokens * self.stride / GROUP } else { 0 };
        self.values.resize(self.tokens * self.stride, 0.0);
        self.codes.resize(groups * GROUP, 0);
        self.scales.resize(groups, 0.0);
        self.sums.resize(groups, 0.0);
        self.starts.bytes.resize(groups, 0);
        self.starts.nibbles.resize(groups, 0);
        self.starts.halves.resize(2 * groups, 0);
    }
}

#[derive(Clone, Copy)]
struct Targets<'a> {
    values: Shared<'a, f32>,
    codes: Shared<'a, i8>,
    scales: Shared<'a, f32>,
    sums: Shared<'a, f32>,
    bytes: Shared<'a, i32>,
    nibbles: Shared<'a, i32>,
    halves: Shared<'a, i32>,
}

/// Quantises the values of one token.
struct Quantise<'a> {
    values: &'a [f32],
    targets: &'a Targets<'a>,
    token: usize,
}

impl Kernel for Quantise<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { values, targets, token } = self;
        let groups = values.len() / GROUP;
        // SAFETY: these are the token's own places, which only this worker writes.
        let (codes, scales, sums, bytes, nibbles, halves) = unsafe {
            (
                targets.codes.slice(token * values.len(), values.len()),
                targets.scales.slice(token * groups, groups),
                targets.sums.slice(token * groups, groups),
                targets.bytes.slice(token * groups, groups),
                targets.nibbles.slice(token * groups, groups),
                targets.halves.slice(token * groups * 2, groups * 2),
            )
        };
        for group in 0..groups {
            let codes = &mut codes[group * GROUP..][..GROUP];
            // SAFETY: the slices have the 32 elements of a group; `dispatch` vouches for the instructions.
            let (scale, [first, second]) = unsafe { quantise_group::<L>(&values[group * GROUP..][..GROUP], codes) };
            let sum = first + second;
            scales[group] = scale;
            sums[group] = scale * sum;
            bytes[group] = (-128.0 * sum) as i32;
            nibbles[group] = (-8.0 * sum) as i32;
            halves[2 * group] = (-32.0 * first) as i32;
            halves[2 * group + 1] = (-32.0 * second) as i32;
        }
    }
}

/// Quantises 32 values so that the greatest becomes ±127, and gives the scale and the sum of each half's codes.
#[inline(always)]
unsafe fn quantise_group<L: Lanes>(values: &[f32], codes: &mut [i8]) -> (f32, [f32; 2]) {
    // SAFETY: both slices have 32 elements; the caller vouches for the instructions.
    unsafe {
        let (first, second) = (L::load(values.as_ptr()), L::load(values.as_ptr().add(LANES)));
        let negated = L::max(L::sub(L::splat(0.0), first), L::sub(L::splat(0.0), second));
        let greatest = L::greatest(L::max(negated, L::max(first, second)));
        // A group of zeros, or of values too small to have an inverse, is all zeros.
        let inverse = if greatest > f32::MIN_POSITIVE * 256.0 { 127.0 / greatest } else { 0.0 };
        let first = L::round(L::mul(first, L::splat(inverse)));
        let second = L::round(L::mul(second, L::splat(inverse)));
        L::store_i8(codes.as_mut_ptr(), first);
        L::store_i8(codes.as_mut_ptr().add(LANES), second);
        (greatest / 127.0, [L::whole_sum(first), L::whole_sum(second)])
    }
}
