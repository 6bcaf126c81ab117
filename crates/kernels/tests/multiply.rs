//! Products against their definition, and the law that a token's result does not depend on what else is in the call.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::num::NonZeroUsize;

use kernels::{Activation, Form, Format, Input, Isa, Matrix, Norm, Pool, Product, Rows, activate, multiply, normalise};

/// Numbers that look random.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn float(&mut self) -> f32 {
        self.next() as f32 / (1u64 << 30) as f32 - 1.0
    }

    fn floats(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.float()).collect()
    }
}

/// A matrix of random blocks.
struct Blocks {
    format: Format,
    rows: usize,
    columns: usize,
    bytes: Vec<u8>,
}

impl Blocks {
    fn new(format: Format, rows: usize, columns: usize, numbers: &mut Numbers) -> Self {
        let mut bytes = Vec::new();
        for _ in 0..rows * columns / format.block_elements() {
            let mut block: Vec<u8> = (0..format.block_bytes()).map(|_| numbers.next() as u8).collect();
            let mut put =
                |at: usize, value: f32| block[at..at + 2].copy_from_slice(&half::f16::from_f32(value).to_le_bytes());
            match format {
                Format::F32 => block.copy_from_slice(&numbers.float().to_le_bytes()),
                Format::F16 => put(0, numbers.float()),
                Format::Bf16 => block.copy_from_slice(&half::bf16::from_f32(numbers.float()).to_le_bytes()),
                Format::Q8_0 | Format::Q4_0 => put(0, numbers.float() / 100.0),
                Format::Q4K | Format::Q5K => {
                    put(0, numbers.float() / 500.0);
                    put(2, numbers.float() / 500.0);
                }
                Format::Q6K => put(208, numbers.float() / 1000.0),
            }
            bytes.extend(block);
        }
        Self { format, rows, columns, bytes }
    }

    fn values(&self, row: usize) -> Vec<f32> {
        let mut bytes = Vec::new();
        self.row(row, &mut bytes);
        let mut values = vec![0.0; self.columns];
        self.format.dequantise(&bytes, &mut values);
        values
    }
}

impl Rows for Blocks {
    fn format(&self) -> Format {
        self.format
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn row(&self, index: usize, out: &mut Vec<u8>) {
        let bytes = self.format.row_bytes(self.columns).unwrap();
        out.clear();
        out.extend_from_slice(&self.bytes[index * bytes..][..bytes]);
    }
}

fn pool(threads: usize, isa: Isa) -> Pool {
    Pool::with_isa(NonZeroUsize::new(threads).unwrap(), isa)
}

fn product(pool: &Pool, matrix: &Matrix, values: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let mut input = Input::new();
    input.load(pool, values, matrix.columns(), Form::of([matrix]));
    let mut output = vec![f32::NAN; input.tokens() * matrix.rows()];
    multiply(pool, &input, [Product { weights: matrix, bias, output: &mut output }]);
    output
}

/// As the products with weights of this format see them.
fn as_seen(values: &[f32], format: Format, isa: Isa) -> Vec<f32> {
    match format {
        Format::Bf16 if isa == Isa::Avx512Bf16 => values.iter().map(|value| half::bf16::from_f32(*value).to_f32()).collect(),
        Format::F32 | Format::F16 | Format::Bf16 => values.to_vec(),
        _ => quantised(values),
    }
}

/// Rounded to 127 steps for each 32, as integer products see them.
fn quantised(values: &[f32]) -> Vec<f32> {
    let mut result = values.to_vec();
    for group in result.chunks_mut(32) {
        let greatest = group.iter().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
        for value in group {
            *value = (*value * (127.0 / greatest)).round_ties_even() * (greatest / 127.0);
        }
    }
    result
}

#[test]
fn products_are_what_they_are_by_definition() {
    let mut numbers = Numbers(1);
    for isa in Isa::ALL {
        let pool = pool(2, isa);
        for format in Format::ALL {
            // Of more than 1,024 columns integers are multiplied in parts.
            for (rows, columns, tokens) in [(1, 256, 1), (50, 512, 7), (96, 768, 15), (40, 2304, 33), (33, 1280, 61)] {
                let blocks = Blocks::new(format, rows, columns, &mut numbers);
                let matrix = Matrix::pack(&pool, &blocks).unwrap();
                let (values, bias) = (numbers.floats(tokens * columns), numbers.floats(rows));
                let output = product(&pool, &matrix, &values, Some(&bias));
                let values = as_seen(&values, format, pool.isa());
                for row in 0..rows {
                    let weights = blocks.values(row);
                    for token in 0..tokens {
                        let terms = weights.iter().zip(&values[token * columns..]);
                        let terms = terms.map(|(weight, value)| f64::from(*weight) * f64::from(*value));
                        let size: f64 = terms.clone().map(f64::abs).sum();
                        let expected = terms.sum::<f64>() + f64::from(bias[row]);
                        let found = f64::from(output[token * rows + row]);
                        assert!((found - expected).abs() <= 2e-6 * (size + 1.0), "{isa} {format} {found} {expected}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_tokens_result_does_not_depend_on_the_others_or_on_threads() {
    let mut numbers = Numbers(2);
    for isa in Isa::ALL {
        let (one, three) = (pool(1, isa), pool(3, isa));
        for format in Format::ALL {
            // Of more than 1,024 columns integers are multiplied in parts, and unpacked first for more than 55 tokens.
            let (rows, columns, tokens) = (80, 2304, 71);
            let matrix = Matrix::pack(&three, &Blocks::new(format, rows, columns, &mut numbers)).unwrap();
            let values = numbers.floats(tokens * columns);
            let alone: Vec<_> = values.chunks(columns).map(|token| product(&one, &matrix, token, None)).collect();
            for count in [2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 20, 31, 32, 33, 40, 55, 56, 57, 63, 71] {
                let together = product(&three, &matrix, &values[..count * columns], None);
                for (token, result) in together.chunks(rows).enumerate() {
                    assert_eq!(result, alone[token], "{isa} {format} token {token} of {count}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_number_stays_none_wherever_it_is() {
    let mut numbers = Numbers(4);
    for isa in Isa::ALL {
        let pool = pool(1, isa);
        for format in Format::ALL {
            let (rows, columns) = (32, 256);
            let matrix = Matrix::pack(&pool, &Blocks::new(format, rows, columns, &mut numbers)).unwrap();
            for damage in [f32::NAN, f32::INFINITY] {
                for place in 32..64 {
                    let mut values = numbers.floats(3 * columns);
                    values[columns + place] = damage;
                    let output = product(&pool, &matrix, &values, None);
                    let damaged = |token: usize| output[token * rows..][..rows].iter().any(|value| !value.is_finite());
                    assert_eq!([0, 1, 2].map(damaged), [false, true, false], "{isa} {format}: {damage} at {place}");
                }
            }
        }
    }
}

#[test]
fn several_products_share_an_input() {
    let mut numbers = Numbers(3);
    let pool = pool(2, Isa::detect());
    let matrices = [(Format::Q8_0, 40), (Format::F32, 7), (Format::Bf16, 20), (Format::Q4K, 33)]
        .map(|(format, rows)| Matrix::pack(&pool, &Blocks::new(format, rows, 256, &mut numbers)).unwrap());
    let values = numbers.floats(4 * 256);
    let mut input = Input::new();
    input.load(&pool, &values, 256, Form::of(&matrices));
    let mut outputs = matrices.each_ref().map(|matrix| vec![f32::NAN; 4 * matrix.rows()]);
    let [a, b, c, d] = &matrices;
    let [w, x, y, z] = &mut outputs;
    let products = [(a, w), (b, x), (c, y), (d, z)];
    multiply(&pool, &input, products.map(|(weights, output)| Product { weights, bias: None, output }));
    for (matrix, output) in matrices.iter().zip(&outputs) {
        assert_eq!(output, &product(&pool, matrix, &values, None));
    }
}

#[test]
fn a_product_is_the_same_where_something_else_reads_the_floats() {
    let mut numbers = Numbers(7);
    for isa in Isa::ALL {
        let pool = pool(2, isa);
        for format in Format::ALL {
            let matrix = Matrix::pack(&pool, &Blocks::new(format, 40, 512, &mut numbers)).unwrap();
            let values = numbers.floats(9 * 512);
            let mut input = Input::new();
            input.load(&pool, &values, 512, Form { floats: true, ..Form::of([&matrix]) });
            let mut output = vec![f32::NAN; 9 * 40];
            multiply(&pool, &input, [Product { weights: &matrix, bias: None, output: &mut output }]);
            assert_eq!(output, product(&pool, &matrix, &values, None), "{isa} {format}");
        }
    }
}

/// The product of what `load` loads with a matrix of each kind.
fn loaded(format: Format, load: impl Fn(&Pool, &mut Input, Form)) -> Vec<f32> {
    let pool = pool(2, Isa::detect());
    let matrix = Matrix::pack(&pool, &Blocks::new(format, 40, 512, &mut Numbers(6))).unwrap();
    let mut input = Input::new();
    load(&pool, &mut input, Form::of([&matrix]));
    let mut output = vec![f32::NAN; input.tokens() * 40];
    multiply(&pool, &input, [Product { weights: &matrix, bias: None, output: &mut output }]);
    output
}

#[test]
fn what_is_done_while_loading_is_what_is_done_before() {
    let mut numbers = Numbers(5);
    let (states, addend, weight) = (numbers.floats(20 * 512), numbers.floats(20 * 512), numbers.floats(512));
    let norm = Norm::Rms { weight: &weight, eps: 1e-5 };
    for format in [Format::F32, Format::Bf16, Format::Q8_0] {
        let normed = loaded(format, |pool, input, form| {
            let sums: Vec<_> = states.iter().zip(&addend).map(|(state, addend)| state + addend).collect();
            let mut values = vec![0.0; sums.len()];
            normalise(pool, &sums, norm, &mut values);
            input.load(pool, &values, 512, form);
        });
        let at_once = loaded(format, |pool, input, form| {
            input.load_normed(pool, &mut states.clone(), &addend, norm, form);
        });
        assert_eq!(normed, at_once);
        let activated = loaded(format, |pool, input, form| {
            let mut values = states.clone();
            activate(pool, Activation::Silu, &mut values, &addend);
            input.load(pool, &values, 512, form);
        });
        let at_once = loaded(format, |pool, input, form| {
            input.load_activated(pool, Activation::Silu, &states, &addend, 512, form);
        });
        assert_eq!(activated, at_once);
    }
}

#[test]
fn an_odd_number_of_columns_is_welcome_for_floats() {
    let mut numbers = Numbers(4);
    let pool = pool(2, Isa::detect());
    for format in [Format::F32, Format::F16, Format::Bf16] {
        let blocks = Blocks::new(format, 3, 5, &mut numbers);
        let matrix = Matrix::pack(&pool, &blocks).unwrap();
        let values = numbers.floats(5);
        let output = product(&pool, &matrix, &values, None);
        let values = as_seen(&values, format, pool.isa());
        for (row, found) in output.into_iter().enumerate() {
            let expected: f32 = blocks.values(row).iter().zip(&values).map(|(weight, value)| weight * value).sum();
            assert!((found - expected).abs() < 1e-6);
        }
    }
}

#[test]
fn packed_integers_take_little_more_than_in_the_file() {
    let pool = pool(2, Isa::detect());
    for format in Format::ALL {
        let blocks = Blocks::new(format, 256, 2048, &mut Numbers(5));
        let packed = Matrix::pack(&pool, &blocks).unwrap().bytes();
        assert!(packed * 100 <= blocks.bytes.len() * 103, "{format}: {packed} for {}", blocks.bytes.len());
    }
}
