//! Everything one does to this repository besides building it: `cargo xtask test`, `tidy`, `synth` and `bench`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod bench;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{repository, server};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Works on this repository")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every check and every test, the official clients' against the built server among them.
    ///
    /// The tests of a build with mistral.rs take a quarter of an hour from nothing. They run where something has changed since
    /// crates/mistralrs-engine/tests/passed was written, which they do when they pass: it is committed with the change.
    Test(test::Options),
    /// Check what no lint says: file lengths, names, and which crate may know what.
    Tidy,
    /// Write a model of a real shape with random weights.
    Synth(bench::Options),
    /// Measure this machine's limits, and how near the engine comes to them.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test(options) => Ok(test::run(&options)),
        Command::Tidy => tidy::run(),
        Command::Synth(options) => bench::run(&repository::root(), "synth", &options),
        Command::Bench(options) => bench::run(&repository::root(), "bench", &options),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
