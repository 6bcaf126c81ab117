//! Texts are sorted as transformers sorts them, whatever shares the step.

use std::fs;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::Poll;

use backend::{
    Backend, Classification, Classified, Conversation, Keep, Kind, MaxTokens, Message, Priority, Prompt, Result, Role,
    Scale, Task, Tenant, Truncation,
};
use checkpoint::Checkpoint;
use engine::{Engine, EngineSettings};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::{self, fixture, greedy, prompt, settings};

/// What float32 all the way may be off, relative to the length of the vector of logits.
const FLOAT32: f32 = 1e-3;

fn start(name: &str, settings: EngineSettings) -> Arc<Engine> {
    Engine::start(Checkpoint::open(&fixture(name)).unwrap(), settings, &mut |_| {}).unwrap()
}

fn asked(prompt: Prompt) -> Classification {
    let scale = Scale::Meant;
    let (model, priority, tenant) = ("tiny".into(), Priority(0), Tenant(0));
    Classification { model, adapter: None, prompt, encoded: None, truncation: None, scale, priority, tenant }
}

async fn classes(engine: &Engine, prompt: Prompt) -> Classified {
    engine.classify(asked(prompt)).await.unwrap()
}

async fn logits(engine: &Engine, prompt: Prompt) -> Vec<f32> {
    engine.classify(Classification { scale: Scale::Logits, ..asked(prompt) }).await.unwrap().scores
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

fn length(values: impl Iterator<Item = f32>) -> f32 {
    values.map(|value| value * value).sum::<f32>().sqrt()
}

fn distance(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    length(found.iter().zip(expected).map(|(found, expected)| found - expected))
}

/// The inputs of a fixture: as ids, and where it has one as text.
fn prompts(case: &Value) -> Vec<Prompt> {
    let tokens = numbers(&case["tokens"]).into_iter().map(|token| token as u32).collect();
    let text = case["text"].as_str().map(|text| Prompt::Text(text.into()));
    [Prompt::Tokens(tokens)].into_iter().chain(text).collect()
}

/// `yardstick`: in place of the bound for float32, twice what rounding activations to bf16 costs transformers itself.
async fn check(name: &str, yardstick: bool) {
    let engine = start(name, settings());
    assert_eq!(engine.card().task, Task::Classify);
    let expected: Value = serde_json::from_slice(&fs::read(fixture(name).join("expected.json")).unwrap()).unwrap();
    let yardstick = yardstick.then(|| 2.0 * expected["relative_error_of"]["bf16_activations"].as_f64().unwrap() as f32);
    let bound = yardstick.unwrap_or(FLOAT32);
    for case in expected["cases"].as_array().unwrap() {
        let (expected_logits, expected_scores) = (numbers(&case["logits"]), numbers(&case["scores"]));
        for prompt in prompts(case) {
            let found = logits(&engine, prompt.clone()).await;
            let error = distance(&found, &expected_logits);
            assert!(error <= bound * length(expected_logits.iter().copied()), "{name}: off by {error} in {case}");
            let classified = classes(&engine, prompt).await;
            assert_eq!(serde_json::json!(*classified.labels), expected["labels"]);
            assert!(distance(&classified.scores, &expected_scores) <= error + 1e-5, "{name}: {classified:?} in {case}");
            assert_eq!(classified.usage.completion_tokens, 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_family_is_as_transformers_has_it() {
    check("hf/gpt2-classifier", false).await;
    check("hf/mistral-regression", false).await;
    check("hf/qwen3-reward", false).await;
    check("hf/llama-classifier-f16", true).await;
    check("hf/qwen2-classifier-f16", true).await;
}

fn of_all_lengths() -> impl Iterator<Item = Prompt> {
    (0..32).map(|seed| Prompt::Tokens(prompt(seed, 1 + seed as usize * 4)))
}

async fn one_by_one(engine: &Engine) -> Vec<Vec<f32>> {
    let mut scores = Vec::new();
    for prompt in of_all_lengths() {
        scores.push(classes(engine, prompt).await.scores);
    }
    scores
}

async fn all_at_once(engine: &Arc<Engine>) -> Vec<Vec<f32>> {
    let mut tasks = JoinSet::new();
    for (index, prompt) in of_all_lengths().enumerate() {
        let engine = Arc::clone(engine);
        tasks.spawn(async move { (index, classes(&engine, prompt).await.scores) });
    }
    let mut scores = tasks.join_all().await;
    scores.sort_by_key(|(index, _)| *index);
    scores.into_iter().map(|(_, scores)| scores).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_at_once_are_equal_to_each_alone() {
    for name in ["hf/gpt2-classifier", "hf/llama-classifier-f16"] {
        let alone = one_by_one(&start(name, settings())).await;
        assert!(all_at_once(&start(name, settings())).await == alone, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_and_threads_change_nothing() {
    let small = EngineSettings {
        step_tokens: NonZeroUsize::new(7).unwrap(),
        max_running: NonZeroUsize::new(4).unwrap(),
        threads: NonZeroUsize::MIN,
        ..settings()
    };
    let large = one_by_one(&start("hf/gpt2-classifier", settings())).await;
    assert!(one_by_one(&start("hf/gpt2-classifier", small)).await == large);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_that_is_known_is_not_computed_again() {
    let engine = start("hf/gpt2-classifier", settings());
    let text = || Prompt::Tokens(prompt(1, 100));
    let (first, second) = (classes(&engine, text()).await, classes(&engine, text()).await);
    assert_eq!((first.usage.cached_tokens, second.usage.cached_tokens), (0, 96));
    assert_eq!(first.scores, second.scores);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_takes_the_text_along() {
    let settings = EngineSettings { step_tokens: NonZeroUsize::MIN, max_running: NonZeroUsize::MIN, ..settings() };
    let mut checkpoint = Checkpoint::open(&fixture("hf/llama-classifier-f16")).unwrap();
    checkpoint.architecture.context = 2048;
    let engine = Engine::start(checkpoint, settings, &mut |_| {}).unwrap();
    let mut left = engine.classify(asked(Prompt::Tokens(prompt(1, 1500))));
    assert!(poll_fn(|context| Poll::Ready(left.as_mut().poll(context))).await.is_pending());
    drop(left);
    // One at a time: this one's turn comes when the other is done or gone.
    classes(&engine, Prompt::Tokens(prompt(2, 3))).await;
    assert!(engine.activity().prompt_tokens < 1500, "the rest of the text was not computed");
}

async fn refusal(answer: impl Future<Output = Result<Classified>>) -> String {
    answer.await.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_beyond_the_context_is_refused_or_cut_where_it_was_asked_for() {
    let engine = start("hf/gpt2-classifier", settings());
    let (long, context) = (prompt(3, 200), 128);
    let whole = asked(Prompt::Tokens(long.clone()));
    let error = engine.classify(whole.clone()).await.unwrap_err();
    assert_eq!((error.kind(), error.parameter()), (Kind::ContextLength, Some("input")));
    for (most, keep, left) in [
        (None, Keep::First, &long[..context]),
        (MaxTokens::new(10), Keep::First, &long[..10]),
        (MaxTokens::new(10), Keep::Last, &long[190..]),
        (MaxTokens::new(128), Keep::Last, &long[72..]),
    ] {
        let cut = Classification { truncation: Some(Truncation { most, keep }), ..whole.clone() };
        let cut = engine.classify(cut).await.unwrap();
        assert_eq!(cut.scores, classes(&engine, Prompt::Tokens(left.to_vec())).await.scores);
        assert_eq!(cut.usage.prompt_tokens as usize, left.len());
    }
    let not_enough = Truncation { most: MaxTokens::new(129), keep: Keep::First };
    let error = refusal(engine.classify(Classification { truncation: Some(not_enough), ..whole })).await;
    assert!(error.contains("context is 128 tokens, but 129"), "{error}");
}

fn chat(messages: &[(Role, &str)]) -> Prompt {
    let message = |(role, content): &(Role, &str)| Message { role: *role, content: (*content).into(), name: None };
    Prompt::Chat(Conversation::new(messages.iter().map(message).collect()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_chat_without_a_template_the_last_user_is_classified() {
    let engine = start("hf/gpt2-classifier", settings());
    let messages = [(Role::System, "be kind"), (Role::User, "no"), (Role::Assistant, "why?"), (Role::User, "my money")];
    let text = classes(&engine, Prompt::Text("my money".into())).await;
    assert_eq!(classes(&engine, chat(&messages)).await.scores, text.scores);
    let error = engine.classify(asked(chat(&messages[..1]))).await.unwrap_err();
    assert_eq!((error.kind(), error.parameter()), (Kind::Invalid, Some("messages")));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_model_does_one_of_the_two() {
    let classifier = start("hf/gpt2-classifier", settings());
    let error = classifier.generate(greedy(prompt(1, 3), 5)).await.map(drop).unwrap_err();
    assert_eq!((error.kind(), error.parameter()), (Kind::Unsupported, Some("model")));
    let writer = client::start(settings());
    let error = writer.classify(asked(Prompt::Tokens(prompt(1, 3)))).await.unwrap_err();
    assert_eq!((error.kind(), error.parameter()), (Kind::Unsupported, Some("model")));
}
