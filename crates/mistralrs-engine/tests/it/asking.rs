//! What the tests ask with: engines over the tiny models, requests with defaults, and answers read to the end.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use backend::{Backend, Event, Generation, MaxTokens, Prompt, Sampling, Stop, Temperature, TokenLogprob};
use checkpoint::Checkpoint;
use futures_util::StreamExt;
use mistralrs_engine::{Device, MistralEngine, MistralSettings, StartError};
use serde_json::Value;

/// A fixture's directory, or its GGUF file.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models").join(name);
    let gguf = directory.join("model.gguf");
    if gguf.is_file() { gguf } else { directory }
}

pub(crate) fn settings() -> MistralSettings {
    MistralSettings {
        id: "tiny".into(),
        owner: "tests".into(),
        created: SystemTime::UNIX_EPOCH,
        version: "1".into(),
        device: Device::Cpu,
        quantization: None,
        max_running: NonZeroUsize::new(8).unwrap(),
        max_queued: 64,
        queue_timeout: Duration::from_mins(1),
        kv_cache_bytes: None,
    }
}

pub(crate) fn try_start(name: &str, settings: MistralSettings) -> Result<Arc<MistralEngine>, StartError> {
    let path = fixture(name);
    MistralEngine::start(&path, Checkpoint::open(&path).unwrap(), settings)
}

pub(crate) fn start(name: &str) -> Arc<MistralEngine> {
    try_start(name, settings()).unwrap()
}

/// The tiny llama with a context in which an answer lasts.
pub(crate) fn lasting(settings: MistralSettings) -> Arc<MistralEngine> {
    let path = fixture("hf/llama");
    let mut checkpoint = Checkpoint::open(&path).unwrap();
    // Nothing in a rotary model with random weights depends on the context that its file names.
    checkpoint.architecture.context = 2048;
    MistralEngine::start(&path, checkpoint, settings).unwrap()
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

/// The logarithms of an answer's tokens, which have to have been asked for.
pub(crate) async fn logprobs(engine: &MistralEngine, generation: Generation) -> Vec<TokenLogprob> {
    let mut events = engine.generate(generation).await.unwrap();
    let mut found = Vec::new();
    while let Some(event) = events.next().await {
        if let Event::Text { logprobs, .. } = event.unwrap() {
            found.extend(logprobs);
        }
    }
    found
}

/// The tokens of an answer.
pub(crate) async fn tokens(engine: &MistralEngine, generation: Generation) -> Vec<u32> {
    let generation = Generation { logprobs: backend::TopLogprobs::new(0).ok(), ..generation };
    logprobs(engine, generation).await.into_iter().map(|logprob| logprob.token).collect()
}

/// What transformers computed of a fixture.
pub(crate) fn expected(name: &str) -> Value {
    let path = fixture(name);
    let directory = if path.is_file() { path.parent().unwrap() } else { &path };
    serde_json::from_slice(&std::fs::read(directory.join("expected.json")).unwrap()).unwrap()
}

pub(crate) fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}
