//! The three products that a network needs, each in one fixed order, so that a row's result is the same to the bit whatever
//! else is computed, and a training can be repeated.

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
        let mut blocks = self.values.chunks_exact(AT_ONCE * self.columns);
        let mut inputs = input.chunks_exact(AT_ONCE);
        for (block, x) in blocks.by_ref().zip(inputs.by_ref()) {
            let (first, rest) = block.split_at(self.columns);
            let (second, rest) = rest.split_at(self.columns);
            let (third, fourth) = rest.split_at(self.columns);
            let weights = first.iter().zip(second).zip(third.iter().zip(fourth));
            for (sum, ((a, b), (c, d))) in sum.iter_mut().zip(weights) {
                *sum += (x[0] * a + x[1] * b) + (x[2] * c + x[3] * d);
            }
        }
        for (row, x) in blocks.remainder().chunks_exact(self.columns).zip(inputs.remainder()) {
            add_scaled(*x, row, sum);
        }
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
