//! The server's binary: reads the command line, and hands over to a command.

mod accounting;
mod adapting;
mod allowed_models;
mod assemble;
mod collector;
mod commands;
mod embedded;
mod encoding;
mod fetching;
mod gpus;
mod memory;
mod opening;
mod refreshing;
mod remote;
mod routing;
mod runner;
#[cfg(feature = "mistralrs")]
mod second_engine;
mod settings;
mod terminal;
mod tuned;

use std::process::ExitCode;

use clap::Parser;

use commands::{Cli, Failure};

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Settings(problems)) => {
            for problem in problems.0 {
                terminal::say(&format!("error: {problem}"));
            }
            ExitCode::from(2)
        }
        Err(Failure::Found(problems)) => {
            for problem in problems.iter().flat_map(|problem| problem.lines()) {
                terminal::say(&format!("error: {problem}"));
            }
            ExitCode::FAILURE
        }
        Err(Failure::Other(error)) => {
            terminal::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
