//! Matrix × tokens.
//!
//! The work is cut into pairs of panels (32 outputs); for each pair the tokens go by in tiles of up to six, whose sums stay in
//! registers. Whatever the tile, an output is summed in one order: floats over even and odd columns apart, integers exactly
//! within a group of columns and then group after group.

mod codes;
mod float;
mod integer;

use std::cell::RefCell;

use crate::{
    format::Format,
    input::Input,
    isa::Kernel,
    lanes::Lanes,
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
/// If the shapes do not fit, or if a matrix is of integers and the input was not quantised.
pub fn multiply(pool: &Pool, input: &Input, products: &mut [Product<'_>]) {
    let jobs: Vec<Job<'_>> = products.iter_mut().map(|product| Job::new(input, product)).collect();
    if input.tokens == 0 {
        return;
    }
    let pairs = jobs.iter().map(Job::pairs).sum();
    let greatest = jobs.iter().map(|job| job.weights.layout.panel_bytes * PANELS).max().unwrap_or(1);
    pool.share(pairs, (PIECE_BYTES / greatest / input.tokens).max(1), |_, range| {
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
    fn new(input: &Input, product: &'a mut Product<'_>) -> Self {
        let Product { weights, bias, output } = product;
        assert_eq!(weights.columns, input.columns, "{weights:?} times an input of {} columns", input.columns);
        assert_eq!(output.len(), input.tokens * weights.rows, "the output of {weights:?} times {} tokens", input.tokens);
        assert!(bias.is_none_or(|bias| bias.len() == weights.rows), "the bias of {weights:?}");
        assert!(input.quantised || !weights.is_integer(), "{weights:?} times an input that was not quantised");
        Self { weights, bias: *bias, output: Shared::new(output) }
    }

    fn pairs(&self) -> usize {
        self.weights.layout.panels / PANELS
    }

    fn run(&self, pool: &Pool, input: &Input, pair: usize) {
        SCRATCH.with_borrow_mut(|scratch| {
            pool.isa().dispatch(Work { weights: self.weights, input, pair, sink: Sink { job: self, pair }, scratch });
        });
    }
}

/// 64 bytes at a 64-byte boundary.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line([u8; 64]);

thread_local! {
    /// Where a worker unpacks a pair of panels that many tokens will read.
    static SCRATCH: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// The kernel: all tokens times one pair of panels.
struct Work<'a> {
    weights: &'a Matrix,
    input: &'a Input,
    pair: usize,
    sink: Sink<'a>,
    scratch: &'a mut Vec<Line>,
}

impl Kernel for Work<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { weights, input, pair, sink, scratch } = self;
        let panels = [0, 1].map(|panel| weights.panel(pair * PANELS + panel));
        let scales_at = weights.layout.scales_at;
        // SAFETY: `dispatch` vouches for the instructions, `Layout` for the size of the panels, and `Job::new` for the shapes.
        unsafe {
            match weights.format {
                Format::F32 => float::run::<L, float::F32>(panels, input, &sink),
                Format::F16 => float::run::<L, float::F16>(panels, input, &sink),
                Format::Bf16 => float::run::<L, float::Bf16>(panels, input, &sink),
                Format::Q8_0 => integer::run::<L, codes::Q8_0>(panels, scales_at, input, &sink, scratch),
                Format::Q4_0 => integer::run::<L, codes::Q4_0>(panels, scales_at, input, &sink, scratch),
                Format::Q4K => integer::run::<L, codes::Q4K>(panels, scales_at, input, &sink, scratch),
                Format::Q5K => integer::run::<L, codes::Q5K>(panels, scales_at, input, &sink, scratch),
                Format::Q6K => integer::run::<L, codes::Q6K>(panels, scales_at, input, &sink, scratch),
            }
        }
    }
}

/// Where the results of a pair of panels go.
pub(crate) struct Sink<'a> {
    job: &'a Job<'a>,
    pair: usize,
}

impl Sink<'_> {
    /// Writes a token's 16 results of one of the two panels; what pads the last panel is left out.
    ///
    /// # Safety
    /// The machine has the instructions.
    #[inline(always)]
    unsafe fn put<L: Lanes>(&self, token: usize, panel: usize, value: L::Floats) {
        use crate::lanes::LANES;
        let (rows, row) = (self.job.weights.rows, (self.pair * PANELS + panel) * LANES);
        let count = rows.saturating_sub(row).min(LANES);
        if count == 0 {
            return;
        }
        // SAFETY: a pair's outputs are written by the one worker that got its number; lengths are those of the slices.
        unsafe {
            let output = self.job.output.slice(token * rows + row, count);
            if count == LANES {
                let value = match self.job.bias {
                    Some(bias) => L::add(value, L::load(bias[row..][..LANES].as_ptr())),
                    None => value,
                };
                L::store(output.as_mut_ptr(), value);
            } else {
                let mut lanes = [0.0; LANES];
                L::store(lanes.as_mut_ptr(), value);
                for (lane, output) in output.iter_mut().enumerate() {
                    *output = lanes[lane] + self.job.bias.map_or(0.0, |bias| bias[row + lane]);
                }
            }
        }
    }
}
