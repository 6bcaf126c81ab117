//! From the vectors of a text's tokens to that of the text.

use checkpoint::Pooling;

/// A vector of length 1 (or 0, if that is what the tokens come to). Each number is summed in the order of the tokens.
pub(crate) fn pooled(pooling: Pooling, rows: &[&[f32]]) -> Vec<f32> {
    let mut vector = rows.first().map(|row| row.to_vec()).unwrap_or_default();
    if pooling == Pooling::Mean {
        for row in rows.iter().skip(1) {
            for (sum, value) in vector.iter_mut().zip(*row) {
                *sum += value;
            }
        }
    }
    normalise(&mut vector);
    vector
}

/// A sum and the mean differ by a factor, which falls out here.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        for value in vector {
            *value = (f64::from(*value) / length) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_points_between_its_tokens_and_the_first_is_one_of_them() {
        let rows: [&[f32]; 2] = [&[2.0, 0.0], &[0.0, 2.0]];
        let half = std::f32::consts::FRAC_1_SQRT_2;
        assert_eq!(pooled(Pooling::Mean, &rows), [half, half]);
        assert_eq!(pooled(Pooling::First, &rows), [1.0, 0.0]);
        assert_eq!(pooled(Pooling::Mean, &[&[0.0, 0.0]]), [0.0, 0.0]);
    }
}
