//! Maxima and sums of exponentials against their definitions.

use kernels::{CHUNK, Exponential, Isa, are_finite, exponentials, maxima, sums};
use proptest::prelude::*;

fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

/// Numbers, and now and then something that is none.
fn rows() -> impl Strategy<Value = Vec<f32>> {
    let value = prop_oneof![20 => -30f32..30.0, 1 => Just(f32::NAN), 1 => Just(f32::NEG_INFINITY)];
    prop::collection::vec(value, 1..3 * CHUNK)
}

fn term(value: f32, Exponential { most, scale, floor }: Exponential) -> f64 {
    if value >= floor { (f64::from(value - most) * f64::from(scale)).exp() } else { 0.0 }
}

proptest! {
    #[test]
    fn a_chunk_has_its_greatest_value(row in rows()) {
        let expected: Vec<_> = row.chunks(CHUNK).map(|chunk| chunk.iter().copied().fold(f32::NEG_INFINITY, f32::max)).collect();
        for isa in available() {
            let mut found = vec![f32::NAN; expected.len()];
            maxima(isa, &row, &mut found);
            prop_assert_eq!(&found, &expected, "{}", isa);
        }
    }

    #[test]
    fn one_that_is_not_finite_is_found_wherever_it_is(
        mut row in prop::collection::vec(prop_oneof![20 => -30f32..30.0, 1 => Just(f32::MAX)], 1..500),
        damage in prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY)],
        place in any::<prop::sample::Index>(),
    ) {
        prop_assert!(available().all(|isa| are_finite(isa, &row)));
        *place.get_mut(&mut row) = damage;
        prop_assert!(!available().any(|isa| are_finite(isa, &row)));
    }

    #[test]
    fn terms_and_their_sums_are_those_of_the_definition(row in rows(), scale in 0.1f32..1.5, floor in -25f32..20.0) {
        let terms = Exponential { most: 30.0, scale, floor };
        for isa in available() {
            let (mut found, chunks) = (vec![f32::NAN; row.len()], row.len().div_ceil(CHUNK));
            let (mut greatest, mut totals) = (vec![0.0; chunks], vec![0.0; chunks]);
            exponentials(isa, &row, terms, &mut found);
            maxima(isa, &row, &mut greatest);
            sums(isa, &row, &greatest, terms, &mut totals);
            for (&value, &found) in row.iter().zip(&found) {
                let expected = term(value, terms);
                // The exponent itself is rounded.
                prop_assert!((f64::from(found) - expected).abs() <= 2e-5 * expected, "{isa} {value}: {found}, not {expected}");
            }
            for (found, &total) in found.chunks(CHUNK).zip(&totals) {
                let expected: f64 = found.iter().map(|&term| f64::from(term)).sum();
                prop_assert!((f64::from(total) - expected).abs() <= 1e-5 * expected, "{isa}: {total}, not {expected}");
            }
        }
    }

    #[test]
    fn instruction_sets_with_fused_operations_agree(row in rows(), scale in 0.1f32..1.5) {
        let terms = Exponential { most: 30.0, scale, floor: -25.0 };
        let results = available().filter(|isa| *isa != Isa::Portable).map(|isa| {
            let chunks = row.len().div_ceil(CHUNK);
            let (mut greatest, mut totals) = (vec![0.0; chunks], vec![0.0; chunks]);
            maxima(isa, &row, &mut greatest);
            sums(isa, &row, &greatest, terms, &mut totals);
            totals
        });
        let results: Vec<_> = results.collect();
        prop_assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
