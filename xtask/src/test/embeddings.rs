//! The built server with a real sentence encoder, asked by the official Python client.

use std::path::Path;

use super::python;
use super::tally::Tally;

/// The suite whose packages hold the encoder.
const SUITE: &str = "embeddings";

pub(super) fn run(root: &Path, tally: &mut Tally) {
    python::suite(root, tally, "a real sentence encoder", SUITE, python::prepare(root, SUITE), |_| ());
}
