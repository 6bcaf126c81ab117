//! What the tests ask with: engines over the tiny models, requests with defaults, and answers read to the end.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use backend::{
    Activity, Backend, Event, Events, FinishReason, Generation, MaxTokens, Prompt, Result, Sampling, Stop, StopReason,
    Temperature, TokenLogprob, Usage,
};
use checkpoint::Checkpoint;
use engine::{Engine, EngineSettings};

pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models").join(name)
}

pub(crate) fn settings() -> EngineSettings {
    EngineSettings {
        id: "tiny".into(),
        created: SystemTime::UNIX_EPOCH,
        version: "1".into(),
        threads: NonZeroUsize::new(2).unwrap(),
        max_running: NonZeroUsize::new(32).unwrap(),
        max_queued: 64,
        queue_timeout: Duration::from_mins(1),
        kv_cache_bytes: 256 << 20,
        kv_element: None,
        step_tokens: NonZeroUsize::new(256).unwrap(),
        speculation: None,
    }
}

pub(crate) fn start(settings: EngineSettings) -> Arc<Engine> {
    let mut checkpoint = Checkpoint::open(&fixture("hf/llama")).unwrap();
    // Nothing in a rotary model with random weights depends on the context that its file names.
    checkpoint.architecture.context = 2048;
    Engine::start(checkpoint, settings, &mut |_| {}).unwrap()
}

/// Bytes of KV cache that hold so many tokens of the tiny llama.
pub(crate) fn cache_for(tokens: usize) -> usize {
    let engine = start(EngineSettings { kv_cache_bytes: 256 << 20, ..settings() });
    let per_token = engine.memory().kv_cache as usize / (32 * engine.card().context_length as usize);
    tokens * per_token
}

/// Greedy, with a given prompt and length, whatever tokens come.
pub(crate) fn greedy(prompt: Vec<u32>, max_tokens: u32) -> Generation {
    Generation {
        sampling: Sampling { temperature: Some(Temperature::new(0.0).unwrap()), ..Sampling::default() },
        stop: Stop::new(Vec::new(), true).unwrap(),
        max_tokens: MaxTokens::new(max_tokens),
        ..Generation::new("tiny", Prompt::Tokens(prompt))
    }
}

/// A prompt of a given length that differs from others by its seed.
pub(crate) fn prompt(seed: u32, length: usize) -> Vec<u32> {
    (0..length as u32).map(|position| (position * 31 + seed * 17 + position * position % 13) % 250).collect()
}

#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) tokens: u32,
    pub(crate) logprobs: Vec<TokenLogprob>,
    pub(crate) finished: Option<(FinishReason, Option<StopReason>)>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answers {
    pub(crate) echo: Option<String>,
    pub(crate) prompt_logprobs: Vec<TokenLogprob>,
    pub(crate) choices: Vec<Answer>,
    pub(crate) usage: Usage,
}

pub(crate) async fn next(events: &mut Events) -> Option<Result<Event>> {
    std::future::poll_fn(|context: &mut Context<'_>| -> Poll<_> { Pin::as_mut(events).poll_next(context) }).await
}

pub(crate) async fn ask(engine: &Engine, generation: Generation) -> Answers {
    read(engine.generate(generation).await.unwrap()).await
}

pub(crate) async fn read(mut events: Events) -> Answers {
    let mut answers = Answers::default();
    while let Some(event) = next(&mut events).await {
        match event.unwrap() {
            Event::Prompt { echo, logprobs, .. } => {
                answers.echo = echo;
                answers.prompt_logprobs = logprobs;
            }
            Event::Text { choice, text, tokens, logprobs } => {
                let answer = answers.choice(choice);
                answer.text.push_str(&text);
                answer.tokens += tokens;
                answer.logprobs.extend(logprobs);
            }
            Event::Finished { choice, reason, stop } => answers.choice(choice).finished = Some((reason, stop)),
            Event::Done(usage) => answers.usage = usage,
        }
    }
    answers
}

impl Answers {
    fn choice(&mut self, index: u16) -> &mut Answer {
        let index = usize::from(index);
        if self.choices.len() <= index {
            self.choices.resize(index + 1, Answer::default());
        }
        &mut self.choices[index]
    }

    pub(crate) fn only(&self) -> &Answer {
        assert_eq!(self.choices.len(), 1);
        &self.choices[0]
    }
}

/// Waits until the engine's numbers satisfy a condition. It ends when the engine has come to rest without doing so.
pub(crate) async fn until(engine: &Engine, condition: impl Fn(Activity) -> bool) -> Activity {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let activity = engine.activity();
        if condition(activity) {
            return activity;
        }
        assert!(tokio::time::Instant::now() < deadline, "the engine never got there: {activity:?}");
        tokio::task::yield_now().await;
    }
}
