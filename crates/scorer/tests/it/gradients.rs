//! A gradient says how the loss changes when a parameter does.

use proptest::prelude::*;
use scorer::chance::Chance;
use scorer::data::Example;
use scorer::network::{Parameters, Shape};

const STEP: f32 = 2e-3;

fn loss(parameters: &Parameters, row: &[f32], example: &Example, seed: u64) -> (f32, Parameters) {
    let mut gradient = Parameters::zeros(&parameters.shape());
    let loss = parameters.learn(row, example, 1.0, 0.3, &mut Chance::new(seed), &mut gradient);
    (loss, gradient)
}

proptest! {
    /// With dropout too: the same seed leaves out the same. Between two points a function rises by something between the slopes at
    /// both; the rectifiers have corners, where these differ, and in the rarest of cases two of them within a step, so one of the
    /// steps to either side must be right.
    #[test]
    fn gradients_are_differences_of_losses(seed: u64, credit in 0.0_f32..=1.0, pair: bool) {
        let mut chance = Chance::new(seed);
        let shape = Shape { inputs: 5, models: 2, model_embedding: 3, hidden: vec![7, 4] };
        let parameters = Parameters::random(&shape, &mut chance);
        let row: Vec<f32> = (0..5).map(|_| chance.within(1.0)).collect();
        let example = Example { prompt: 0, model: 1, rival: pair.then_some(0), credit, cost: None };
        let (here, gradient) = loss(&parameters, &row, &example, seed);

        for (index, (name, slopes)) in gradient.named().into_iter().enumerate() {
            for (at, slope) in slopes.values.iter().enumerate() {
                let off = |step: f32| {
                    let mut moved = parameters.clone();
                    moved.matrices_mut()[index].values[at] += step;
                    let (there, gradient) = loss(&moved, &row, &example, seed);
                    let other = gradient.named()[index].1.values[at];
                    let difference = (there - here) / step;
                    (difference - difference.clamp(slope.min(other), slope.max(other))).abs()
                };
                let off = off(STEP).min(off(-STEP));
                prop_assert!(off < 1e-3, "{} {}: {}", name, at, off);
            }
        }
    }
}
