//! `config.json` in its many hands.

use std::path::Path;

use serde_json::{Value, json};

use crate::hugging_face::config::{Config, read};
use crate::hugging_face::fields::Fields;
use crate::{Activation, Family, Norm, Position, Result};

fn parse(config: &Value) -> Result<Config> {
    read(&Fields::parse(Path::new("config.json"), config.to_string().as_bytes())?)
}

fn refusal(config: &Value) -> String {
    parse(config).unwrap_err().to_string()
}

/// A small model of a family, with some fields of its own.
fn small(family: &str, own: &Value) -> Value {
    let mut config = json!({
        "model_type": family, "vocab_size": 10, "hidden_size": 16, "intermediate_size": 24,
        "num_hidden_layers": 4, "num_attention_heads": 4, "max_position_embeddings": 64,
    });
    for (name, value) in own.as_object().unwrap() {
        config[name] = value.clone();
    }
    config
}

fn windows(family: &str, own: &Value) -> Vec<Option<usize>> {
    parse(&small(family, own)).unwrap().architecture.window
}

#[test]
fn what_is_not_said_is_as_transformers_has_it() {
    let llama = parse(&small("llama", &json!({}))).unwrap();
    let architecture = llama.architecture;
    assert_eq!((architecture.kv_heads, architecture.head_dim, architecture.context), (4, 4, 64));
    assert_eq!((architecture.norm, architecture.activation), (Norm::Rms { eps: 1e-6 }, Activation::Silu));
    let expected = Position::Rope { inverse_frequencies: vec![1.0, 0.01], attention_factor: 1.0 };
    assert_eq!(architecture.position, expected);
    assert!(!llama.tied);
}

#[test]
fn qwen3_heads_have_128_dimensions_unless_it_says_otherwise() {
    assert_eq!(parse(&small("qwen3", &json!({}))).unwrap().architecture.head_dim, 128);
    assert_eq!(parse(&small("qwen3", &json!({"head_dim": 8}))).unwrap().architecture.head_dim, 8);
}

#[test]
fn gpt2_has_names_of_its_own() {
    let config = json!({
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": 10, "n_embd": 16, "n_layer": 2, "n_head": 4,
        "n_positions": 32, "n_inner": null, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
    });
    let Config { architecture, tied, .. } = parse(&config).unwrap();
    assert_eq!((architecture.family, architecture.intermediate, architecture.context), (Family::Gpt2, 64, 32));
    assert_eq!((architecture.position, architecture.norm), (Position::Learned, Norm::Layer { eps: 1e-5 }));
    assert_eq!((architecture.activation, tied), (Activation::GeluTanh, true));
}

#[test]
fn gpt2_may_leave_the_attention_unscaled_and_use_the_exact_gelu() {
    let own = json!({"scale_attn_weights": false, "activation_function": "gelu"});
    let architecture = parse(&small("gpt2", &own)).unwrap().architecture;
    assert_eq!((architecture.attention_scale, architecture.activation), (1.0, Activation::GeluErf));
}

#[test]
fn mistral_has_a_window_unless_it_says_null() {
    assert_eq!(windows("mistral", &json!({})), [Some(4096); 4]);
    assert_eq!(windows("mistral", &json!({"sliding_window": null})), [None; 4]);
    assert_eq!(windows("mistral", &json!({"sliding_window": 8})), [Some(8); 4]);
}

#[test]
fn qwen_has_a_window_only_where_it_says_so() {
    assert_eq!(windows("qwen2", &json!({"sliding_window": 8, "max_window_layers": 2})), [None; 4]);
    let used = json!({"use_sliding_window": true, "sliding_window": 8, "max_window_layers": 2});
    assert_eq!(windows("qwen2", &used), [None, None, Some(8), Some(8)]);
    let types = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"];
    let listed = json!({"use_sliding_window": true, "sliding_window": 8, "layer_types": types});
    assert_eq!(windows("qwen3", &listed), [None, Some(8), None, Some(8)]);
}

#[test]
fn llama_has_no_window_whatever_it_says() {
    assert_eq!(windows("llama", &json!({"sliding_window": 8})), [None; 4]);
}

#[test]
fn the_class_tells_the_family_where_the_type_does_not() {
    let mut config = small("", &json!({"architectures": ["Qwen2ForCausalLM"]}));
    config.as_object_mut().unwrap().remove("model_type");
    assert_eq!(parse(&config).unwrap().architecture.family, Family::Qwen2);
}

#[test]
fn other_architectures_are_answered_with_those_that_run() {
    let expected =
        "config.json: the architecture \"mamba\" does not run here; those that do: llama, mistral, qwen2, qwen3, gpt2";
    assert_eq!(refusal(&small("mamba", &json!({}))), expected);
    let tagger = json!({"architectures": ["LlamaForTokenClassification"]});
    assert!(refusal(&small("llama", &tagger)).contains("\"LlamaForTokenClassification\" does not run here"));
    let of_another = json!({"architectures": ["GPT2ForSequenceClassification"]});
    assert!(refusal(&small("llama", &of_another)).contains("\"GPT2ForSequenceClassification\" does not run here"));
}

#[test]
fn what_would_be_computed_otherwise_is_refused() {
    let cases = [
        ("gpt2", json!({"scale_attn_by_inverse_layer_idx": true}), "scale_attn_by_inverse_layer_idx is not supported"),
        ("gpt2", json!({"add_cross_attention": true}), "add_cross_attention is not supported"),
        ("llama", json!({"hidden_act": "relu"}), "the activation \"relu\" is not supported"),
        (
            "llama",
            json!({"quantization_config": {"bits": 4}}),
            "a quantization_config (quantised models are read from GGUF files)",
        ),
        ("llama", json!({"partial_rotary_factor": 0.5}), "a partial_rotary_factor of 0.5 is not supported"),
        ("llama", json!({"rope_scaling": {"type": "mystery"}}), "the rope type \"mystery\" is not supported"),
        (
            "llama",
            json!({"rope_parameters": {"rope_theta": 1e4}, "rope_scaling": {"type": "mystery"}}),
            "the rope type \"mystery\" is not supported",
        ),
        ("llama", json!({"rope_parameters": {"full_attention": {}}}), "rope that differs between layers is not supported"),
    ];
    for (family, own, expected) in cases {
        let error = refusal(&small(family, &own));
        assert!(error.contains(expected), "{own}: {error}");
    }
}

#[test]
fn numbers_that_no_model_can_have_are_refused() {
    let cases = [
        (json!({"hidden_size": 0}), "hidden size: expected 1 to"),
        (json!({"hidden_size": 15}), "hidden_size: expected a multiple of the 4 attention heads, found 15"),
        (json!({"hidden_size": 4}), "head size: expected an even number, found 1"),
        (json!({"num_attention_heads": 0}), "hidden_size: expected a multiple of the 0 attention heads"),
        (json!({"num_key_value_heads": 0}), "number of key/value heads: expected 1 to"),
        (
            json!({"num_key_value_heads": 3}),
            "number of key/value heads: expected a divisor of the 4 attention heads, found 3",
        ),
        (json!({"num_hidden_layers": 1_000_000_000}), "number of layers: expected 1 to 4096, found 1000000000"),
        (json!({"num_hidden_layers": "two"}), "num_hidden_layers: expected a whole number, found \"two\""),
        (json!({"num_hidden_layers": null}), "num_hidden_layers or n_layer: expected a whole number, found nothing"),
        (json!({"vocab_size": -1}), "vocab_size: expected a whole number, found -1"),
        (json!({"head_dim": 1_000_000}), "head size: expected 1 to 4096"),
        (json!({"intermediate_size": u64::MAX}), "intermediate size: expected 1 to"),
        (json!({"rms_norm_eps": 2}), "rms_norm_eps: expected 0 to 1, found 2"),
        (json!({"rope_theta": 0}), "rope_theta: expected a positive number, found 0"),
        (json!({"rope_theta": 1}), "rope_theta: expected a number above 1, found 1"),
        (json!({"rope_scaling": {"type": "linear"}}), "rope_scaling.factor: expected a positive number, found nothing"),
        (json!({"rope_scaling": {"type": "linear", "factor": 1e20}}), "context length: expected 1 to"),
    ];
    for (own, expected) in cases {
        let error = refusal(&small("llama", &own));
        assert!(error.contains(expected), "{own}: {error}");
    }
}

#[test]
fn a_window_of_nothing_is_refused() {
    let error = refusal(&small("mistral", &json!({"sliding_window": 0})));
    assert_eq!(error, "config.json: sliding_window: expected a positive number, found 0");
}

#[test]
fn layer_types_are_one_for_each_layer() {
    let types = json!({"use_sliding_window": true, "layer_types": ["full_attention"]});
    assert_eq!(refusal(&small("qwen2", &types)), "config.json: layer_types: expected 4 entries, found 1");
    let types = json!({"use_sliding_window": true, "layer_types": ["full_attention", "mamba", "mamba", "mamba"]});
    assert!(refusal(&small("qwen2", &types)).contains("expected sliding_attention or full_attention, found \"mamba\""));
}

#[test]
fn a_file_that_is_no_object_is_refused() {
    assert_eq!(refusal(&json!([1])), "config.json: the whole file: expected a JSON object, found [1]");
}
