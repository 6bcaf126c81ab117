//! What `chat` and `generate` have in common: the flags of a request, and writing down an answer as it comes.

use std::num::NonZeroU32;

use anyhow::{Context, Result};
use backend::{Event, Events, FinishReason, Generation, Prompt, Sampling, Stop, Temperature, TopP};
use clap::Args;
use futures_util::StreamExt;
use serving::{Besides, Service};

use crate::settings::{self, Settings};
use crate::{assemble, commands, fetching, terminal};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Sampling")]
pub(crate) struct SamplingArguments {
    /// The most tokens of an answer.
    #[arg(long, value_name = "TOKENS", value_parser = settings::tokens)]
    max_tokens: Option<NonZeroU32>,
    /// 0 always takes the most likely token.
    #[arg(long, value_name = "0-2", value_parser = settings::temperature)]
    temperature: Option<Temperature>,
    /// Only the most likely tokens that together have this probability.
    #[arg(long, value_name = "0-1", value_parser = settings::top_p)]
    top_p: Option<TopP>,
    /// The same seed gives the same answer.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Ends the answer before this text; may be given up to 16 times.
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
}

impl SamplingArguments {
    /// The request for one answer.
    pub(crate) fn generation(&self, model: &str, prompt: Prompt) -> Result<Generation> {
        let Self { max_tokens, temperature, top_p, seed, stop } = self;
        Ok(Generation {
            sampling: Sampling { temperature: *temperature, top_p: *top_p, seed: *seed, ..Sampling::default() },
            stop: Stop::new(stop.clone(), false).context("--stop")?,
            max_tokens: *max_tokens,
            ..Generation::new(model, prompt)
        })
    }
}

/// The model that these settings name first, ready to answer. The service has to be dropped outside of the runtime.
pub(crate) fn answerer(settings: &Settings) -> Result<(Service, String)> {
    let catalogue = assemble::catalogue(&settings.models)?;
    for warning in catalogue.warnings() {
        tracing::warn!("{warning}");
    }
    let entry = assemble::selection(&catalogue, settings)?.into_iter().next().context("there is no model to use")?;
    let draft = assemble::draft(&catalogue, &settings.engine)?;
    let sources = fetching::sources(settings);
    let entry = fetching::fetch(&entry, &sources)?;
    let draft = draft.map(|draft| fetching::fetch(&draft, &sources)).transpose()?;
    let id = entry.id.clone();
    let kv_cache = settings.engine.kv_cache_bytes.value.get();
    let loaded = commands::loading::load(entry, draft.as_ref(), &settings.engine_of(&id), kv_cache)?;
    Ok((assemble::service(vec![loaded.model()], settings, None, Besides::default()), id))
}

/// Writes an answer to stdout as it comes; gives back its text and how it ended.
pub(crate) async fn write_down(mut events: Events) -> Result<(String, Option<FinishReason>)> {
    let mut whole = String::new();
    let mut ended = None;
    while let Some(event) = events.next().await {
        match event? {
            Event::Text { text, .. } => {
                terminal::answer(&text)?;
                whole.push_str(&text);
            }
            Event::Finished { reason, .. } => ended = Some(reason),
            Event::Prompt { .. } | Event::Done(_) => {}
        }
    }
    terminal::answer("\n")?;
    Ok((whole, ended))
}
