//! What a backend says of itself.

use std::time::{Duration, SystemTime};

/// What is served under a name.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCard {
    /// May hold slashes: `org/name`.
    pub id: String,
    /// The model that an adapter belongs to.
    pub parent: Option<String>,
    pub owner: String,
    pub task: Task,
    pub created: SystemTime,
    /// Changes when another model is served under the same name: its makers' word for it, or, for want of one, the date
    /// of its files.
    pub version: String,
    /// Tokens that prompt and answer may have together.
    pub context_length: u32,
    /// For people: what it is and how it is stored, as "llama, 3.1 M parameters, Q8_0".
    pub description: String,
    /// Bytes of its weights.
    pub size: u64,
}

/// What a model does with a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Task {
    /// It goes on with it: `Backend::generate`.
    #[default]
    Generate,
    /// It says what it is: `Backend::classify`.
    Classify,
    /// It says where it lies among others: `Backend::embed`.
    Embed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelState {
    Ready,
    /// Not in memory, where the first request for it will bring it.
    Idle,
    Loading,
    Failed {
        /// For anybody: names no files.
        reason: String,
    },
}

/// What goes on in a backend right now, and what went on since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Activity {
    pub running: u32,
    pub waiting: u32,
    /// 0 to 1.
    pub kv_cache_usage: f64,
    pub kv_blocks_in_use: u32,
    pub prefix_cache_queries: u64,
    pub prefix_cache_hits: u64,
    pub prompt_tokens: u64,
    pub generation_tokens: u64,
    pub preemptions: u64,
    /// Speculative decoding: how often tokens were guessed ahead, how many those were, and how many of them were right.
    pub drafts: u64,
    pub draft_tokens: u64,
    pub accepted_tokens: u64,
    /// Tokens generated during the last second that had any.
    pub tokens_per_second: f64,
    /// For how long the present step has been computed, while there is one: what `/health/live` looks at.
    pub stalled_for: Option<Duration>,
}
