//! What shares a step with a request does not change its answer.

use std::num::NonZeroUsize;
use std::sync::Arc;

use backend::{Backend, Choices, Generation, Sampling, Tenant};
use engine::{Engine, EngineSettings};

use crate::client::{Answers, ask, cache_for, greedy, prompt, read, settings, start};

async fn all_at_once(engine: &Arc<Engine>, generations: Vec<Generation>) -> Vec<Answers> {
    let mut tasks = tokio::task::JoinSet::new();
    for (index, generation) in generations.into_iter().enumerate() {
        let engine = Arc::clone(engine);
        tasks.spawn(async move { (index, ask(&engine, generation).await) });
    }
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answers)| answers).collect()
}

async fn one_by_one(engine: &Engine, generations: Vec<Generation>) -> Vec<Answers> {
    let mut answers = Vec::new();
    for generation in generations {
        answers.push(ask(engine, generation).await);
    }
    answers
}

/// Without the counts of what was cached, which do depend on what was asked before.
fn texts(answers: &[Answers]) -> Vec<&str> {
    answers.iter().map(|answers| answers.only().text.as_str()).collect()
}

fn of_all_lengths() -> Vec<Generation> {
    (0..32).map(|seed| greedy(prompt(seed, 1 + seed as usize * 48), 24)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_at_once_are_equal_to_each_alone() {
    let together = all_at_once(&start(settings()), of_all_lengths()).await;
    let alone = one_by_one(&start(settings()), of_all_lengths()).await;
    assert_eq!(texts(&together), texts(&alone));
    assert!(together.iter().all(|answers| answers.usage.completion_tokens == 24));
}

#[tokio::test(flavor = "multi_thread")]
async fn being_set_back_changes_nothing() {
    let generations = || (0..8).map(|seed| greedy(prompt(seed, 40), 60)).collect::<Vec<_>>();
    let alone = one_by_one(&start(settings()), generations()).await;
    let crowded = start(EngineSettings { kv_cache_bytes: cache_for(256), ..settings() });
    let together = all_at_once(&crowded, generations()).await;
    assert_eq!(texts(&together), texts(&alone));
    assert!(crowded.activity().preemptions > 0, "the cache was meant to be too small");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_of_chunks_and_the_number_of_threads_change_nothing() {
    let generations = || (0..4).map(|seed| greedy(prompt(seed, 200), 16)).collect::<Vec<_>>();
    let one = NonZeroUsize::MIN;
    let large = one_by_one(&start(settings()), generations()).await;
    let small = EngineSettings {
        step_tokens: NonZeroUsize::new(7).unwrap(),
        // A step has room for a token of each.
        max_running: NonZeroUsize::new(4).unwrap(),
        threads: one,
        ..settings()
    };
    assert_eq!(texts(&one_by_one(&start(small), generations()).await), texts(&large));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_gives_the_same_whatever_shares_the_batch() {
    let seeded = |seed| {
        let sampling = Sampling { seed: Some(seed), ..Sampling::default() };
        Generation { sampling, ..greedy(prompt(1, 20), 20) }
    };
    let alone = ask(&start(settings()), seeded(7)).await;
    let together = all_at_once(&start(settings()), (0..10).map(seeded).collect()).await;
    assert_eq!(together[7].only().text, alone.only().text);
    assert_ne!(together[8].only().text, alone.only().text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_that_is_known_is_not_computed_again() {
    let engine = start(settings());
    let first = ask(&engine, greedy(prompt(1, 100), 8)).await;
    let second = ask(&engine, greedy(prompt(1, 100), 8)).await;
    assert_eq!((first.usage.cached_tokens, second.usage.cached_tokens), (0, 96));
    assert_eq!(second.choices, first.choices);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_does_not_find_the_prefix() {
    let engine = start(settings());
    ask(&engine, greedy(prompt(1, 100), 8)).await;
    let other = ask(&engine, Generation { tenant: Tenant(1), ..greedy(prompt(1, 100), 8) }).await;
    assert_eq!(other.usage.cached_tokens, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_choices_share_the_prompt_and_differ() {
    let engine = start(settings());
    let sampling = Sampling { seed: Some(3), ..Sampling::default() };
    let generation = Generation { sampling, choices: Choices::new(3).unwrap(), ..greedy(prompt(1, 64), 12) };
    let answers = read(engine.generate(generation.clone()).await.unwrap()).await;
    let texts: std::collections::HashSet<_> = answers.choices.iter().map(|answer| &answer.text).collect();
    assert_eq!(texts.len(), 3);
    assert_eq!((answers.usage.prompt_tokens, answers.usage.completion_tokens), (64, 36));
    let first = ask(&engine, Generation { choices: Choices::ONE, ..generation }).await;
    assert_eq!(first.only().text, answers.choices[0].text, "the first choice is what the request alone gets");
}
