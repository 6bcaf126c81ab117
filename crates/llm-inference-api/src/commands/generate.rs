//! `generate`: one prompt, one answer, on stdout.

use std::io::Read;

use anyhow::{Context, Result};
use backend::{Conversation, FinishReason, Message, Prompt, Role};
use clap::Args;

use super::sampling::{self, SamplingArguments};
use crate::commands::{Failure, prepare};
use crate::settings::{Arguments, EngineArguments, FileArguments, LogArguments, ModelArguments, Purpose, RegistryArguments};
use crate::terminal;

#[derive(Debug, Args)]
pub(crate) struct GenerateArguments {
    /// What is asked; - reads it from stdin.
    prompt: String,
    /// The model continues the text as it stands, in place of answering it as a message.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    sampling: SamplingArguments,
    #[command(flatten)]
    file: FileArguments,
    #[command(flatten)]
    models: ModelArguments,
    #[command(flatten)]
    registry: RegistryArguments,
    #[command(flatten)]
    engine: EngineArguments,
    #[command(flatten)]
    log: LogArguments,
}

pub(crate) fn run(arguments: GenerateArguments) -> Result<(), Failure> {
    let GenerateArguments { prompt, raw, sampling, file, models, registry, engine, log } = arguments;
    let settings = prepare(Arguments { file, models, registry, engine, log, ..Arguments::default() }, Purpose::Answer)?;
    let prompt = prompt_of(&text(prompt)?, raw).context("the prompt is empty")?;
    let (service, model) = sampling::answerer(&settings)?;
    let generation = sampling.generation(&model, prompt)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(anyhow::Error::from)?;
    let answered: Result<_> = runtime.block_on(async { sampling::write_down(service.generate(generation).await?).await });
    if answered?.1 == Some(FinishReason::Length) {
        terminal::say("(the answer was cut off; --max-tokens allows more)");
    }
    Ok(())
}

fn text(prompt: String) -> Result<String> {
    if prompt != "-" {
        return Ok(prompt);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("stdin cannot be read as text")?;
    Ok(text)
}

fn prompt_of(text: &str, raw: bool) -> Option<Prompt> {
    if text.is_empty() {
        return None;
    }
    if raw {
        return Some(Prompt::Text(text.to_owned()));
    }
    let message = Message { role: Role::User, content: text.to_owned(), name: None };
    Conversation::new(vec![message]).map(Prompt::Chat)
}
