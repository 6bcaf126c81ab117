//! Norms, rotary positions and activations against their definitions.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::num::NonZeroUsize;

use kernels::{Activation, Isa, Norm, Pool, RopeTable, activate, normalise, rotate};

fn pool(isa: Isa) -> Pool {
    Pool::with_isa(NonZeroUsize::new(2).unwrap(), isa)
}

/// From −8 to 8, in no order.
fn values(count: usize) -> Vec<f32> {
    (0..count).map(|index| (index * 7919 % 1601) as f32 / 100.0 - 8.0).collect()
}

/// Holds results to `expected(index)`, to a part in a million of themselves or of one.
fn check(name: &str, found: &[f32], expected: impl Fn(usize) -> f64) {
    for (index, &found) in found.iter().enumerate() {
        let expected = expected(index);
        assert!(
            (f64::from(found) - expected).abs() <= 2e-6 * expected.abs().max(1.0),
            "{name} {index}: {found}, not {expected}"
        );
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The error function by a series of positive terms, which loses nothing: 2/√π · e^−x² · Σ 2ⁿ x²ⁿ⁺¹ / (2n + 1)!!
fn erf(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > 1e-18 * sum.abs() {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    sum * (-x * x).exp() * 2.0 / std::f64::consts::PI.sqrt()
}

#[test]
fn activations() {
    for isa in Isa::ALL {
        let pool = pool(isa);
        for count in [1, 16, 1000, 20_001] {
            let x = values(count);
            let at = |index: usize| f64::from(x[index]);
            let up: Vec<_> = x.iter().rev().copied().collect();

            let mut found = x.clone();
            activate(&pool, Activation::Silu, &mut found, &up);
            check("silu", &found, |index| at(index) * sigmoid(at(index)) * f64::from(up[index]));

            let mut found = x.clone();
            activate(&pool, Activation::GeluTanh, &mut found, &[]);
            check("gelu_tanh", &found, |index| {
                let x = at(index);
                x / 2.0 * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh())
            });

            let mut found = x.clone();
            activate(&pool, Activation::GeluErf, &mut found, &[]);
            check("gelu_erf", &found, |index| at(index) / 2.0 * (1.0 + erf(at(index) / 2f64.sqrt())));
        }
    }
}

#[test]
fn large_values_do_not_overflow_activations() {
    let pool = pool(Isa::detect());
    let mut values = [1e4, -1e4, 1e30, -1e30, 0.0];
    activate(&pool, Activation::GeluTanh, &mut values[..2], &[]);
    activate(&pool, Activation::Silu, &mut values, &[1.0; 5]);
    assert!(values.iter().all(|value| value.is_finite()), "{values:?}");
    assert!((values[2] - 1e30).abs() < 1e24);
}

#[test]
fn norms() {
    for isa in Isa::ALL {
        let pool = pool(isa);
        for columns in [5, 64, 1000] {
            let x = values(7 * columns);
            let weight: Vec<_> = values(columns).iter().map(|value| value / 4.0).collect();
            let bias: Vec<_> = values(columns).iter().rev().copied().collect();
            let mean =
                |row: &[f32], of: &dyn Fn(f64) -> f64| row.iter().map(|&x| of(f64::from(x))).sum::<f64>() / columns as f64;
            let row = |index: usize| &x[index / columns * columns..][..columns];

            let mut found = vec![f32::NAN; x.len()];
            normalise(&pool, &x, Norm::Rms { weight: &weight, eps: 1e-5 }, &mut found);
            check("rms_norm", &found, |index| {
                let size = (mean(row(index), &|x| x * x) + 1e-5).sqrt();
                f64::from(x[index]) / size * f64::from(weight[index % columns])
            });

            normalise(&pool, &x, Norm::Layer { weight: &weight, bias: Some(&bias), eps: 1e-5 }, &mut found);
            check("layer_norm", &found, |index| {
                let centre = mean(row(index), &|x| x);
                let size = (mean(row(index), &|x| (x - centre).powi(2)) + 1e-5).sqrt();
                (f64::from(x[index]) - centre) / size * f64::from(weight[index % columns]) + f64::from(bias[index % columns])
            });
        }
    }
}

#[test]
fn rotary_positions() {
    let (heads, head_dim, frequencies) = (3, 40, [1.0, 0.5, 0.25, 0.01]);
    let table = RopeTable::new(&frequencies, 1.5, 100);
    let positions = [0, 7, 99];
    let x = values(positions.len() * heads * head_dim);
    for isa in Isa::ALL {
        let mut found = x.clone();
        rotate(&pool(isa), &table, &mut found, heads, head_dim, &positions);
        check("rotate", &found, |index| {
            let (dim, pairs) = (index % head_dim, frequencies.len());
            if dim >= 2 * pairs {
                return f64::from(x[index]);
            }
            let angle = f64::from(positions[index / (heads * head_dim)]) * f64::from(frequencies[dim % pairs]);
            let partner = if dim < pairs { -f64::from(x[index + pairs]) } else { f64::from(x[index - pairs]) };
            1.5 * (f64::from(x[index]) * angle.cos() + partner * angle.sin())
        });
    }
}
