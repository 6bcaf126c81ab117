//! Activations, element by element.

use crate::{
    isa::Kernel,
    lanes::{LANES, Lanes, exp, load, store},
    pool::Pool,
};

/// What lies between the two products of a feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x · sigmoid(x)
    Silu,
    /// GELU by its tanh approximation: x / 2 · (1 + tanh(√(2/π) (x + 0.044715 x³))).
    GeluTanh,
    /// GELU as it is defined: x · Φ(x).
    GeluErf,
}

/// `row ← activation(row) · factors`, or without the factors if there are none, on the caller's thread.
///
/// # Panics
/// If there are factors, but not as many.
pub fn activate(pool: &Pool, activation: Activation, row: &mut [f32], factors: &[f32]) {
    assert!(factors.is_empty() || factors.len() == row.len(), "{} elements and {}", row.len(), factors.len());
    let isa = pool.isa();
    match activation {
        Activation::Silu => isa.dispatch(Elements { row, factors, operation: std::marker::PhantomData::<Silu> }),
        Activation::GeluTanh => isa.dispatch(Elements { row, factors, operation: std::marker::PhantomData::<GeluTanh> }),
        Activation::GeluErf => isa.dispatch(Elements { row, factors, operation: std::marker::PhantomData::<GeluErf> }),
    }
}

/// What is done with sixteen elements.
trait Operation {
    /// # Safety
    /// The machine has the instructions.
    unsafe fn apply<L: Lanes>(a: L::Floats) -> L::Floats;
}

/// The kernel.
struct Elements<'a, O> {
    row: &'a mut [f32],
    factors: &'a [f32],
    operation: std::marker::PhantomData<O>,
}

impl<O: Operation> Kernel for Elements<'_, O> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { row, factors, .. } = self;
        for at in (0..row.len()).step_by(LANES) {
            let count = (row.len() - at).min(LANES);
            // SAFETY: `load` and `store` keep to the slices; `dispatch` vouches for the instructions.
            unsafe {
                let mut value = O::apply::<L>(load::<L>(&row[at..], count));
                if !factors.is_empty() {
                    value = L::mul(value, load::<L>(&factors[at..], count));
                }
                store::<L>(&mut row[at..], count, value);
            }
        }
    }
}

struct Silu;
struct GeluTanh;
struct GeluErf;

impl Operation for Silu {
    #[inline(always)]
    unsafe fn apply<L: Lanes>(a: L::Floats) -> L::Floats {
        // SAFETY: the caller vouches for the instructions.
        unsafe { times_sigmoid::<L>(a, a) }
    }
}

impl Operation for GeluTanh {
    #[inline(always)]
    unsafe fn apply<L: Lanes>(a: L::Floats) -> L::Floats {
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
    #[inline(always)]
    unsafe fn apply<L: Lanes>(a: L::Floats) -> L::Floats {
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
