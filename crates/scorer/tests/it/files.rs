//! Scorers kept in files: whole, and refused if something does not fit.

use std::fs;
use std::path::{Path, PathBuf};

use scorer::data::Split;
use scorer::files::{Directory, Error, Name, Provenance};
use scorer::measure::{Report, measure};
use scorer::{Scorer, Type, synthetic};
use tempfile::TempDir;

use crate::scoring::{trained, training};

fn provenance() -> Provenance {
    Provenance { data_sha256: "ab".repeat(32), prompts: 150, examples: 150, seed: 1, split: Split::new(1) }
}

fn report(scorer: &Scorer) -> Report {
    let dataset = synthetic::pairs(150, 1).dataset;
    measure(scorer, &dataset, &training(scorer.method.kind(), 1)).expect("the baselines converge").report
}

/// A directory with `dense_network/a`.
fn saved() -> (TempDir, Directory, Name) {
    let place = tempfile::tempdir().expect("there is room for files");
    let directory = Directory::new(place.path());
    let scorer = trained(Type::DenseNetwork, 1);
    let name = directory.save("a", &scorer, provenance(), report(&scorer)).expect("it can be written");
    (place, directory, name)
}

fn only_file(place: &Path, ending: &str) -> PathBuf {
    let mut files: Vec<PathBuf> = fs::read_dir(place)
        .expect("it is a directory")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// Changes the description of a saved scorer; what then is said.
fn refusal(change: impl Fn(String) -> String) -> String {
    let (place, directory, name) = saved();
    let path = place.path().join("dense_network/a.json");
    let text = fs::read_to_string(&path).expect("it was written");
    let changed = change(text.clone());
    assert_ne!(text, changed);
    fs::write(&path, changed).expect("it can be written");
    let error = directory.load(&name).expect_err("it does not fit");
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}").replace(&place.path().display().to_string(), "…")
}

#[test]
fn what_was_saved_scores_the_same_to_the_bit() {
    let place = tempfile::tempdir().expect("there is room for files");
    let directory = Directory::new(place.path().join("not/there/yet"));
    assert_eq!(directory.list().expect("no directory is no scorers"), []);
    for kind in Type::ALL {
        let scorer = trained(kind, 1);
        let name = directory.save("v1.0", &scorer, provenance(), report(&scorer)).expect("it can be written");
        let loaded = directory.load(&name).expect("it was written");
        let prompts = ["Write a Rust function", "Où est Paris ?", ""];
        let scores = |scorer: &Scorer| scorer.candidates(&synthetic::MODELS).expect("all are known").score(&prompts);
        assert_eq!(scores(&loaded.scorer), scores(&scorer), "{kind}");
        assert_eq!((loaded.sidecar.training, loaded.sidecar.held_out), (provenance(), report(&scorer)));
    }
    let names: Vec<String> = directory.list().expect("it is a directory").iter().map(Name::to_string).collect();
    assert_eq!(names, ["dense_network/v1.0", "elo/v1.0", "knn/v1.0", "linear/v1.0"]);
}

#[test]
fn a_newer_one_takes_the_place_of_the_older() {
    let (place, directory, name) = saved();
    let newer = trained(Type::DenseNetwork, 2);
    directory.save("a", &newer, provenance(), report(&newer)).expect("it can be written");
    assert_eq!(directory.load(&name).expect("it was written").scorer.method.tensors(), newer.method.tensors());
    only_file(&place.path().join("dense_network"), "safetensors");
}

#[test]
fn names_lead_nowhere_else() {
    for wrong in
        ["a", "dense_network/", "a/", "dense_network/../a", "dense_network/a/b", "dense_network/.a", "elo/a b", "elo/a\0"]
    {
        assert!(matches!(Name::parse(wrong), Err(Error::MalformedName(_))), "{wrong}");
    }
    insta::assert_snapshot!(Name::parse("dense/a").expect_err("there is no such type"), @r#"there is no type "dense"; there are dense_network, elo, knn, linear"#);
}

#[test]
fn a_scorer_that_is_not_there_is_told_with_those_that_are() {
    let (_place, directory, _) = saved();
    let name = Name::parse("elo/x").expect("it is a name");
    insta::assert_snapshot!(directory.load(&name).expect_err("it is not there"), @"there is no scorer elo/x; there is dense_network/a");
}

#[test]
fn numbers_that_were_changed_are_refused() {
    let (place, directory, name) = saved();
    let path = only_file(&place.path().join("dense_network"), "safetensors");
    let mut bytes = fs::read(&path).expect("it was written");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).expect("it can be written");
    assert!(matches!(directory.load(&name), Err(Error::Weights { .. })));
    fs::remove_file(&path).expect("it is there");
    assert!(matches!(directory.load(&name), Err(Error::Io { .. })));
}

#[test]
fn a_description_that_does_not_fit_the_numbers_is_refused() {
    let one_more = refusal(|text| text.replace("\"solver\"\n", "\"solver\",\n    \"tutor\"\n"));
    assert!(one_more.contains("the tensor models has the shape [5, 32], not [6, 32]"), "{one_more}");
    let wider = refusal(|text| text.replace("\"dimensions\": 32", "\"dimensions\": 33"));
    assert!(wider.contains("the tensor prompt has the shape"), "{wider}");
}

#[test]
fn a_description_of_something_else_is_refused() {
    let check = |from: &str, to: &str, reason: &str| {
        let told = refusal(|text| text.replace(from, to));
        assert!(told.contains(reason), "{told}");
    };
    check("\"hashed_ngrams\"", "\"minilm\"", "does not have its encoder");
    check("\"format\": 1", "\"format\": 2", "its format is 2");
    check("\"characters\"", "\"letters\"", "other features");
    check("\"type\": \"dense_network\"", "\"type\": \"linear\"", "it is a linear");
    check("\"coder\"", "\"zebra\"", "not sorted");
    check("\"format\"", "\"colour\": 1, \"format\"", "unknown field `colour`");
    check("\"weights_sha256\": \"", "\"weights_sha256\": \"/", "no hash");
}
