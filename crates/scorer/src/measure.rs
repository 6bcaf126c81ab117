//! How well a scorer does on what was held out, beside the simple ways to choose.

mod accuracy;
mod budget;
mod calibration;
mod curve;
mod drawing;
mod report;
mod strong_weak;

pub use curve::Curve;
pub use drawing::draw;
pub use report::{Figures, Measured, Report, measure};

use crate::data::Example;

/// For each prompt of a dataset a score for each model; empty for prompts that were not asked about.
type Predictions = [Vec<f32>];

/// How much better the first model of a comparison is thought to be, or how good a single one.
fn predicted(predictions: &Predictions, example: &Example) -> f32 {
    let scores = &predictions[example.prompt];
    scores[example.model] - example.rival.map_or(0.0, |rival| scores[rival])
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}
