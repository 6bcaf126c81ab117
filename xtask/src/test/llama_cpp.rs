//! The built server as a gateway, before llama.cpp's own server with the demo model.

use std::path::Path;
use std::process::Command;

use super::tally::Tally;
use super::{heading, python};
use crate::server;

/// The suite whose packages hold llama.cpp.
const SUITE: &str = "llama_cpp";

pub(super) fn run(root: &Path, tally: &mut Tally) {
    match python::prepare(root, SUITE) {
        Ok(python) => tally.tests("a gateway before llama.cpp", tests(root, &python)),
        Err(error) => {
            heading("a gateway before llama.cpp");
            tally.leave_out(format!("a gateway before llama.cpp: {error:#}"));
        }
    }
}

fn tests(root: &Path, python: &Path) -> Command {
    let mut command = python::pytest(root, python, SUITE);
    command.env("LLM_TEST_BINARY", server::binary(root));
    command
}
