//! Clients who chat with the demo model while somebody has prompts scored, beside the same clients alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Result, ensure};
use scorer::synthetic::{self, MODELS};
use serde_json::json;
use xtask::repository;
use xtask::server::{self, Server};

use super::EXAMPLES;
use crate::measure::clients::{self, Load};
use crate::measure::http_target::HttpTarget;
use crate::measure::report::{Figure, Report};
use crate::measure::statistics::median;
use crate::measure::workload::Workload;
use crate::measure::{Plan, release};

const CLIENTS: usize = 8;
const REQUESTS: usize = 8;
const PROMPT_TOKENS: usize = 32;
const TOKENS: usize = 96;
/// Tokens that the demo model has.
const VOCABULARY: usize = 2000;

/// Scorers with each encoder, as somebody would train them, and where they are kept.
struct Trained {
    directory: PathBuf,
    /// What the figures call them, and their names.
    scorers: Vec<(&'static str, &'static str)>,
}

pub(super) fn measure(plan: &Plan, prompts: &[String], report: &mut Report) -> Result<()> {
    plan.now("building the server");
    let binary = plan.options.server.clone().map_or_else(release::server, Ok)?;
    let trained = Trained::by(&binary, plan.options.encoder.as_deref())?;
    let mut server = trained.serve(&binary, plan)?;
    let chats = HttpTarget::new(&server.base_url(), Some("demo"))?;
    // By the way of scoring, or none, what each round gave.
    let mut waits = vec![Vec::new(); trained.scorers.len() + 1];
    for round in 0..=plan.rounds() {
        for (index, waits) in waits.iter_mut().enumerate() {
            plan.now(format!("round {round}: {CLIENTS} streams"));
            let scorer = index.checked_sub(1).map(|index| trained.scorers[index].1);
            let load = beside(&server, &chats, scorer, prompts, (round * 10 + index) as u64)?;
            waits.extend((round > 0).then_some(load));
        }
    }
    let between = |loads: &[Load]| loads.iter().map(|load| load.between(99) * 1e3).collect::<Vec<_>>();
    let (alone, scored) = (between(&waits[0]), &waits[1..]);
    report.push(Figure::new(format!("{CLIENTS} streams: 99 % of the times between tokens"), median(&alone), "ms"));
    for ((name, _), loads) in trained.scorers.iter().zip(scored) {
        let figure = Figure::new(
            format!("the same while {} prompts are scored with {name}", prompts.len()),
            median(&between(loads)),
            "ms",
        );
        report.push(figure.beside("alone", &alone));
    }
    server.stop()
}

/// All prompts are scored again and again, for as long as the streams run.
fn beside(server: &Server, chats: &HttpTarget, scorer: Option<&str>, prompts: &[String], seed: u64) -> Result<Load> {
    let workload = Workload { vocabulary: VOCABULARY, seed };
    let texts: Vec<_> = (0..CLIENTS * REQUESTS).map(|index| workload.tokens(&index.to_string(), PROMPT_TOKENS)).collect();
    let Some(scorer) = scorer else { return clients::run(chats, &texts, CLIENTS, TOKENS) };
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let scoring = scope.spawn(|| score(server, scorer, prompts, &ended));
        let load = clients::run(chats, &texts, CLIENTS, TOKENS);
        ended.store(true, Ordering::Relaxed);
        scoring.join().map_err(|_| anyhow::anyhow!("scoring panicked"))??;
        load
    })
}

fn score(server: &Server, scorer: &str, prompts: &[String], ended: &AtomicBool) -> Result<()> {
    let target = HttpTarget::new(&server.base_url(), Some(scorer))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    while !ended.load(Ordering::Relaxed) {
        let request = json!({"models_to_score": MODELS, "prompts": prompts, "batch_size": 1024});
        runtime.block_on(target.whole("/infer", request))?;
    }
    Ok(())
}

impl Trained {
    fn by(binary: &Path, encoder: Option<&Path>) -> Result<Self> {
        let directory = repository::root().join("target/bench/scorers");
        fs::create_dir_all(&directory)?;
        let data = directory.join("preferences.jsonl");
        fs::write(&data, synthetic::pairs(EXAMPLES, 1).dataset.to_json_lines())?;
        let mut scorers = vec![("hashed n-grams", "dense_network/ngrams")];
        train(binary, &directory, &data, "ngrams", None)?;
        if encoder.is_some() {
            train(binary, &directory, &data, "sentences", encoder)?;
            scorers.push(("a sentence encoder", "dense_network/sentences"));
        }
        Ok(Self { directory, scorers })
    }

    fn serve(&self, binary: &Path, plan: &Plan) -> Result<Server> {
        let address = server::free_address()?;
        let mut command = server::own(binary, address);
        command.args(["--threads", &plan.threads.to_string()]).arg("--scorer-path").arg(&self.directory);
        Server::start(&mut command, address, server::READY, &self.directory.join("server.log"))
    }
}

fn train(binary: &Path, directory: &Path, data: &Path, name: &str, encoder: Option<&Path>) -> Result<()> {
    let mut command = Command::new(binary);
    command.args(["scorer", "train", "--epochs", "1", "--name", name, "--scorer-path"]).arg(directory);
    command.arg("--data").arg(data);
    if let Some(encoder) = encoder {
        command.arg("--encoder").arg(encoder);
    }
    let output = command.output()?;
    ensure!(output.status.success(), "cannot train a scorer: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
