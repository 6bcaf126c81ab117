//! Each instruction set against the scalar twin, bit by bit.

use proptest::prelude::*;

use super::{DOT_START, Lanes, exp, portable::Exact, sum};
use crate::isa::{Isa, Kernel};

/// What the operations are tried on.
#[derive(Debug, Clone)]
struct Case {
    a: [f32; 16],
    b: [f32; 16],
    c: [f32; 16],
    halves: [u16; 32],
    codes: [u8; 64],
    bits: [u8; 64],
    activations: [i8; 4],
    count: usize,
}

/// The results of all operations of a kind of lanes, as bits.
#[derive(Debug, Default, PartialEq)]
struct Results {
    floats: Vec<[u32; 16]>,
    halves: Vec<[u16; 16]>,
    bytes: Vec<[u8; 64]>,
    codes: [i8; 16],
    dots: Vec<[u32; 16]>,
    scalars: Vec<u32>,
}

/// Tries everything. Not a number compares as one value, whatever its bits.
struct Probe<'a>(&'a Case, &'a mut Results);

impl Kernel for Probe<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self(case, results) = self;
        // SAFETY: the arrays are as long as what is read or written; the caller of `run` checked the instructions.
        unsafe {
            let (a, b, c) = (L::load(case.a.as_ptr()), L::load(case.b.as_ptr()), L::load(case.c.as_ptr()));
            let (first, second) = L::load_bf16_pairs(case.halves.as_ptr());
            let whole = L::round(L::max(L::splat(-126.0), L::min(L::splat(127.0), a)));
            for value in [
                L::add(a, b),
                L::sub(a, b),
                L::mul(a, b),
                L::div(a, b),
                L::max(a, b),
                L::min(a, b),
                L::fma(a, b, c),
                L::negated_fma(a, b, c),
                L::round(a),
                L::power_of_two(whole),
                L::first(case.count, a, b),
                L::where_at_least(a, b, c),
                L::splat(case.a[3]),
                L::load_f16(case.halves.as_ptr()),
                L::load_bf16(case.halves.as_ptr()),
                L::load_u8(case.codes.as_ptr()),
                L::load_i8(case.codes.as_ptr().cast()),
                exp::<L>(a),
                first,
                second,
            ] {
                results.floats.push(bits::<L>(value));
            }
            let mut halves = [0; 16];
            L::store_f16(halves.as_mut_ptr(), a);
            results.halves.push(halves);
            L::store_i8(results.codes.as_mut_ptr(), L::max(L::splat(-127.0), L::min(L::splat(127.0), whole)));
            let (codes, high) = (L::load_bytes(case.codes.as_ptr()), L::load_bytes(case.bits.as_ptr()));
            let (low, nibbles) = (L::low_nibbles(codes), L::high_nibbles(codes));
            for value in [
                low,
                nibbles,
                L::with_bits::<-4, 16>(low, high),
                L::with_bits::<-1, 16>(low, high),
                L::with_bits::<0, 16>(low, high),
                L::with_bits::<3, 16>(low, high),
                L::with_bits::<-4, 48>(low, high),
                L::with_bits::<-2, 48>(low, high),
                L::with_bits::<2, 48>(low, high),
            ] {
                let mut bytes = [0; 64];
                L::store_bytes(bytes.as_mut_ptr(), value);
                results.bytes.push(bytes);
            }
            let activations = i32::from_ne_bytes(case.activations.map(i8::cast_unsigned));
            let small = L::with_bits::<2, 48>(low, high);
            results.dots.push(bits::<L>(L::to_floats(L::dot(L::splat_int(-77), small, activations))));
            // What is lifted away is taken away, so that all kinds of lanes come to the same.
            let total: i32 = case.activations.iter().map(|&activation| i32::from(activation)).sum();
            let start = L::splat_int(5 - L::LIFT * total);
            results.dots.push(bits::<L>(L::to_floats(L::dot_signed(start, codes, activations))));
            // A half float times a byte has as many bits as a scale can have. Zeros may differ in their sign.
            let scale = L::mul(L::load_f16(case.halves.as_ptr()), L::load_u8(case.codes.as_ptr()));
            let dots = L::dot(L::splat_int(DOT_START), small, activations);
            let scaled = L::scale_dots(dots, scale, L::dot_correction(scale));
            results.dots.push(bits::<L>(L::add(scaled, L::splat(0.0))));
            results.scalars.extend([L::greatest(a).to_bits(), sum::<L>(a).to_bits()]);
        }
    }
}

/// e to the power of a number.
struct Exp<'a>(f32, &'a mut [f32; 16]);

impl Kernel for Exp<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        // SAFETY: the array has 16 elements; `dispatch` vouches for the instructions.
        unsafe { L::store(self.1.as_mut_ptr(), exp::<L>(L::splat(self.0))) };
    }
}

/// # Safety
/// The machine has the instructions.
#[inline(always)]
unsafe fn bits<L: Lanes>(value: L::Floats) -> [u32; 16] {
    let mut lanes = [0.0; 16];
    // SAFETY: the array has 16 elements.
    unsafe { L::store(lanes.as_mut_ptr(), value) };
    lanes.map(|lane| if lane.is_nan() { f32::NAN.to_bits() } else { lane.to_bits() })
}

fn floats() -> impl Strategy<Value = [f32; 16]> {
    prop::array::uniform16(prop_oneof![-3.0f32..3.0, -100.0f32..100.0, -1e30f32..1e30, Just(0.0), Just(2.5), Just(-0.5)])
}

prop_compose! {
    fn cases()(
        a in floats(), b in floats(), c in floats(),
        // Not a number keeps its bits in some conversions and not in others.
        halves in prop::array::uniform32((0u16..0x7c00).prop_flat_map(|half| prop_oneof![Just(half), Just(half | 0x8000)])),
        codes in prop::collection::vec(any::<u8>(), 64), bits in prop::collection::vec(any::<u8>(), 64),
        activations in prop::array::uniform4(-127i8..=127), count in 0usize..=16,
    ) -> Case {
        let array = |bytes: Vec<u8>| std::array::from_fn(|index| bytes[index]);
        Case { a, b, c, halves, codes: array(codes), bits: array(bits), activations, count }
    }
}

proptest! {
    #[test]
    fn every_operation_gives_the_bits_of_its_scalar_twin(case in cases()) {
        let mut exact = Results::default();
        Probe(&case, &mut exact).run::<Exact>();
        for isa in [Isa::Avx512, Isa::Avx2].into_iter().filter(|isa| isa.is_available()) {
            let mut found = Results::default();
            isa.dispatch(Probe(&case, &mut found));
            prop_assert_eq!(&found, &exact, "{}", isa);
        }
    }

    #[test]
    fn exp_is_accurate(value in -87.0f32..88.0) {
        let mut results = [0.0; 16];
        Isa::detect().dispatch(Exp(value, &mut results));
        let expected = f64::from(value).exp();
        prop_assert!((f64::from(results[0]) - expected).abs() <= 2e-7 * expected);
    }
}
