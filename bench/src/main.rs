//! What `cargo xtask bench` and `cargo xtask synth` run: measurements, and models to measure with. A program of its own, so that
//! checking the repository does not compile the engine first.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod measure;
mod random;
mod synth;
mod upstream;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Measures this repository's engine and server")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure this machine's limits, and how near the engine comes to them.
    Bench(measure::Options),
    /// Write a model of a real shape with random weights.
    Synth(synth::Options),
    /// Answer at once, behind a gateway that is measured.
    #[command(hide = true)]
    Upstream(upstream::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Bench(options) => measure::run(&options),
        Command::Synth(options) => synth::run(&options),
        Command::Upstream(options) => upstream::run(&options),
    };
    if let Err(error) = outcome {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
