//! Choosing a token from the model's own logits, beside the step that gave them.

use backend::{Sampling, Temperature, TopP};

use super::report::{Figure, Limit, Report, Share};

/// The time is the median of so many choices.
const ROUNDS: usize = 100;

/// `step` is what one sequence's step takes, in seconds.
pub(super) fn measure(logits: &[f32], step: f64, report: &mut Report) {
    let drawn = Sampling { seed: Some(1), ..Sampling::default() };
    let ways = [
        ("greedily", Sampling { temperature: Temperature::new(0.0).ok(), ..drawn.clone() }),
        ("at temperature 1", drawn.clone()),
        ("with top-p 0.9", Sampling { top_p: TopP::new(0.9).ok(), ..drawn }),
    ];
    for (name, sampling) in ways {
        let seconds = decoding::sampling_time(&sampling, &[], &mut logits.to_vec(), false, ROUNDS).as_secs_f64();
        let figure = Figure::new(format!("choosing of {} {name}", logits.len()), seconds * 1e6, "µs");
        report.push(figure.share(Share { share: seconds / step, of: Limit::Step }));
    }
}
