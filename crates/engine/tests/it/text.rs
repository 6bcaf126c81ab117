//! Where an answer stops, and what it says.

use backend::{FinishReason, Generation, Prompt, Sampling, Stop, StopReason, Temperature, TopK};

use crate::client::{ask, greedy, prompt, settings, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_string_ends_the_answer_before_it() {
    let engine = start(settings());
    let whole = ask(&engine, greedy(prompt(1, 30), 40)).await.only().text.clone();
    let middle = whole.char_indices().nth(whole.chars().count() / 2).unwrap().0;
    let stop: String = whole[middle..].chars().take(3).collect();
    let generation = Generation { stop: Stop::new(vec![stop.clone()], true).unwrap(), ..greedy(prompt(1, 30), 40) };
    let answers = ask(&engine, generation).await;
    let answer = answers.only();
    assert_eq!(answer.text, whole.split_once(&stop).unwrap().0);
    assert_eq!(answer.finished, Some((FinishReason::Stop, Some(StopReason::StopString(stop)))));
    assert!(answers.usage.completion_tokens < 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_length_ends_the_answer() {
    let engine = start(settings());
    let answers = ask(&engine, greedy(prompt(1, 30), 7)).await;
    assert_eq!(answers.only().finished, Some((FinishReason::Length, None)));
    assert_eq!((answers.only().tokens, answers.usage.completion_tokens), (7, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_of_text_token_ends_the_answer_unless_it_is_ignored() {
    let engine = start(settings());
    let checkpoint = checkpoint::Checkpoint::open(&crate::client::fixture("hf/llama")).unwrap();
    let end = checkpoint.tokenizer.end_of_text()[0];
    let forced = Sampling { logit_bias: backend::LogitBias::new(vec![(end, 100.0)]).unwrap(), ..greedy(vec![], 1).sampling };
    let generation = Generation { sampling: forced, ..greedy(prompt(1, 5), 6) };
    let ignoring = ask(&engine, generation.clone()).await;
    assert_eq!(ignoring.usage.completion_tokens, 6);
    let answers = ask(&engine, Generation { stop: Stop::default(), ..generation }).await;
    assert_eq!(answers.only().finished, Some((FinishReason::Stop, Some(StopReason::EndOfText(end)))));
    assert_eq!((answers.only().text.as_str(), answers.usage.completion_tokens), ("", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn top_k_of_one_is_greedy_at_any_temperature() {
    let engine = start(settings());
    let expected = ask(&engine, greedy(prompt(1, 30), 20)).await;
    let sampling =
        Sampling { temperature: Some(Temperature::new(2.0).unwrap()), top_k: TopK::new(1), ..Sampling::default() };
    let answers = ask(&engine, Generation { sampling, ..greedy(prompt(1, 30), 20) }).await;
    assert_eq!(answers.only().text, expected.only().text);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_and_its_tokens_are_the_same_prompt() {
    let engine = start(settings());
    let checkpoint = checkpoint::Checkpoint::open(&crate::client::fixture("hf/llama")).unwrap();
    let tokens = checkpoint.tokenizer.encode("the quick brown fox", true).unwrap();
    let by_tokens = ask(&engine, greedy(tokens, 12)).await;
    let by_text = Generation { prompt: Prompt::Text("the quick brown fox".into()), ..greedy(vec![], 12) };
    assert_eq!(ask(&engine, by_text).await.only().text, by_tokens.only().text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_was_encoded_before_is_not_encoded_again() {
    let engine = start(settings());
    let generation = greedy(prompt(1, 30), 4);
    let encoded = backend::Backend::encode(&*engine, &generation.prompt).await.unwrap();
    assert_eq!(encoded.as_deref(), Some(prompt(1, 30).as_slice()));
    let shorter = Generation { encoded: Some(prompt(1, 5).into()), ..generation };
    assert_eq!(ask(&engine, shorter).await.usage.prompt_tokens, 5);
}
