//! Who wins where several have something to say.

use std::path::PathBuf;

use super::{line, line_with, resolved, resolved_with};
use crate::settings::Purpose;

#[test]
fn flag_before_variable_before_alias_before_default() {
    let both = ["LLM_INFERENCE_PORT=2", "API_PORT=3"];
    for (flags, variables, expected) in [
        ("--port 1", both.as_slice(), "LLM_INFERENCE_PORT | 1 | command line (--port)"),
        ("", &both, "LLM_INFERENCE_PORT | 2 | environment (LLM_INFERENCE_PORT)"),
        ("", &["API_PORT=3"], "LLM_INFERENCE_PORT | 3 | environment (API_PORT)"),
        ("", &["API_PORT="], "LLM_INFERENCE_PORT | 8091 | default"),
    ] {
        assert_eq!(line(flags, variables, "LLM_INFERENCE_PORT"), expected);
    }
}

#[test]
fn debug_is_a_short_way_to_say_a_level() {
    for (flags, variables, expected) in [
        ("", ["DEBUG=true"].as_slice(), "LOG_LEVEL | debug | environment (DEBUG)"),
        ("", &["DEBUG=false"], "LOG_LEVEL | info | default"),
        ("", &["DEBUG=1", "LOG_LEVEL=error"], "LOG_LEVEL | error | environment (LOG_LEVEL)"),
        ("--debug", &["LOG_LEVEL=error"], "LOG_LEVEL | debug | command line (--debug)"),
        ("--debug --log-level trace", &[], "LOG_LEVEL | trace | command line (--log-level)"),
    ] {
        assert_eq!(line(flags, variables, "LOG_LEVEL"), expected);
    }
}

const FILE: &str = "\
api:
  port: 4
  cors_allowed_origins: ['https://a.example', 'https://b.example']
model:
  batch_size: 3
  allowed: '*'
telemetry: {debug: true}
";

#[test]
fn a_file_goes_before_the_default_and_after_all_else() {
    for (flags, variables, expected) in [
        ("--port 1", ["API_PORT=3"].as_slice(), "LLM_INFERENCE_PORT | 1 | command line (--port)"),
        ("", &["API_PORT=3"], "LLM_INFERENCE_PORT | 3 | environment (API_PORT)"),
        ("", &[], "LLM_INFERENCE_PORT | 4 | file (serving_config.yaml:2)"),
    ] {
        assert_eq!(line_with(FILE, flags, variables, "LLM_INFERENCE_PORT"), expected);
    }
    let lines = ["CORS", "LLM_MAX_CONCURRENT_REQUESTS", "LLM_ALLOWED_MODELS", "LOG_LEVEL"]
        .map(|name| line_with(FILE, "", &[], name));
    insta::assert_snapshot!(lines.join("\n"), @r"
        CORS_ALLOWED_ORIGINS | https://a.example, https://b.example | file (serving_config.yaml:3)
        LLM_MAX_CONCURRENT_REQUESTS | 3 | file (serving_config.yaml:5)
        LLM_ALLOWED_MODELS | * | file (serving_config.yaml:6)
        LOG_LEVEL | debug | file (serving_config.yaml:7)
    ");
}

#[test]
fn a_lower_limit_lowers_the_default() {
    let shown = line("--max-tokens-limit 64", &[], "LLM_DEFAULT_MAX_TOKENS");
    assert_eq!(shown, "LLM_DEFAULT_MAX_TOKENS | 64 | default");
}

#[test]
fn a_draft_model_that_is_named_is_used() {
    let shown = line("--draft-model small.gguf", &[], "LLM_SPECULATION ");
    assert_eq!(shown, "LLM_SPECULATION | draft | default");
    let settings = resolved("--speculation ngram", &["LLM_DRAFT_MODEL=small.gguf"]);
    insta::assert_snapshot!(settings.warnings.join("\n"), @"LLM_DRAFT_MODEL is set, but --speculation says not to use it");
}

#[test]
fn a_models_own_maximum_goes_above_the_default_and_not_above_what_was_said() {
    let file = "models:\n  - {id: long, source: embedded, max_tokens: 8192}\n  - {id: short, source: embedded}";
    let settings = resolved_with(file, Purpose::Serve, "", &[]).unwrap();
    let limits = [settings.generation.max_tokens_limit.value, settings.generation.max_tokens_unsaid.unwrap()];
    assert_eq!((limits.map(std::num::NonZeroU32::get), settings.warnings.len()), ([8192, 4096], 0));
    let settings = resolved_with(file, Purpose::Serve, "--max-tokens-limit 2048", &[]).unwrap();
    assert_eq!((settings.generation.max_tokens_limit.value.get(), settings.generation.max_tokens_unsaid), (2048, None));
    insta::assert_snapshot!(settings.warnings.join("\n"), @"serving_config.yaml:2: long says max_tokens 8192, but --max-tokens-limit allows 2048 to no request");
}

#[test]
fn a_models_own_quantization_goes_before_that_of_all() {
    let file = "model: {quantization: q8_0}\nmodels:\n  - {id: a, source: embedded, quantization: q4_0}\n  - {id: b, source: embedded}";
    let settings = resolved_with(file, Purpose::Serve, "", &[]).unwrap();
    assert_eq!(["a", "b"].map(|id| settings.engine_of(id).quantization.value.name()), ["q4_0", "q8_0"]);
}

#[test]
fn scorers_lie_in_the_data_directory_unless_it_is_said_where() {
    let directory = |file: &str, variables: &[&str]| {
        resolved_with(file, Purpose::Answer, "", variables).unwrap().scorers.directory.value
    };
    assert_eq!(directory("", &["LLM_DATA_DIR=/d"]), PathBuf::from("/d/scorers"));
    assert_eq!(directory("scorers: {directory: mine}", &["LLM_DATA_DIR=/d"]), PathBuf::from("mine"));
    assert_eq!(directory("scorers: {directory: mine}", &["LLM_SCORER_PATH=/s"]), PathBuf::from("/s"));
}
