//! What a path may be, and what is said where it is something else.

use std::fs;

use tempfile::tempdir;

use super::bytes::{CONFIG, GGUF_TENSORS, TENSORS, gguf, gguf_keys, safetensors, write_model};
use super::fixtures::fixture;
use crate::{Checkpoint, inspect};

fn refusal(path: &std::path::Path) -> String {
    let error = Checkpoint::open(path).unwrap_err().to_string();
    error.replace(&path.display().to_string(), "PATH")
}

#[test]
fn a_missing_path_is_told_with_what_was_looked_for() {
    let path = tempdir().unwrap().path().join("nothing");
    let expected = "PATH: no model here: looked for a GGUF file, or a directory with config.json and safetensors, or with one \
                    GGUF file";
    assert_eq!(refusal(&path), expected);
}

#[test]
fn a_directory_without_a_model_is_told_so() {
    let directory = tempdir().unwrap();
    assert!(refusal(directory.path()).starts_with("PATH: no model here"));
}

#[test]
fn a_configuration_without_weights_is_told_so() {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("config.json"), CONFIG).unwrap();
    let expected = "PATH: no model here: looked for model.safetensors or model.safetensors.index.json beside config.json";
    assert_eq!(refusal(directory.path()), expected);
}

#[test]
fn a_file_of_another_kind_is_told_by_its_first_bytes() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("model.bin");
    fs::write(&file, b"PK\x03\x04 and more").unwrap();
    let expected =
        r#"PATH: the whole file: expected a GGUF file or a model's directory, found a file that begins with "PK\\x03\\x04""#;
    assert_eq!(refusal(&file), expected);
}

#[test]
fn an_empty_file_is_refused() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("model.gguf");
    fs::write(&file, b"").unwrap();
    assert!(refusal(&file).contains("expected a GGUF file or a model's directory, found an empty file"));
}

#[test]
fn a_directory_with_one_gguf_file_is_that_file() {
    for name in ["any name.gguf", "IN CAPITALS.GGUF"] {
        let directory = tempdir().unwrap();
        fs::write(directory.path().join(name), gguf(&gguf_keys(), &GGUF_TENSORS)).unwrap();
        assert_eq!(Checkpoint::open(directory.path()).unwrap().summary.family, "llama");
    }
}

#[test]
fn a_directory_with_two_gguf_files_is_refused() {
    let directory = tempdir().unwrap();
    for name in ["a.gguf", "b.gguf"] {
        fs::write(directory.path().join(name), gguf(&gguf_keys(), &GGUF_TENSORS)).unwrap();
    }
    assert_eq!(
        refusal(directory.path()),
        "PATH: this directory: expected one GGUF file, found 2 of them; the path can name one"
    );
}

#[test]
fn bytes_in_the_program_are_read_as_a_file_is() {
    let bytes: &'static [u8] = Vec::leak(gguf(&gguf_keys(), &GGUF_TENSORS));
    let model = Checkpoint::from_gguf_bytes("the demo", bytes).unwrap();
    assert_eq!(model.tokenizer.encode("abc", false).unwrap(), [4]);
    assert_eq!(model.tokenizer.end_of_text(), [5]);
    assert!(model.warnings.iter().any(|warning| warning.contains("no chat template")), "{:?}", model.warnings);
}

#[test]
fn a_damaged_program_is_told_by_its_name() {
    let error = Checkpoint::from_gguf_bytes("the demo", b"GGUF").unwrap_err().to_string();
    assert_eq!(error, "the demo: byte 4: expected 4 bytes of version, found 0 before the end of the file");
}

#[test]
fn inspecting_needs_no_tokenizer() {
    let directory = tempdir().unwrap();
    write_model(directory.path(), CONFIG, &safetensors(&TENSORS));
    let summary = inspect(directory.path()).unwrap();
    assert_eq!((summary.format.as_str(), summary.parameters, summary.bytes), ("F32", 600, 2400));
}

#[test]
fn what_a_model_ends_with_and_how_it_is_sampled_come_from_the_generation_config() {
    let model = Checkpoint::open(&fixture("hf/llama")).unwrap();
    let config: serde_json::Value =
        serde_json::from_slice(&fs::read(fixture("hf/llama").join("generation_config.json")).unwrap()).unwrap();
    let ends: Vec<u32> = serde_json::from_value(config["eos_token_id"].clone()).unwrap();
    assert!(ends.iter().all(|end| model.tokenizer.end_of_text().contains(end)));
    assert_eq!(model.defaults.temperature, config["temperature"].as_f64().map(|value| value as f32));
}
