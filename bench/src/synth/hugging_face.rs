//! A directory in Hugging Face's layout: `config.json`, `model.safetensors`, and a tokenizer.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use kernels::Format;
use serde_json::{Map, Value, json};

use super::plan::{Plan, Tensor};
use super::shape::{Family, Shape};
use super::vocabulary::Vocabulary;

pub(super) fn write(directory: &Path, shape: &Shape, plan: &Plan, seed: u64, progress: &ProgressBar) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let vocabulary = Vocabulary::byte_pair(shape.vocabulary);
    put(directory, "config.json", &config(shape, plan, &vocabulary))?;
    put(directory, "generation_config.json", &json!({"eos_token_id": vocabulary.end}))?;
    put(directory, "tokenizer.json", &tokenizer(&vocabulary))?;
    put(directory, "tokenizer_config.json", &tokenizer_config(&vocabulary, shape))?;
    let file = File::create(directory.join("model.safetensors"))?;
    write_weights(BufWriter::new(file), plan, seed, progress)
}

fn put(directory: &Path, name: &str, content: &Value) -> Result<()> {
    let path = directory.join(name);
    fs::write(&path, content.to_string() + "\n").with_context(|| format!("cannot write {}", path.display()))
}

fn config(shape: &Shape, plan: &Plan, vocabulary: &Vocabulary) -> Value {
    let class = match shape.family {
        Family::Llama => "LlamaForCausalLM",
        Family::Qwen2 => "Qwen2ForCausalLM",
        Family::Qwen3 => "Qwen3ForCausalLM",
        Family::Gpt2 => return gpt2_config(shape, plan, vocabulary),
    };
    json!({
        "architectures": [class],
        "model_type": shape.family.name(),
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.epsilon,
        "rope_parameters": {"rope_theta": shape.rope_base, "rope_type": "default"},
        "hidden_act": "silu",
        "tie_word_embeddings": shape.tied,
        "bos_token_id": vocabulary.begin,
        "eos_token_id": vocabulary.end,
        "dtype": plan.tensors.first().map(|tensor| kind(tensor.format).1),
    })
}

fn gpt2_config(shape: &Shape, plan: &Plan, vocabulary: &Vocabulary) -> Value {
    let classifies = shape.classes > 0;
    let labels: Map<String, Value> =
        (0..shape.classes).map(|class| (class.to_string(), format!("class {class}").into())).collect();
    json!({
        "architectures": [if classifies { "GPT2ForSequenceClassification" } else { "GPT2LMHeadModel" }],
        "model_type": shape.family.name(),
        "vocab_size": shape.vocabulary,
        "n_embd": shape.hidden,
        "n_inner": shape.intermediate,
        "n_layer": shape.layers,
        "n_head": shape.heads,
        "n_positions": shape.context,
        "layer_norm_epsilon": shape.epsilon,
        "activation_function": "gelu_new",
        "id2label": if classifies { Value::Object(labels) } else { Value::Null },
        "problem_type": if classifies { "single_label_classification".into() } else { Value::Null },
        "bos_token_id": vocabulary.begin,
        "eos_token_id": vocabulary.end,
        "pad_token_id": vocabulary.end,
        "dtype": plan.tensors.first().map(|tensor| kind(tensor.format).1),
    })
}

/// The names of a format in safetensors and in `config.json`. A plan for a directory has only these three.
fn kind(format: Format) -> (&'static str, &'static str) {
    match format {
        Format::F16 => ("F16", "float16"),
        Format::Bf16 => ("BF16", "bfloat16"),
        _ => ("F32", "float32"),
    }
}

fn tokenizer(vocabulary: &Vocabulary) -> Value {
    let ids: Map<String, Value> =
        vocabulary.pieces.iter().enumerate().map(|(id, piece)| (piece.clone(), id.into())).collect();
    let merges: Vec<[&str; 2]> = vocabulary.merges.iter().map(|(left, right)| [left.as_str(), right.as_str()]).collect();
    let special = vocabulary.pieces.iter().enumerate().skip(vocabulary.begin as usize).map(|(id, piece)| {
        json!({"id": id, "content": piece, "special": true, "normalized": false,
               "single_word": false, "lstrip": false, "rstrip": false})
    });
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": special.collect::<Vec<_>>(),
        "normalizer": null,
        "pre_tokenizer": byte_level,
        "post_processor": null,
        "decoder": byte_level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                  "vocab": ids, "merges": merges},
    })
}

fn tokenizer_config(vocabulary: &Vocabulary, shape: &Shape) -> Value {
    json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": vocabulary.pieces[vocabulary.begin as usize],
        "eos_token": vocabulary.pieces[vocabulary.end as usize],
        "model_max_length": shape.context,
    })
}

fn write_weights(mut out: impl Write, plan: &Plan, seed: u64, progress: &ProgressBar) -> Result<()> {
    let mut header = header(plan).to_string();
    // Data begins at a multiple of eight, as the format's own writer has it.
    header += &" ".repeat(header.len().next_multiple_of(8) - header.len());
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    for tensor in &plan.tensors {
        tensor.stream(seed, |chunk| {
            progress.inc(chunk.len() as u64);
            out.write_all(chunk)
        })?;
    }
    out.flush().context("cannot write the weights")
}

fn header(plan: &Plan) -> Value {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    let mut offset = 0;
    for tensor in &plan.tensors {
        let end = offset + tensor.bytes();
        header.insert(tensor.hugging_face_name.clone(), entry(tensor, offset, end));
        offset = end;
    }
    Value::Object(header)
}

fn entry(tensor: &Tensor, start: u64, end: u64) -> Value {
    let shape: Vec<usize> = tensor.rows.into_iter().chain([tensor.columns]).collect();
    json!({"dtype": kind(tensor.format).0, "shape": shape, "data_offsets": [start, end]})
}
