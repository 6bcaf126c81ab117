//! One GGUF file with everything in it.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result};
use checkpoint::gguf::write::{Layout, Value};
use indicatif::ProgressBar;

use super::plan::Plan;
use super::shape::{Family, Shape, VocabularyKind};
use super::vocabulary::Vocabulary;

pub(super) fn write(path: &Path, shape: &Shape, plan: &Plan, seed: u64, progress: &ProgressBar) -> Result<()> {
    let mut layout = Layout::new();
    describe_model(&mut layout, shape, plan);
    describe_vocabulary(&mut layout, shape);
    for tensor in &plan.tensors {
        match tensor.rows {
            Some(rows) => layout.tensor(&tensor.gguf_name, &[rows, tensor.columns], tensor.format),
            None => layout.tensor(&tensor.gguf_name, &[tensor.columns], tensor.format),
        };
    }
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut data = layout.begin(BufWriter::new(file))?;
    for tensor in &plan.tensors {
        tensor.stream(seed, |chunk| {
            progress.inc(chunk.len() as u64);
            data.append(chunk)
        })?;
    }
    data.finish()?;
    Ok(())
}

fn describe_model(layout: &mut Layout, shape: &Shape, plan: &Plan) {
    let family = shape.family.name();
    layout.key("general.architecture", Value::text(family));
    layout.key("general.name", Value::text(format!("{} with random weights", shape.name)));
    layout.key("general.file_type", Value::U32(plan.mixture.file_type()));
    let sizes = [
        ("vocab_size", shape.vocabulary),
        ("context_length", shape.context),
        ("embedding_length", shape.hidden),
        ("block_count", shape.layers),
        ("feed_forward_length", shape.intermediate),
        ("attention.head_count", shape.heads),
        ("attention.head_count_kv", shape.kv_heads),
        ("rope.dimension_count", shape.head_dim),
        ("attention.key_length", shape.head_dim),
        ("attention.value_length", shape.head_dim),
    ];
    for (key, size) in sizes {
        layout.key(format!("{family}.{key}"), Value::U32(size as u32));
    }
    layout.key(format!("{family}.rope.freq_base"), Value::F32(shape.rope_base));
    layout.key(format!("{family}.attention.layer_norm_rms_epsilon"), Value::F32(shape.epsilon));
}

fn describe_vocabulary(layout: &mut Layout, shape: &Shape) {
    let vocabulary = Vocabulary::new(shape);
    let sentence_piece = shape.vocabulary_kind == VocabularyKind::SentencePiece;
    let model = if sentence_piece { "llama" } else { "gpt2" };
    layout.key("tokenizer.ggml.model", Value::text(model));
    layout.key("tokenizer.ggml.tokens", Value::Texts(vocabulary.pieces));
    layout.key("tokenizer.ggml.token_type", Value::I32s(vocabulary.kinds));
    if sentence_piece {
        layout.key("tokenizer.ggml.scores", Value::F32s(vocabulary.scores));
        layout.key("tokenizer.ggml.unknown_token_id", Value::U32(0));
    } else {
        let pre = if shape.family == Family::Llama { "llama-bpe" } else { "qwen2" };
        layout.key("tokenizer.ggml.pre", Value::text(pre));
        let merges = vocabulary.merges.into_iter().map(|(left, right)| format!("{left} {right}"));
        layout.key("tokenizer.ggml.merges", Value::Texts(merges.collect()));
    }
    layout.key("tokenizer.ggml.bos_token_id", Value::U32(vocabulary.begin));
    layout.key("tokenizer.ggml.eos_token_id", Value::U32(vocabulary.end));
    layout.key("tokenizer.ggml.add_bos_token", Value::Bool(shape.family == Family::Llama));
}
