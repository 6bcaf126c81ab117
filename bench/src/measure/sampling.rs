//! Choosing tokens from the model's own logits, as the engine does behind a step, beside the step that gave them.

use std::time::Instant;

use backend::{Sampling, Temperature, TopP};
use decoding::{Sampler, are_sound};
use kernels::Pool;

use super::report::{Figure, Limit, Report, Share};
use super::statistics::median;

/// The time is the median of so many choices.
const ROUNDS: usize = 100;

/// For so many sequences, a step of which takes `step` seconds.
pub(super) fn measure(pool: &Pool, logits: &[f32], sequences: usize, step: f64, report: &mut Report) {
    let drawn = Sampling { seed: Some(1), ..Sampling::default() };
    let ways = [
        ("greedily", Sampling { temperature: Temperature::new(0.0).ok(), ..drawn.clone() }),
        ("at temperature 1", drawn.clone()),
        ("with top-p 0.9", Sampling { top_p: TopP::new(0.9).ok(), ..drawn }),
    ];
    for (name, sampling) in ways {
        let seconds = seconds(pool, logits, sequences, &sampling);
        let several = if sequences > 1 { format!(", {sequences} sequences") } else { String::new() };
        let figure = Figure::new(format!("choosing of {} {name}{several}", logits.len()), seconds * 1e6, "µs");
        report.push(figure.share(Share { share: seconds / step, of: Limit::Step }));
    }
}

fn seconds(pool: &Pool, logits: &[f32], sequences: usize, sampling: &Sampling) -> f64 {
    let one = |choice| (Sampler::new(sampling, choice, &[]), logits.to_vec());
    let mut all: Vec<_> = (0..sequences).map(|index| one(index as u16)).collect();
    let times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            pool.for_each(&mut all, 1, |(sampler, logits)| {
                std::hint::black_box((are_sound(logits), sampler.choose(logits)));
            });
            start.elapsed().as_secs_f64()
        })
        .collect();
    median(&times)
}
