//! The first lines that a server writes: what is served, where, with what, and how to ask it something.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use checkpoint::Summary;
use engine::Memory;
use registry::{Entry, Sources};
use telemetry::logs::Format;

use super::serve::reachable;
use crate::opening::{Known, Parked};
use crate::settings::{Settings, size};
use crate::terminal;
use crate::{assemble, embedded};

#[derive(Debug)]
pub(crate) struct Greeting {
    scheme: &'static str,
    address: SocketAddr,
    instructions: String,
    threads: usize,
    models: Vec<Line>,
}

/// A model that is served.
#[derive(Debug)]
struct Line {
    id: String,
    description: String,
    place: String,
    /// In words.
    context: String,
    /// `None`: it does not run here.
    takes: Option<Takes>,
}

/// What a model takes here.
#[derive(Debug)]
struct Takes {
    /// If it is loaded.
    memory: Option<Memory>,
    weights: u64,
}

impl Greeting {
    /// `parked` are those of the selected models that run here.
    pub(crate) fn new(
        settings: &Settings,
        address: SocketAddr,
        selection: &[Entry],
        parked: &[Arc<Parked>],
        sources: &Sources,
    ) -> Self {
        Self {
            scheme: if settings.http.tls.value { "https" } else { "http" },
            address,
            instructions: kernels::Isa::detect().to_string(),
            threads: settings.engine.threads.value.get(),
            models: selection.iter().map(|entry| line(entry, parked, sources)).collect(),
        }
    }

    /// To stderr: lines for people, or an entry in the log.
    pub(crate) fn say(&self, format: Format) {
        match format {
            Format::Pretty => terminal::say(&self.for_people()),
            Format::Json => self.log(),
        }
    }

    fn for_people(&self) -> String {
        let Self { scheme, address, instructions, threads, models } = self;
        let mut text = format!("llm-inference-api {} · {instructions} · {threads} threads\n", env!("CARGO_PKG_VERSION"));
        for Line { id, description, place, context, takes } in models {
            let _ = writeln!(text, "  {id}: {description}{context} ({place})");
            let Some(Takes { memory, weights }) = takes else { continue };
            let _ = match memory {
                Some(Memory { weights, kv_cache }) => {
                    writeln!(text, "    {} of weights, KV cache up to {}", size(*weights), size(*kv_cache))
                }
                None => writeln!(text, "    {} of weights, loaded when it is asked for", size(*weights)),
            };
        }
        let _ = write!(text, "listening on {scheme}://{address}; try:\n{}", self.first_request());
        text
    }

    fn first_request(&self) -> String {
        let Some(model) = self.models.first() else { return String::new() };
        let question = if model.id == embedded::ID { "Get top 10 customers by revenue" } else { "Who are you?" };
        // Not every id is a word: quotes and backslashes are escaped for JSON, and for the shell's single quotes.
        let id = serde_json::Value::from(model.id.as_str()).to_string().replace('\'', r"'\''");
        format!(
            "  curl {}/v1/chat/completions -H 'content-type: application/json' \\\n    -d '{{\"model\": {id}, \"messages\": \
             [{{\"role\": \"user\", \"content\": \"{question}\"}}]}}'",
            reachable(self.scheme, self.address)
        )
    }

    fn log(&self) {
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"), instructions = %self.instructions, threads = self.threads,
            scheme = self.scheme, address = %self.address, models = self.models.len(), "listening"
        );
    }
}

fn line(entry: &Entry, parked: &[Arc<Parked>], sources: &Sources) -> Line {
    let (id, place) = (entry.id.clone(), entry.source.to_string());
    let Some(parked) = parked.iter().find(|parked| parked.entry.id == entry.id) else {
        let description = assemble::described(entry, sources).unwrap_or_default();
        return Line { id, description, place, context: String::new(), takes: None };
    };
    let Known { local, summary, took, .. } = parked.known().clone();
    let Some(local) = local else {
        let description = "not downloaded yet".to_owned();
        return Line { id, description, place, context: String::new(), takes: None };
    };
    Line {
        id,
        description: summary.as_ref().map_or_else(|| "unreadable".to_owned(), Summary::to_string),
        place,
        context: format!(", {} tokens of context", summary.as_ref().map_or(0, |summary| summary.context)),
        takes: Some(Takes { memory: took, weights: local.size }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(id: &str, address: &str) -> Greeting {
        Greeting {
            scheme: "http",
            address: address.parse().unwrap(),
            instructions: "AVX-512 VNNI".into(),
            threads: 2,
            models: vec![Line {
                id: id.into(),
                description: "llama, 3.1 M parameters, Q8_0".into(),
                place: "embedded".into(),
                context: ", 1024 tokens of context".into(),
                takes: Some(Takes { memory: Some(Memory { weights: 4_300_000, kv_cache: 32 << 20 }), weights: 4_200_000 }),
            }],
        }
    }

    #[test]
    fn people_are_told_what_is_served_and_how_to_ask() {
        insta::assert_snapshot!(greeting("demo", "0.0.0.0:8091").for_people(), @r#"
            llm-inference-api 0.1.0 · AVX-512 VNNI · 2 threads
              demo: llama, 3.1 M parameters, Q8_0, 1024 tokens of context (embedded)
                4.1 MiB of weights, KV cache up to 32.0 MiB
            listening on http://0.0.0.0:8091; try:
              curl http://localhost:8091/v1/chat/completions -H 'content-type: application/json' \
                -d '{"model": "demo", "messages": [{"role": "user", "content": "Get top 10 customers by revenue"}]}'
        "#);
    }

    #[test]
    fn the_first_request_survives_a_shell() {
        let request = Greeting { scheme: "https", ..greeting("it's", "[::1]:80") }.first_request();
        insta::assert_snapshot!(request, @r#"
            curl https://localhost:80/v1/chat/completions -H 'content-type: application/json' \
              -d '{"model": "it'\''s", "messages": [{"role": "user", "content": "Who are you?"}]}'
        "#);
    }
}
