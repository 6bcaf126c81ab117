//! `cargo xtask bench`: how fast, and beside it how fast it could be.
//!
//! The limits (memory bandwidth, arithmetic) are measured in the same run, because machines are shared and their speed moves. Then single
//! matrix products, then a model's own steps if one is named, and llama.cpp's figures for the same file if `llama-bench` is installed.

mod llama_cpp;
mod model;
mod products;
mod report;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use anyhow::Result;
use kernels::Pool;
use kernels::limits::Limits;

use self::report::{Limit, Report, Row};

/// More than any cache holds.
const BYTES: usize = 1 << 29;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A GGUF file or a directory in Hugging Face's layout; `cargo xtask synth` makes some.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Threads that compute; as many as there are processors if left out.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Tokens of a prompt.
    #[arg(long, default_value = "256")]
    prompt: NonZeroUsize,
    /// Tokens that each sequence generates after it.
    #[arg(long, default_value = "32")]
    generate: NonZeroUsize,
    /// Sequences in a batch.
    #[arg(long, default_value = "8")]
    sequences: NonZeroUsize,
    /// One JSON object in place of the table.
    #[arg(long)]
    json: bool,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let threads = options.threads.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let mut report = Report::default();
    {
        let pool = Pool::new(threads);
        let limits = Limits::measure(&pool, BYTES);
        report.push(Row::speed("memory", limits.bytes / 1e9, "GB/s"));
        report.push(Row::speed("8-bit arithmetic", limits.integer_operations / 1e12, "TOPS"));
        report.push(Row::speed("32-bit float arithmetic", limits.float_operations / 1e12, "TOPS"));
        report.machine = format!("{}, {threads} threads", kernels::Isa::detect());
        if options.model.is_none() {
            products::measure(&pool, &limits, &mut report)?;
        }
        // The pool ends here: the model has its own, and the two would fight for the processors.
        report.limits = Some(Limit::from(limits));
    }
    if let Some(path) = &options.model {
        let shape = model::Workload {
            threads,
            prompt: options.prompt.get(),
            generate: options.generate.get(),
            sequences: options.sequences.get(),
        };
        model::measure(path, shape, &mut report)?;
        llama_cpp::measure(path, shape, &mut report);
    }
    if options.json {
        println!("{}", report.json());
    } else {
        print!("{report}");
    }
    Ok(true)
}
