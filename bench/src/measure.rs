//! `cargo xtask bench`: how fast, beside it how fast it could be, and how fast others are.
//!
//! Machines are shared and their speed moves within minutes. So the limits (memory bandwidth, arithmetic) are measured around each
//! figure, and ours and others' figures in turn, again and again; what is printed are medians.

mod clients;
mod engine_target;
mod gateway;
mod gauge;
mod http;
mod http_figures;
mod http_target;
mod latency;
mod listing;
mod llama_cpp;
mod lora;
mod perplexity;
mod prefix;
mod products;
mod release;
mod report;
mod resident;
mod sampling;
mod scorer;
mod speculation;
mod statistics;
mod steps;
mod subject;
mod table;
#[cfg(test)]
mod tests;
mod workload;

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use indicatif::ProgressBar;

use self::gauge::Gauge;
use self::llama_cpp::LlamaCpp;
use self::report::{Figure, Report};

/// More than most caches hold.
const BYTES: usize = 1 << 29;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// A GGUF file or a directory in Hugging Face's layout; `cargo xtask synth` makes some.
    #[arg(long)]
    model: Option<PathBuf>,
    /// A smaller model of the same vocabulary, for the stage speculation.
    #[arg(long, value_name = "MODEL")]
    draft_model: Option<PathBuf>,
    /// What to measure [default: with a model limits, kernels, engine, prefix and http, else limits, kernels and perplexity].
    #[arg(value_name = "STAGE")]
    stages: Vec<Stage>,
    /// Threads that compute; as many as there are processors if left out.
    #[arg(long, value_parser = number::<1024>)]
    threads: Option<NonZeroUsize>,
    /// How often each figure is measured, in turn with its limits and with others'.
    #[arg(long, default_value = "3", value_parser = number::<1_000>)]
    rounds: NonZeroUsize,
    /// Tokens of the prompt that is read alone.
    #[arg(long, default_value = "512", value_parser = number::<1_000_000>)]
    prompt: NonZeroUsize,
    /// Tokens that a sequence generates.
    #[arg(long, default_value = "64", value_parser = number::<1_000_000>)]
    generate: NonZeroUsize,
    /// Tokens of context at which decoding is measured once more.
    #[arg(long, default_value = "4096", value_parser = number::<1_000_000>)]
    depth: NonZeroUsize,
    /// Numbers of sequences decoded together, and of clients that ask at the same time.
    #[arg(long, value_delimiter = ',', default_value = "1,8,16,32", value_parser = number::<1_024>)]
    clients: Vec<NonZeroUsize>,
    /// Requests that each client sends, one after the other.
    #[arg(long, default_value = "2", value_parser = number::<10_000>)]
    requests: NonZeroUsize,
    /// A built server to measure in place of this workspace's.
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// A directory with llama.cpp's `llama-bench` and `llama-server`, to be measured in turn with ours.
    #[arg(long, value_name = "DIRECTORY")]
    peer_llama_cpp: Option<PathBuf>,
    /// The address of a vLLM that serves the same model, as http://localhost:8000, to be measured in turn with ours.
    #[arg(long, value_name = "URL")]
    peer_vllm: Option<String>,
    /// What the model is called there [default: the first that it lists].
    #[arg(long, value_name = "NAME", requires = "peer_vllm")]
    peer_vllm_model: Option<String>,
    /// The directory of a sentence encoder, for the stage scorer.
    #[arg(long, value_name = "DIRECTORY")]
    encoder: Option<PathBuf>,
    /// A Python that has sentence-transformers, to be measured in turn with that encoder.
    #[arg(long, value_name = "PROGRAM", requires = "encoder")]
    peer_python: Option<PathBuf>,
    /// Write the figures to this file as JSON; `-` prints that in place of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// Read bandwidth and arithmetic of this machine.
    Limits,
    /// Single matrix products, for each format.
    Kernels,
    /// A model's own steps: a prompt, one sequence, several, and one with a long context.
    Engine,
    /// A second request with the same beginning.
    Prefix,
    /// A draft model that guesses (--draft-model), beside the same requests without one.
    Speculation,
    /// Eight sequences with an adapter each, beside the same without.
    Lora,
    /// Clients that ask over HTTP, beside the same requests put to the engine in this process.
    Http,
    /// How long clients wait for a class of a text, and for a short chat, beside what description A promises; needs no --model.
    Latency,
    /// What the server costs as a gateway, beside nginx and LiteLLM where they are installed; needs no --model.
    Gateway,
    /// Prompts × models that scorers score a second, with the built-in encoder and with --encoder; what that does to streams; needs no
    /// --model.
    Scorer,
    /// The demo model on its held-out text, in each format of weights; needs no --model.
    Perplexity,
}

/// What all stages are told.
#[derive(Debug)]
struct Plan {
    options: Options,
    threads: NonZeroUsize,
    llama_cpp: Option<LlamaCpp>,
    progress: ProgressBar,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(!cfg!(debug_assertions), "this is a build for tests, and its speed says nothing: use `cargo xtask bench`");
    // Before the minutes of measuring, not after them.
    let json = options.json.as_deref().filter(|path| *path != Path::new("-"));
    json.map_or(Ok(()), can_be_written)?;
    let mut report = Report::new(options.threads(), options.model.as_deref());
    let measured = measure(options, &mut report);
    match &measured {
        Ok(()) => publish(&report, options, json)?,
        // Minutes may have gone before something failed.
        Err(_) if !report.figures.is_empty() => eprint!("{}", table::Table(&report)),
        Err(_) => {}
    }
    measured
}

/// What the file holds stays until there is something to put in its place.
fn can_be_written(path: &Path) -> Result<()> {
    let is_new = !path.exists();
    let file = File::options().write(true).create(true).truncate(false).open(path);
    file.with_context(|| format!("cannot write {}", path.display()))?;
    if is_new { fs::remove_file(path).context("cannot remove it again") } else { Ok(()) }
}

impl Options {
    fn threads(&self) -> NonZeroUsize {
        self.threads.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }
}

fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let threads = options.threads();
    let progress = ProgressBar::new_spinner();
    progress.enable_steady_tick(Duration::from_millis(200));
    let llama_cpp = options.peer_llama_cpp.as_deref().map(|directory| LlamaCpp::at(directory, threads)).transpose()?;
    let plan = Plan { options: options.clone(), threads, llama_cpp, progress };
    if let Some(llama_cpp) = &plan.llama_cpp {
        report.note(format!("{}: {}", llama_cpp::NAME, llama_cpp.version()?));
    }
    for stage in plan.stages() {
        plan.measure(stage, report)?;
    }
    plan.progress.finish_and_clear();
    Ok(())
}

impl Plan {
    fn stages(&self) -> Vec<Stage> {
        match (&self.options.stages[..], &self.options.model) {
            ([], Some(_)) => vec![Stage::Limits, Stage::Kernels, Stage::Engine, Stage::Prefix, Stage::Http],
            ([], None) => vec![Stage::Limits, Stage::Kernels, Stage::Perplexity],
            (stages, _) => stages.to_vec(),
        }
    }

    fn measure(&self, stage: Stage, report: &mut Report) -> Result<()> {
        match stage {
            Stage::Limits => {
                self.now("limits");
                measure_limits(self.threads, report);
                Ok(())
            }
            Stage::Kernels => products::measure(self, report),
            Stage::Engine => steps::measure(self, self.model()?, report),
            Stage::Prefix => prefix::measure(self, self.model()?, report),
            Stage::Speculation => speculation::measure(self, self.model()?, self.draft_model()?, report),
            Stage::Lora => lora::measure(self, self.model()?, report),
            Stage::Http => http::measure(self, self.model()?, report),
            Stage::Latency => latency::measure(self, report),
            Stage::Gateway => gateway::measure(self, report),
            Stage::Scorer => scorer::measure(self, report),
            Stage::Perplexity => perplexity::measure(self, report),
        }
    }

    fn model(&self) -> Result<&Path> {
        self.options.model.as_deref().context("this needs --model; `cargo xtask synth` makes one of any size")
    }

    fn draft_model(&self) -> Result<&Path> {
        let hint = "this needs --draft-model; docs/PERFORMANCE.md makes one whose guesses come true";
        self.options.draft_model.as_deref().context(hint)
    }

    fn rounds(&self) -> usize {
        self.options.rounds.get()
    }

    /// Shows what is being measured.
    fn now(&self, what: impl Into<String>) {
        let what = what.into();
        // Where nobody sees a bar, there is a line for each step.
        if self.progress.is_hidden() {
            eprintln!("{what}");
        }
        self.progress.set_message(what);
    }
}

fn measure_limits(threads: NonZeroUsize, report: &mut Report) {
    let limits = Gauge::new(threads, BYTES).now();
    report.push(Figure::new("memory", limits.bytes / 1e9, "GB/s"));
    report.push(Figure::new("8-bit arithmetic", limits.integer_operations / 1e12, "TOPS"));
    report.push(Figure::new("32-bit float arithmetic", limits.float_operations / 1e12, "TOPS"));
    report.push(Figure::new("bf16 arithmetic", limits.bf16_operations / 1e12, "TOPS"));
}

fn publish(report: &Report, options: &Options, json: Option<&Path>) -> Result<()> {
    let text = serde_json::to_string_pretty(&report.json())? + "\n";
    if options.json.is_some() && json.is_none() {
        print!("{text}");
        return Ok(());
    }
    print!("{}", table::Table(report));
    json.map_or(Ok(()), |path| fs::write(path, text)).context("cannot write the figures")
}

/// A number of what a run can have, said in words where it is none.
fn number<const MOST: usize>(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse().ok().filter(|number: &NonZeroUsize| number.get() <= MOST);
    number.ok_or_else(|| format!("it has to be a number from 1 to {MOST}"))
}
