//! `cargo xtask test`: everything that has to hold, in the order in which it is quickest to find out.
//!
//! Formatting, lints, tidiness, the Rust tests, those that need PostgreSQL, then the built server with the official clients of
//! OpenAI's API, with a browser, with requests of chance, with keys and quotas, with llama.cpp behind it, with an OpenTelemetry
//! collector, and with MLflow. A part that cannot run on this machine is named together with the command that brings what it needs;
//! where `CI=true` says that nobody is watching, such a part has failed.

mod accounts;
mod clients;
mod deploy;
mod documentation;
mod embeddings;
mod llama_cpp;
mod mlflow;
mod need;
mod node;
mod pages;
mod postgres;
mod python;
mod script;
mod second_engine;
mod tally;
mod telemetry;

use std::path::Path;
use std::process::Command;

use self::tally::Tally;
use crate::{repository, tidy};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Leave out what asks the built server: the Python and Node clients, the browser, schemathesis, llama.cpp, the collector, and MLflow.
    #[arg(long)]
    without_clients: bool,
}

/// Runs it all and prints `N passed, N failed` as the last line; whether nothing failed.
pub(crate) fn run(options: &Options) -> bool {
    let root = repository::root();
    let mut tally = Tally::default();
    check_source(&root, &mut tally);
    run_rust_tests(&root, &mut tally);
    second_engine::run(&root, &mut tally);
    let database = postgres::run(&root, &mut tally);
    if !options.without_clients {
        clients::run(&root, &mut tally);
        accounts::run(&root, &mut tally, database.as_ref());
        embeddings::run(&root, &mut tally);
        llama_cpp::run(&root, &mut tally);
        telemetry::run(&root, &mut tally);
        mlflow::run(&root, &mut tally);
        deploy::run(&root, &mut tally);
    }
    for reason in tally.not_run() {
        println!("not run: {reason}");
    }
    if unattended() {
        tally.count_not_run_as_failed();
    }
    println!("{tally}");
    tally.is_good()
}

fn check_source(root: &Path, tally: &mut Tally) {
    tally.check("formatting", cargo(root, &["fmt", "--all", "--check"]));
    tally.check("lints", cargo(root, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]));
    heading("tidy");
    match tidy::run() {
        Ok(true) => tally.passed(1),
        Ok(false) => tally.failed(1),
        Err(error) => {
            println!("{error:#}");
            tally.failed(1);
        }
    }
}

/// With nextest where it is installed: it is quicker and shows only what failed.
fn run_rust_tests(root: &Path, tally: &mut Tally) {
    let nextest = script::succeeds(Command::new("cargo").args(["nextest", "--version"]));
    if nextest {
        tally.tests("Rust tests", cargo(root, &["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests=pass"]));
        tally.tests("examples in the documentation", cargo(root, &["test", "--workspace", "--doc", "--no-fail-fast"]));
    } else {
        tally.tests("Rust tests", cargo(root, &["test", "--workspace", "--no-fail-fast"]));
    }
}

fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root);
    command
}

fn heading(title: &str) {
    println!("\n== {title}");
}

/// Whether `CI=true`, the convention of every continuous-integration service.
#[expect(clippy::disallowed_methods, reason = "the rule is for the server; this tool is told so by no other means")]
fn unattended() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}
