//! Settings: read as they were written (`arguments`, `environment`), resolved once into types (`resolve`), handed over.

mod arguments;
mod defaults;
mod environment;
mod later;
mod machine;
mod parse;
mod resolve;
mod show;
pub(crate) mod types;

pub(crate) use arguments::{Arguments, EngineArguments, GenerationArguments, HttpArguments, LogArguments, ModelArguments};
pub(crate) use environment::Environment;
pub(crate) use machine::Machine;
pub(crate) use parse::{Origins, Speculation, temperature, tokens, top_p};
pub(crate) use resolve::{Problems, Purpose, resolve};
pub(crate) use show::{show, size};
pub(crate) use types::Settings;
