//! What choosing a token costs, measured.

use std::time::{Duration, Instant};

use backend::Sampling;

use super::{Distribution, Sampler};

/// The time in which a token is chosen from `logits`, with its logarithm and the 20 best if `logprobs`: the median of `rounds`.
/// `prompt` and what was chosen before count for penalties.
pub fn sampling_time(sampling: &Sampling, prompt: &[u32], logits: &mut [f32], logprobs: bool, rounds: usize) -> Duration {
    let mut sampler = Sampler::new(sampling, 0, prompt);
    let mut times: Vec<_> = (0..rounds.max(1))
        .map(|_| {
            let start = Instant::now();
            let token = sampler.choose(logits);
            if logprobs {
                let distribution = Distribution::new(logits);
                std::hint::black_box((distribution.logprob(logits[token as usize]), distribution.top(logits, 20)));
            }
            std::hint::black_box(token);
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}
