//! How an engine is to be run.

use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};

use kernels::KvElement;

use checkpoint::Checkpoint;

#[derive(Debug)]
pub struct EngineSettings {
    /// The name that the model is served under.
    pub id: String,
    /// When the model was made, as far as its files tell.
    pub created: SystemTime,
    /// What the card says.
    pub version: String,
    /// Threads that compute; best the number of physical cores.
    pub threads: NonZeroUsize,
    /// Sequences that are computed at the same time. A request for `n` answers is `n` sequences.
    pub max_running: NonZeroUsize,
    /// Requests that wait for their turn; one more is refused.
    pub max_queued: usize,
    /// How long a request waits before it is refused.
    pub queue_timeout: Duration,
    /// Memory for keys and values.
    pub kv_cache_bytes: usize,
    /// How they are held; without, as floats of half the width, or of the full width beside weights that have it.
    pub kv_element: Option<KvElement>,
    /// Tokens that one step runs at most: decoding sequences first, the rest for prompts. More is faster for prompts
    /// and makes the answers that are being streamed stutter more.
    pub step_tokens: NonZeroUsize,
    /// Whether tokens are guessed ahead; it changes nothing but the speed.
    pub speculation: Option<Speculation>,
}

/// How tokens are guessed ahead, so that one step verifies several.
#[derive(Debug)]
pub struct Speculation {
    pub source: GuessSource,
    /// The most that are guessed behind one token; more than 15 are as good as 15.
    pub tokens: NonZeroUsize,
    /// Only as many guesses are run as seem to pay, which may be none. Else all are, as a test or a measurement wants it.
    pub adaptive: bool,
}

/// Where guesses come from.
#[derive(Debug)]
pub enum GuessSource {
    /// What followed the same words before, in the prompt or in the answer.
    Ngram,
    /// What a small model with the same vocabulary says. Its keys and values have their part in the memory for the cache.
    Model(Box<Checkpoint>),
}

impl EngineSettings {
    /// Tokens of a step where nobody says otherwise. Prompts are computed at nearly full speed from some 64 tokens on; a longer
    /// step only makes the answers that are being streamed meanwhile stutter.
    pub const STEP_TOKENS: NonZeroUsize = NonZeroUsize::new(128).unwrap();
}

/// What an engine holds in memory, in bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub weights: u64,
    /// The most that the KV cache can take; it is taken as it is used.
    pub kv_cache: u64,
}

/// How far loading has come, in matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: usize,
    pub total: usize,
}
