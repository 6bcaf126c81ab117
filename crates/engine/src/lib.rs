//! The engine: runs a language model on this machine's processors, many sequences at a time.
//!
//! In reading order: [`Engine`] checks requests (`generate` those that want a text, `classify` those that want its class) and
//! hands them to the worker, a thread that owns the [`Model`]. It asks the scheduler what to run, runs it, and applies the
//! outcome: `plan → run → apply`.

mod classify;
mod engine;
mod events;
mod generate;
mod job;
mod settings;
mod shared;

mod worker;

mod blocks;
mod scheduler;
mod sequence;
mod speculation;

mod model;

pub use engine::{Engine, OWNER, StartError};
pub use model::{Adapter, BLOCK_TOKENS, Model, ModelError, Run, Wanted};
pub use settings::{EngineSettings, GuessSource, Memory, Progress, Speculation};
pub use speculation::{DraftError, MOST_GUESSES};
