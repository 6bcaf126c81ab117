//! How fast each pair of dimensions turns: rotary positions and the ways to stretch them over longer contexts.
//!
//! The formulas are those of transformers' `modeling_rope_utils`; llama.cpp's agree with them.

use std::f64::consts::PI;

use crate::Position;

/// Rotary positions as a file describes them. All numbers are finite and, where a formula divides by one, not zero.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rope {
    /// The base of the wave lengths, above 1.
    pub(crate) theta: f64,
    /// Of a head; even.
    pub(crate) dimensions: usize,
    pub(crate) scaling: Scaling,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scaling {
    None,
    /// Positions come closer together by this factor.
    Linear {
        factor: f64,
    },
    Yarn(Yarn),
    Llama3 {
        factor: f64,
        low_frequency_factor: f64,
        high_frequency_factor: f64,
        original_context: f64,
    },
    /// Each frequency divided by its own number (LongRoPE's factors; GGUF's `rope_freqs.weight`).
    Divided {
        by: Vec<f64>,
        attention_factor: f64,
    },
}

/// YaRN, <https://arxiv.org/abs/2309.00071>.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Yarn {
    pub(crate) factor: f64,
    pub(crate) original_context: f64,
    pub(crate) attention_factor: f64,
    pub(crate) beta_fast: f64,
    pub(crate) beta_slow: f64,
    /// Whether the borders of the ramp are rounded to whole dimensions.
    pub(crate) truncate: bool,
}

impl Rope {
    pub(crate) fn position(&self) -> Position {
        let plain = self.plain_frequencies();
        let (frequencies, attention_factor) = match &self.scaling {
            Scaling::None => (plain, 1.0),
            Scaling::Linear { factor } => (plain.iter().map(|frequency| frequency / factor).collect(), 1.0),
            Scaling::Yarn(yarn) => (yarn.frequencies(&plain, self.theta), yarn.attention_factor),
            Scaling::Llama3 { factor, low_frequency_factor, high_frequency_factor, original_context } => {
                let scale = |frequency: &f64| {
                    llama3(*frequency, *factor, *low_frequency_factor, *high_frequency_factor, *original_context)
                };
                (plain.iter().map(scale).collect(), 1.0)
            }
            Scaling::Divided { by, attention_factor } => {
                (plain.iter().zip(by).map(|(frequency, divisor)| frequency / divisor).collect(), *attention_factor)
            }
        };
        Position::Rope {
            inverse_frequencies: frequencies.into_iter().map(|frequency| frequency as f32).collect(),
            attention_factor: attention_factor as f32,
        }
    }

    fn plain_frequencies(&self) -> Vec<f64> {
        let dimensions = self.dimensions as f64;
        (0..self.dimensions / 2).map(|pair| self.theta.powf(-2.0 * pair as f64 / dimensions)).collect()
    }
}

/// Low frequencies are divided by the factor, high ones stay, those between are mixed.
fn llama3(frequency: f64, factor: f64, low: f64, high: f64, original_context: f64) -> f64 {
    let turns = original_context * frequency / (2.0 * PI);
    if turns > high {
        return frequency;
    }
    if turns < low {
        return frequency / factor;
    }
    let smooth = (turns - low) / (high - low);
    (1.0 - smooth) * frequency / factor + smooth * frequency
}

impl Yarn {
    fn frequencies(&self, plain: &[f64], theta: f64) -> Vec<f64> {
        let dimensions = 2.0 * plain.len() as f64;
        let border = |turns: f64| dimensions * (self.original_context / (turns * 2.0 * PI)).ln() / (2.0 * theta.ln());
        let (mut low, mut high) = (border(self.beta_fast), border(self.beta_slow));
        if self.truncate {
            (low, high) = (low.floor(), high.ceil());
        }
        (low, high) = (low.max(0.0), high.min(dimensions - 1.0));
        if (high - low).abs() < f64::EPSILON {
            high += 0.001;
        }
        let mix = |(pair, frequency): (usize, &f64)| {
            let interpolated = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
            frequency / self.factor * interpolated + frequency * (1.0 - interpolated)
        };
        plain.iter().enumerate().map(mix).collect()
    }
}

/// By how much YaRN raises the attention's temperature when positions are stretched by `factor`.
pub(crate) fn yarn_magnitude(factor: f64, multiplier: f64) -> f64 {
    if factor <= 1.0 { 1.0 } else { 0.1 * multiplier * factor.ln() + 1.0 }
}
