//! Matrix × tokens.
//!
//! The work is cut into pairs of panels (32 outputs); for each pair the tokens go by in tiles, whose sums stay in registers. Whatever
//! the tile, an output is summed in one order: floats column after column or pair after pair, integers exactly within a group of columns and
//! then group after group.

mod codes;
mod float;
mod integer;

use std::cell::RefCell;

use crate::{
    format::Format,
    input::Input,
    isa::{Bf16Kernel, Kernel},
    lanes::{Bf16Lanes, LANES, Lanes},
    matrix::{Matrix, PANELS},
    pool::Pool,
    share::Shared,
};

/// One matrix of a call, and where its result goes.
#[derive(Debug)]
pub struct Product<'a> {
    pub weights: &'a Matrix,
    /// Added to each token's result: one for each row of the weights.
    pub bias: Option<&'a [f32]>,
    /// tokens × rows
    pub output: &'a mut [f32],
}

/// A piece of work for one worker should read at least this much, or handing it out costs more than it brings.
const PIECE_BYTES: usize = 64 << 10;

/// Multiplies the input's tokens with several matrices of as many columns, in one go.
///
/// # Panics
/// If the shapes do not fit, or if the input was not loaded in the form of a matrix and with the pool's instructions.
pub fn multiply<const N: usize>(pool: &Pool, input: &Input, products: [Product<'_>; N]) {
    assert!(input.tokens == 0 || input.isa == Some(pool.isa()), "an input that was loaded for other instructions");
    let jobs = products.map(|product| Job::new(pool, input, product));
    if input.tokens == 0 {
        return;
    }
    let pairs = jobs.iter().map(Job::pairs).sum();
    let greatest = jobs.iter().map(|job| job.weights.layout.pair_bytes).max().unwrap_or(1);
    pool.share_in_runs(pairs, (PIECE_BYTES / greatest / input.tokens).max(1), |_, range| {
        let mut first = 0;
        for job in &jobs {
            let (start, end) = (range.start.max(first), range.end.min(first + job.pairs()));
            for pair in start..end {
                job.run(pool, input, pair - first);
            }
            first += job.pairs();
        }
    });
}

/// A product whose shapes were checked.
struct Job<'a> {
    weights: &'a Matrix,
    bias: Option<&'a [f32]>,
    output: Shared<'a, f32>,
}

impl<'a> Job<'a> {
    fn new(pool: &Pool, input: &Input, product: Product<'a>) -> Self {
        let Product { weights, bias, output } = product;
        assert_eq!(weights.columns, input.columns, "{weights:?} times an input of {} columns", input.columns);
        assert_eq!(output.len(), input.tokens * weights.rows, "the output of {weights:?} times {} tokens", input.tokens);
        assert!(bias.is_none_or(|bias| bias.len() == weights.rows), "the bias of {weights:?}");
        assert!(input.form.suits(weights, pool.isa()), "{weights:?} times an input in another form");
        Self { weights, bias, output: Shared::new(output) }
    }

    fn pairs(&self) -> usize {
        self.weights.layout.pairs
    }

    fn run(&self, pool: &Pool, input: &Input, pair: usize) {
        SCRATCH.with_borrow_mut(|scratch| {
            let work = Work { weights: self.weights, input, pair, sink: Sink { job: self, pair }, scratch };
            if work.weights.format == Format::Bf16 && pool.isa().multiplies_bf16() {
                pool.isa().dispatch_bf16(work);
            } else {
                pool.isa().dispatch(work);
            }
        });
    }
}

/// 64 bytes at a 64-byte boundary.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line([u8; 64]);

/// What a worker keeps from call to call.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Weights that many tokens will read, a byte for each code.
    unpacked: Vec<Line>,
    /// Sums that wait while the other tokens pass.
    sums: Vec<Line>,
}

impl Scratch {
    /// Room for the sums of so many tokens.
    fn sums(&mut self, tokens: usize) -> Kept {
        self.sums.resize((tokens * PANELS).max(self.sums.len()), Line([0; 64]));
        Kept(self.sums.as_mut_ptr().cast())
    }
}

/// A tile's sums.
type Sums<L, const T: usize> = [[<L as Lanes>::Floats; T]; PANELS];

/// Where sums wait: 16 of each panel for each token.
#[derive(Clone, Copy)]
pub(crate) struct Kept(*mut f32);

impl Kept {
    /// # Safety
    /// There is room for these tokens, and the machine has the instructions.
    #[inline(always)]
    unsafe fn load<L: Lanes, const T: usize>(self, first: usize) -> Sums<L, T> {
        // SAFETY: the caller vouches for the tokens and the instructions.
        unsafe {
            let mut sums = [[L::splat(0.0); T]; PANELS];
            for token in 0..T {
                for panel in 0..PANELS {
                    sums[panel][token] = L::load(self.0.add(((first + token) * PANELS + panel) * LANES));
                }
            }
            sums
        }
    }

    /// # Safety
    /// As for `load`.
    #[inline(always)]
    unsafe fn store<L: Lanes, const T: usize>(self, first: usize, sums: &Sums<L, T>) {
        // SAFETY: the caller vouches for the tokens and the instructions.
        unsafe {
            for token in 0..T {
                for panel in 0..PANELS {
                    L::store(self.0.add(((first + token) * PANELS + panel) * LANES), sums[panel][token]);
                }
            }
        }
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The kernel: all tokens times one pair of panels.
struct Work<'a> {
    weights: &'a Matrix,
    input: &'a Input,
    pair: usize,
    sink: Sink<'a>,
    scratch: &'a mut Scratch,
}

impl Kernel for Work<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { weights, input, pair, sink, scratch } = self;
        let pair = weights.pair(pair);
        // SAFETY: `dispatch` vouches for the instructions, `Layout` for the size of the pair, and `Job::new` for the shapes.
        unsafe {
            match weights.format {
                Format::F32 => float::run::<L, float::AsFloats<float::F32>>(pair, input, &sink, scratch),
                Format::F16 => float::run::<L, float::AsFloats<float::F16>>(pair, input, &sink, scratch),
                Format::Bf16 => float::run::<L, float::AsFloats<float::Bf16>>(pair, input, &sink, scratch),
                Format::Q8_0 => integer::run::<L, codes::Q8_0>(pair, input, &sink, scratch),
                Format::Q4_0 => integer::run::<L, codes::Q4_0>(pair, input, &sink, scratch),
                Format::Q4K => integer::run::<L, codes::Q4K>(pair, input, &sink, scratch),
                Format::Q5K => integer::run::<L, codes::Q5K>(pair, input, &sink, scratch),
                Format::Q6K => integer::run::<L, codes::Q6K>(pair, input, &sink, scratch),
            }
        }
    }
}

impl Bf16Kernel for Work<'_> {
    #[inline(always)]
    fn run<L: Bf16Lanes>(self) {
        let Self { weights, input, pair, sink, scratch } = self;
        // SAFETY: as above.
        unsafe { float::run::<L, float::Bf16Dots>(weights.pair(pair), input, &sink, scratch) };
    }
}

/// The weights after those that the tiles work on now. Each tile asks for a share of them when it begins, so that memory is
/// not idle while all compute.
#[derive(Clone, Copy)]
pub(crate) struct Coming {
    at: *const u8,
    lines: usize,
    share: usize,
}

/// Found by trying.
const LEAST_ASKING: usize = 8;

impl Coming {
    /// `bytes` from `at` on, asked for by so many tiles. For few of them the shares would be so large that they wait for one another.
    fn new(at: *const u8, bytes: usize, tiles: usize) -> Self {
        let lines = if tiles < LEAST_ASKING { 0 } else { bytes / size_of::<Line>() };
        Self { at, lines, share: lines.div_ceil(tiles) }
    }

    /// # Safety
    /// The machine has the instructions.
    #[inline(always)]
    unsafe fn ask<L: Lanes>(&mut self) {
        let count = self.share.min(self.lines);
        for line in 0..count {
            // SAFETY: what is asked for need not be there.
            unsafe { L::prefetch_for_later(self.at.wrapping_add(line * size_of::<Line>())) };
        }
        self.at = self.at.wrapping_add(count * size_of::<Line>());
        self.lines -= count;
    }
}

/// Where the results of a pair of panels go.
pub(crate) struct Sink<'a> {
    job: &'a Job<'a>,
    pair: usize,
}

impl Sink<'_> {
    /// Writes a tile's results.
    ///
    /// # Safety
    /// The machine has the instructions.
    #[inline(always)]
    unsafe fn put_all<L: Lanes, const T: usize>(&self, first: usize, sums: &Sums<L, T>) {
        for token in 0..T {
            for panel in 0..PANELS {
                // SAFETY: the caller vouches for the instructions.
                unsafe { self.put::<L>(first + token, panel, sums[panel][token]) };
            }
        }
    }

    /// Writes a token's 16 results of one of the two panels; what pads the last panel is left out.
    ///
    /// # Safety
    /// The machine has the instructions.
    #[inline(always)]
    unsafe fn put<L: Lanes>(&self, token: usize, panel: usize, value: L::Floats) {
        let (rows, row) = (self.job.weights.rows, (self.pair * PANELS + panel) * LANES);
        let count = rows.saturating_sub(row).min(LANES);
        // SAFETY: a pair's outputs are written by the one worker that got its number; lengths are those of the slices.
        unsafe {
            if count < LANES {
                let mut lanes = [0.0; LANES];
                L::store(lanes.as_mut_ptr(), value);
                return self.put_some(token, row, &lanes[..count]);
            }
            let value = match self.job.bias {
                Some(bias) => L::add(value, L::load(bias[row..][..LANES].as_ptr())),
                None => value,
            };
            L::store(self.job.output.slice(token * rows + row, LANES).as_mut_ptr(), value);
        }
    }

    /// The results of a panel that the matrix does not fill.
    #[inline(never)]
    fn put_some(&self, token: usize, row: usize, values: &[f32]) {
        if values.is_empty() {
            return;
        }
        // SAFETY: as in `put`.
        let output = unsafe { self.job.output.slice(token * self.job.weights.rows + row, values.len()) };
        for (index, (output, value)) in output.iter_mut().zip(values).enumerate() {
            *output = value + self.job.bias.map_or(0.0, |bias| bias[row + index]);
        }
    }
}
