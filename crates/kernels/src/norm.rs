//! Normalisation of rows.

use crate::{
    isa::{Isa, Kernel},
    lanes::{LANES, Lanes, load, store, sum},
    pool::Pool,
    share::Shared,
};

/// What makes a row of `weight.len()` values comparable to the others.
#[derive(Debug, Clone, Copy)]
pub enum Norm<'a> {
    /// x / √(mean x² + eps) · weight
    Rms { weight: &'a [f32], eps: f32 },
    /// (x − mean) / √(variance + eps) · weight + bias; a bias is as long as the weight.
    Layer { weight: &'a [f32], bias: Option<&'a [f32]>, eps: f32 },
}

impl<'a> Norm<'a> {
    /// Values of a row.
    pub fn columns(&self) -> usize {
        self.weight().len()
    }

    fn weight(&self) -> &'a [f32] {
        match self {
            Self::Rms { weight, .. } | Self::Layer { weight, .. } => weight,
        }
    }
}

/// Normalises rows.
///
/// # Panics
/// If the input is not whole rows, the output not as long, or a bias not as long as its weight.
pub fn normalise(pool: &Pool, input: &[f32], norm: Norm<'_>, out: &mut [f32]) {
    let columns = norm.columns();
    assert!(columns > 0 && input.len().is_multiple_of(columns), "{} values are not rows of {columns}", input.len());
    assert_eq!(input.len(), out.len(), "the output of a norm");
    let out = Shared::new(out);
    pool.share(input.len() / columns, (16_384 / columns).max(1), |_, rows| {
        for row in rows {
            // SAFETY: each row is written by the one worker that got its number.
            let out = unsafe { out.slice(row * columns, columns) };
            norm_row(pool.isa(), &input[row * columns..][..columns], norm, out);
        }
    });
}

/// Normalises one row.
pub(crate) fn norm_row(isa: Isa, input: &[f32], norm: Norm<'_>, out: &mut [f32]) {
    if let Norm::Layer { weight, bias: Some(bias), .. } = norm {
        assert_eq!(bias.len(), weight.len(), "the bias of a norm of {}", weight.len());
    }
    isa.dispatch(Row { input, norm, out });
}

/// `row += addend`, for rows of one length.
pub(crate) fn add_row(isa: Isa, row: &mut [f32], addend: &[f32]) {
    isa.dispatch(Add { row, addend });
}

struct Add<'a> {
    row: &'a mut [f32],
    addend: &'a [f32],
}

impl Kernel for Add<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { row, addend } = self;
        for at in (0..row.len()).step_by(LANES) {
            let count = (row.len() - at).min(LANES);
            // SAFETY: `load` and `store` keep to the slices; `dispatch` vouches for the instructions.
            unsafe {
                let sum = L::add(load::<L>(&row[at..], count), load::<L>(&addend[at..], count));
                store::<L>(&mut row[at..], count, sum);
            }
        }
    }
}

/// The kernel: one row.
struct Row<'a> {
    input: &'a [f32],
    norm: Norm<'a>,
    out: &'a mut [f32],
}

impl Kernel for Row<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { input, norm, out } = self;
        let (weight, bias, eps, centred) = match norm {
            Norm::Rms { weight, eps } => (weight, None, eps, false),
            Norm::Layer { weight, bias, eps } => (weight, bias, eps, true),
        };
        let columns = input.len();
        // SAFETY: `load` and `store` keep to the slices; `dispatch` vouches for the instructions.
        unsafe {
            let mean = if centred { L::splat(mean::<L>(input)) } else { L::splat(0.0) };
            let mut squares = L::splat(0.0);
            for at in (0..columns).step_by(LANES) {
                let count = (columns - at).min(LANES);
                let value = L::sub(load::<L>(&input[at..], count), mean);
                squares = L::fma(L::first(count, value, L::splat(0.0)), value, squares);
            }
            let factor = L::splat(1.0 / (sum::<L>(squares) / columns as f32 + eps).sqrt());
            for at in (0..columns).step_by(LANES) {
                let count = (columns - at).min(LANES);
                let value = L::mul(L::sub(load::<L>(&input[at..], count), mean), factor);
                let value = L::mul(value, load::<L>(&weight[at..], count));
                let value = match bias {
                    Some(bias) => L::add(value, load::<L>(&bias[at..], count)),
                    None => value,
                };
                store::<L>(&mut out[at..], count, value);
            }
        }
    }
}

#[inline(always)]
unsafe fn mean<L: Lanes>(input: &[f32]) -> f32 {
    // SAFETY: `load` keeps to the slice; the caller vouches for the instructions.
    unsafe {
        let mut total = L::splat(0.0);
        for at in (0..input.len()).step_by(LANES) {
            total = L::add(total, load::<L>(&input[at..], (input.len() - at).min(LANES)));
        }
        sum::<L>(total) / input.len() as f32
    }
}
