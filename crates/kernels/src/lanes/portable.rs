//! Lanes in plain Rust: the path of machines we have no intrinsics for, and the scalar twin that tests hold the others to.

use half::f16;

use super::{DOT_START, LANES, Lanes, Tile};

/// Plain code. With `FUSED`, a multiplication and its addition round once, as the instructions of the other paths do; that is
/// slow without the instruction, so it is for tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain<const FUSED: bool>;

/// The path of other machines.
pub(crate) type Portable = Plain<false>;

/// The twin with the same bits as the intrinsics.
#[cfg(all(test, target_arch = "x86_64"))]
pub(crate) type Exact = Plain<true>;

type Floats = [f32; LANES];

#[inline(always)]
fn zip(a: Floats, b: Floats, operation: impl Fn(f32, f32) -> f32) -> Floats {
    let mut result = [0.0; LANES];
    for lane in 0..LANES {
        result[lane] = operation(a[lane], b[lane]);
    }
    result
}

#[inline(always)]
fn bytes(value: [u8; 64], operation: impl Fn(u8) -> u8) -> [u8; 64] {
    let mut result = [0; 64];
    for index in 0..64 {
        result[index] = operation(value[index]);
    }
    result
}

// What takes many instructions without those made for it is not inlined, or the kernels would grow large.

#[inline(never)]
fn widen(halves: [u16; LANES]) -> Floats {
    halves.map(|half| f16::from_bits(half).to_f32())
}

#[inline(never)]
fn narrow(value: Floats) -> [u16; LANES] {
    value.map(|value| f16::from_f32(value).to_bits())
}

#[inline(never)]
fn dot(sum: [i32; LANES], weights: [u8; 64], activations: i32) -> [i32; LANES] {
    let activations = activations.to_ne_bytes();
    let mut result = sum;
    for lane in 0..LANES {
        for index in 0..4 {
            result[lane] += i32::from(weights[4 * lane + index]) * i32::from(activations[index].cast_signed());
        }
    }
    result
}

impl<const FUSED: bool> Lanes for Plain<FUSED> {
    type Floats = Floats;
    type Ints = [i32; LANES];
    type Bytes = [u8; 64];

    const LIFT: i32 = 128;
    const WIDE: bool = false;
    const TILE: usize = 1;
    const UNPACK_K: usize = 12;
    const UNPACK_NIBBLES: usize = 12;

    // The compiler keeps few of these arrays in registers, so larger tiles would only make the program larger.
    #[inline(always)]
    unsafe fn tiles<W: Tile>(count: usize, work: &mut W) {
        for row in 0..count {
            // SAFETY: the caller vouches for the rows.
            unsafe { work.tile::<1>(row) };
        }
    }

    #[inline(always)]
    unsafe fn query_tiles(count: usize, work: &mut impl Tile) {
        // SAFETY: as above.
        unsafe { Self::tiles(count, work) };
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Floats {
        // SAFETY: the caller vouches for 16 elements.
        unsafe { from.cast::<Floats>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, value: Floats) {
        // SAFETY: the caller vouches for 16 elements.
        unsafe { to.cast::<Floats>().write_unaligned(value) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Floats {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn add(a: Floats, b: Floats) -> Floats {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(a: Floats, b: Floats) -> Floats {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(a: Floats, b: Floats) -> Floats {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn div(a: Floats, b: Floats) -> Floats {
        zip(a, b, |a, b| a / b)
    }

    // The instructions give `b` if either is not a number; so do these.
    #[inline(always)]
    unsafe fn max(a: Floats, b: Floats) -> Floats {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn min(a: Floats, b: Floats) -> Floats {
        zip(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    unsafe fn fma(a: Floats, b: Floats, c: Floats) -> Floats {
        let mut result = c;
        for lane in 0..LANES {
            result[lane] = if FUSED { a[lane].mul_add(b[lane], c[lane]) } else { a[lane] * b[lane] + c[lane] };
        }
        result
    }

    #[inline(always)]
    unsafe fn negated_fma(a: Floats, b: Floats, c: Floats) -> Floats {
        let mut result = c;
        for lane in 0..LANES {
            result[lane] = if FUSED { (-a[lane]).mul_add(b[lane], c[lane]) } else { c[lane] - a[lane] * b[lane] };
        }
        result
    }

    #[inline(always)]
    unsafe fn round(a: Floats) -> Floats {
        zip(a, a, |a, _| a.round_ties_even())
    }

    #[inline(always)]
    unsafe fn power_of_two(exponent: Floats) -> Floats {
        zip(exponent, exponent, |exponent, _| f32::from_bits(((exponent as i32 + 127) as u32) << 23))
    }

    #[inline(always)]
    unsafe fn first(count: usize, a: Floats, b: Floats) -> Floats {
        let mut result = b;
        for lane in 0..LANES {
            if lane < count {
                result[lane] = a[lane];
            }
        }
        result
    }

    #[inline(always)]
    unsafe fn where_at_least(a: Floats, b: Floats, value: Floats) -> Floats {
        let mut result = [0.0; LANES];
        for lane in 0..LANES {
            result[lane] = if a[lane] >= b[lane] { value[lane] } else { 0.0 };
        }
        result
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Floats {
        // SAFETY: the caller vouches for 16 elements.
        let halves = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        widen(halves)
    }

    #[inline(always)]
    unsafe fn store_f16(to: *mut u16, value: Floats) {
        // SAFETY: the caller vouches for 16 elements.
        unsafe { to.cast::<[u16; LANES]>().write_unaligned(narrow(value)) }
    }

    #[inline(always)]
    unsafe fn load_bf16_pairs(from: *const u16) -> (Floats, Floats) {
        // SAFETY: the caller vouches for 16 pairs.
        let pairs = unsafe { from.cast::<[[u16; 2]; LANES]>().read_unaligned() };
        let (mut firsts, mut seconds) = ([0.0; LANES], [0.0; LANES]);
        for lane in 0..LANES {
            firsts[lane] = f32::from_bits(u32::from(pairs[lane][0]) << 16);
            seconds[lane] = f32::from_bits(u32::from(pairs[lane][1]) << 16);
        }
        (firsts, seconds)
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Floats {
        // SAFETY: the caller vouches for 16 elements.
        let halves = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        let mut result = [0.0; LANES];
        for lane in 0..LANES {
            result[lane] = f32::from_bits(u32::from(halves[lane]) << 16);
        }
        result
    }

    #[inline(always)]
    unsafe fn load_u8(from: *const u8) -> Floats {
        // SAFETY: the caller vouches for 16 elements.
        let values = unsafe { from.cast::<[u8; LANES]>().read_unaligned() };
        let mut result = [0.0; LANES];
        for lane in 0..LANES {
            result[lane] = f32::from(values[lane]);
        }
        result
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Floats {
        // SAFETY: the caller vouches for 16 elements.
        let values = unsafe { from.cast::<[i8; LANES]>().read_unaligned() };
        let mut result = [0.0; LANES];
        for lane in 0..LANES {
            result[lane] = f32::from(values[lane]);
        }
        result
    }

    #[inline(always)]
    unsafe fn splat_int(value: i32) -> [i32; LANES] {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn to_floats(value: [i32; LANES]) -> Floats {
        let mut result = [0.0; LANES];
        for lane in 0..LANES {
            result[lane] = value[lane] as f32;
        }
        result
    }

    #[inline(always)]
    unsafe fn scale_dots(dots: [i32; LANES], scale: Floats, _correction: Floats) -> Floats {
        let mut result = scale;
        for lane in 0..LANES {
            result[lane] *= (dots[lane] - DOT_START) as f32;
        }
        result
    }

    #[inline(always)]
    unsafe fn store_i8(to: *mut i8, value: Floats) {
        let mut result = [0; LANES];
        for lane in 0..LANES {
            result[lane] = value[lane] as i8;
        }
        // SAFETY: the caller vouches for 16 elements.
        unsafe { to.cast::<[i8; LANES]>().write_unaligned(result) }
    }

    // What the memory does by itself has to be enough.
    #[inline(always)]
    unsafe fn prefetch_for_later(_from: *const u8) {}

    #[inline(always)]
    unsafe fn prefetch(_from: *const u8) {}

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> [u8; 64] {
        // SAFETY: the caller vouches for 64 bytes.
        unsafe { from.cast::<[u8; 64]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, value: [u8; 64]) {
        // SAFETY: the caller vouches for 64 bytes.
        unsafe { to.cast::<[u8; 64]>().write_unaligned(value) }
    }

    #[inline(always)]
    unsafe fn low_nibbles(value: [u8; 64]) -> [u8; 64] {
        bytes(value, |byte| byte & 15)
    }

    #[inline(always)]
    unsafe fn high_nibbles(value: [u8; 64]) -> [u8; 64] {
        bytes(value, |byte| byte >> 4)
    }

    #[inline(always)]
    unsafe fn with_bits<const SHIFT: i32, const MASK: u8>(nibbles: [u8; 64], bits: [u8; 64]) -> [u8; 64] {
        let mut result = nibbles;
        for index in 0..64 {
            let bits = if SHIFT < 0 { bits[index] << -SHIFT } else { bits[index] >> SHIFT };
            result[index] |= bits & MASK;
        }
        result
    }

    #[inline(always)]
    unsafe fn dot(sum: [i32; LANES], weights: [u8; 64], activations: i32) -> [i32; LANES] {
        dot(sum, weights, activations)
    }

    #[inline(always)]
    unsafe fn dot_signed(sum: [i32; LANES], weights: [u8; 64], activations: i32) -> [i32; LANES] {
        // SAFETY: plain code, which takes bytes of any size.
        unsafe { Self::dot(sum, weights, activations) }
    }
}
