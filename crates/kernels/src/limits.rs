//! What this machine can do at most, measured, and what the products reach of it.
//!
//! Machines are shared and their speed moves, so a speed says little without the limit of the same moment beside it.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use crate::{
    arena::Arena,
    buffer::Buffer,
    format::Format,
    input::{Form, Input},
    isa::{Bf16Kernel, Kernel},
    lanes::{Bf16Lanes, LANES, Lanes},
    matrix::{Matrix, Rows},
    multiply::{Product, multiply},
    pack::PackError,
    pool::Pool,
};

/// What all workers of a pool do together in a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Bytes read from memory.
    pub bytes: f64,
    /// Additions and multiplications of bytes by the dot product instructions.
    pub integer_operations: f64,
    /// Additions and multiplications of 32-bit floats.
    pub float_operations: f64,
    /// The same of bf16, or of 32-bit floats where the machine has no products of bf16.
    pub bf16_operations: f64,
}

impl Limits {
    /// Measures for some tenths of a second. `bytes` are read over and over, and should be more than the caches hold.
    pub fn measure(pool: &Pool, bytes: usize) -> Self {
        let threads = pool.threads() as f64;
        let rounds = threads * ROUNDS as f64;
        let isa = pool.isa();
        // Four bytes in each lane, added and multiplied.
        let few = || isa.dispatch(Integers::<FEW>);
        let integers = chains_a_second(pool, few, || isa.dispatch(Integers::<MANY>)) * (LANES * 4 * 2) as f64;
        let few = || isa.dispatch(Floats::<FEW>);
        let floats = chains_a_second(pool, few, || isa.dispatch(Floats::<MANY>)) * (LANES * 2) as f64;
        let bf16 = if isa.multiplies_bf16() {
            let few = || isa.dispatch_bf16(Bf16::<FEW>);
            chains_a_second(pool, few, || isa.dispatch_bf16(Bf16::<MANY>)) * (LANES * 2 * 2) as f64
        } else {
            floats
        };
        Self {
            bytes: bandwidth(pool, bytes),
            integer_operations: rounds * integers,
            float_operations: rounds * floats,
            bf16_operations: rounds * bf16,
        }
    }

    /// Additions and multiplications in a second by the instructions for weights of this format.
    pub fn operations(&self, format: Format) -> f64 {
        match format {
            Format::F32 | Format::F16 => self.float_operations,
            Format::Bf16 => self.bf16_operations,
            _ => self.integer_operations,
        }
    }
}

/// The time of a product of random weights with some tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    pub tokens: usize,
    pub time: Duration,
    /// Bytes of the packed weights read in a second.
    pub bytes: f64,
    /// Additions and multiplications in a second.
    pub operations: f64,
}

/// Multiplies matrices of random weights with each number of tokens. So many matrices are gone through in turn that they do not
/// stay in the caches: `bytes` in all, as in `Limits::measure`.
pub fn speeds(
    pool: &Pool,
    format: Format,
    (rows, columns): (usize, usize),
    tokens: &[usize],
    bytes: usize,
) -> Result<Vec<Speed>, PackError> {
    let random = |seed| Random { format, rows, columns, seed };
    let one = Matrix::bytes_in_arena(&random(0));
    let count = (bytes / one.max(1)).max(1);
    let memory = || PackError::Memory { format, rows, columns };
    let mut arena = Arena::new(count * one).ok_or_else(memory)?;
    let matrices = (0..count).map(|seed| Matrix::pack_into(&mut arena, pool, &random(seed)));
    let matrices: Vec<_> = matrices.collect::<Result<_, _>>()?;
    Ok(tokens.iter().map(|&tokens| speed(pool, &matrices, tokens)).collect())
}

fn speed(pool: &Pool, matrices: &[Matrix], tokens: usize) -> Speed {
    let (rows, columns) = (matrices[0].rows(), matrices[0].columns());
    let values: Vec<f32> = (0..tokens * columns).map(|index| ((index * 7919) % 1000) as f32 / 500.0 - 1.0).collect();
    let mut input = Input::new();
    input.load(pool, &values, columns, Form::of([&matrices[0]]));
    let mut output = vec![0.0; tokens * rows];
    // With many tokens few matrices take long enough, and what the caches keep of them matters little.
    let used = &matrices[..matrices.len().div_ceil(tokens.div_ceil(16))];
    let time = best(|| {
        for weights in used {
            multiply(pool, &input, [Product { weights, bias: None, output: &mut output }]);
        }
    });
    let time = time / used.len() as u32;
    let seconds = time.as_secs_f64();
    let operations = (2 * tokens * rows * columns) as f64 / seconds;
    Speed { tokens, time, bytes: matrices[0].bytes() as f64 / seconds, operations }
}

/// The shortest of several runs: what else happens on the machine only ever adds.
fn best(mut run: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    let begin = Instant::now();
    let mut runs = 0;
    while runs < 3 || (begin.elapsed() < Duration::from_millis(80) && runs < 1_000) {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed());
        runs += 1;
    }
    best
}

/// As many equal parts as there are workers, one for each unless one is late.
fn shared(pool: &Pool, part: impl Fn(usize) + Sync) {
    pool.share(pool.threads(), 1, |_, range| range.for_each(&part));
}

fn bandwidth(pool: &Pool, bytes: usize) -> f64 {
    // Without the memory there is nothing to measure.
    let Some(mut buffer) = Buffer::zeroed(bytes) else { return 0.0 };
    buffer.bytes_mut().fill(1);
    let part = bytes / pool.threads() / 1024 * 1024;
    let time = best(|| {
        shared(pool, |number| pool.isa().dispatch(Read { bytes: &buffer.bytes()[number * part..][..part] }));
    });
    (part * pool.threads()) as f64 / time.as_secs_f64()
}

/// Independent sums hide an instruction's latency as long as there are registers for them: 16 lanes are one register of 32 with
/// AVX-512, two of 16 with AVX2.
const FEW: usize = 6;
const MANY: usize = 12;

const ROUNDS: usize = 400_000;

/// How many chains a worker brings one round further in a second, with few or with many of them, whichever are more.
fn chains_a_second(pool: &Pool, few: impl Fn() + Sync, many: impl Fn() + Sync) -> f64 {
    let few = best(|| shared(pool, |_| few()));
    let many = best(|| shared(pool, |_| many()));
    (FEW as f64 / few.as_secs_f64()).max(MANY as f64 / many.as_secs_f64())
}

struct Integers<const CHAINS: usize>;

impl<const CHAINS: usize> Kernel for Integers<CHAINS> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        // SAFETY: `dispatch` vouches for the instructions.
        unsafe {
            let weights = L::load_bytes(black_box([3; 64]).as_ptr());
            let mut sums = [L::splat_int(0); CHAINS];
            for _ in 0..ROUNDS {
                // Another one each time, as far as the compiler knows: else products that need no sum are computed but once.
                let activations = black_box(0x0102_0304);
                for sum in &mut sums {
                    *sum = L::dot(*sum, weights, activations);
                }
            }
            for sum in sums {
                black_box(L::greatest(L::to_floats(sum)));
            }
        }
    }
}

struct Floats<const CHAINS: usize>;

impl<const CHAINS: usize> Kernel for Floats<CHAINS> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        // SAFETY: `dispatch` vouches for the instructions.
        unsafe {
            let b = L::splat(black_box(0.25));
            let mut sums = [L::splat(0.0); CHAINS];
            for _ in 0..ROUNDS {
                let a = L::splat(black_box(0.5));
                for sum in &mut sums {
                    *sum = L::fma(a, b, *sum);
                }
            }
            for sum in sums {
                black_box(L::greatest(sum));
            }
        }
    }
}

struct Bf16<const CHAINS: usize>;

impl<const CHAINS: usize> Bf16Kernel for Bf16<CHAINS> {
    #[inline(always)]
    fn run<L: Bf16Lanes>(self) {
        // SAFETY: `dispatch_bf16` vouches for the instructions.
        unsafe {
            let weights = L::load_bytes(black_box([0x3e; 64]).as_ptr());
            let mut sums = [L::splat(0.0); CHAINS];
            for _ in 0..ROUNDS {
                let values = L::splat_int(black_box(0x3f00_3f00));
                for sum in &mut sums {
                    *sum = L::dot_bf16(*sum, weights, values);
                }
            }
            for sum in sums {
                black_box(L::greatest(sum));
            }
        }
    }
}

/// Reads everything once, in four streams, as fast as it comes.
struct Read<'a> {
    bytes: &'a [u8],
}

impl Kernel for Read<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let quarter = self.bytes.len() / 4;
        // SAFETY: all that is loaded is within the slice; `dispatch` vouches for the instructions.
        unsafe {
            let mut greatest = [L::splat(0.0); 4];
            for at in (0..quarter).step_by(64) {
                for stream in 0..4 {
                    let value = L::load(self.bytes.as_ptr().add(stream * quarter + at).cast());
                    greatest[stream] = L::max(greatest[stream], value);
                }
            }
            for greatest in greatest {
                black_box(L::greatest(greatest));
            }
        }
    }
}

/// A matrix whose bytes look random and whose values are of sensible size.
struct Random {
    format: Format,
    rows: usize,
    columns: usize,
    seed: usize,
}

impl Rows for Random {
    fn format(&self) -> Format {
        self.format
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn row(&self, index: usize, out: &mut Vec<u8>) {
        let block = self.format.block_bytes();
        let bytes = self.columns / self.format.block_elements() * block;
        let mut state = (index * 31 + self.seed + 1) as u64;
        out.clear();
        out.extend((0..bytes).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as u8
        }));
        // Exponents of small numbers, wherever a format has a float.
        let floats: &[usize] = match self.format {
            Format::F32 => &[3],
            Format::F16 | Format::Bf16 | Format::Q8_0 | Format::Q4_0 => &[1],
            Format::Q4K | Format::Q5K => &[1, 3],
            Format::Q6K => &[209],
        };
        let exponent = if matches!(self.format, Format::F32 | Format::Bf16) { 0x3c } else { 0x14 };
        for block in out.chunks_mut(block) {
            for &at in floats {
                block[at] = exponent;
            }
        }
    }
}
