//! Settings: read as they were written (`arguments`, `environment`, `file`), resolved once into types (`resolve`), handed over.

mod alike;
mod arguments;
mod choice;
mod defaults;
mod environment;
mod file;
mod later;
mod machine;
mod names;
mod otlp;
mod parse;
mod placement;
mod problem;
mod reference;
mod resolve;
mod resolve_registry;
mod show;
pub(crate) mod types;

pub(crate) use arguments::{
    AccountArguments, Arguments, EngineArguments, FileArguments, GenerationArguments, HttpArguments, LimitArguments,
    LogArguments, ModelArguments, PredictArguments, RecordArguments, RegistryArguments, ScorerArguments, TelemetryArguments,
};
#[cfg(test)]
pub(crate) use environment::Environment;
#[cfg(test)]
pub(crate) use file::File;
pub(crate) use machine::Machine;
pub(crate) use parse::{
    Origins, Quantization, Recording, Speculation, account_name, hostname, port, quantization, temperature, tokens, top_p,
};
#[cfg(feature = "mistralrs")]
pub(crate) use placement::{Device, EngineName, Placement};
pub(crate) use problem::Problems;
pub(crate) use reference::reference;
pub(crate) use resolve::{Purpose, resolve};
pub(crate) use show::{show, size};
pub(crate) use types::{HttpSettings, Settings};

/// What is in force for this process: what was typed, its environment, and the file that these lead to.
pub(crate) fn read(arguments: Arguments, machine: &Machine, purpose: Purpose) -> Result<Settings, Problems> {
    let variables = environment::of_process();
    let file = file::File::find(arguments.file.config.as_deref(), &variables);
    resolve(arguments, environment::Environment::from_map(&variables), file, machine, purpose)
}
