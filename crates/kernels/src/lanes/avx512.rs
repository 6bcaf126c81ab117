//! Lanes in one register of 512 bits.

use std::arch::x86_64::{
    __m128i, __m256i, __m512, __m512bh, __m512i, _CMP_GE_OQ, _MM_FROUND_NO_EXC, _MM_HINT_T0, _MM_HINT_T1, _mm_cvtsi32_si128,
    _mm_loadu_si128, _mm_prefetch, _mm_storeu_si128, _mm256_loadu_si256, _mm256_storeu_si256, _mm512_add_epi32,
    _mm512_add_ps, _mm512_and_si512, _mm512_castsi512_ps, _mm512_cmp_ps_mask, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps,
    _mm512_cvtepu8_epi32, _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_cvtps_epi32, _mm512_cvtps_ph,
    _mm512_cvtsepi32_epi8, _mm512_div_ps, _mm512_dpbf16_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_fnmadd_ps,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_blend_ps, _mm512_maskz_mov_ps, _mm512_max_ps, _mm512_min_ps,
    _mm512_mul_ps, _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_roundscale_ps, _mm512_set1_epi8, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_sll_epi16, _mm512_slli_epi32, _mm512_srl_epi16, _mm512_srli_epi16, _mm512_storeu_ps,
    _mm512_storeu_si512, _mm512_sub_ps, _mm512_ternarylogic_epi32,
};
use std::mem::transmute;

use super::{Bf16Lanes, Lanes, Tile};

/// AVX-512 with VNNI, and with BF16 where `dispatch_bf16` says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512;

// SAFETY of all blocks: by the promise of `Lanes` the machine has the instructions, and pointers are good for what is read
// or written.
impl Lanes for Avx512 {
    type Floats = __m512;
    type Ints = __m512i;
    type Bytes = __m512i;

    const LIFT: i32 = 128;
    const WIDE: bool = true;
    const TILE: usize = 8;
    const UNPACK_K: usize = 56;
    const UNPACK_NIBBLES: usize = usize::MAX;

    /// Thirty-two registers hold the sums of six tokens and two panels twice over, the weights and an activation; or of eight, one
    /// panel after the other. (What packed K formats have to unpack leaves room for fewer: `Codes::BOTH`.)
    #[inline(always)]
    unsafe fn tiles<W: Tile>(count: usize, work: &mut W) {
        let most = if W::EIGHTS { 8 } else { 6 };
        // One tile of eight is better than one of six and one of two, four and three are better than six and one.
        let rest = match count % most {
            rest @ (1 | 2) if !W::EIGHTS && count > most => most + rest,
            rest => rest,
        };
        let whole = count - rest;
        unsafe {
            for first in (0..whole).step_by(most) {
                if W::EIGHTS {
                    work.tile::<8>(first);
                } else {
                    work.tile::<6>(first);
                }
            }
            // Few sizes keep the program small.
            match rest {
                1 => work.tile::<1>(whole),
                2 => work.tile::<2>(whole),
                3 => work.tile::<3>(whole),
                4 => work.tile::<4>(whole),
                5 => {
                    work.tile::<3>(whole);
                    work.tile::<2>(whole + 3);
                }
                6 => work.tile::<6>(whole),
                // The first tile waits for memory, so it had better be large.
                7 if W::EIGHTS => {
                    work.tile::<6>(whole);
                    work.tile::<1>(whole + 6);
                }
                7 => {
                    work.tile::<4>(whole);
                    work.tile::<3>(whole + 4);
                }
                8 => work.tile::<8>(whole),
                _ => {}
            }
        }
    }

    /// Eight queries have the sums of two registers of positions or dimensions each.
    #[inline(always)]
    unsafe fn query_tiles(count: usize, work: &mut impl Tile) {
        let whole = count / 8 * 8;
        unsafe {
            for first in (0..whole).step_by(8) {
                work.tile::<8>(first);
            }
            match count - whole {
                0 => {}
                1 => work.tile::<1>(whole),
                2..=4 => work.tile::<4>(whole),
                _ => work.tile::<8>(whole),
            }
        }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, value: __m512) {
        unsafe { _mm512_storeu_ps(to, value) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn negated_fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fnmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn round(a: __m512) -> __m512 {
        unsafe { _mm512_roundscale_ps::<_MM_FROUND_NO_EXC>(a) }
    }

    #[inline(always)]
    unsafe fn power_of_two(exponent: __m512) -> __m512 {
        unsafe {
            let biased = _mm512_add_epi32(_mm512_cvtps_epi32(exponent), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
        }
    }

    #[inline(always)]
    unsafe fn first(count: usize, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mask_blend_ps(((1u32 << count) - 1) as u16, b, a) }
    }

    #[inline(always)]
    unsafe fn prefetch_for_later(from: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn where_at_least(a: __m512, b: __m512, value: __m512) -> __m512 {
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(a, b), value) }
    }

    #[inline(always)]
    unsafe fn greatest(value: __m512) -> f32 {
        unsafe { _mm512_reduce_max_ps(value) }
    }

    #[inline(always)]
    unsafe fn whole_sum(value: __m512) -> f32 {
        unsafe { _mm512_reduce_add_ps(value) }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> __m512 {
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast::<__m256i>())) }
    }

    #[inline(always)]
    unsafe fn store_f16(to: *mut u16, value: __m512) {
        unsafe { _mm256_storeu_si256(to.cast::<__m256i>(), _mm512_cvtps_ph::<_MM_FROUND_NO_EXC>(value)) }
    }

    #[inline(always)]
    unsafe fn load_bf16_pairs(from: *const u16) -> (__m512, __m512) {
        unsafe {
            let pairs = _mm512_loadu_si512(from.cast::<__m512i>());
            let seconds = _mm512_and_si512(pairs, _mm512_set1_epi32(0xffff_0000_u32.cast_signed()));
            (_mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs)), _mm512_castsi512_ps(seconds))
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> __m512 {
        unsafe {
            let halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast::<__m256i>()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves))
        }
    }

    #[inline(always)]
    unsafe fn load_u8(from: *const u8) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast::<__m128i>()))) }
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast::<__m128i>()))) }
    }

    #[inline(always)]
    unsafe fn splat_int(value: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(value) }
    }

    #[inline(always)]
    unsafe fn to_floats(value: __m512i) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(value) }
    }

    #[inline(always)]
    unsafe fn scale_dots(dots: __m512i, scale: __m512, correction: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(_mm512_castsi512_ps(dots), scale, correction) }
    }

    #[inline(always)]
    unsafe fn store_i8(to: *mut i8, value: __m512) {
        unsafe { _mm_storeu_si128(to.cast::<__m128i>(), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(value))) }
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast::<__m512i>()) }
    }

    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, value: __m512i) {
        unsafe { _mm512_storeu_si512(to.cast::<__m512i>(), value) }
    }

    #[inline(always)]
    unsafe fn low_nibbles(bytes: __m512i) -> __m512i {
        unsafe { _mm512_and_si512(bytes, _mm512_set1_epi8(15)) }
    }

    #[inline(always)]
    unsafe fn high_nibbles(bytes: __m512i) -> __m512i {
        unsafe { _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), _mm512_set1_epi8(15)) }
    }

    // Shifting by 16 bits brings bits from byte to byte, but none into those that any mask leaves.
    #[inline(always)]
    unsafe fn with_bits<const SHIFT: i32, const MASK: u8>(nibbles: __m512i, bits: __m512i) -> __m512i {
        unsafe {
            let bits = if SHIFT < 0 {
                _mm512_sll_epi16(bits, _mm_cvtsi32_si128(-SHIFT))
            } else {
                _mm512_srl_epi16(bits, _mm_cvtsi32_si128(SHIFT))
            };
            // nibbles | (bits & mask)
            _mm512_ternarylogic_epi32::<0xf8>(nibbles, bits, _mm512_set1_epi8(MASK.cast_signed()))
        }
    }

    #[inline(always)]
    unsafe fn dot(sum: __m512i, weights: __m512i, activations: i32) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(sum, weights, _mm512_set1_epi32(activations)) }
    }

    #[inline(always)]
    unsafe fn dot_signed(sum: __m512i, weights: __m512i, activations: i32) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(sum, weights, _mm512_set1_epi32(activations)) }
    }
}

impl Bf16Lanes for Avx512 {
    #[inline(always)]
    unsafe fn dot_bf16(sum: __m512, weights: __m512i, values: __m512i) -> __m512 {
        // SAFETY: both types are 512 bits of any value; the machine has the instruction by the promise of `Bf16Lanes`.
        unsafe { _mm512_dpbf16_ps(sum, transmute::<__m512i, __m512bh>(weights), transmute::<__m512i, __m512bh>(values)) }
    }
}
