//! Lanes in two registers of 256 bits.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _CMP_GE_OQ, _MM_FROUND_TO_NEAREST_INT, _MM_HINT_T0, _MM_HINT_T1, _mm_cvtsi32_si128,
    _mm_loadl_epi64, _mm_loadu_si128, _mm_packs_epi16, _mm_packs_epi32, _mm_prefetch, _mm_storeu_si128, _mm256_abs_epi8,
    _mm256_add_epi32, _mm256_add_ps, _mm256_and_ps, _mm256_and_si256, _mm256_blendv_ps, _mm256_castsi256_ps,
    _mm256_castsi256_si128, _mm256_cmp_ps, _mm256_cmpgt_epi32, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps,
    _mm256_cvtepu8_epi32, _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_cvtps_epi32, _mm256_cvtps_ph, _mm256_div_ps,
    _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_fnmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_or_si256, _mm256_round_ps, _mm256_set1_epi8,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi32, _mm256_sign_epi8, _mm256_sll_epi16,
    _mm256_slli_epi32, _mm256_srl_epi16, _mm256_srli_epi16, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_ps,
    _mm256_xor_si256,
};

use super::{Lanes, Tile};

/// AVX2 with FMA and F16C.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2;

type Floats = [__m256; 2];
type Ints = [__m256i; 2];

// SAFETY of all blocks: by the promise of `Lanes` the machine has the instructions, and pointers are good for what is read
// or written.
impl Lanes for Avx2 {
    type Floats = Floats;
    type Ints = Ints;
    type Bytes = Ints;

    /// Bytes are made signed again, for a product of unsigned by signed bytes would not fit its 16 bits.
    const LIFT: i32 = 0;
    const WIDE: bool = false;
    const TILE: usize = 3;
    const UNPACK_K: usize = 12;
    const UNPACK_NIBBLES: usize = 12;

    /// Sixteen registers hold the sums of three tokens and one panel.
    #[inline(always)]
    unsafe fn tiles<W: Tile>(count: usize, work: &mut W) {
        let whole = count / 3 * 3;
        unsafe {
            for first in (0..whole).step_by(3) {
                work.tile::<3>(first);
            }
            match count - whole {
                1 => work.tile::<1>(whole),
                2 => work.tile::<2>(whole),
                _ => {}
            }
        }
    }

    #[inline(always)]
    unsafe fn query_tiles(count: usize, work: &mut impl Tile) {
        unsafe {
            for first in (0..count).step_by(2) {
                work.tile::<2>(first);
            }
        }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Floats {
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, value: Floats) {
        unsafe {
            _mm256_storeu_ps(to, value[0]);
            _mm256_storeu_ps(to.add(8), value[1]);
        }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Floats {
        unsafe { [_mm256_set1_ps(value); 2] }
    }

    #[inline(always)]
    unsafe fn add(a: Floats, b: Floats) -> Floats {
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn sub(a: Floats, b: Floats) -> Floats {
        unsafe { [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn mul(a: Floats, b: Floats) -> Floats {
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn div(a: Floats, b: Floats) -> Floats {
        unsafe { [_mm256_div_ps(a[0], b[0]), _mm256_div_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn max(a: Floats, b: Floats) -> Floats {
        unsafe { [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn min(a: Floats, b: Floats) -> Floats {
        unsafe { [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn fma(a: Floats, b: Floats, c: Floats) -> Floats {
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    unsafe fn negated_fma(a: Floats, b: Floats, c: Floats) -> Floats {
        unsafe { [_mm256_fnmadd_ps(a[0], b[0], c[0]), _mm256_fnmadd_ps(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    unsafe fn round(a: Floats) -> Floats {
        unsafe { [_mm256_round_ps::<8>(a[0]), _mm256_round_ps::<8>(a[1])] }
    }

    #[inline(always)]
    unsafe fn power_of_two(exponent: Floats) -> Floats {
        unsafe {
            let bias = _mm256_set1_epi32(127);
            let low = _mm256_add_epi32(_mm256_cvtps_epi32(exponent[0]), bias);
            let high = _mm256_add_epi32(_mm256_cvtps_epi32(exponent[1]), bias);
            [_mm256_castsi256_ps(_mm256_slli_epi32::<23>(low)), _mm256_castsi256_ps(_mm256_slli_epi32::<23>(high))]
        }
    }

    #[inline(always)]
    unsafe fn first(count: usize, a: Floats, b: Floats) -> Floats {
        unsafe {
            let count = _mm256_set1_epi32(count as i32);
            let low = _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
            let high = _mm256_cmpgt_epi32(count, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15));
            [_mm256_blendv_ps(b[0], a[0], _mm256_castsi256_ps(low)), _mm256_blendv_ps(b[1], a[1], _mm256_castsi256_ps(high))]
        }
    }

    #[inline(always)]
    unsafe fn prefetch_for_later(from: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn where_at_least(a: Floats, b: Floats, value: Floats) -> Floats {
        unsafe {
            let (low, high) = (_mm256_cmp_ps::<_CMP_GE_OQ>(a[0], b[0]), _mm256_cmp_ps::<_CMP_GE_OQ>(a[1], b[1]));
            [_mm256_and_ps(low, value[0]), _mm256_and_ps(high, value[1])]
        }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Floats {
        unsafe {
            let (low, high) = (_mm_loadu_si128(from.cast::<__m128i>()), _mm_loadu_si128(from.add(8).cast::<__m128i>()));
            [_mm256_cvtph_ps(low), _mm256_cvtph_ps(high)]
        }
    }

    #[inline(always)]
    unsafe fn store_f16(to: *mut u16, value: Floats) {
        unsafe {
            _mm_storeu_si128(to.cast::<__m128i>(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value[0]));
            _mm_storeu_si128(to.add(8).cast::<__m128i>(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value[1]));
        }
    }

    #[inline(always)]
    unsafe fn load_bf16_pairs(from: *const u16) -> (Floats, Floats) {
        unsafe {
            let [low, high] = Self::load_bytes(from.cast());
            let mask = _mm256_set1_epi32(0xffff_0000_u32.cast_signed());
            let firsts = [_mm256_slli_epi32::<16>(low), _mm256_slli_epi32::<16>(high)];
            let seconds = [_mm256_and_si256(low, mask), _mm256_and_si256(high, mask)];
            (
                [_mm256_castsi256_ps(firsts[0]), _mm256_castsi256_ps(firsts[1])],
                [_mm256_castsi256_ps(seconds[0]), _mm256_castsi256_ps(seconds[1])],
            )
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Floats {
        unsafe {
            let (low, high) = (_mm_loadu_si128(from.cast::<__m128i>()), _mm_loadu_si128(from.add(8).cast::<__m128i>()));
            let low = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(low));
            let high = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(high));
            [_mm256_castsi256_ps(low), _mm256_castsi256_ps(high)]
        }
    }

    #[inline(always)]
    unsafe fn load_u8(from: *const u8) -> Floats {
        unsafe {
            let (low, high) = (_mm_loadl_epi64(from.cast::<__m128i>()), _mm_loadl_epi64(from.add(8).cast::<__m128i>()));
            Self::to_floats([_mm256_cvtepu8_epi32(low), _mm256_cvtepu8_epi32(high)])
        }
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Floats {
        unsafe {
            let (low, high) = (_mm_loadl_epi64(from.cast::<__m128i>()), _mm_loadl_epi64(from.add(8).cast::<__m128i>()));
            Self::to_floats([_mm256_cvtepi8_epi32(low), _mm256_cvtepi8_epi32(high)])
        }
    }

    #[inline(always)]
    unsafe fn splat_int(value: i32) -> Ints {
        unsafe { [_mm256_set1_epi32(value); 2] }
    }

    #[inline(always)]
    unsafe fn to_floats(value: Ints) -> Floats {
        unsafe { [_mm256_cvtepi32_ps(value[0]), _mm256_cvtepi32_ps(value[1])] }
    }

    #[inline(always)]
    unsafe fn scale_dots(dots: Ints, scale: Floats, correction: Floats) -> Floats {
        unsafe {
            [
                _mm256_fmadd_ps(_mm256_castsi256_ps(dots[0]), scale[0], correction[0]),
                _mm256_fmadd_ps(_mm256_castsi256_ps(dots[1]), scale[1], correction[1]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn store_i8(to: *mut i8, value: Floats) {
        unsafe {
            let (low, high) = (_mm256_cvtps_epi32(value[0]), _mm256_cvtps_epi32(value[1]));
            let low = _mm_packs_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256::<1>(low));
            let high = _mm_packs_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256::<1>(high));
            _mm_storeu_si128(to.cast::<__m128i>(), _mm_packs_epi16(low, high));
        }
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Ints {
        unsafe { [_mm256_loadu_si256(from.cast::<__m256i>()), _mm256_loadu_si256(from.add(32).cast::<__m256i>())] }
    }

    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, value: Ints) {
        unsafe {
            _mm256_storeu_si256(to.cast::<__m256i>(), value[0]);
            _mm256_storeu_si256(to.add(32).cast::<__m256i>(), value[1]);
        }
    }

    #[inline(always)]
    unsafe fn low_nibbles(bytes: Ints) -> Ints {
        unsafe {
            let mask = _mm256_set1_epi8(15);
            [_mm256_and_si256(bytes[0], mask), _mm256_and_si256(bytes[1], mask)]
        }
    }

    #[inline(always)]
    unsafe fn high_nibbles(bytes: Ints) -> Ints {
        unsafe { Self::low_nibbles([_mm256_srli_epi16::<4>(bytes[0]), _mm256_srli_epi16::<4>(bytes[1])]) }
    }

    // Shifting by 16 bits brings bits from byte to byte, but none into those that any mask leaves.
    #[inline(always)]
    unsafe fn with_bits<const SHIFT: i32, const MASK: u8>(nibbles: Ints, bits: Ints) -> Ints {
        unsafe {
            let mask = _mm256_set1_epi8(MASK.cast_signed());
            let [low, high] = if SHIFT < 0 {
                let count = _mm_cvtsi32_si128(-SHIFT);
                [_mm256_sll_epi16(bits[0], count), _mm256_sll_epi16(bits[1], count)]
            } else {
                let count = _mm_cvtsi32_si128(SHIFT);
                [_mm256_srl_epi16(bits[0], count), _mm256_srl_epi16(bits[1], count)]
            };
            [
                _mm256_or_si256(nibbles[0], _mm256_and_si256(low, mask)),
                _mm256_or_si256(nibbles[1], _mm256_and_si256(high, mask)),
            ]
        }
    }

    // Two products of a byte below 128 and one of at most 127 fit 16 bits.
    #[inline(always)]
    unsafe fn dot(sum: Ints, weights: Ints, activations: i32) -> Ints {
        unsafe {
            let activations = _mm256_set1_epi32(activations);
            let ones = _mm256_set1_epi16(1);
            let low = _mm256_madd_epi16(_mm256_maddubs_epi16(weights[0], activations), ones);
            let high = _mm256_madd_epi16(_mm256_maddubs_epi16(weights[1], activations), ones);
            [_mm256_add_epi32(sum[0], low), _mm256_add_epi32(sum[1], high)]
        }
    }

    // |weight| · (activation with the weight's sign): two products of at most 128 · 127 fit 16 bits.
    #[inline(always)]
    unsafe fn dot_signed(sum: Ints, weights: Ints, activations: i32) -> Ints {
        unsafe {
            let activations = _mm256_set1_epi32(activations);
            let (top, ones) = (_mm256_set1_epi8(-128), _mm256_set1_epi16(1));
            let (low, high) = (_mm256_xor_si256(weights[0], top), _mm256_xor_si256(weights[1], top));
            let low = _mm256_maddubs_epi16(_mm256_abs_epi8(low), _mm256_sign_epi8(activations, low));
            let high = _mm256_maddubs_epi16(_mm256_abs_epi8(high), _mm256_sign_epi8(activations, high));
            [_mm256_add_epi32(sum[0], _mm256_madd_epi16(low, ones)), _mm256_add_epi32(sum[1], _mm256_madd_epi16(high, ones))]
        }
    }
}
