//! Small sound models as bytes, for the tests to damage.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use kernels::Format;

use crate::gguf::write::{Layout, Value};

pub(super) const CONFIG: &str = r#"{
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 6, "hidden_size": 8, "intermediate_size": 12,
    "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 32,
    "rms_norm_eps": 1e-5, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}, "tie_word_embeddings": false
}"#;

/// Names and shapes of the weights that `CONFIG` asks for.
pub(super) const TENSORS: [(&str, &[usize]); 12] = [
    ("lm_head.weight", &[6, 8]),
    ("model.embed_tokens.weight", &[6, 8]),
    ("model.layers.0.input_layernorm.weight", &[8]),
    ("model.layers.0.mlp.down_proj.weight", &[8, 12]),
    ("model.layers.0.mlp.gate_proj.weight", &[12, 8]),
    ("model.layers.0.mlp.up_proj.weight", &[12, 8]),
    ("model.layers.0.post_attention_layernorm.weight", &[8]),
    ("model.layers.0.self_attn.k_proj.weight", &[4, 8]),
    ("model.layers.0.self_attn.o_proj.weight", &[8, 8]),
    ("model.layers.0.self_attn.q_proj.weight", &[8, 8]),
    ("model.layers.0.self_attn.v_proj.weight", &[4, 8]),
    ("model.norm.weight", &[8]),
];

/// A safetensors file of f32 tensors that count up from zero.
pub(crate) fn safetensors(tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let (mut header, mut data) = (String::from("{\"__metadata__\":{\"format\":\"pt\"}"), Vec::new());
    for (name, shape) in tensors {
        let start = data.len();
        let elements: usize = shape.iter().product();
        (0..elements).for_each(|element| data.extend_from_slice(&(element as f32).to_le_bytes()));
        let end = data.len();
        write!(header, ",\"{name}\":{{\"dtype\":\"F32\",\"shape\":{shape:?},\"data_offsets\":[{start},{end}]}}").unwrap();
    }
    header.push('}');
    with_header(&header, &data)
}

/// A safetensors file with this header, right or wrong.
pub(crate) fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), data].concat()
}

/// The files of a model, without those for text.
pub(super) fn write_model(directory: &Path, config: &str, weights: &[u8]) {
    fs::write(directory.join("config.json"), config).unwrap();
    fs::write(directory.join("model.safetensors"), weights).unwrap();
}

/// Names and shapes in a GGUF file of the same model.
pub(super) const GGUF_TENSORS: [(&str, &[usize]); 12] = [
    ("token_embd.weight", &[6, 8]),
    ("output_norm.weight", &[8]),
    ("output.weight", &[6, 8]),
    ("blk.0.attn_norm.weight", &[8]),
    ("blk.0.attn_q.weight", &[8, 8]),
    ("blk.0.attn_k.weight", &[4, 8]),
    ("blk.0.attn_v.weight", &[4, 8]),
    ("blk.0.attn_output.weight", &[8, 8]),
    ("blk.0.ffn_norm.weight", &[8]),
    ("blk.0.ffn_gate.weight", &[12, 8]),
    ("blk.0.ffn_up.weight", &[12, 8]),
    ("blk.0.ffn_down.weight", &[8, 12]),
];

/// The keys of a llama with a vocabulary of six byte-level tokens.
pub(super) fn gguf_keys() -> Vec<(&'static str, Value)> {
    vec![
        ("general.architecture", Value::text("llama")),
        ("llama.context_length", Value::U32(32)),
        ("llama.embedding_length", Value::U32(8)),
        ("llama.block_count", Value::U32(1)),
        ("llama.feed_forward_length", Value::U32(12)),
        ("llama.attention.head_count", Value::U32(2)),
        ("llama.attention.head_count_kv", Value::U32(1)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("llama.rope.freq_base", Value::F32(10_000.0)),
        ("tokenizer.ggml.model", Value::text("gpt2")),
        ("tokenizer.ggml.pre", Value::text("gpt-2")),
        ("tokenizer.ggml.tokens", Value::Texts(["a", "b", "c", "ab", "abc", "<end>"].map(str::to_owned).to_vec())),
        ("tokenizer.ggml.token_type", Value::I32s(vec![1, 1, 1, 1, 1, 3])),
        ("tokenizer.ggml.merges", Value::Texts(["a b", "ab c"].map(str::to_owned).to_vec())),
        ("tokenizer.ggml.eos_token_id", Value::U32(5)),
    ]
}

/// A GGUF file of f32 tensors that count up from zero.
pub(super) fn gguf(keys: &[(&str, Value)], tensors: &[(&str, &[usize])]) -> Vec<u8> {
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
