//! Whatever is asked of the choice of tokens holds here as in the engine of our own, for it is the same that chooses.

use backend::{Backend, Event, Generation, LogitBias, Prompt, Sampling, Temperature, TopLogprobs};
use futures_util::StreamExt;

use crate::asking::{greedy, logprobs, settings, start, tokens, try_start};

fn seeded(seed: u64) -> Generation {
    let sampling = Sampling { seed: Some(seed), temperature: Temperature::new(1.0).ok(), ..Sampling::default() };
    Generation { sampling, ..greedy(vec![17, 48, 83, 127], 20) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_gives_the_same_tokens_each_time() {
    let engine = start("hf/llama");
    let first = tokens(&engine, seeded(7)).await;
    assert_eq!(tokens(&engine, seeded(7)).await, first);
    assert_ne!(tokens(&engine, seeded(8)).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bias_forces_a_token() {
    let generation = greedy(vec![17, 48], 5);
    let logit_bias = LogitBias::new(vec![(42, 100.0)]).unwrap();
    let sampling = Sampling { logit_bias, ..generation.sampling };
    assert_eq!(tokens(&start("hf/llama"), Generation { sampling, ..generation }).await, [42; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_at_once_is_answered_as_if_alone() {
    let engine = start("hf/llama");
    let asked: Vec<Generation> = (1..8).map(|length| greedy((0..length).map(|token| token * 29).collect(), 20)).collect();
    let mut alone = Vec::new();
    for generation in &asked {
        alone.push(tokens(&engine, generation.clone()).await);
    }
    let together = asked.into_iter().map(|generation| tokens(&engine, generation));
    assert_eq!(futures_util::future::join_all(together).await, alone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_does_not_depend_on_the_others() {
    let engine = start("hf/llama");
    let stop = backend::Stop::default();
    let several = Generation { choices: backend::Choices::new(3).unwrap(), stop: stop.clone(), ..seeded(7) };
    let logprobs = TopLogprobs::new(0).ok();
    let mut events = engine.generate(Generation { logprobs, ..several }).await.unwrap();
    let mut first = Vec::new();
    while let Some(event) = events.next().await {
        if let Event::Text { choice: 0, logprobs, .. } = event.unwrap() {
            first.extend(logprobs.into_iter().map(|logprob| logprob.token));
        }
    }
    assert_eq!(first, tokens(&engine, Generation { stop, ..seeded(7) }).await);
}

/// mistral.rs's own logarithms have the base 10, and are taken of what the temperature left. Ours are of neither: they are the
/// model's own, and natural, so that what all tokens have adds up to one.
#[tokio::test(flavor = "multi_thread")]
async fn logarithms_are_natural_and_of_the_models_own_distribution() {
    let engine = start("hf/llama");
    let asked = |temperature| Generation {
        sampling: Sampling { temperature: Temperature::new(temperature).ok(), seed: Some(1), ..Sampling::default() },
        logprobs: TopLogprobs::new(20).ok(),
        ..greedy(vec![17, 48, 83], 1)
    };
    let (cold, hot) = (logprobs(&engine, asked(0.0)).await.remove(0), logprobs(&engine, asked(2.0)).await.remove(0));
    assert_eq!(cold.top, hot.top);
    let listed = hot.top.iter().find(|alternative| alternative.token == cold.token).unwrap();
    assert_eq!(Some(listed.logprob), cold.logprob);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_tokenised_and_written_as_by_the_native_engine() {
    let prompt = Prompt::Text("the quick brown fox".into());
    let engine = start("hf/llama");
    let tokenizer = checkpoint::Checkpoint::open(&crate::asking::fixture("hf/llama")).unwrap().tokenizer;
    let expected = tokenizer.encode("the quick brown fox", true).unwrap();
    assert_eq!(engine.encode(&prompt).await.unwrap().unwrap().to_vec(), expected);
    let generation = Generation { prompt, ..greedy(Vec::new(), 12) };
    let written = tokens(&engine, generation.clone()).await;
    let mut events = engine.generate(generation).await.unwrap();
    let mut text = String::new();
    while let Some(event) = events.next().await {
        if let Event::Text { text: piece, .. } = event.unwrap() {
            text.push_str(&piece);
        }
    }
    assert_eq!(text, tokenizer.decode(&written));
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_can_be_quantised_as_they_are_loaded() {
    let stored = start("hf/llama").memory();
    let quantised =
        try_start("hf/llama", mistralrs_engine::MistralSettings { quantization: Some("q8_0".into()), ..settings() });
    let engine = quantised.unwrap();
    assert_eq!(tokens(&engine, greedy(vec![17, 48], 5)).await.len(), 5);
    assert!(stored.kv_cache > 0 && stored.weights > 0);
}
