//! The three products that a network needs, each in one fixed order, so that a row's result is the same to the bit whatever
//! else is computed, and a training can be repeated.

use multiversion::multiversion;

/// Rows one after another.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f32>, // (rows, columns)
}

/// Rows that are added at once: each then costs a quarter of the loads and stores of the sum.
const AT_ONCE: usize = 4;

impl Matrix {
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, values: vec![0.0; rows * columns] }
    }

    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..][..self.columns]
    }

    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.columns..][..self.columns]
    }

    /// sum (columns) += input (rows) · self
    pub fn add_product(&self, input: &[f32], sum: &mut [f32]) {
        debug_assert_eq!((input.len(), sum.len()), (self.rows, self.columns));
        multiply_add(self, input, sum);
    }

    /// The same for several rows of inputs. What each gives does not depend on the others, to the bit.
    pub fn add_products(&self, inputs: &Self, sums: &mut Self) {
        debug_assert_eq!((inputs.rows, inputs.columns, sums.columns), (sums.rows, self.rows, self.columns));
        multiply_add(self, &inputs.values, &mut sums.values);
    }

    /// sum (rows) += self · output (columns): the way back through [`Matrix::add_product`].
    pub fn add_product_back(&self, output: &[f32], sum: &mut [f32]) {
        debug_assert_eq!((sum.len(), output.len()), (self.rows, self.columns));
        for (sum, row) in sum.iter_mut().zip(self.values.chunks_exact(self.columns)) {
            *sum += dot(row, output);
        }
    }

    /// self += input (rows) ⊗ output (columns)
    pub fn add_outer(&mut self, input: &[f32], output: &[f32]) {
        debug_assert_eq!((input.len(), output.len()), (self.rows, self.columns));
        for (row, x) in self.values.chunks_exact_mut(self.columns).zip(input) {
            if *x != 0.0 {
                add_scaled(*x, output, row);
            }
        }
    }
}

/// sums (inputs, columns) += inputs (inputs, rows) · weights. A few rows of weights are worked off for all inputs before the next are read.
/// Each sum is on its own and nothing is contracted, so wider registers change no bit. (Those of 512 bits are no faster here.)
#[multiversion(targets("x86_64+avx2"))]
fn multiply_add(weights: &Matrix, inputs: &[f32], sums: &mut [f32]) {
    let Matrix { rows, columns, values } = weights;
    let whole = rows / AT_ONCE * AT_ONCE;
    let (blocks, rest) = values.split_at(whole * columns);
    for (number, block) in blocks.chunks_exact(AT_ONCE * columns).enumerate() {
        let (first, second) = block.split_at(2 * columns);
        let ((first, second), (third, fourth)) = (first.split_at(*columns), second.split_at(*columns));
        for (input, sum) in inputs.chunks_exact(*rows).zip(sums.chunks_exact_mut(*columns)) {
            let x = &input[number * AT_ONCE..][..AT_ONCE];
            let weights = first.iter().zip(second).zip(third.iter().zip(fourth));
            for (sum, ((a, b), (c, d))) in sum.iter_mut().zip(weights) {
                *sum += (x[0] * a + x[1] * b) + (x[2] * c + x[3] * d);
            }
        }
    }
    for (row, weights) in (whole..).zip(rest.chunks_exact(*columns)) {
        for (input, sum) in inputs.chunks_exact(*rows).zip(sums.chunks_exact_mut(*columns)) {
            add_scaled(input[row], weights, sum);
        }
    }
}

pub fn add_scaled(factor: f32, row: &[f32], sum: &mut [f32]) {
    for (sum, value) in sum.iter_mut().zip(row) {
        *sum += factor * value;
    }
}

/// Eight sums side by side, which a compiler can keep in registers; always added up in the same order.
pub fn dot(one: &[f32], other: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut lanes = [0.0_f32; LANES];
    let (ones, others) = (one.chunks_exact(LANES), other.chunks_exact(LANES));
    let rest: f32 = ones.remainder().iter().zip(others.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in ones.zip(others) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(found: &[f32], expected: &[f32]) -> bool {
        found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4)
    }

    proptest! {
        #[test]
        fn products_are_those_of_the_definition(rows in 1_usize..11, columns in 1_usize..19, seed: u64) {
            let mut chance = crate::chance::Chance::new(seed);
            let mut random = |count| (0..count).map(|_| chance.within(1.0)).collect::<Vec<f32>>();
            let matrix = Matrix { rows, columns, values: random(rows * columns) };
            let (input, output) = (random(rows), random(columns));
            let at = |row: usize, column: usize| matrix.values[row * columns + column];

            let mut forth = vec![0.0; columns];
            matrix.add_product(&input, &mut forth);
            let expected: Vec<f32> = (0..columns).map(|c| (0..rows).map(|r| input[r] * at(r, c)).sum()).collect();
            prop_assert!(close(&forth, &expected));

            let inputs = Matrix { rows: 2, columns: rows, values: [input.clone(), random(rows)].concat() };
            let mut sums = Matrix::zeros(2, columns);
            matrix.add_products(&inputs, &mut sums);
            let mut alone = vec![0.0; columns];
            matrix.add_product(inputs.row(1), &mut alone);
            prop_assert_eq!([sums.row(0), sums.row(1)], [&*forth, &*alone], "to the bit");

            // In the order in which it always was, whatever registers there are.
            let mut in_order = vec![0.0; columns];
            let whole = rows / AT_ONCE * AT_ONCE;
            for (column, sum) in in_order.iter_mut().enumerate() {
                let product = |row: usize| input[row] * at(row, column);
                (0..whole).step_by(AT_ONCE).for_each(|r| *sum += (product(r) + product(r + 1)) + (product(r + 2) + product(r + 3)));
                (whole..rows).for_each(|row| *sum += product(row));
            }
            prop_assert_eq!(&forth, &in_order, "to the bit");

            let mut back = vec![0.0; rows];
            matrix.add_product_back(&output, &mut back);
            let expected: Vec<f32> = (0..rows).map(|r| (0..columns).map(|c| at(r, c) * output[c]).sum()).collect();
            prop_assert!(close(&back, &expected));

            let mut outer = Matrix::zeros(rows, columns);
            outer.add_outer(&input, &output);
            prop_assert!((0..rows).all(|r| (0..columns).all(|c| (outer.row(r)[c] - input[r] * output[c]).abs() < 1e-6)));
        }
    }
}
