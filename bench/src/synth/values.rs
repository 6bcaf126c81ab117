//! Random weights, made directly in a format's blocks: quantising floats would take minutes and give nothing more random.

use half::{bf16, f16};
use kernels::Format;

use crate::random::Random;

/// Standard deviations of whole numbers spread evenly over what so many levels hold: √((levels² − 1) / 12).
const DEVIATION_OF_255: f32 = 73.61;
const DEVIATION_OF_16: f32 = 4.61;
const DEVIATION_OF_32: f32 = 9.23;
const DEVIATION_OF_64: f32 = 18.47;

/// Appends `blocks` blocks of weights with about this standard deviation, and in the three float formats this mean; elsewhere it is 0.
pub(super) fn append(format: Format, (mean, deviation): (f32, f32), blocks: usize, random: &mut Random, out: &mut Vec<u8>) {
    for _ in 0..blocks {
        match format {
            Format::F32 => out.extend((mean + even(deviation, random)).to_le_bytes()),
            Format::F16 => out.extend(f16::from_f32(mean + even(deviation, random)).to_le_bytes()),
            Format::Bf16 => out.extend(bf16::from_f32(mean + even(deviation, random)).to_le_bytes()),
            Format::Q8_0 => q8_0(deviation, random, out),
            Format::Q4_0 => q4_0(deviation, random, out),
            Format::Q4K => affine(deviation / DEVIATION_OF_16, 7.5, 128, random, out),
            Format::Q5K => affine(deviation / DEVIATION_OF_32, 15.5, 160, random, out),
            Format::Q6K => q6_k(deviation, random, out),
        }
    }
}

fn even(deviation: f32, random: &mut Random) -> f32 {
    let edge = deviation * 3.0_f32.sqrt();
    random.between(-edge, edge)
}

fn half_bytes(value: f32) -> [u8; 2] {
    f16::from_f32(value).to_le_bytes()
}

/// Scale, then 32 signed bytes.
fn q8_0(deviation: f32, random: &mut Random, out: &mut Vec<u8>) {
    out.extend(half_bytes(deviation / DEVIATION_OF_255 * random.between(0.75, 1.25)));
    let mut levels = [0; 32];
    random.fill(&mut levels);
    // −128 would pull the mean off zero, and no quantiser writes it.
    out.extend(levels.map(|level| if level == 0x80 { 0x81 } else { level }));
}

/// Scale, then 32 nibbles that stand for −8 to 7; scales of both signs keep the mean at zero, as in files that were really quantised.
fn q4_0(deviation: f32, random: &mut Random, out: &mut Vec<u8>) {
    let sign = if random.next() & 1 == 0 { 1.0 } else { -1.0 };
    out.extend(half_bytes(sign * deviation / DEVIATION_OF_16 * random.between(0.75, 1.25)));
    random_bytes(16, random, out);
}

/// Q4_K and Q5_K: scale and minimum, twelve bytes of six-bit factors, then the levels. Each group's minimum has the factor of its
/// scale, and `middle` is the middle level: then every group's mean is zero.
fn affine(unit: f32, middle: f32, level_bytes: usize, random: &mut Random, out: &mut Vec<u8>) {
    const MEAN_FACTOR: f32 = 47.5;
    let scale = unit / MEAN_FACTOR;
    out.extend(half_bytes(scale));
    out.extend(half_bytes(scale * middle));
    let factors: [u8; 8] = std::array::from_fn(|_| 32 + (random.next() & 31) as u8);
    let (low, high) = factors.split_at(4);
    let first = std::array::from_fn::<u8, 4, _>(|i| low[i] | ((high[i] >> 4) << 6));
    out.extend(first);
    out.extend(first);
    out.extend(high.iter().map(|factor| (factor & 15) | ((factor & 15) << 4)));
    random_bytes(level_bytes, random, out);
}

/// 192 bytes of six-bit levels, 16 signed factors, then the scale.
fn q6_k(deviation: f32, random: &mut Random, out: &mut Vec<u8>) {
    const MEAN_FACTOR: f32 = 79.5;
    random_bytes(192, random, out);
    for _ in 0..16 {
        let drawn = random.next();
        let factor = 48 + (drawn & 63) as i8;
        out.push(if drawn & 64 == 0 { factor } else { -factor }.cast_unsigned());
    }
    out.extend(half_bytes(deviation / DEVIATION_OF_64 / MEAN_FACTOR));
}

fn random_bytes(count: usize, random: &mut Random, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + count, 0);
    random.fill(&mut out[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_the_deviation_asked_for_and_no_bias() {
        let formats =
            [Format::F32, Format::F16, Format::Bf16, Format::Q8_0, Format::Q4_0, Format::Q4K, Format::Q5K, Format::Q6K];
        for format in formats {
            let blocks = 65_536 / format.block_elements();
            let mut bytes = Vec::new();
            append(format, (0.0, 0.02), blocks, &mut Random::new(1, "tensor"), &mut bytes);
            assert_eq!(bytes.len(), blocks * format.block_bytes(), "{}", format.name());
            let mut values = vec![0.0; 65_536];
            format.dequantise(&bytes, &mut values);
            let mean = values.iter().sum::<f32>() / 65_536.0;
            let deviation = (values.iter().map(|value| value * value).sum::<f32>() / 65_536.0).sqrt();
            assert!(mean.abs() < 0.001, "{}: mean {mean}", format.name());
            assert!((deviation - 0.02).abs() < 0.002, "{}: deviation {deviation}", format.name());
        }
    }
}
