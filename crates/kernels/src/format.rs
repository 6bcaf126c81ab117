//! The element formats of weights as files hold them, with GGML's block layouts.
//!
//! A row of a tensor is a whole number of blocks. The layouts are those of `ggml-common.h`; values come out exactly as
//! `gguf.quants.dequantize` of the Python package `gguf` gives them.

use std::fmt;

use half::{bf16, f16};

/// How the elements of a tensor are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    F32,
    F16,
    Bf16,
    /// 32 signed bytes and a scale.
    Q8_0,
    /// 32 nibbles less 8, and a scale.
    Q4_0,
    /// 256 nibbles in groups of 32, each with a 6-bit scale and a 6-bit minimum.
    Q4K,
    /// As `Q4K`, with a fifth bit.
    Q5K,
    /// 256 six-bit values less 32 in groups of 16, each with a signed 8-bit scale.
    Q6K,
}

impl Format {
    pub const ALL: [Self; 8] = [Self::F32, Self::F16, Self::Bf16, Self::Q8_0, Self::Q4_0, Self::Q4K, Self::Q5K, Self::Q6K];

    /// The name GGML and GGUF files use.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Q8_0 => "Q8_0",
            Self::Q4_0 => "Q4_0",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
        }
    }

    /// Elements in one block.
    pub fn block_elements(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => 1,
            Self::Q8_0 | Self::Q4_0 => 32,
            Self::Q4K | Self::Q5K | Self::Q6K => 256,
        }
    }

    /// Bytes of one block.
    pub fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Q8_0 => 34,
            Self::Q4_0 => 18,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Bytes of a row, or `None` if the columns are not whole blocks or the size overflows.
    pub fn row_bytes(self, columns: usize) -> Option<usize> {
        if !columns.is_multiple_of(self.block_elements()) {
            return None;
        }
        (columns / self.block_elements()).checked_mul(self.block_bytes())
    }

    /// Whether elements are small integers with scales, rather than floats.
    pub fn is_integer(self) -> bool {
        !matches!(self, Self::F32 | Self::F16 | Self::Bf16)
    }

    /// Decodes whole blocks from `bytes` into `out`.
    ///
    /// # Panics
    /// If `bytes` is not exactly what `out.len()` elements take.
    pub fn dequantise(self, bytes: &[u8], out: &mut [f32]) {
        assert_eq!(Some(bytes.len()), self.row_bytes(out.len()), "{self}: the bytes do not hold {} elements", out.len());
        let decode = match self {
            Self::F32 => f32_block,
            Self::F16 => f16_block,
            Self::Bf16 => bf16_block,
            Self::Q8_0 => q8_0_block,
            Self::Q4_0 => q4_0_block,
            Self::Q4K => q4_k_block,
            Self::Q5K => q5_k_block,
            Self::Q6K => q6_k_block,
        };
        for (block, values) in bytes.chunks_exact(self.block_bytes()).zip(out.chunks_exact_mut(self.block_elements())) {
            decode(block, values);
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The half-precision number at `at`.
pub(crate) fn half_at(bytes: &[u8], at: usize) -> f16 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// The scale and the minimum of group `index` (0–7), from the 12 bytes in which `Q4_K` and `Q5_K` pack 16 six-bit numbers.
pub(crate) fn scale_and_minimum(packed: &[u8], index: usize) -> (u8, u8) {
    if index < 4 {
        return (packed[index] & 63, packed[index + 4] & 63);
    }
    let low = packed[index + 4];
    let scale = (low & 15) | ((packed[index - 4] >> 6) << 4);
    let minimum = (low >> 4) | ((packed[index] >> 6) << 4);
    (scale, minimum)
}

/// The five-bit values of a `Q5_K` block, or with no fifth bits the four-bit values of a `Q4_K` block.
pub(crate) fn k_nibbles(nibbles: &[u8], fifth: Option<&[u8]>, index: usize) -> u8 {
    let (group, column) = (index / 32, index % 32);
    let byte = nibbles[(group / 2) * 32 + column];
    let low = if group % 2 == 0 { byte & 15 } else { byte >> 4 };
    low | fifth.map_or(0, |bits| ((bits[column] >> group) & 1) << 4)
}

/// The six-bit value (0–63) of element `index` of a `Q6_K` block.
pub(crate) fn q6_k_code(block: &[u8], index: usize) -> u8 {
    let (half, quarter, column) = (index / 128, index % 128 / 32, index % 32);
    let byte = block[half * 64 + (quarter % 2) * 32 + column];
    let low = if quarter < 2 { byte & 15 } else { byte >> 4 };
    let high = (block[128 + half * 32 + column] >> (2 * quarter)) & 3;
    low | (high << 4)
}

fn f32_block(block: &[u8], out: &mut [f32]) {
    out[0] = f32::from_le_bytes([block[0], block[1], block[2], block[3]]);
}

fn f16_block(block: &[u8], out: &mut [f32]) {
    out[0] = half_at(block, 0).to_f32();
}

fn bf16_block(block: &[u8], out: &mut [f32]) {
    out[0] = bf16::from_le_bytes([block[0], block[1]]).to_f32();
}

fn q8_0_block(block: &[u8], out: &mut [f32]) {
    let scale = half_at(block, 0).to_f32();
    for (value, &code) in out.iter_mut().zip(&block[2..]) {
        *value = f32::from(code.cast_signed()) * scale;
    }
}

fn q4_0_block(block: &[u8], out: &mut [f32]) {
    let scale = half_at(block, 0).to_f32();
    for (column, &byte) in block[2..].iter().enumerate() {
        out[column] = scale * (f32::from(byte & 15) - 8.0);
        out[column + 16] = scale * (f32::from(byte >> 4) - 8.0);
    }
}

fn q4_k_block(block: &[u8], out: &mut [f32]) {
    k_block(block, &block[16..], None, out);
}

fn q5_k_block(block: &[u8], out: &mut [f32]) {
    k_block(block, &block[48..], Some(&block[16..48]), out);
}

fn k_block(block: &[u8], nibbles: &[u8], fifth: Option<&[u8]>, out: &mut [f32]) {
    let (scale, minimum) = (half_at(block, 0).to_f32(), half_at(block, 2).to_f32());
    for (group, values) in out.chunks_exact_mut(32).enumerate() {
        let (group_scale, group_minimum) = scale_and_minimum(&block[4..16], group);
        let (scale, minimum) = (scale * f32::from(group_scale), minimum * f32::from(group_minimum));
        for (column, value) in values.iter_mut().enumerate() {
            *value = scale * f32::from(k_nibbles(nibbles, fifth, group * 32 + column)) - minimum;
        }
    }
}

fn q6_k_block(block: &[u8], out: &mut [f32]) {
    let scale = half_at(block, 208).to_f32();
    for (index, value) in out.iter_mut().enumerate() {
        let group_scale = f32::from(block[192 + index / 16].cast_signed());
        *value = (scale * group_scale) * (f32::from(q6_k_code(block, index)) - 32.0);
    }
}
