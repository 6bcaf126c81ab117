//! The built server as a gateway, before llama.cpp's own server with the demo model.

use std::path::Path;

use super::python;
use super::tally::Tally;

/// The suite whose packages hold llama.cpp.
const SUITE: &str = "llama_cpp";

pub(super) fn run(root: &Path, tally: &mut Tally) {
    python::suite(root, tally, "a gateway before llama.cpp", SUITE, python::prepare(root, SUITE), |_| ());
}
