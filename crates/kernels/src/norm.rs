//! Normalisation of rows.

use crate::{
    cache::{load, store},
    isa::Kernel,
    lanes::{LANES, Lanes, sum},
    pool::Pool,
    share::Shared,
};

/// Root-mean-square normalisation of rows of `weight.len()`: x / √(mean x² + eps) · weight.
///
/// # Panics
/// If the input is not whole rows, or the output not as long.
pub fn rms_norm(pool: &Pool, input: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    norm(pool, input, Norm { weight, bias: None, eps, centred: false }, out);
}

/// Layer normalisation of rows of `weight.len()`: (x − mean) / √(variance + eps) · weight + bias.
///
/// # Panics
/// As `rms_norm`, and if the bias is not as long as the weight.
pub fn layer_norm(pool: &Pool, input: &[f32], weight: &[f32], bias: Option<&[f32]>, eps: f32, out: &mut [f32]) {
    assert!(bias.is_none_or(|bias| bias.len() == weight.len()), "the bias of a norm of {}", weight.len());
    norm(pool, input, Norm { weight, bias, eps, centred: true }, out);
}

#[derive(Clone, Copy)]
struct Norm<'a> {
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    eps: f32,
    centred: bool,
}

fn norm(pool: &Pool, input: &[f32], norm: Norm<'_>, out: &mut [f32]) {
    let columns = norm.weight.len();
    assert!(columns > 0 && input.len().is_multiple_of(columns), "{} values are not rows of {columns}", input.len());
    assert_eq!(input.len(), out.len(), "the output of a norm");
    let out = Shared::new(out);
    pool.share(input.len() / columns, (16_384 / columns).max(1), |_, rows| {
        for row in rows {
            // SAFETY: each row is written by the one worker that got its number.
            let out = unsafe { out.slice(row * columns, columns) };
            pool.isa().dispatch(Row { input: &input[row * columns..][..columns], norm, out });
        }
    });
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
        let Self { input, norm: Norm { weight, bias, eps, centred }, out } = self;
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
