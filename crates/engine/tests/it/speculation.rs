//! Guessing ahead changes nothing but the speed.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use backend::{
    Activity, Backend, Choices, Conversation, Echo, Event, FrequencyPenalty, Generation, LogitBias, Message, Prompt, Role,
    Sampling, Stop, Temperature, TopLogprobs, TopP,
};
use checkpoint::Checkpoint;
use engine::{DraftError, Engine, EngineSettings, GuessSource, ModelError, Speculation, StartError};
use tokio::task::JoinSet;

use crate::client::{Answers, ask, cache_for, greedy, next, prompt, settings, start, until};

/// Every guess is run, so that there is something to see however fast the machine is.
const EAGER: Option<Speculation> =
    Some(Speculation { source: GuessSource::Ngram, tokens: NonZeroUsize::new(7).unwrap(), adaptive: false });
const ADAPTIVE: Option<Speculation> =
    Some(Speculation { source: GuessSource::Ngram, tokens: NonZeroUsize::new(10).unwrap(), adaptive: true });

fn demo_checkpoint() -> Checkpoint {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/demo/demo.gguf");
    Checkpoint::open(&path).unwrap()
}

/// The demo model with so many of its four layers: with all of them it is always right, with fewer hardly ever.
fn drafting(layers: usize) -> Speculation {
    let mut draft = demo_checkpoint();
    draft.architecture.layers = layers;
    draft.weights.layers.truncate(layers);
    let source = GuessSource::Model(Box::new(draft));
    Speculation { source, tokens: NonZeroUsize::new(5).unwrap(), adaptive: false }
}

/// The model that was trained: its answers say the same words again as real ones do.
fn demo(settings: EngineSettings) -> Arc<Engine> {
    Engine::start(demo_checkpoint(), settings, &mut |_| {}).unwrap()
}

async fn all_at_once(engine: &Arc<Engine>, generations: &[Generation]) -> Vec<Answers> {
    let mut tasks = JoinSet::new();
    for (index, generation) in generations.iter().cloned().enumerate() {
        let engine = Arc::clone(engine);
        tasks.spawn(async move { (index, ask(&engine, generation).await) });
    }
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|(index, _)| *index);
    // What was found in the cache depends on who came first.
    answers
        .into_iter()
        .map(|(_, mut answers)| {
            answers.usage.cached_tokens = 0;
            answers
        })
        .collect()
}

/// Asks an engine that does not guess and one that does, and tells what the second did for it.
async fn same_answers(plain: &Arc<Engine>, guessing: &Arc<Engine>, generations: &[Generation]) -> Activity {
    let expected = all_at_once(plain, generations).await;
    assert_eq!(all_at_once(guessing, generations).await, expected);
    assert_eq!(plain.activity().drafts, 0);
    let activity = until(guessing, |activity| activity.running == 0 && activity.kv_blocks_in_use == 0).await;
    assert!(activity.accepted_tokens <= activity.draft_tokens && activity.drafts <= activity.draft_tokens);
    // What was accepted was given, and behind each draft one token more.
    assert!(activity.accepted_tokens + activity.drafts <= activity.generation_tokens, "{activity:?}");
    activity
}

/// A conversation in which the answer has been given before.
fn asked(question: &str, max_tokens: u32) -> Generation {
    let message = |role, content: &str| Message { role, content: content.into(), name: None };
    let messages = vec![message(Role::User, question), message(Role::Assistant, ANSWER), message(Role::User, question)];
    Generation { prompt: Prompt::Chat(Conversation::new(messages).unwrap()), ..greedy(Vec::new(), max_tokens) }
}

const QUESTION: &str = "Get top 10 customers by revenue";
const ANSWER: &str = "SELECT customers.name, SUM(orders.amount) AS revenue FROM customers JOIN orders ON orders.customer_id = \
    customers.id GROUP BY customers.id ORDER BY revenue DESC LIMIT 10;";

/// Questions with all that a request can ask for.
fn of_all_kinds() -> Vec<Generation> {
    let plain = asked(QUESTION, 120);
    let sampled = |temperature: f32, seed| Sampling {
        temperature: Temperature::new(temperature).ok(),
        seed: Some(seed),
        ..Sampling::default()
    };
    let penalised = Sampling {
        frequency_penalty: FrequencyPenalty::new(0.3).ok(),
        top_p: TopP::new(0.9).ok(),
        logit_bias: LogitBias::new(vec![(17, 2.0), (40, -5.0)]).unwrap(),
        ..sampled(0.8, 5)
    };
    vec![
        plain.clone(),
        Generation { sampling: sampled(0.4, 1), ..plain.clone() },
        Generation { sampling: sampled(1.0, 2), choices: Choices::new(3).unwrap(), ..plain.clone() },
        Generation { sampling: penalised, logprobs: TopLogprobs::new(2).ok(), ..plain.clone() },
        Generation { logprobs: TopLogprobs::new(3).ok(), echo: Some(Echo::ThenGenerate), ..plain.clone() },
        Generation { echo: Some(Echo::PromptOnly), logprobs: TopLogprobs::new(1).ok(), ..plain.clone() },
        Generation { stop: Stop::new(vec!["GROUP BY c".into(), "zzz".into()], true).unwrap(), ..plain.clone() },
        Generation { stop: Stop::default(), ..plain.clone() },
        asked(QUESTION, 1),
        asked(QUESTION, 2),
        asked(QUESTION, 3),
        asked("Show all users who registered in the last 30 days", 60),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_alone_gets_the_same_answer_sooner() {
    let (plain, guessing) = (demo(settings()), demo(EngineSettings { speculation: EAGER, ..settings() }));
    for generation in of_all_kinds() {
        same_answers(&plain, &guessing, &[generation]).await;
    }
    let activity = guessing.activity();
    assert!(activity.drafts > 0 && activity.accepted_tokens > 0, "{activity:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_get_the_same_answers() {
    let plain = demo(settings());
    let generations: Vec<_> = of_all_kinds().into_iter().cycle().take(30).collect();
    for speculation in [EAGER, ADAPTIVE] {
        let guessing = demo(EngineSettings { speculation, ..settings() });
        same_answers(&plain, &guessing, &generations).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_random_model_that_loops_gets_there_in_fewer_steps() {
    let (plain, guessing) = (start(settings()), start(EngineSettings { speculation: EAGER, ..settings() }));
    let loops = Sampling { logit_bias: LogitBias::new(vec![(7, 100.0)]).unwrap(), ..greedy(Vec::new(), 1).sampling };
    let generation = Generation { sampling: loops, ..greedy(prompt(1, 30), 400) };
    let activity = same_answers(&plain, &guessing, &[generation]).await;
    assert!(activity.accepted_tokens > 300, "{activity:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_is_too_small_for_all_changes_nothing() {
    let small = || EngineSettings { kv_cache_bytes: cache_for(256), ..settings() };
    let (plain, guessing) = (start(small()), start(EngineSettings { speculation: EAGER, ..small() }));
    let generations: Vec<_> = (0..8)
        .map(|seed| {
            let again = prompt(seed % 4, 20).repeat(2);
            Generation { logprobs: TopLogprobs::new(1).ok(), ..greedy(again, 60) }
        })
        .collect();
    let activity = same_answers(&plain, &guessing, &generations).await;
    assert!(activity.preemptions > 0, "the cache was meant to be too small");
    assert!(activity.drafts > 0, "{activity:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_place_of_cache_and_context_is_used_and_none_beyond() {
    let full = || EngineSettings { kv_cache_bytes: cache_for(64), ..settings() };
    let (plain, guessing) = (start(full()), start(EngineSettings { speculation: EAGER, ..full() }));
    assert_eq!(guessing.card().context_length, 64);
    for length in 1..=4 {
        let generation = greedy(vec![5; 64 - 32 - length], 32 + length as u32);
        same_answers(&plain, &guessing, &[generation]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_string_within_what_was_guessed_ends_the_answer_there() {
    let plain = demo(settings());
    let whole = ask(&plain, of_all_kinds()[0].clone()).await.only().text.clone();
    for speculation in [EAGER, Some(drafting(4))] {
        let guessing = demo(EngineSettings { speculation, ..settings() });
        for place in (0..whole.len() - 4).step_by(11) {
            let stop: String = whole.chars().skip(place).take(4).collect();
            let generation = Generation { stop: Stop::new(vec![stop], true).unwrap(), ..of_all_kinds()[0].clone() };
            same_answers(&plain, &guessing, &[generation]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_leaves_nothing_behind() {
    let guessing = demo(EngineSettings { speculation: EAGER, ..settings() });
    let mut events =
        guessing.generate(Generation { choices: Choices::new(4).unwrap(), ..asked(QUESTION, 400) }).await.unwrap();
    while !matches!(next(&mut events).await, Some(Ok(Event::Text { choice: 3, .. }))) {}
    drop(events);
    until(&guessing, |activity| activity.running == 0 && activity.kv_blocks_in_use == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_draft_model_guesses_changes_no_answer() {
    let plain = demo(settings());
    for layers in [4, 1] {
        let guessing = demo(EngineSettings { speculation: Some(drafting(layers)), ..settings() });
        for generation in of_all_kinds() {
            same_answers(&plain, &guessing, &[generation]).await;
        }
        let alone = guessing.activity();
        assert!(alone.draft_tokens > 100, "{alone:?}");
        let together: Vec<_> = of_all_kinds().into_iter().cycle().take(24).collect();
        let activity = same_answers(&plain, &guessing, &together).await;
        assert!(activity.drafts > alone.drafts, "{activity:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_guesses_for_itself_is_always_right_at_temperature_zero() {
    let guessing = demo(EngineSettings { speculation: Some(drafting(4)), ..settings() });
    // Once to fill the cache, and once with a prefix found there.
    for _ in 0..2 {
        ask(&guessing, Generation { stop: Stop::new(Vec::new(), true).unwrap(), ..asked(QUESTION, 100) }).await;
    }
    let activity = guessing.activity();
    assert!(activity.draft_tokens > 100 && activity.accepted_tokens == activity.draft_tokens, "{activity:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_model_shares_a_cache_that_is_too_small() {
    let bytes = 3 << 19;
    let (plain, guessing) =
        (demo(settings()), demo(EngineSettings { kv_cache_bytes: bytes, speculation: Some(drafting(4)), ..settings() }));
    assert!(guessing.memory().kv_cache <= bytes as u64 && guessing.memory().weights > plain.memory().weights);
    let generations: Vec<_> = (0..8).map(|_| asked(QUESTION, 100)).collect();
    let activity = same_answers(&plain, &guessing, &generations).await;
    assert!(activity.preemptions > 0, "the cache was meant to be too small: {activity:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_that_the_draft_model_has_not_seen_is_shared_by_two() {
    let (plain, guessing) = (demo(settings()), demo(EngineSettings { speculation: Some(drafting(4)), ..settings() }));
    // Nothing is guessed for a single token, but its prompt is remembered.
    same_answers(&plain, &guessing, &[greedy(prompt(1, 100), 1)]).await;
    assert_eq!(guessing.activity().drafts, 0);
    let activity = same_answers(&plain, &guessing, &[greedy(prompt(1, 100), 20), greedy(prompt(1, 100), 20)]).await;
    assert!(activity.drafts > 0, "{activity:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_of_one_long_prompt_catch_up_one_after_another() {
    let plain = demo(settings());
    for adaptive in [true, false] {
        let speculation = Some(Speculation { adaptive, ..drafting(1) });
        let guessing = demo(EngineSettings { speculation, ..settings() });
        let generation = Generation { choices: Choices::new(2).unwrap(), ..greedy(prompt(2, 330), 60) };
        same_answers(&plain, &guessing, &[generation]).await;
    }
}

#[test]
fn a_draft_model_with_another_vocabulary_is_refused() {
    let other = Checkpoint::open(&crate::client::fixture("hf/llama")).unwrap();
    let refused = refusal(EngineSettings { speculation: Some(guessing(other)), ..settings() });
    assert!(matches!(refused, StartError::Draft(DraftError::Vocabulary { .. })), "{refused:?}");
}

#[test]
fn a_draft_model_that_classifies_is_refused() {
    let classifier = Checkpoint::open(&crate::client::fixture("hf/llama-classifier-f16")).unwrap();
    let refused = refusal(EngineSettings { speculation: Some(guessing(classifier)), ..settings() });
    assert!(matches!(refused, StartError::Draft(DraftError::Classifier)), "{refused:?}");
}

#[test]
fn a_cache_that_holds_nothing_is_refused() {
    let refused = refusal(EngineSettings { kv_cache_bytes: 1000, ..settings() });
    assert!(matches!(refused, StartError::Model(ModelError::KvCacheTooSmall { .. })), "{refused:?}");
}

fn guessing(draft: Checkpoint) -> Speculation {
    let source = GuessSource::Model(Box::new(draft));
    Speculation { source, tokens: NonZeroUsize::MIN, adaptive: true }
}

/// Before anything was packed.
fn refusal(settings: EngineSettings) -> StartError {
    Engine::start(demo_checkpoint(), settings, &mut |_| panic!("packed before it was checked")).unwrap_err()
}
