//! Low-rank additions against their definition, and the law that a row's does not depend on what else is in the call.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::num::NonZeroUsize;
use std::ops::Range;

use kernels::{Arena, FloatBuffer, Form, Format, Group, Input, Isa, LowRank, LowRankElement, Pool, Rows, Up, add_low_rank};
use proptest::prelude::*;

/// A matrix of floats that look random.
struct Floats {
    columns: usize,
    values: Vec<f32>,
}

impl Floats {
    fn new(rows: usize, columns: usize, seed: &mut u64) -> Self {
        Self { columns, values: floats(rows * columns, seed) }
    }
}

fn floats(count: usize, seed: &mut u64) -> Vec<f32> {
    let mut float = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) as f32 / (1_u64 << 30) as f32 - 1.0
    };
    (0..count).map(|_| float()).collect()
}

impl Rows for Floats {
    fn format(&self) -> Format {
        Format::F32
    }

    fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn row(&self, index: usize, out: &mut Vec<u8>) {
        out.clear();
        out.extend(self.values[index * self.columns..][..self.columns].iter().flat_map(|value| value.to_le_bytes()));
    }
}

/// What is added to two products of one input, the second of which may have nothing.
struct Adapter {
    downs: [Floats; 2],
    ups: [Floats; 2],
    scales: [f32; 2],
    second: bool,
    packed: LowRank,
}

/// Outputs of the two products.
const OUTPUTS: [usize; 2] = [130, 50];

impl Adapter {
    fn new(columns: usize, ranks: [usize; 2], second: bool, element: LowRankElement, mut seed: u64) -> Self {
        let downs = ranks.map(|rank| Floats::new(rank, columns, &mut seed));
        let ups = [0, 1].map(|product| Floats::new(OUTPUTS[product], ranks[product], &mut seed));
        let scales = [0.5, 2.0];
        let up = |product: usize| Up { rows: &ups[product], down: product, scale: scales[product] };
        let of_both = [Some(up(0)), second.then(|| up(1))];
        let sizes: Vec<_> = of_both.iter().flatten().map(|up| (up.rows.rows(), up.rows.columns())).collect();
        let bytes = LowRank::bytes_in_arena(element, ranks.iter().sum(), columns, &sizes);
        let packed = LowRank::pack(&mut Arena::new(bytes).unwrap(), element, &[&downs[0], &downs[1]], &of_both).unwrap();
        Self { downs, ups, scales, second, packed }
    }

    /// By definition: (what is added to output `at` of a product for a row, how large its terms are).
    fn expected(&self, product: usize, row: &[f32], at: usize) -> (f64, f64) {
        if product == 1 && !self.second {
            return (0.0, 0.0);
        }
        let (down, up) = (&self.downs[product], &self.ups[product]);
        let (mut sum, mut size) = (0.0, 0.0);
        for (rank, weight) in up.values[at * up.columns..][..up.columns].iter().enumerate() {
            let terms = down.values[rank * down.columns..][..down.columns].iter().zip(row);
            for (a, x) in terms {
                let term = f64::from(*weight) * f64::from(*a) * f64::from(*x) * f64::from(self.scales[product]);
                sum += term;
                size += term.abs();
            }
        }
        (sum, size)
    }
}

fn input(pool: &Pool, values: &[f32], columns: usize) -> Input {
    let mut input = Input::new();
    input.load(pool, values, columns, Form { floats: true, ..Form::default() });
    input
}

/// Both outputs of all rows, which were `base` before.
fn added(pool: &Pool, values: &[f32], columns: usize, groups: &[(Range<usize>, &Adapter)], base: f32) -> [Vec<f32>; 2] {
    let rows = values.len() / columns;
    let groups: Vec<_> =
        groups.iter().map(|(rows, adapter)| Group { rows: rows.clone(), low_rank: &adapter.packed }).collect();
    let mut outputs = OUTPUTS.map(|outputs| vec![base; rows * outputs]);
    let [first, second] = &mut outputs;
    add_low_rank(pool, &input(pool, values, columns), &groups, &mut FloatBuffer::new(), [first, second]);
    outputs
}

fn pool(threads: usize, isa: Isa) -> Pool {
    Pool::with_isa(NonZeroUsize::new(threads).unwrap(), isa)
}

#[test]
fn what_is_added_is_what_it_is_by_definition() {
    for isa in Isa::ALL {
        for (element, bound) in [(LowRankElement::F32, 1e-6), (LowRankElement::F16, 1e-3)] {
            for (columns, ranks, second) in
                [(1, [1, 1], true), (515, [16, 3], true), (1100, [8, 33], true), (70, [5, 4], false)]
            {
                let pool = pool(2, isa);
                let adapters = [1, 2].map(|seed| Adapter::new(columns, ranks, second, element, seed));
                let values = floats(5 * columns, &mut 9);
                let groups = [(1..3, &adapters[0]), (3..4, &adapters[1])];
                let outputs = added(&pool, &values, columns, &groups, 3.0);
                for (row, values) in values.chunks(columns).enumerate() {
                    let of_row = groups.iter().find(|(rows, _)| rows.contains(&row)).map(|(_, adapter)| adapter);
                    for (product, output) in outputs.iter().enumerate() {
                        for at in 0..OUTPUTS[product] {
                            let found = f64::from(output[row * OUTPUTS[product] + at]) - 3.0;
                            let (expected, size) = of_row.map_or((0.0, 0.0), |it| it.expected(product, values, at));
                            assert!(
                                (found - expected).abs() <= bound * (size + 1.0),
                                "{isa} {element:?} {found} {expected}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn elements_of_half_the_width_keep_what_is_tiny() {
    let pool = pool(1, Isa::detect());
    let down = Floats { columns: 4, values: vec![3e-9, 5e-9, -2e-9, 1e-9] };
    let up = Floats { columns: 1, values: vec![7e-8, -3e-8] };
    let ups = [Some(Up { rows: &up, down: 0, scale: 1e15 })];
    let packed = LowRank::pack(&mut Arena::new(0).unwrap(), LowRankElement::F16, &[&down], &ups).unwrap();
    let mut output = vec![0.0; 2];
    let groups = [Group { rows: 0..1, low_rank: &packed }];
    add_low_rank(&pool, &input(&pool, &[1.0; 4], 4), &groups, &mut FloatBuffer::new(), [&mut output]);
    for (found, expected) in output.iter().zip([0.49_f32, -0.21]) {
        assert!((found - expected).abs() < 1e-3, "{found} {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_row_does_not_depend_on_the_others_or_on_threads(
        columns in 1..1300_usize,
        ranks in [1..40_usize, 1..20_usize],
        lengths in prop::collection::vec((0..4_usize, 0..3_usize), 1..5),
        isa in prop::sample::select(Isa::ALL.to_vec()),
        half in any::<bool>(),
    ) {
        let element = if half { LowRankElement::F16 } else { LowRankElement::F32 };
        let adapters = [1, 2, 3].map(|seed| Adapter::new(columns, ranks, true, element, seed));
        let mut groups = Vec::new();
        let mut rows = 0;
        for (length, adapter) in lengths {
            groups.push((rows..rows + length, &adapters[adapter]));
            rows += length + 1;
        }
        let values = floats(rows * columns, &mut 4);
        let together = added(&pool(3, isa), &values, columns, &groups, 1.0);
        for (range, adapter) in groups {
            for row in range {
                let alone = added(&pool(1, isa), &values[row * columns..][..columns], columns, &[(0..1, adapter)], 1.0);
                for (product, outputs) in OUTPUTS.into_iter().enumerate() {
                    prop_assert_eq!(&together[product][row * outputs..][..outputs], &alone[product][..]);
                }
            }
        }
    }
}
