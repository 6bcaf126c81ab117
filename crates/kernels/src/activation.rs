//! Element by element: activations, and sums of two streams.

use crate::{
    cache::{load, store},
    isa::Kernel,
    lanes::{LANES, Lanes, exp},
    pool::Pool,
    share::Shared,
};

/// Elements that are worth another thread.
const PIECE: usize = 8_192;

/// `gate ← gate · sigmoid(gate) · up`
///
/// # Panics
/// If the lengths differ.
pub fn silu_multiply(pool: &Pool, gate: &mut [f32], up: &[f32]) {
    apply::<SiluMultiply>(pool, gate, up);
}

/// GELU by its tanh approximation: x / 2 · (1 + tanh(√(2/π) (x + 0.044715 x³))).
pub fn gelu_tanh(pool: &Pool, values: &mut [f32]) {
    apply::<GeluTanh>(pool, values, &[]);
}

/// GELU as it is defined: x · Φ(x).
pub fn gelu_erf(pool: &Pool, values: &mut [f32]) {
    apply::<GeluErf>(pool, values, &[]);
}

/// `a ← a + b`
///
/// # Panics
/// If the lengths differ.
pub fn add(pool: &Pool, a: &mut [f32], b: &[f32]) {
    apply::<Add>(pool, a, b);
}

/// What is done with sixteen elements and, if it takes two, their counterparts.
trait Operation {
    const BINARY: bool;

    /// # Safety
    /// The machine has the instructions.
    unsafe fn apply<L: Lanes>(a: L::Floats, b: L::Floats) -> L::Floats;
}

fn apply<O: Operation>(pool: &Pool, a: &mut [f32], b: &[f32]) {
    assert!(!O::BINARY || a.len() == b.len(), "{} elements and {}", a.len(), b.len());
    let length = a.len();
    let shared = Shared::new(a);
    pool.share(length.div_ceil(PIECE), 1, |_, pieces| {
        let (start, end) = (pieces.start * PIECE, length.min(pieces.end * PIECE));
        // SAFETY: each piece is written by the one worker that got its number.
        let a = unsafe { shared.slice(start, end - start) };
        let b = if O::BINARY { &b[start..end] } else { b };
        pool.isa().dispatch(Elements { a, b, operation: std::marker::PhantomData::<O> });
    });
}

/// The kernel.
struct Elements<'a, O> {
    a: &'a mut [f32],
    b: &'a [f32],
    operation: std::marker::PhantomData<O>,
}

impl<O: Operation> Kernel for Elements<'_, O> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for at in (0..self.a.len()).step_by(LANES) {
            let count = (self.a.len() - at).min(LANES);
            // SAFETY: `load` and `store` keep to the slices; `dispatch` vouches for the instructions.
            unsafe {
                let a = load::<L>(&self.a[at..], count);
                let b = if O::BINARY { load::<L>(&self.b[at..], count) } else { a };
                store::<L>(&mut self.a[at..], count, O::apply::<L>(a, b));
            }
        }
    }
}

struct Add;
struct SiluMultiply;
struct GeluTanh;
struct GeluErf;

impl Operation for Add {
    const BINARY: bool = true;

    #[inline(always)]
    unsafe fn apply<L: Lanes>(a: L::Floats, b: L::Floats) -> L::Floats {
        // SAFETY: the caller vouches for the instructions.
        unsafe { L::add(a, b) }
    }
}

impl Operation for SiluMultiply {
    const BINARY: bool = true;

    #[inline(always)]
    unsafe fn apply<L: Lanes>(a: L::Floats, b: L::Floats) -> L::Floats {
        // SAFETY: the caller vouches for the instructions.
        unsafe { L::mul(times_sigmoid::<L>(a, a), b) }
    }
}

impl Operation for GeluTanh {
    const BINARY: bool = false;

    #[inline(always)]
    unsafe fn apply<L: Lanes>(a: L::Floats, _: L::Floats) -> L::Floats {
        // SAFETY: the caller vouches for the instructions.
        unsafe {
            // (1 + tanh y) / 2 is sigmoid(2y); 2√(2/π) = 1.595 769.
            let inner = L::fma(L::mul(L::splat(0.044_715), L::mul(a, a)), a, a);
            times_sigmoid::<L>(a, L::mul(inner, L::splat(1.595_769)))
        }
    }
}

/// value / (1 + e^−of)
#[inline(always)]
unsafe fn times_sigmoid<L: Lanes>(value: L::Floats, of: L::Floats) -> L::Floats {
    // SAFETY: the caller vouches for the instructions.
    unsafe { L::div(value, L::add(L::splat(1.0), exp::<L>(L::sub(L::splat(0.0), of)))) }
}

impl Operation for GeluErf {
    const BINARY: bool = false;

    #[inline(always)]
    unsafe fn apply<L: Lanes>(a: L::Floats, _: L::Floats) -> L::Floats {
        // SAFETY: the caller vouches for the instructions.
        unsafe {
            // Φ(−|x|) = erfc(|x|/√2) / 2 by formula 7.1.26 of Abramowitz and Stegun, off by 1.5e-7 at most.
            let negated = L::sub(L::splat(0.0), a);
            let distance = L::mul(L::max(a, negated), L::splat(std::f32::consts::FRAC_1_SQRT_2));
            let t = L::div(L::splat(1.0), L::fma(distance, L::splat(0.327_591_1), L::splat(1.0)));
            let mut series = L::splat(1.061_405_4);
            for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
                series = L::fma(series, t, L::splat(coefficient));
            }
            let tail = L::mul(L::mul(series, t), exp::<L>(L::sub(L::splat(0.0), L::mul(distance, distance))));
            let tail = L::mul(tail, L::splat(0.5));
            // x Φ(x) = max(x, 0) − |x| Φ(−|x|)
            L::negated_fma(L::max(a, negated), tail, L::max(a, L::splat(0.0)))
        }
    }
}
