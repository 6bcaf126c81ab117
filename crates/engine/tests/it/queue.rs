//! The queue has an end, and so has the wait in it.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Echo, Error, Generation, Kind, LogitBias, MaxTokens, Prompt, Sampling};
use engine::EngineSettings;
use tokio::task::JoinSet;

use crate::client::{ask, greedy, prompt, settings, start, until};

/// One runs, one waits, and there is room for no more.
fn narrow() -> EngineSettings {
    EngineSettings { max_running: NonZeroUsize::MIN, max_queued: 1, ..settings() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_more_than_fits_is_refused_at_once() {
    let engine = start(narrow());
    let running = engine.generate(greedy(prompt(1, 10), 1500)).await.unwrap();
    let mut waiting = JoinSet::new();
    let queued = Arc::clone(&engine);
    waiting.spawn(async move { queued.generate(greedy(prompt(2, 10), 1)).await.map(drop) });
    until(&engine, |activity| activity.waiting == 1).await;
    let refused = engine.generate(greedy(prompt(3, 10), 1)).await.map(drop).unwrap_err();
    assert_eq!(refused.kind(), Kind::QueueFull);
    assert!(refused.retry_after().is_some());
    drop(running);
    waiting.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_queued_up_to_the_bound() {
    for bound in [200, usize::MAX] {
        let engine = start(EngineSettings { max_queued: bound, ..narrow() });
        let running = engine.generate(greedy(prompt(1, 10), 1500)).await.unwrap();
        let mut waiting = JoinSet::new();
        for seed in 0..200 {
            let queued = Arc::clone(&engine);
            waiting.spawn(async move { queued.generate(greedy(prompt(seed, 10), 1)).await.map(drop) });
        }
        drop(running);
        waiting.join_all().await.into_iter().collect::<Result<(), _>>().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_too_long_ends_in_a_refusal() {
    let engine = start(EngineSettings { queue_timeout: Duration::from_millis(20), ..narrow() });
    let running = engine.generate(greedy(prompt(1, 10), 1500)).await.unwrap();
    let refused = engine.generate(greedy(prompt(2, 10), 1)).await.map(drop).unwrap_err();
    assert_eq!(refused.kind(), Kind::QueueFull);
    drop(running);
    until(&engine, |activity| activity.waiting == 0 && activity.kv_blocks_in_use == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_draining_is_refused_and_what_runs_goes_on() {
    let engine = start(settings());
    let running = engine.generate(greedy(prompt(1, 10), 50)).await.unwrap();
    engine.drain();
    let refused = engine.generate(greedy(prompt(2, 10), 1)).await.map(drop).unwrap_err();
    assert_eq!(refused.kind(), Kind::Unavailable);
    assert_eq!(crate::client::read(running).await.usage.completion_tokens, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_context_is_refused_with_the_numbers() {
    let engine = start(settings());
    let context = engine.card().context_length;
    let refused = engine.generate(greedy(prompt(1, 10), context)).await.map(drop).unwrap_err();
    assert_eq!(refused, Error::ContextLength { parameter: "prompt".into(), context, prompt: 10, completion: context });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_cannot_fit_is_refused_by_its_length() {
    let engine = start(settings());
    let context = engine.card().context_length;
    let text = Prompt::Text("a".repeat(10 << 20));
    let refused = engine.generate(Generation { prompt: text, ..greedy(Vec::new(), 1) }).await.map(drop).unwrap_err();
    assert_eq!(refused, Error::TooLong { parameter: "prompt".into(), context, bytes: 10 << 20 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_as_long_as_the_context_leaves_no_room_to_answer() {
    let engine = start(settings());
    let context = engine.card().context_length;
    let generation = Generation { max_tokens: None, ..greedy(prompt(1, context as usize), 1) };
    let refused = engine.generate(generation).await.map(drop).unwrap_err();
    assert_eq!(refused, Error::ContextLength { parameter: "prompt".into(), context, prompt: context, completion: 1 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_alone_may_fill_the_context_and_not_exceed_it() {
    // The cache has room for more positions than the model knows.
    let engine = start(settings());
    let context = engine.card().context_length;
    let alone =
        |length: u32| Generation { echo: Some(Echo::PromptOnly), max_tokens: None, ..greedy(prompt(1, length as usize), 1) };
    assert_eq!(ask(&engine, alone(context)).await.usage.prompt_tokens, context);
    let refused = engine.generate(alone(context + 1)).await.map(drop).unwrap_err();
    assert_eq!(refused, Error::ContextLength { parameter: "prompt".into(), context, prompt: context + 1, completion: 0 });
}

#[tokio::test(flavor = "multi_thread")]
async fn without_max_tokens_the_default_holds_and_yields_to_the_context() {
    let engine = start(settings());
    let context = engine.card().context_length;
    let short = Generation { max_tokens: None, default_max_tokens: MaxTokens::new(5), ..greedy(prompt(1, 10), 1) };
    assert_eq!(ask(&engine, short).await.usage.completion_tokens, 5);
    let long = prompt(1, context as usize - 3);
    let long = Generation { max_tokens: None, default_max_tokens: MaxTokens::new(5), ..greedy(long, 1) };
    assert_eq!(ask(&engine, long).await.usage.completion_tokens, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_outside_the_vocabulary_are_refused() {
    let engine = start(settings());
    let prompt_refused = engine.generate(greedy(vec![1, 1_000_000], 1)).await.map(drop).unwrap_err();
    assert_eq!(prompt_refused.parameter(), Some("prompt"));
    let sampling = Sampling { logit_bias: LogitBias::new(vec![(1_000_000, 1.0)]).unwrap(), ..Sampling::default() };
    let bias_refused = engine.generate(Generation { sampling, ..greedy(vec![1], 1) }).await.map(drop).unwrap_err();
    assert_eq!(bias_refused.parameter(), Some("logit_bias"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_prompt_is_refused() {
    let engine = start(settings());
    let refused = engine.generate(greedy(vec![], 1)).await.map(drop).unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_longer_than_the_request_allows_is_refused() {
    let engine = start(settings());
    let bounded = |length| Generation { most_prompt_tokens: NonZeroU32::new(10), ..greedy(prompt(1, length), 1) };
    ask(&engine, bounded(10)).await;
    let refused = engine.generate(bounded(11)).await.map(drop).unwrap_err();
    assert_eq!(refused.to_string(), "prompt must be at most 10 tokens, but is 11 tokens");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_prompt_can_be_asked_for() {
    let engine = start(settings());
    let generation = Generation {
        echo: Some(Echo::PromptOnly),
        max_tokens: None,
        prompt: Prompt::Text("hello".into()),
        ..greedy(vec![], 1)
    };
    let answers = ask(&engine, generation).await;
    assert_eq!(answers.echo.as_deref(), Some("hello"));
    assert_eq!(answers.usage.completion_tokens, 0);
}
