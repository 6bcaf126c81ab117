//! Logarithms of the answer's tokens and of the prompt's agree with each other and with the distribution.

use std::num::NonZeroUsize;
use std::sync::Arc;

use backend::{Backend, Choices, Echo, Generation, Sampling, Temperature, TopLogprobs};
use engine::EngineSettings;
use tokio::task::JoinSet;

use crate::client::{ask, cache_for, greedy, prompt, settings, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_greedy_token_is_the_first_of_its_alternatives() {
    let engine = start(settings());
    let generation = Generation { logprobs: TopLogprobs::new(5).ok(), ..greedy(prompt(1, 20), 10) };
    let answers = ask(&engine, generation).await;
    let logprobs = &answers.only().logprobs;
    assert_eq!(logprobs.len(), 10);
    for entry in logprobs {
        assert_eq!(entry.top.len(), 5);
        assert_eq!((entry.top[0].token, Some(entry.top[0].logprob)), (entry.token, entry.logprob));
        assert!(entry.top.is_sorted_by(|a, b| a.logprob >= b.logprob));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_of_the_distribution_before_temperature() {
    let engine = start(settings());
    let cold = Generation { logprobs: TopLogprobs::new(3).ok(), ..greedy(prompt(1, 20), 1) };
    let sampling = Sampling { temperature: Temperature::new(2.0).ok(), seed: Some(1), ..Sampling::default() };
    let hot = Generation { sampling, ..cold.clone() };
    let (cold, hot) = (ask(&engine, cold).await, ask(&engine, hot).await);
    assert_eq!(hot.only().logprobs[0].top, cold.only().logprobs[0].top);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echoed_prompt_has_the_logarithms_its_tokens_had_when_they_were_generated() {
    let engine = start(settings());
    let (beginning, logprobs) = (prompt(1, 20), TopLogprobs::new(2).ok());
    let generated = ask(&engine, Generation { logprobs, ..greedy(beginning.clone(), 30) }).await;
    let answer: Vec<u32> = generated.only().logprobs.iter().map(|entry| entry.token).collect();
    let whole = [beginning, answer].concat();
    let echoed = Generation { logprobs, echo: Some(Echo::PromptOnly), max_tokens: None, ..greedy(whole, 1) };
    let echoed = ask(&engine, echoed).await;
    assert_eq!(echoed.prompt_logprobs.len(), 50);
    assert_eq!(echoed.prompt_logprobs[0].logprob, None);
    assert_eq!(echoed.prompt_logprobs[20..], generated.only().logprobs);
}

/// A prompt and an answer, both with logarithms.
fn echoed(seed: u32) -> Generation {
    Generation { logprobs: TopLogprobs::new(2).ok(), echo: Some(Echo::ThenGenerate), ..greedy(prompt(seed, 40), 60) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_in_chunks_has_the_same_logarithms_for_all_choices() {
    let generation = || Generation { choices: Choices::new(3).unwrap(), ..echoed(1) };
    let whole = ask(&start(settings()), generation()).await;
    let (step_tokens, max_running) = (NonZeroUsize::new(7).unwrap(), NonZeroUsize::new(4).unwrap());
    let chunks = ask(&start(EngineSettings { step_tokens, max_running, ..settings() }), generation()).await;
    assert_eq!((whole.prompt_logprobs.len(), whole.choices.len()), (40, 3));
    assert_eq!(chunks, whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn being_set_back_tells_no_logarithm_twice() {
    let alone = start(settings());
    let crowded = start(EngineSettings { kv_cache_bytes: cache_for(256), ..settings() });
    let mut tasks = JoinSet::new();
    for seed in 0..8 {
        let crowded = Arc::clone(&crowded);
        tasks.spawn(async move { (seed, ask(&crowded, echoed(seed)).await) });
    }
    for (seed, answers) in tasks.join_all().await {
        assert_eq!(answers, ask(&alone, echoed(seed)).await);
    }
    assert!(crowded.activity().preemptions > 0, "the cache was meant to be too small");
}
