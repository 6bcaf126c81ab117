//! Which tensors a shape has, how each is called, and in what format it is written.

use anyhow::{Result, ensure};
use kernels::Format;

use super::format::{Container, FileFormat, Mixture, Part};
use super::shape::{Family, Shape};
use super::values;
use crate::random::Random;

/// About so many bytes are made at once: models are larger than memory.
const CHUNK: usize = 1 << 20;

const EMBEDDING_DEVIATION: f32 = 0.5;
/// Logits as wide as a trained model's have a clear favourite.
const LOGIT_DEVIATION: f32 = 3.0;

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) tensors: Vec<Tensor>,
    pub(super) mixture: Mixture,
}

#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) gguf_name: String,
    pub(super) hugging_face_name: String,
    /// `None` for a vector.
    pub(super) rows: Option<usize>,
    pub(super) columns: usize,
    pub(super) format: Format,
    pub(super) mean: f32,
    pub(super) deviation: f32,
}

impl Plan {
    pub(super) fn new(shape: &Shape, format: &FileFormat) -> Result<Self> {
        let mut plan = Self { tensors: Vec::new(), mixture: format.mixture };
        let names = Names { container: format.container, mixture: format.mixture, shape };
        if shape.family == Family::Gpt2 {
            ensure!(shape.idle == 0, "{} has biases, with which no layer is idle", shape.name);
            ensure!(format.container == Container::HuggingFace, "{} is written as hf: only", shape.name);
            plan.add_gpt2(&names);
        } else {
            ensure!(shape.classes == 0, "only GPT-2 is written as a classifier");
            plan.add_ends(&names);
            for layer in 0..shape.layers {
                plan.add_attention(&names, layer);
                plan.add_mlp(&names, layer);
            }
        }
        let one_format = matches!(format.mixture, Mixture::All(_));
        ensure!(
            shape.idle == 0 || one_format,
            "q4_k_m gives layers other formats by their number; idle layers want one format"
        );
        for tensor in &plan.tensors {
            let whole = tensor.format.row_bytes(tensor.columns).is_some();
            ensure!(whole, "{}: rows of {} do not fit {}", tensor.gguf_name, tensor.columns, tensor.format.name());
        }
        Ok(plan)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.tensors.iter().map(Tensor::bytes).sum()
    }

    pub(super) fn parameters(&self) -> u64 {
        self.tensors.iter().map(|tensor| (tensor.rows.unwrap_or(1) * tensor.columns) as u64).sum()
    }

    fn add_ends(&mut self, names: &Names<'_>) {
        let Shape { vocabulary, hidden, tied, .. } = *names.shape;
        // As wide as what the layers add to them; where they are the head as well, as wide as that, or else each token would
        // predict itself.
        let part = if tied { Part::Head } else { Part::Other };
        let embeddings = names.matrix(("token_embd.weight", "model.embed_tokens.weight"), part, vocabulary, hidden);
        let deviation = if tied { LOGIT_DEVIATION * embeddings.deviation } else { EMBEDDING_DEVIATION };
        self.tensors.push(Tensor { deviation, ..embeddings });
        self.tensors.push(names.vector(("output_norm.weight", "model.norm.weight"), hidden, 1.0, 0.1));
        if !tied {
            let head = names.matrix(("output.weight", "lm_head.weight"), Part::Head, vocabulary, hidden);
            self.tensors.push(Tensor { deviation: LOGIT_DEVIATION * head.deviation, ..head });
        }
    }

    fn add_attention(&mut self, names: &Names<'_>, layer: usize) {
        let Shape { hidden, heads, kv_heads, head_dim, family, .. } = *names.shape;
        let pair = |gguf: &str, hf: &str| (format!("blk.{layer}.{gguf}"), format!("model.layers.{layer}.{hf}"));
        self.tensors.push(names.vector(pair("attn_norm.weight", "input_layernorm.weight"), hidden, 1.0, 0.1));
        let projections =
            [("q", heads, Part::Other), ("k", kv_heads, Part::Other), ("v", kv_heads, Part::ValueOrDown { layer })];
        for (letter, count, part) in projections {
            let (gguf, hf) = (format!("attn_{letter}"), format!("self_attn.{letter}_proj"));
            let rows = count * head_dim;
            self.tensors.push(names.matrix(pair(&format!("{gguf}.weight"), &format!("{hf}.weight")), part, rows, hidden));
            if family == Family::Qwen2 {
                self.tensors.push(names.vector(pair(&format!("{gguf}.bias"), &format!("{hf}.bias")), rows, 0.0, 0.1));
            }
        }
        if family == Family::Qwen3 {
            self.tensors.push(names.vector(pair("attn_q_norm.weight", "self_attn.q_norm.weight"), head_dim, 1.0, 0.1));
            self.tensors.push(names.vector(pair("attn_k_norm.weight", "self_attn.k_norm.weight"), head_dim, 1.0, 0.1));
        }
        let output = pair("attn_output.weight", "self_attn.o_proj.weight");
        self.tensors.push(names.matrix(output, Part::Other, hidden, heads * head_dim).into_residual(names.shape, layer));
    }

    fn add_mlp(&mut self, names: &Names<'_>, layer: usize) {
        let Shape { hidden, intermediate, .. } = *names.shape;
        let name =
            |gguf: &str, hf: &str| (format!("blk.{layer}.{gguf}.weight"), format!("model.layers.{layer}.{hf}.weight"));
        self.tensors.push(names.vector(name("ffn_norm", "post_attention_layernorm"), hidden, 1.0, 0.1));
        self.tensors.push(names.matrix(name("ffn_gate", "mlp.gate_proj"), Part::Other, intermediate, hidden));
        self.tensors.push(names.matrix(name("ffn_up", "mlp.up_proj"), Part::Other, intermediate, hidden));
        let down = name("ffn_down", "mlp.down_proj");
        let down = names.matrix(down, Part::ValueOrDown { layer }, hidden, intermediate);
        self.tensors.push(down.into_residual(names.shape, layer));
    }
}

/// What all tensors of a plan have in common.
pub(super) struct Names<'a> {
    container: Container,
    mixture: Mixture,
    pub(super) shape: &'a Shape,
}

impl Names<'_> {
    pub(super) fn matrix(
        &self,
        names: (impl Into<String>, impl Into<String>),
        part: Part,
        rows: usize,
        columns: usize,
    ) -> Tensor {
        let format = self.mixture.format(part, self.shape.layers, columns);
        let deviation = 1.0 / (columns as f32).sqrt();
        let (gguf_name, hugging_face_name) = (names.0.into(), names.1.into());
        Tensor { gguf_name, hugging_face_name, rows: Some(rows), columns, format, mean: 0.0, deviation }
    }

    /// GGUF keeps vectors in float32; a Hugging Face directory in the type of everything else.
    pub(super) fn vector(
        &self,
        names: (impl Into<String>, impl Into<String>),
        length: usize,
        mean: f32,
        deviation: f32,
    ) -> Tensor {
        let format = match (self.container, self.mixture) {
            (Container::HuggingFace, Mixture::All(format)) => format,
            _ => Format::F32,
        };
        let (gguf_name, hugging_face_name) = (names.0.into(), names.1.into());
        Tensor { gguf_name, hugging_face_name, rows: None, columns: length, format, mean, deviation }
    }
}

impl Tensor {
    /// Narrower by √(2 · layers), as GPT-2 was initialised: else every layer doubles what the ones before it rounded, and two
    /// engines that both compute correctly would soon disagree. Idle layers write nothing but zeros.
    fn into_residual(self, shape: &Shape, layer: usize) -> Self {
        let working = shape.layers - shape.idle;
        let deviation = if layer < working { self.deviation / (2.0 * working as f32).sqrt() } else { 0.0 };
        Self { deviation, ..self }
    }

    pub(super) fn bytes(&self) -> u64 {
        let row = self.format.row_bytes(self.columns).unwrap_or(0) as u64;
        row * self.rows.unwrap_or(1) as u64
    }

    /// Makes the tensor's data and hands it over piece by piece.
    pub(super) fn stream<E>(&self, seed: u64, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut random = Random::new(seed, &self.gguf_name);
        let elements = self.rows.unwrap_or(1) * self.columns;
        let mut left = elements / self.format.block_elements();
        let mut chunk = Vec::with_capacity(CHUNK + self.format.block_bytes());
        while left > 0 {
            let blocks = left.min(CHUNK / self.format.block_bytes());
            chunk.clear();
            values::append(self.format, (self.mean, self.deviation), blocks, &mut random, &mut chunk);
            take(&chunk)?;
            left -= blocks;
        }
        Ok(())
    }
}
