//! Sixteen lanes side by side: the vocabulary in which every kernel is written, once.
//!
//! A kernel is generic over [`Lanes`]; an instruction set is an implementation of it. Packed matrices hold 16 rows side by side
//! and the key cache 16 positions, so 16 is the width whatever the registers are.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use self::{avx2::Avx2, avx512::Avx512};
pub(crate) use portable::Portable;

use crate::tile::Tile;

#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

/// The number of lanes.
pub(crate) const LANES: usize = 16;

/// What dot products start from: the bits of 3·2²², among which whole numbers up to 2²² either way are one bit apart. So read
/// as floats they are their value plus 3·2²², and no instruction is needed to convert them.
pub(crate) const DOT_START: i32 = 0x4b40_0000;

/// Sixteen lanes of an instruction set.
///
/// # Safety of all methods
/// They may be called only where `Isa::dispatch` has made sure that the machine has the instructions; pointers must be good for
/// 16 elements (64 bytes for `Bytes`), and need no alignment.
pub(crate) trait Lanes: Copy + 'static {
    /// 16 × f32.
    type Floats: Copy;
    /// 16 × i32.
    type Ints: Copy;
    /// 64 bytes: four for each lane.
    type Bytes: Copy;

    /// What `dot_signed` takes from each weight byte less than its unsigned value: its result is Σ(byte − 128 + `LIFT`)·activation.
    /// Instructions that multiply unsigned by signed bytes leave the byte as it is (128); the caller corrects.
    const LIFT: i32;

    /// Whether there are registers for the float sums of two panels at a time.
    const WIDE: bool;

    /// The most rows in a tile.
    const TILE: usize;

    /// From so many tokens on unpacking weights of K formats costs less than what every tile saves by it. Found by trying, as the next.
    const UNPACK_K: usize;
    /// The same for nibbles with one scale.
    const UNPACK_NIBBLES: usize;

    /// Works on `count` rows: whole tiles of as many as the registers serve best, and a smaller one at the end.
    unsafe fn tiles<W: Tile>(count: usize, work: &mut W);

    /// The same for queries, which have other sums. The last tile may have more rows than are left.
    unsafe fn query_tiles(count: usize, work: &mut impl Tile);

    unsafe fn load(from: *const f32) -> Self::Floats;
    unsafe fn store(to: *mut f32, value: Self::Floats);
    unsafe fn splat(value: f32) -> Self::Floats;
    unsafe fn add(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn sub(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn div(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// Like `min`, `b` where either is no number.
    unsafe fn max(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn min(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a·b + c`
    unsafe fn fma(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    /// `c − a·b`
    unsafe fn negated_fma(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    /// To the nearest whole number, ties to even.
    unsafe fn round(a: Self::Floats) -> Self::Floats;
    /// 2 to the power of whole numbers from −126 to 127.
    unsafe fn power_of_two(exponent: Self::Floats) -> Self::Floats;
    /// `a` in the first `count` lanes, `b` in the others.
    unsafe fn first(count: usize, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `value` in the lanes in which `a` ≥ `b`, zero in the others.
    unsafe fn where_at_least(a: Self::Floats, b: Self::Floats, value: Self::Floats) -> Self::Floats;

    /// The greatest lane.
    #[inline(always)]
    unsafe fn greatest(value: Self::Floats) -> f32 {
        let mut lanes = [0.0; LANES];
        // SAFETY: the array has 16 elements; the caller vouches for the instructions.
        unsafe { Self::store(lanes.as_mut_ptr(), value) };
        lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }

    /// The sum of the lanes, for whole numbers so small that the order does not matter.
    #[inline(always)]
    unsafe fn whole_sum(value: Self::Floats) -> f32 {
        // SAFETY: the caller vouches for the instructions.
        unsafe { sum::<Self>(value) }
    }

    unsafe fn load_f16(from: *const u16) -> Self::Floats;
    unsafe fn store_f16(to: *mut u16, value: Self::Floats);
    /// 16 pairs of bf16: the firsts, and the seconds.
    unsafe fn load_bf16_pairs(from: *const u16) -> (Self::Floats, Self::Floats);
    unsafe fn load_bf16(from: *const u16) -> Self::Floats;
    unsafe fn load_u8(from: *const u8) -> Self::Floats;
    unsafe fn load_i8(from: *const i8) -> Self::Floats;

    unsafe fn splat_int(value: i32) -> Self::Ints;
    unsafe fn to_floats(value: Self::Ints) -> Self::Floats;
    /// What `scale_dots` needs beside the scale.
    #[inline(always)]
    unsafe fn dot_correction(scale: Self::Floats) -> Self::Floats {
        // SAFETY: no memory is touched; the caller vouches for the instructions.
        unsafe { Self::mul(scale, Self::splat(-f32::from_bits(DOT_START.cast_unsigned()))) }
    }
    /// `(dots − DOT_START) · scale`, rounded once, for scales of at most 22 bits: those of weights have 11, or 19 in K formats.
    unsafe fn scale_dots(dots: Self::Ints, scale: Self::Floats, correction: Self::Floats) -> Self::Floats;
    /// To signed bytes, for whole numbers within their range.
    unsafe fn store_i8(to: *mut i8, value: Self::Floats);

    /// Asks for the 64 bytes at `from` to be brought into the first-level cache. They need not be there.
    unsafe fn prefetch(from: *const u8);
    /// The same, to where it is in nobody's way until it is needed some microseconds later.
    unsafe fn prefetch_for_later(from: *const u8);
    unsafe fn load_bytes(from: *const u8) -> Self::Bytes;
    unsafe fn store_bytes(to: *mut u8, value: Self::Bytes);
    unsafe fn low_nibbles(bytes: Self::Bytes) -> Self::Bytes;
    unsafe fn high_nibbles(bytes: Self::Bytes) -> Self::Bytes;
    /// `nibbles | ((bits >> SHIFT) & MASK)`, to the left for a negative `SHIFT`.
    unsafe fn with_bits<const SHIFT: i32, const MASK: u8>(nibbles: Self::Bytes, bits: Self::Bytes) -> Self::Bytes;

    /// In each lane, `sum` plus the dot product of its four weight bytes (0–127) with the four signed `activations`.
    unsafe fn dot(sum: Self::Ints, weights: Self::Bytes, activations: i32) -> Self::Ints;
    /// The same for weights that use all eight bits: signed values plus 128. See `LIFT`.
    unsafe fn dot_signed(sum: Self::Ints, weights: Self::Bytes, activations: i32) -> Self::Ints;
}

/// Lanes that multiply pairs of bf16 and add both products to a float: those of `Isa::dispatch_bf16`.
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "no other machine has them"))]
pub(crate) trait Bf16Lanes: Lanes {
    /// In each lane, `sum` plus the products of a pair of weights with the pair that `values` has in every lane. Numbers too small to be
    /// normal are zero, and so is what is too small of the sum.
    ///
    /// # Safety
    /// The machine has the instructions.
    unsafe fn dot_bf16(sum: Self::Floats, weights: Self::Bytes, values: Self::Ints) -> Self::Floats;
}

/// How far ahead weights are asked for: to the second-level cache, which can wait for more at a time, and then to the first. A
/// worker reads its pairs one after the other, so beyond the end of one are those of the next. Found by trying.
const FAR: usize = 6144;
const NEAR: usize = 1920;

/// Asks for what a worker that reads `bytes` at `from` now will read later.
#[inline(always)]
pub(crate) unsafe fn prefetch_stream<L: Lanes>(from: *const u8, bytes: usize) {
    for line in (0..bytes).step_by(64) {
        // SAFETY: what is asked for need not be there; the caller vouches for the instructions.
        unsafe {
            L::prefetch_for_later(from.wrapping_add(FAR + line));
            L::prefetch(from.wrapping_add(NEAR + line));
        }
    }
}

/// The first `count` elements, and zeros.
#[inline(always)]
pub(crate) unsafe fn load<L: Lanes>(from: &[f32], count: usize) -> L::Floats {
    // SAFETY: what is loaded is in the slice or in the array; the caller vouches for the instructions.
    unsafe {
        if from.len() >= LANES && count == LANES {
            return L::load(from.as_ptr());
        }
        let mut lanes = [0.0; LANES];
        lanes[..count].copy_from_slice(&from[..count]);
        L::load(lanes.as_ptr())
    }
}

/// Writes the first `count` lanes.
#[inline(always)]
pub(crate) unsafe fn store<L: Lanes>(to: &mut [f32], count: usize, value: L::Floats) {
    // SAFETY: as above.
    unsafe {
        if to.len() >= LANES && count == LANES {
            return L::store(to.as_mut_ptr(), value);
        }
        let mut lanes = [0.0; LANES];
        L::store(lanes.as_mut_ptr(), value);
        to[..count].copy_from_slice(&lanes[..count]);
    }
}

/// The sum of the lanes, in the order of a tree: every instruction set adds the same numbers.
#[inline(always)]
pub(crate) unsafe fn sum<L: Lanes>(value: L::Floats) -> f32 {
    let mut lanes = [0.0; LANES];
    // SAFETY: the array has 16 elements; the caller vouches for the instructions.
    unsafe { L::store(lanes.as_mut_ptr(), value) };
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// e to the power of each lane, to about one unit in the last place. What lies beyond −87.3 or 88 is taken as that; what is not
/// a number stays so.
#[inline(always)]
pub(crate) unsafe fn exp<L: Lanes>(value: L::Floats) -> L::Floats {
    // SAFETY: no memory is touched; the caller vouches for the instructions.
    unsafe {
        let value = L::min(L::splat(88.0), L::max(L::splat(-87.3), value));
        // value = exponent·ln 2 + rest with |rest| ≤ ln 2 / 2; ln 2 in two parts, so that the rest is exact.
        let exponent = L::round(L::mul(value, L::splat(std::f32::consts::LOG2_E)));
        let rest = L::negated_fma(exponent, L::splat(0.693_359_4), value);
        let rest = L::negated_fma(exponent, L::splat(-2.121_944_4e-4), rest);
        // The Taylor series up to rest⁷/7! is below 2⁻²⁶ off in this range.
        let mut series = L::splat(1.0 / 5040.0);
        for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
            series = L::fma(series, rest, L::splat(coefficient));
        }
        L::mul(series, L::power_of_two(exponent))
    }
}
