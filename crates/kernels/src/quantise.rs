//! Encoding: from floats to the blocks of each format. Not for the hot path; a model is encoded once.
//!
//! `Q8_0` and `Q4_0` give the very bytes of `quantize_row_q8_0_ref` and `quantize_row_q4_0_ref` of GGML. The K formats choose their scales as
//! GGML does without an importance matrix: several are tried, and the one with the smallest squared error is taken, large elements
//! counting for more.

use half::{bf16, f16};

use crate::format::Format;

/// Elements of a group of `Q4_K` and `Q5_K`, and how many groups a block has.
const GROUP: usize = 32;
const GROUPS: usize = 8;

/// The same of `Q6_K`.
const SMALL_GROUP: usize = 16;
const SMALL_GROUPS: usize = 16;

/// The largest of a six-bit factor.
const LARGEST_FACTOR: f32 = 63.0;

impl Format {
    /// Encodes whole blocks of `values` and appends them to `out`.
    ///
    /// # Panics
    /// If `values` are not whole blocks.
    pub fn quantise(self, values: &[f32], out: &mut Vec<u8>) {
        let elements = self.block_elements();
        assert!(values.len().is_multiple_of(elements), "{self}: {} elements are not whole blocks", values.len());
        let encode: fn(&[f32], &mut Vec<u8>) = match self {
            Self::F32 => |block, out| out.extend(block[0].to_le_bytes()),
            Self::F16 => |block, out| out.extend(f16::from_f32(block[0]).to_le_bytes()),
            Self::Bf16 => |block, out| out.extend(bf16::from_f32(block[0]).to_le_bytes()),
            Self::Q8_0 => q8_0_block,
            Self::Q4_0 => q4_0_block,
            Self::Q4K => q4_k_block,
            Self::Q5K => q5_k_block,
            Self::Q6K => q6_k_block,
        };
        for block in values.chunks_exact(elements) {
            encode(block, out);
        }
    }
}

/// The element that is farthest from zero, the first of several.
fn widest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |widest: f32, value| if value.abs() > widest.abs() { *value } else { widest })
}

/// The reciprocal, and 0 of 0: what has no scale has only zeros.
fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

/// Appends the scale as a half float, and gives the value that it has there.
fn put_half(value: f32, out: &mut Vec<u8>) -> f32 {
    let half = f16::from_f32(value);
    out.extend(half.to_le_bytes());
    half.to_f32()
}

fn q8_0_block(block: &[f32], out: &mut Vec<u8>) {
    let scale = widest(block).abs() / 127.0;
    put_half(scale, out);
    let inverse = inverse(scale);
    out.extend(block.iter().map(|value| ((value * inverse).round() as i8).cast_unsigned()));
}

fn q4_0_block(block: &[f32], out: &mut Vec<u8>) {
    // The widest element becomes −8, for which there is no counterpart on the other side.
    let scale = widest(block) / -8.0;
    put_half(scale, out);
    let inverse = inverse(scale);
    let code = |value: f32| (value * inverse + 8.5).clamp(0.0, 15.0) as u8;
    let (low, high) = block.split_at(16);
    out.extend(low.iter().zip(high).map(|(low, high)| code(*low) | (code(*high) << 4)));
}

fn q4_k_block(block: &[f32], out: &mut Vec<u8>) {
    let codes = k_head(block, 15.0, out);
    put_nibbles(&codes, out);
}

fn q5_k_block(block: &[f32], out: &mut Vec<u8>) {
    let codes = k_head(block, 31.0, out);
    for column in 0..GROUP {
        out.push((0..GROUPS).fold(0, |bits, group| bits | ((codes[group * GROUP + column] >> 4) << group)));
    }
    put_nibbles(&codes, out);
}

/// The lower four bits of two groups at a time, those of the second above those of the first.
fn put_nibbles(codes: &[u8; 256], out: &mut Vec<u8>) {
    for pair in codes.chunks_exact(2 * GROUP) {
        let (first, second) = pair.split_at(GROUP);
        out.extend(first.iter().zip(second).map(|(first, second)| (first & 15) | (second << 4)));
    }
}

/// Appends scale, minimum and the groups' factors of both, and gives the elements' codes, which are at most `levels`.
fn k_head(block: &[f32], levels: f32, out: &mut Vec<u8>) -> [u8; 256] {
    let mut fits = [(0.0, 0.0); GROUPS];
    for (fit, group) in fits.iter_mut().zip(block.chunks_exact(GROUP)) {
        *fit = fit_affine(group, levels);
    }
    let (largest_scale, largest_minimum) =
        fits.iter().fold((0.0_f32, 0.0_f32), |(a, b), (scale, minimum)| (a.max(*scale), b.max(*minimum)));
    let scale = put_half(largest_scale / LARGEST_FACTOR, out);
    let minimum = put_half(largest_minimum / LARGEST_FACTOR, out);
    let factor = |value: f32, unit: f32| (value * inverse(unit)).round().clamp(0.0, LARGEST_FACTOR) as u8;
    let factors = fits.map(|fit| (factor(fit.0, scale), factor(fit.1, minimum)));
    out.extend(packed_factors(&factors));

    let mut codes = [0; 256];
    for (index, (code, value)) in codes.iter_mut().zip(block).enumerate() {
        let (of_scale, of_minimum) = factors[index / GROUP];
        let from = value + minimum * f32::from(of_minimum);
        *code = (from * inverse(scale * f32::from(of_scale))).round().clamp(0.0, levels) as u8;
    }
    codes
}

/// Sixteen six-bit numbers in twelve bytes, as `format::scale_and_minimum` takes them apart.
fn packed_factors(factors: &[(u8, u8); GROUPS]) -> [u8; 12] {
    let mut packed = [0; 12];
    for (index, (scale, minimum)) in factors.iter().enumerate() {
        if index < 4 {
            packed[index] |= scale;
            packed[index + 4] |= minimum;
        } else {
            packed[index + 4] = (scale & 15) | (minimum << 4);
            packed[index - 4] |= (scale >> 4) << 6;
            packed[index] |= (minimum >> 4) << 6;
        }
    }
    packed
}

/// Scale and minimum (what is subtracted, never negative) of a group whose codes are 0 to `levels`.
fn fit_affine(values: &[f32], levels: f32) -> (f32, f32) {
    let low = values.iter().copied().fold(0.0, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if high <= low {
        return (0.0, -low);
    }
    let mean_square = values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32;
    let weights: Vec<f32> = values.iter().map(|value| mean_square.sqrt() + value.abs()).collect();
    let mut best = ((high - low) / levels, -low);
    let mut least = f32::INFINITY;
    for step in 0..=20 {
        let inverse = (levels - 1.0 + 0.1 * step as f32) / (high - low);
        let codes: Vec<f32> = values.iter().map(|value| (inverse * (value - low)).round().clamp(0.0, levels)).collect();
        let Some((scale, minimum)) = affine_least_squares(values, &codes, &weights) else { continue };
        let error: f32 = values
            .iter()
            .zip(&codes)
            .zip(&weights)
            .map(|((value, code), weight)| weight * (scale * code - minimum - value).powi(2))
            .sum();
        if error < least {
            (best, least) = ((scale, minimum), error);
        }
    }
    best
}

/// The scale and the minimum that serve these codes best; `None` if all codes are alike.
fn affine_least_squares(values: &[f32], codes: &[f32], weights: &[f32]) -> Option<(f32, f32)> {
    let sum = |term: fn(f32, f32) -> f32| -> f32 {
        let terms = values.iter().zip(codes).zip(weights);
        terms.map(|((value, code), weight)| weight * term(*value, *code)).sum()
    };
    let (all, of_code, of_square) = (sum(|_, _| 1.0), sum(|_, code| code), sum(|_, code| code * code));
    let (of_value, of_both) = (sum(|value, _| value), sum(|value, code| value * code));
    let determinant = all * of_square - of_code * of_code;
    if determinant <= 0.0 {
        return None;
    }
    let minimum = (of_code * of_both - of_square * of_value) / determinant;
    if minimum < 0.0 {
        return Some(((of_both / of_square).max(0.0), 0.0));
    }
    Some((((all * of_both - of_code * of_value) / determinant).max(0.0), minimum))
}

fn q6_k_block(block: &[f32], out: &mut Vec<u8>) {
    let mut fits = [0.0; SMALL_GROUPS];
    for (fit, group) in fits.iter_mut().zip(block.chunks_exact(SMALL_GROUP)) {
        *fit = fit_signed(group);
    }
    // The widest becomes −128, for which there is no counterpart on the other side.
    let scale = f16::from_f32(widest(&fits) / -128.0);
    let unit = scale.to_f32();
    let factors = fits.map(|fit| (fit * inverse(unit)).round().clamp(-128.0, 127.0) as i8);
    let mut codes = [0_u8; 256];
    for (index, (code, value)) in codes.iter_mut().zip(block).enumerate() {
        let inverse = inverse(unit * f32::from(factors[index / SMALL_GROUP]));
        *code = ((value * inverse).round().clamp(-32.0, 31.0) + 32.0) as u8;
    }
    for half in codes.chunks_exact(128) {
        for column in 0..64 {
            out.push((half[column] & 15) | (half[column + 64] << 4));
        }
    }
    for half in codes.chunks_exact(128) {
        for column in 0..32 {
            out.push((0..4).fold(0, |bits, quarter| bits | ((half[quarter * 32 + column] >> 4) << (2 * quarter))));
        }
    }
    out.extend(factors.map(i8::cast_unsigned));
    out.extend(scale.to_le_bytes());
}

/// The scale, of either sign, of a group whose codes are −32 to 31.
fn fit_signed(values: &[f32]) -> f32 {
    let widest = widest(values);
    if widest == 0.0 {
        return 0.0;
    }
    let (mut best, mut most) = (widest / -32.0, f32::NEG_INFINITY);
    for step in -9..=9 {
        let inverse = -(32.0 + 0.1 * step as f32) / widest;
        let (mut of_both, mut of_square) = (0.0, 0.0);
        for value in values {
            let (code, weight) = ((value * inverse).round().clamp(-32.0, 31.0), value * value);
            of_both += weight * value * code;
            of_square += weight * code * code;
        }
        // What a scale explains of the values; the rest is its error.
        let explained = of_both * of_both / of_square;
        if explained > most {
            (best, most) = (of_both / of_square, explained);
        }
    }
    best
}
