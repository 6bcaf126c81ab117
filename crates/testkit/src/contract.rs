//! What has to be true of every [`Backend`], whichever way it runs its model.
//!
//! Each check is given a backend at rest, and a generation that it would go on with for as long as it may.

use std::num::NonZeroU32;
use std::sync::Arc;

use backend::{Backend, Choices, Error, Event, Events, FinishReason, Generation, Kind, MaxTokens, StopReason, Usage};
use futures_util::StreamExt;

/// An answer that was read to its end, and held to the order of events meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Of each choice.
    pub texts: Vec<String>,
    pub ends: Vec<(FinishReason, Option<StopReason>)>,
    /// Of all pieces.
    pub tokens: u32,
    pub usage: Usage,
}

/// One prompt, first; each choice's pieces before its end; the usage, last.
pub async fn read(mut events: Events, choices: usize) -> Heard {
    let first = events.next().await.expect("there are events").expect("the first is none");
    assert!(matches!(first, Event::Prompt { .. }), "it begins with {first:?}");
    let mut texts = vec![String::new(); choices];
    let mut ends = vec![None; choices];
    let mut total = 0;
    while let Some(event) = events.next().await {
        match event.expect("the answer goes on") {
            Event::Prompt { .. } => panic!("a second prompt"),
            Event::Text { choice, text, tokens, .. } => {
                assert!(ends[usize::from(choice)].is_none(), "{text:?} comes after the end of its choice");
                texts[usize::from(choice)].push_str(&text);
                total += tokens;
            }
            Event::Finished { choice, reason, stop } => {
                let before = ends[usize::from(choice)].replace((reason, stop));
                assert_eq!(before, None, "choice {choice} ends twice");
            }
            Event::Done(usage) => {
                assert!(events.next().await.is_none(), "something follows the end");
                let ends = ends.into_iter().map(|end| end.expect("each choice has an end")).collect();
                return Heard { texts, ends, tokens: total, usage };
            }
        }
    }
    panic!("the events ended without Done");
}

async fn ask(backend: &Arc<dyn Backend>, generation: Generation) -> Heard {
    let choices = usize::from(generation.choices.get());
    read(backend.generate(generation).await.expect("it is taken"), choices).await
}

pub async fn an_answer_is_as_long_as_it_may_be(backend: Arc<dyn Backend>, endless: Generation) {
    let heard = ask(&backend, Generation { max_tokens: MaxTokens::new(7), ..endless }).await;
    assert_eq!(heard.ends, [(FinishReason::Length, None)]);
    assert_eq!(heard.usage.completion_tokens, 7);
    assert!(heard.tokens <= 7 && heard.usage.prompt_tokens > 0, "{heard:?}");
}

pub async fn each_choice_has_its_end(backend: Arc<dyn Backend>, endless: Generation) {
    let choices = Choices::new(3).expect("three are few");
    let heard = ask(&backend, Generation { max_tokens: MaxTokens::new(4), choices, ..endless }).await;
    assert_eq!(heard.ends.len(), 3);
    assert_eq!(heard.usage.completion_tokens, 12);
}

/// The generation has to be one that writes it.
pub async fn a_stop_string_ends_an_answer_and_is_not_part_of_it(backend: Arc<dyn Backend>, endless: Generation) {
    let all = ask(&backend, Generation { max_tokens: MaxTokens::new(30), ..endless.clone() }).await.texts.remove(0);
    let middle = all.chars().count() / 2;
    let stop: String = all.chars().skip(middle).take(2).collect();
    let stops = backend::Stop::new(vec![stop.clone()], true).expect("it is not empty");
    let heard = ask(&backend, Generation { max_tokens: MaxTokens::new(30), stop: stops, ..endless }).await;
    assert_eq!(heard.ends, [(FinishReason::Stop, Some(StopReason::StopString(stop.clone())))]);
    assert_eq!(Some(heard.texts[0].as_str()), all.split(&stop).next());
}

pub async fn dropping_an_answer_ends_it(backend: Arc<dyn Backend>, endless: Generation) {
    let mut events = backend.generate(endless).await.expect("it is taken");
    while !matches!(events.next().await, Some(Ok(Event::Text { .. }))) {}
    until_running(&backend, 1).await;
    drop(events);
    until_running(&backend, 0).await;
}

/// What goes on may be told a step later.
async fn until_running(backend: &Arc<dyn Backend>, count: u32) {
    while backend.activity().running != count {
        tokio::task::yield_now().await;
    }
}

pub async fn a_prompt_beyond_its_own_bound_is_refused(backend: Arc<dyn Backend>, endless: Generation) {
    let (most_prompt_tokens, max_tokens) = (NonZeroU32::new(1), MaxTokens::new(1));
    let refused = match backend.generate(Generation { most_prompt_tokens, max_tokens, ..endless }).await {
        Err(error) => error,
        Ok(mut events) => loop {
            // Where the tokens are counted somewhere else, that is known in the end.
            match events.next().await.expect("an answer that is refused ends in an error") {
                Err(error) => break error,
                Ok(event) => assert!(!matches!(event, Event::Done(_)), "it was answered"),
            }
        },
    };
    assert!(matches!(refused, Error::OutOfRange { .. }), "{refused:?}");
}

pub async fn a_prompt_beyond_the_context_is_refused(backend: Arc<dyn Backend>, endless: Generation) {
    let max_tokens = MaxTokens::new(1_000_000);
    let refused = backend.generate(Generation { max_tokens, ..endless }).await.err().expect("it is too long");
    assert!(matches!(refused.kind(), Kind::ContextLength | Kind::Invalid), "{refused:?}");
}

pub async fn draining_refuses_what_comes_and_lets_run_what_runs(backend: Arc<dyn Backend>, endless: Generation) {
    let generation = Generation { max_tokens: MaxTokens::new(5), ..endless };
    let running = backend.generate(generation.clone()).await.expect("it is taken");
    backend.drain();
    let refused = backend.generate(generation).await.err().expect("it is not taken any more");
    assert_eq!(refused.kind(), Kind::Unavailable);
    assert_eq!(read(running, 1).await.usage.completion_tokens, 5);
}
