//! The built server with a real sentence encoder, asked by the official Python client.

use std::path::Path;
use std::process::Command;

use super::tally::Tally;
use super::{heading, python};
use crate::server;

/// The suite whose packages hold the encoder.
const SUITE: &str = "embeddings";

pub(super) fn run(root: &Path, tally: &mut Tally) {
    match python::prepare(root, SUITE) {
        Ok(python) => tally.tests("a real sentence encoder", tests(root, &python)),
        Err(error) => {
            heading("a real sentence encoder");
            tally.leave_out(format!("a real sentence encoder: {error:#}"));
        }
    }
}

fn tests(root: &Path, python: &Path) -> Command {
    let mut command = python::pytest(root, python, SUITE);
    command.env("LLM_TEST_BINARY", server::binary(root));
    command
}
