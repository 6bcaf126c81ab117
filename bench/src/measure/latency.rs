//! How long clients wait, over HTTP, for what description A's models do: a class of a text from a model of GPT-2's size, and a chat of a
//! few tokens.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::clients::{self, Answer, Load, Target};
use super::http_target::HttpTarget;
use super::report::{Figure, Report};
use super::statistics::median;
use super::workload::Workload;
use super::{Plan, release};
use crate::synth;
use xtask::repository;
use xtask::server::{self, Server};

const CLIENTS: usize = 8;
/// Enough of them that one in a hundred is some.
const REQUESTS: usize = 50;
const TEXT_TOKENS: usize = 64;
const CHAT_TOKENS: usize = 16;

/// GPT-2 as it was published, with a head of two classes.
/// It is run in eight bits, as somebody who waits for it would run it.
const CLASSIFIER: &str = "gpt2-124m,classes=2";

/// What description A promises at the 99th percentile, in milliseconds: of its classifier,
const CLASSIFIED: [(&str, f64); 1] = [("A's GPT-2", 45.0)];
/// and of its chats. Those are of 8 and 7 billion parameters, and the demo model is small: only the last is a like.
const CHATTED: [(&str, f64); 3] = [("A's Llama 3 8B", 120.0), ("A's Mistral 7B", 180.0), ("A's SLA", 300.0)];

pub(super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    plan.now("building the server");
    let binary = plan.options.server.clone().map_or_else(release::server, Ok)?;
    let model = match &plan.options.model {
        Some(model) => model.clone(),
        None => classifier()?,
    };
    let texts =
        Stage { plan, name: "a text of 64 tokens classified in Q8_0", ask: classify, tokens: 0, promised: &CLASSIFIED };
    texts.measure(&binary, Some(&model), report)?;
    let chats = Stage { plan, name: "a chat of 16 tokens", ask: chat, tokens: CHAT_TOKENS, promised: &CHATTED };
    chats.measure(&binary, None, report)
}

/// Written once.
fn classifier() -> Result<PathBuf> {
    let directory = repository::root().join("target/bench/gpt2-124m-classifier");
    if !directory.join("model.safetensors").is_file() {
        synth::run(&synth::Options::new(CLASSIFIER, "hf:bf16", directory.clone())?)?;
    }
    Ok(directory)
}

fn classify(tokens: &[u32]) -> (&'static str, Value) {
    ("/v1/classify", json!({"input": tokens}))
}

/// A question like those that the demo model was trained on, and no two alike.
fn chat(tokens: &[u32]) -> (&'static str, Value) {
    let number = tokens.iter().fold(0_u32, |sum, token| sum.wrapping_mul(31).wrapping_add(*token));
    let question = format!("Get top {number} customers by revenue");
    let messages = json!([{"role": "user", "content": question}]);
    let fields = json!({"messages": messages, "max_tokens": CHAT_TOKENS, "ignore_eos": true, "temperature": 0});
    ("/v1/chat/completions", fields)
}

struct Stage<'a> {
    plan: &'a Plan,
    name: &'static str,
    ask: fn(&[u32]) -> (&'static str, Value),
    /// That the answer is to have.
    tokens: usize,
    promised: &'static [(&'static str, f64)],
}

impl Stage<'_> {
    /// By a server with this model, or with the one it has in itself.
    fn measure(&self, binary: &Path, model: Option<&Path>, report: &mut Report) -> Result<()> {
        self.plan.now(format!("{}: starting the server", self.name));
        let mut server = self.start(binary, model)?;
        let target = Whole { target: HttpTarget::new(&server.base_url(), None)?, ask: self.ask };
        let mut loads = Vec::new();
        // The first run is to warm up.
        for round in 0..=self.plan.rounds() {
            self.plan.now(format!("{}: round {round}", self.name));
            let workload = Workload { vocabulary: VOCABULARY, seed: round as u64 };
            let prompts: Vec<_> =
                (0..CLIENTS * REQUESTS).map(|index| workload.tokens(&index.to_string(), TEXT_TOKENS)).collect();
            loads.push(clients::run(&target, &prompts, CLIENTS, self.tokens)?);
        }
        self.push(&loads[1..], report);
        server.stop()
    }

    fn start(&self, binary: &Path, model: Option<&Path>) -> Result<Server> {
        let address = server::free_address()?;
        let mut command = server::own(binary, address);
        command.args(["--threads", &self.plan.threads.to_string()]);
        if let Some(model) = model {
            command.args(["--quantization", "q8_0", "--model"]).arg(model);
        }
        let logs = repository::root().join("target/bench");
        fs::create_dir_all(&logs)?;
        Server::start(&mut command, address, server::READY, &logs.join("server.log"))
    }

    /// In milliseconds, as description A has them.
    fn push(&self, loads: &[Load], report: &mut Report) {
        let percentile = |percent| median(&loads.iter().map(|load| load.first(percent) * 1e3).collect::<Vec<_>>());
        let name = |percent: &str| format!("{CLIENTS} clients: {}, {percent}", self.name);
        report.push(Figure::new(name("median"), percentile(50), "ms"));
        let last = Figure::new(name("99 %"), percentile(99), "ms");
        report.push(self.promised.iter().fold(last, |figure, (name, value)| figure.beside(name, &[*value])));
        let rates: Vec<_> = loads.iter().map(Load::requests).collect();
        report.push(Figure::new(name("requests"), median(&rates), "/s"));
    }
}

/// Tokens that both models have.
const VOCABULARY: usize = 2000;

/// A server asked for answers in one piece.
struct Whole {
    target: HttpTarget,
    ask: fn(&[u32]) -> (&'static str, Value),
}

impl Target for Whole {
    /// One piece: the whole answer.
    async fn ask(&self, prompt: &[u32], _: usize) -> Result<Answer> {
        let (path, request) = (self.ask)(prompt);
        let start = Instant::now();
        let answer = self.target.whole(path, request).await?;
        let took = start.elapsed();
        let tokens = answer["usage"]["completion_tokens"].as_u64().context("an answer without usage")?;
        Ok(Answer { pieces: vec![took], tokens: tokens as usize })
    }
}
