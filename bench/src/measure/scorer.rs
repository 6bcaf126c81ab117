//! How many prompts and models scorers score a second, with each encoder; beside sentence-transformers; what one more model costs;
//! and what scoring does to those who chat meanwhile.

mod peer;
mod streams;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use checkpoint::SentenceEncoder;
use encoder::{Parallel, SentenceModel};
use kernels::Format;
use scorer::prompt::{Encoder, HashedNgrams, Identity, Prompt, Sentences};
use scorer::synthetic::{self, MODELS};
use scorer::{Scorer, Training, Type};

use self::peer::SentenceTransformers;
use super::Plan;
use super::report::{Figure, Report};
use super::statistics::median;

const PROMPTS: usize = 2000;
/// To train with: how good the scorer is does not matter here.
const EXAMPLES: usize = 300;

/// A scorer that reads prompts in one of the ways that there are.
struct Subject {
    name: &'static str,
    scorer: Scorer,
    /// Of each round, seconds for all prompts: with one model, and with all.
    alone: Vec<f64>,
    all: Vec<f64>,
}

pub(super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    plan.now("training scorers");
    let prompts = prompts();
    let mut subjects = vec![Subject::new("hashed n-grams", Encoder::HashedNgrams(ngrams()?))?];
    if let Some(directory) = &plan.options.encoder {
        subjects.push(Subject::new("a sentence encoder", opened(plan, directory, None)?)?);
        subjects.push(Subject::new("a sentence encoder in Q8_0", opened(plan, directory, Some(Format::Q8_0))?)?);
    }
    let mut peer = match (&plan.options.peer_python, &plan.options.encoder) {
        (Some(python), Some(directory)) => Some(SentenceTransformers::start(python, directory, plan.threads, &prompts)?),
        _ => None,
    };
    let mut theirs = Vec::new();
    // The first round is to warm up.
    for round in 0..=plan.rounds() {
        for subject in &mut subjects {
            plan.now(format!("round {round}: {}", subject.name));
            subject.measure(&prompts, round > 0)?;
        }
        if let Some(peer) = &mut peer {
            plan.now(format!("round {round}: {}", peer::NAME));
            let seconds = peer.score()?;
            theirs.extend((round > 0).then_some(seconds));
        }
    }
    drop(peer);
    for subject in &subjects {
        let beside = if subject.name == "hashed n-grams" { &[][..] } else { &theirs };
        subject.push(beside, report);
    }
    streams::measure(plan, &prompts, report)
}

fn prompts() -> Vec<String> {
    let made = synthetic::pairs(PROMPTS, 3).dataset.prompts;
    let mut prompts: Vec<String> = made.iter().filter_map(Prompt::text).map(str::to_owned).collect();
    // Each is there once in a dataset; some were made twice.
    let made = prompts.len();
    prompts.extend((made..PROMPTS).map(|number| format!("What is {number} times 23?")));
    prompts
}

fn ngrams() -> Result<HashedNgrams> {
    HashedNgrams::new(HashedNgrams::DEFAULT_DIMENSIONS).context("no dimensions")
}

/// A sentence encoder as scorers want it.
#[derive(Debug)]
struct Opened(SentenceModel);

/// As it is, or in eight bits.
fn opened(plan: &Plan, directory: &Path, format: Option<Format>) -> Result<Encoder> {
    let mut files = SentenceEncoder::open(directory)?;
    if let Some(format) = format {
        files.requantise(format);
    }
    let model = SentenceModel::new(files, Parallel::Together(plan.threads))?;
    Ok(Encoder::Sentences(Arc::new(Opened(model))))
}

impl Sentences for Opened {
    fn identity(&self) -> Identity {
        Identity::new("measured", "1", self.0.dimensions())
    }

    fn encode(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        self.0.encode(texts).unwrap_or_else(|error| panic!("the encoder reads no text: {error}"))
    }
}

impl Subject {
    fn new(name: &'static str, encoder: Encoder) -> Result<Self> {
        let mut training = Training::new(Type::DenseNetwork, encoder, 1);
        training.options.epochs = 1;
        let scorer = scorer::fit(&synthetic::pairs(EXAMPLES, 1).dataset, &training, |_| ())?;
        Ok(Self { name, scorer, alone: Vec::new(), all: Vec::new() })
    }

    fn measure(&mut self, prompts: &[String], counts: bool) -> Result<()> {
        let (alone, all) = (self.time(prompts, &MODELS[..1])?, self.time(prompts, &MODELS)?);
        if counts {
            self.alone.push(alone);
            self.all.push(all);
        }
        Ok(())
    }

    fn time(&self, prompts: &[String], models: &[&str]) -> Result<f64> {
        let candidates = self.scorer.candidates(models)?;
        let start = Instant::now();
        std::hint::black_box(candidates.score(prompts));
        Ok(start.elapsed().as_secs_f64())
    }

    /// `theirs`: seconds of each round.
    fn push(&self, theirs: &[f64], report: &mut Report) {
        let rate = |seconds: &f64| (PROMPTS * MODELS.len()) as f64 / seconds;
        let rates: Vec<f64> = self.all.iter().map(rate).collect();
        let figure = Figure::new(format!("{}: prompts × {} models", self.name, MODELS.len()), median(&rates), "/s");
        report.push(figure.beside(peer::NAME, &theirs.iter().map(rate).collect::<Vec<_>>()));
        let more = |(alone, all): (&f64, &f64)| (all - alone) / (MODELS.len() - 1) as f64 / alone * 100.0;
        let each: Vec<f64> = self.alone.iter().zip(&self.all).map(more).collect();
        report.push(Figure::new(format!("{}: one more model adds", self.name), median(&each), "%"));
    }
}
