//! Runs over tiny models: that there is a figure for everything, not how large it is.

use std::path::Path;

use clap::Parser;

use super::report::Report;
use crate::{Arguments, Command, synth};

const TINY: &str = "tinyllama-1.1b,layers=1,hidden=64,intermediate=128,heads=2,kv_heads=1,head_dim=32,vocabulary=512";

fn command(line: &[&str]) -> Command {
    Arguments::parse_from([&["xtask"], line].concat()).command
}

fn measure(arguments: &[&str]) -> Report {
    let line = [&["bench", "--threads", "1", "--rounds", "1", "--clients", "1,2"], arguments].concat();
    let Command::Bench(options) = command(&line) else { panic!("not a benchmark") };
    let mut report = Report::new(options.threads(), options.model.as_deref());
    super::measure(&options, &mut report).unwrap();
    report
}

/// The path of a model of this shape.
fn written(directory: &Path, shape: &str) -> String {
    let path = directory.join("tiny.gguf").into_os_string().into_string().unwrap();
    let Command::Synth(options) = command(&["synth", "--shape", shape, "--format", "gguf:q8_0", "--out", &path]) else {
        panic!("not a model to make")
    };
    synth::run(&options).unwrap();
    path
}

#[test]
fn the_engine_has_a_figure_for_every_size() {
    let directory = tempfile::tempdir().unwrap();
    let model = written(directory.path(), TINY);
    let report = measure(&["engine", "prefix", "--model", &model, "--prompt", "20", "--generate", "4", "--depth", "300"]);
    let names: Vec<_> = report.figures.iter().map(|figure| figure.name.as_str()).collect();
    insta::assert_snapshot!(names.join("\n"), @r"
    loading
    prompt of 20
    decoding, 1 sequence
    decoding, 2 sequences
    decoding at depth 300
    choosing of 512 greedily
    choosing of 512 at temperature 1
    choosing of 512 with top-p 0.9
    choosing of 512 greedily, 2 sequences
    choosing of 512 at temperature 1, 2 sequences
    choosing of 512 with top-p 0.9, 2 sequences
    first token, 100 new behind 1000 known
    first token, 256 new behind 1000 known
    ");
    assert!(report.figures.iter().all(|figure| figure.value > 0.0), "{report:?}");
}

#[test]
fn a_draft_model_has_a_figure_for_every_number_of_clients() {
    let (directory, drafts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = written(directory.path(), &format!("{TINY},layers=60,idle=59"));
    let draft = written(drafts.path(), TINY);
    let report = measure(&["speculation", "--model", &model, "--draft-model", &draft, "--generate", "100"]);
    let names: Vec<_> = report.figures.iter().map(|figure| figure.name.as_str()).collect();
    assert!(names.contains(&"draft model, 1 client") && names.contains(&"draft model, 2 clients"), "{names:?}");
    // Whether guesses are run at all is up to the machine; those that are come true.
    let right = report.figures.iter().filter(|figure| figure.name.starts_with("guesses"));
    assert!(right.map(|figure| figure.value).all(|percent| percent > 99.0), "{report:?}");
}

#[test]
fn a_number_is_refused_in_words() {
    assert_eq!(super::number::<8>("8").unwrap().get(), 8);
    for text in ["0", "9", "-1", "many", ""] {
        assert_eq!(super::number::<8>(text).unwrap_err(), "it has to be a number from 1 to 8", "{text}");
    }
}
