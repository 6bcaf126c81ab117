//! Weights in several files.

use std::fs;
use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::hugging_face::shards::{INDEX, read};
use crate::tests::safetensors;

/// Two shards with a tensor each, and this index.
fn directory(index: &str) -> TempDir {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("one.safetensors"), safetensors(&[("a", &[2])])).unwrap();
    fs::write(directory.path().join("two.safetensors"), safetensors(&[("b", &[3])])).unwrap();
    fs::write(directory.path().join(INDEX), index).unwrap();
    directory
}

fn refusal(directory: &Path) -> String {
    read(directory).unwrap_err().to_string().replace(&format!("{}/", directory.display()), "")
}

#[test]
fn tensors_are_found_in_their_shards() {
    let directory = directory(r#"{"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}"#);
    let tensors = read(directory.path()).unwrap();
    assert_eq!(tensors.vector("b", 3).unwrap(), [0.0, 1.0, 2.0]);
}

#[test]
fn a_model_that_was_saved_within_peft_has_its_names() {
    let directory = tempdir().unwrap();
    let names = ["q_proj.base_layer.weight", "q_proj.lora_A.default.weight"];
    fs::write(directory.path().join("one.safetensors"), safetensors(&names.map(|name| (name, &[2][..])))).unwrap();
    let index = format!(r#"{{"weight_map": {{"{}": "one.safetensors"}}}}"#, names[0]);
    fs::write(directory.path().join(INDEX), index).unwrap();
    assert_eq!(read(directory.path()).unwrap().vector("q_proj.weight", 2).unwrap(), [0.0, 1.0]);
}

#[test]
fn a_tensor_in_another_shard_than_the_index_says_is_refused() {
    let directory = directory(r#"{"weight_map": {"a": "two.safetensors", "b": "one.safetensors"}}"#);
    let error = refusal(directory.path());
    let expected =
        "model.safetensors.index.json: tensor \"a\": expected this tensor in two.safetensors, found one.safetensors";
    assert_eq!(error, expected);
}

#[test]
fn an_index_does_not_lead_out_of_the_directory() {
    for name in ["../one.safetensors", "/etc/passwd", "..", "", "a/b.safetensors"] {
        let directory = directory(&format!(r#"{{"weight_map": {{"a": "{name}"}}}}"#));
        let error = refusal(directory.path());
        assert!(error.contains("expected the name of a file in the same directory"), "{name}: {error}");
    }
}

#[test]
fn a_missing_shard_is_named() {
    let directory = directory(r#"{"weight_map": {"a": "three.safetensors"}}"#);
    assert_eq!(refusal(directory.path()), "three.safetensors: cannot be read");
}

#[test]
fn an_index_without_a_map_is_refused() {
    let directory = directory("{}");
    assert_eq!(refusal(directory.path()), "model.safetensors.index.json: weight_map: expected an object, found nothing");
}
