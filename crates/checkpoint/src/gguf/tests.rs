//! The reader and the writer against each other, and files that are wrong in one place.

use std::path::Path;
use std::sync::Arc;

use kernels::Format;

use super::write::{Layout, Value};
use super::*;
use crate::Position;

fn keys() -> Vec<(&'static str, Value)> {
    vec![
        ("general.architecture", Value::text("qwen2")),
        ("qwen2.context_length", Value::U32(64)),
        ("qwen2.embedding_length", Value::U32(8)),
        ("qwen2.block_count", Value::U32(1)),
        ("qwen2.feed_forward_length", Value::U32(4)),
        ("qwen2.attention.head_count", Value::U32(2)),
        ("qwen2.attention.layer_norm_rms_epsilon", Value::F32(1e-6)),
        ("tokenizer.ggml.model", Value::text("gpt2")),
        ("tokenizer.ggml.tokens", Value::Texts(vec!["a".into(), "b".into()])),
        ("tokenizer.ggml.scores", Value::F32s(vec![0.5, -1.5])),
        ("tokenizer.ggml.token_type", Value::I32s(vec![1, 3])),
        ("tokenizer.ggml.eos_token_id", Value::U32(1)),
        ("tokenizer.ggml.add_bos_token", Value::Bool(false)),
        ("tokenizer.chat_template", Value::text("{{ messages }}")),
    ]
}

const TENSORS: [(&str, &[usize]); 14] = [
    ("token_embd.weight", &[2, 8]),
    ("output_norm.weight", &[8]),
    ("blk.0.attn_norm.weight", &[8]),
    ("blk.0.attn_q.weight", &[8, 8]),
    ("blk.0.attn_q.bias", &[8]),
    ("blk.0.attn_k.weight", &[8, 8]),
    ("blk.0.attn_k.bias", &[8]),
    ("blk.0.attn_v.weight", &[8, 8]),
    ("blk.0.attn_v.bias", &[8]),
    ("blk.0.attn_output.weight", &[8, 8]),
    ("blk.0.ffn_norm.weight", &[8]),
    ("blk.0.ffn_gate.weight", &[4, 8]),
    ("blk.0.ffn_up.weight", &[4, 8]),
    ("blk.0.ffn_down.weight", &[8, 4]),
];

fn file(keys: &[(&str, Value)], tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let mut layout = Layout::new();
    for (key, value) in keys {
        layout.key(*key, value.clone());
    }
    for (name, shape) in tensors {
        layout.tensor(*name, shape, Format::F32);
    }
    let mut data = layout.begin(Vec::new()).unwrap();
    for (_, shape) in tensors {
        let elements: usize = shape.iter().product();
        (0..elements).for_each(|element| data.append(&(element as f32).to_le_bytes()).unwrap());
    }
    data.finish().unwrap()
}

fn read(bytes: Vec<u8>) -> Result<Model> {
    open(Path::new("it.gguf"), &Storage::Owned(Arc::from(bytes)))
}

fn refusal(keys: &[(&str, Value)], tensors: &[(&str, &[usize])]) -> String {
    read(file(keys, tensors)).unwrap_err().to_string()
}

/// The keys with one changed, added, or (`None`) left out.
fn with(key: &'static str, value: Option<Value>) -> Vec<(&'static str, Value)> {
    let mut keys = keys();
    keys.retain(|(name, _)| *name != key);
    keys.extend(value.map(|value| (key, value)));
    keys
}

/// The tensors with one in another shape, or (`None`) left out.
fn with_tensor(tensor: &'static str, shape: Option<&'static [usize]>) -> Vec<(&'static str, &'static [usize])> {
    let mut tensors = TENSORS.to_vec();
    tensors.retain(|(name, _)| *name != tensor);
    tensors.extend(shape.map(|shape| (tensor, shape)));
    tensors
}

#[test]
fn what_is_written_is_read() {
    let model = read(file(&keys(), &TENSORS)).unwrap();
    let architecture = &model.architecture;
    assert_eq!((architecture.vocabulary, architecture.kv_heads, architecture.head_dim), (2, 2, 4));
    let mut row = vec![0.0; 8];
    model.weights.layers[0].key.weight.dequantise_row(3, &mut row);
    assert_eq!(row, [24.0, 25.0, 26.0, 27.0, 28.0, 29.0, 30.0, 31.0]);
    assert!(model.weights.head.is_none());
    assert_eq!(model.unused, Vec::<String>::new());
}

#[test]
fn the_vocabulary_is_handed_over_as_it_is() {
    let vocabulary = read(file(&keys(), &TENSORS)).unwrap().vocabulary;
    assert_eq!(vocabulary.tokens, ["a", "b"]);
    assert_eq!((vocabulary.scores, vocabulary.token_types), (vec![0.5, -1.5], vec![1, 3]));
    assert_eq!((vocabulary.bos, vocabulary.eos, vocabulary.add_bos), (None, Some(1), Some(false)));
    assert_eq!(vocabulary.chat_template.as_deref(), Some("{{ messages }}"));
}

#[test]
fn a_missing_key_is_named() {
    let error = refusal(&with("qwen2.block_count", None), &TENSORS);
    assert_eq!(error, "it.gguf: qwen2.block_count: expected a whole number, found no such key");
}

#[test]
fn a_key_of_the_wrong_type_is_named() {
    let error = refusal(&with("qwen2.block_count", Some(Value::text("one"))), &TENSORS);
    assert_eq!(error, "it.gguf: qwen2.block_count: expected a whole number, found \"one\"");
}

#[test]
fn another_architecture_is_answered_with_those_that_run() {
    let error = refusal(&with("general.architecture", Some(Value::text("mamba"))), &TENSORS);
    assert_eq!(
        error,
        "it.gguf: the architecture \"mamba\" does not run here; those that do: llama, mistral, qwen2, qwen3, gpt2"
    );
}

#[test]
fn a_missing_tensor_is_named() {
    let error = refusal(&keys(), &with_tensor("blk.0.attn_k.bias", None));
    assert_eq!(error, "it.gguf: tensor \"blk.0.attn_k.bias\": expected this tensor, found no tensor of this name");
}

#[test]
fn a_tensor_of_another_shape_is_named() {
    let error = refusal(&keys(), &with_tensor("blk.0.ffn_up.weight", Some(&[8, 4])));
    assert_eq!(error, "it.gguf: tensor \"blk.0.ffn_up.weight\": expected shape [4, 8], found [8, 4]");
}

#[test]
fn a_tensor_that_nothing_uses_is_told() {
    let model = read(file(&keys(), &with_tensor("blk.0.extra.weight", Some(&[3])))).unwrap();
    assert_eq!(model.unused, ["blk.0.extra.weight"]);
}

#[test]
fn a_tensor_of_a_type_that_is_not_read_is_named() {
    let mut bytes = file(&keys(), &TENSORS);
    // The type follows the name, the number of dimensions and the dimensions.
    let name = b"blk.0.ffn_up.weight";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4 + 16;
    bytes[at..at + 4].copy_from_slice(&23_u32.to_le_bytes());
    assert_eq!(
        read(bytes).unwrap_err().to_string(),
        "it.gguf: tensor \"blk.0.ffn_up.weight\": expected one of F32, F16, Q4_0, Q8_0, Q4_K, Q5_K, Q6_K, BF16, found IQ4_XS"
    );
}

#[test]
fn a_dimension_of_nothing_does_not_hide_an_overflow() {
    let mut tensors = TENSORS.to_vec();
    tensors.push(("blk.0.extra.weight", &[1, 1, 1, 8]));
    let mut bytes = file(&keys(), &tensors);
    let name = b"blk.0.extra.weight";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4;
    // The innermost first.
    let dimensions = [5, 0, 1 << 40, 1 << 40].map(u64::to_le_bytes);
    bytes[at..at + 32].copy_from_slice(dimensions.as_flattened());
    let error = read(bytes).unwrap_err().to_string();
    assert!(error.contains("found shape [1099511627776, 1099511627776, 0, 5]"), "{error}");
}

#[test]
fn two_tensors_over_one_another_are_refused() {
    let mut bytes = file(&keys(), &TENSORS);
    let name = b"output_norm.weight";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4 + 8 + 4;
    bytes[at..at + 8].copy_from_slice(&0_u64.to_le_bytes());
    let error = read(bytes).unwrap_err().to_string();
    assert!(error.contains("where another one ends"), "{error}");
}

#[test]
fn two_tensors_of_one_name_are_refused() {
    let mut tensors = TENSORS.to_vec();
    tensors.push(("output_norm.weight", &[8]));
    let error = refusal(&keys(), &tensors);
    assert!(error.contains("expected one tensor of this name"), "{error}");
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    let mut keys = keys();
    keys.push(("qwen2.block_count", Value::U32(1)));
    let error = refusal(&keys, &TENSORS);
    assert_eq!(error, "it.gguf: qwen2.block_count: expected one value, found the key twice");
}

#[test]
fn more_layers_than_the_file_has_are_refused_without_room_being_made_for_them() {
    let error = refusal(&with("qwen2.block_count", Some(Value::U32(4096))), &TENSORS);
    assert!(error.contains("blk.1."), "{error}");
    let error = refusal(&with("qwen2.block_count", Some(Value::U32(u32::MAX))), &TENSORS);
    assert_eq!(error, "it.gguf: number of layers: expected 1 to 4096, found 4294967295");
}

#[test]
fn a_mixture_of_experts_and_a_split_model_are_refused() {
    let error = refusal(&with("qwen2.expert_count", Some(Value::U32(8))), &TENSORS);
    assert_eq!(error, "it.gguf: a mixture of experts is not supported");
    let error = refusal(&with("split.count", Some(Value::U32(2))), &TENSORS);
    assert!(error.contains("split over several files"), "{error}");
}

#[test]
fn a_classifier_is_refused() {
    let tensors = with_tensor("cls.output.weight", Some(&[2, 8]));
    assert!(refusal(&keys(), &tensors).contains("a classifier in a GGUF file (cls.output.weight)"));
}

#[test]
fn numbers_that_are_the_same_for_all_layers_may_be_lists() {
    let model = read(file(&with("qwen2.attention.head_count_kv", Some(Value::I32s(vec![2, 2]))), &TENSORS)).unwrap();
    assert_eq!(model.architecture.kv_heads, 2);
    let error = refusal(&with("qwen2.attention.head_count_kv", Some(Value::I32s(vec![2, 1]))), &TENSORS);
    assert_eq!(error, "it.gguf: qwen2.attention.head_count_kv that differs between layers is not supported");
}

#[test]
fn rope_is_scaled_as_the_keys_say() {
    let mut scaled = with("qwen2.rope.scaling.type", Some(Value::text("linear")));
    scaled.push(("qwen2.rope.scaling.factor", Value::F32(2.0)));
    let position = read(file(&scaled, &TENSORS)).unwrap().architecture.position;
    let expected = Position::Rope { inverse_frequencies: vec![0.5, 0.005], attention_factor: 1.0 };
    assert_eq!(position, expected);
}

#[test]
fn rope_frequencies_are_divided_by_the_tensor() {
    let position = read(file(&keys(), &with_tensor("rope_freqs.weight", Some(&[2])))).unwrap_err().to_string();
    // The tensor counts from zero, by which nothing can be divided.
    assert_eq!(position, "it.gguf: tensor \"rope_freqs.weight\": expected positive numbers, found 0");
}

#[test]
fn a_sliding_window_is_that_of_every_layer() {
    let model = read(file(&with("qwen2.attention.sliding_window", Some(Value::U32(16))), &TENSORS)).unwrap();
    assert_eq!(model.architecture.window, [Some(16)]);
}

#[test]
fn versions_other_than_2_and_3_are_refused() {
    let mut bytes = file(&keys(), &TENSORS);
    bytes[4] = 2;
    assert!(read(bytes.clone()).is_ok());
    bytes[4] = 1;
    assert_eq!(read(bytes.clone()).unwrap_err().to_string(), "it.gguf: byte 4: expected GGUF version 2 or 3, found 1");
    bytes[4..8].copy_from_slice(&3_u32.to_be_bytes());
    assert_eq!(read(bytes).unwrap_err().to_string(), "it.gguf: GGUF in big-endian order is not supported");
}

#[test]
fn the_alignment_is_a_power_of_two() {
    let error = refusal(&with("general.alignment", Some(Value::U32(24))), &TENSORS);
    assert_eq!(error, "it.gguf: general.alignment: expected a power of two up to 2^20, found 24");
}

#[test]
fn the_writer_wants_exactly_the_data_it_was_told_of() {
    let mut layout = Layout::new();
    layout.tensor("a", &[2], Format::F32);
    let mut data = layout.begin(Vec::new()).unwrap();
    assert!(data.append(&[0; 12]).is_err());
    data.append(&[0; 4]).unwrap();
    assert!(data.finish().is_err());
}

#[test]
fn the_writer_refuses_rows_that_are_not_whole_blocks() {
    let mut layout = Layout::new();
    layout.tensor("a", &[2, 31], Format::Q8_0);
    assert!(layout.begin(Vec::new()).is_err());
}
