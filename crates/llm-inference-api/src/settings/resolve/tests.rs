//! Who wins, what is refused, and what is said about it.

mod elsewhere;
mod precedence;
mod refusals;
mod shown;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use clap::Parser;

use super::{Problems, Purpose, resolve};
use crate::commands::ServeArguments;
use crate::settings::{Environment, File, Machine, Settings, show};

#[derive(Debug, Parser)]
struct Flags {
    #[command(flatten)]
    serve: ServeArguments,
}

/// A server in a container: four cores of two threads each, 8 GiB free, nobody at a terminal.
const MACHINE: Machine = Machine {
    cores: NonZeroUsize::new(8).unwrap(),
    physical_cores: NonZeroUsize::new(4).unwrap(),
    free_memory: Some(8 << 30),
    terminal: false,
};

/// `flags` and `variables` as one would type them: `--port 1`, `PORT=1 HOST=a`.
fn resolved_with(file: &str, purpose: Purpose, flags: &str, variables: &[&str]) -> Result<Settings, Problems> {
    let Flags { serve } = Flags::try_parse_from(std::iter::once("server").chain(flags.split_whitespace())).unwrap();
    let variables: BTreeMap<String, String> =
        variables.iter().filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect();
    let of_file = File::parse("serving_config.yaml", file, &variables);
    resolve(serve.into(), Environment::from_map(&variables), of_file, &MACHINE, purpose)
}

fn resolved_for(purpose: Purpose, flags: &str, variables: &[&str]) -> Result<Settings, Problems> {
    resolved_with("", purpose, flags, variables)
}

fn resolved(flags: &str, variables: &[&str]) -> Settings {
    resolved_for(Purpose::Serve, flags, variables).unwrap()
}

fn refused(variables: &[&str]) -> String {
    resolved_for(Purpose::Serve, "", variables).unwrap_err().to_string()
}

/// The line of `check-config` about one setting.
fn line(flags: &str, variables: &[&str], name: &str) -> String {
    line_with("", flags, variables, name)
}

fn line_with(file: &str, flags: &str, variables: &[&str], name: &str) -> String {
    let table = show(&resolved_with(file, Purpose::Serve, flags, variables).unwrap());
    let line = table.lines().find(|line| line.starts_with(name)).unwrap();
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" | ")
}
