//! Logarithms of the answer's tokens and of the prompt's agree with each other and with the distribution.

use backend::{Echo, Generation, Sampling, Temperature, TopLogprobs};

use crate::client::{ask, greedy, prompt, settings, start};

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
