//! Prints what choosing a token from 151,936 words costs, beside the time in which memory is read once:
//! `cargo run --release -p decoding --example sampling`.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "printing is what it is for, and the numbers are valid")]

use std::num::NonZeroUsize;

use backend::{FrequencyPenalty, LogitBias, MinP, PresencePenalty, RepetitionPenalty, Sampling, Temperature, TopK, TopP};
use kernels::{Pool, limits::Limits};

const VOCABULARY: usize = 151_936;
const ROUNDS: usize = 300;

fn main() {
    let limits = Limits::measure(&Pool::new(NonZeroUsize::MIN), 1 << 30);
    let least = 4.0 * VOCABULARY as f64 / limits.bytes;
    println!("{VOCABULARY} logits are read from memory by one thread in {:.1} µs", least * 1e6);
    println!("{:<44} {:>14} {:>14}", "", "peaked", "flat");
    let prompt: Vec<u32> = (0..1000).map(|index| index * 97 % VOCABULARY as u32).collect();
    for (name, sampling, logprobs) in ways() {
        let time = |logits: &mut [f32]| {
            let time = decoding::sampling_time(&sampling, &prompt, logits, logprobs, ROUNDS).as_secs_f64();
            format!("{:.1} µs {:.1}×", time * 1e6, time / least)
        };
        println!("{name:<44} {:>14} {:>14}", time(&mut peaked()), time(&mut flat()));
    }
}

fn ways() -> Vec<(&'static str, Sampling, bool)> {
    let plain = Sampling { seed: Some(1), ..Sampling::default() };
    let top_k = Sampling { top_k: TopK::new(40), top_p: TopP::new(0.95).ok(), ..plain.clone() };
    let penalties = Sampling {
        presence_penalty: PresencePenalty::new(0.5).ok(),
        frequency_penalty: FrequencyPenalty::new(0.5).ok(),
        repetition_penalty: RepetitionPenalty::new(1.1).ok(),
        ..plain.clone()
    };
    let bias = LogitBias::new((0..300).map(|index| (index * 500, 1.0)).collect()).unwrap();
    vec![
        ("greedy", Sampling { temperature: Temperature::new(0.0).ok(), ..plain.clone() }, false),
        ("temperature 1", plain.clone(), false),
        ("top_p 0.9", Sampling { top_p: TopP::new(0.9).ok(), ..plain.clone() }, false),
        ("top_p 0.1", Sampling { top_p: TopP::new(0.1).ok(), ..plain.clone() }, false),
        ("min_p 0.05", Sampling { min_p: MinP::new(0.05).ok(), ..plain.clone() }, false),
        ("top_k 40, top_p 0.95", top_k, false),
        ("top_k 5000", Sampling { top_k: TopK::new(5000), ..plain.clone() }, false),
        ("penalties over a prompt of 1,000", penalties, false),
        ("300 biases", Sampling { logit_bias: bias, ..plain.clone() }, false),
        ("temperature 1, with the 20 best logarithms", plain, true),
    ]
}

/// Nearly as of a model that knows nothing: normally distributed, as the sum of twelve random numbers is.
fn flat() -> Vec<f32> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u32 << 24) as f32
    };
    (0..VOCABULARY).map(|_| (0..12).map(|_| next()).sum::<f32>() - 6.0).collect()
}

/// As of a trained model: few words are likely, all others hardly, wherever they are in the vocabulary.
fn peaked() -> Vec<f32> {
    let mut logits = flat();
    for (rank, token) in (0..VOCABULARY).map(|rank| (rank, rank * 7919 % VOCABULARY)).take(2000) {
        logits[token] += 22.0 - 2.0 * (rank as f32 + 1.0).ln();
    }
    logits
}
