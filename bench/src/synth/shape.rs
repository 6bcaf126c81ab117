//! The shapes of well-known models: the numbers of their `config.json`.

use std::str::FromStr;

use anyhow::{Context, Result, bail};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Llama,
    Qwen2,
    Qwen3,
    Gpt2,
}

impl Family {
    /// The architecture's name in GGUF, and `model_type` in `config.json`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Gpt2 => "gpt2",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VocabularyKind {
    /// SentencePiece with byte fallback.
    SentencePiece,
    /// Byte-level BPE.
    BytePair,
}

#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) family: Family,
    pub(super) vocabulary_kind: VocabularyKind,
    pub(super) vocabulary: usize,
    pub(super) hidden: usize,
    pub(super) intermediate: usize,
    pub(super) layers: usize,
    /// Of those the last ones, which add nothing: in one and the same format, the shape without them is a draft model that is right.
    pub(super) idle: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) context: usize,
    pub(super) rope_base: f32,
    pub(super) epsilon: f32,
    pub(super) tied: bool,
    /// Of a model that classifies; 0 for one that writes.
    pub(super) classes: usize,
}

const NAMES: [&str; 7] =
    ["tinyllama-1.1b", "llama-3.2-1b", "llama-3.1-8b", "qwen2.5-0.5b", "qwen2.5-1.5b", "qwen3-0.6b", "gpt2-124m"];

fn named(name: &str) -> Option<Shape> {
    use Family::{Gpt2, Llama, Qwen2, Qwen3};
    use VocabularyKind::{BytePair, SentencePiece};
    // [vocabulary, hidden, intermediate, layers, heads, kv_heads, head_dim, context]
    let (family, vocabulary_kind, sizes, rope_base, epsilon, tied) = match name {
        "tinyllama-1.1b" => (Llama, SentencePiece, [32_000, 2048, 5632, 22, 32, 4, 64, 2048], 1e4, 1e-5, false),
        "llama-3.2-1b" => (Llama, BytePair, [128_256, 2048, 8192, 16, 32, 8, 64, 8192], 5e5, 1e-5, true),
        "llama-3.1-8b" => (Llama, BytePair, [128_256, 4096, 14_336, 32, 32, 8, 128, 8192], 5e5, 1e-5, false),
        "qwen2.5-0.5b" => (Qwen2, BytePair, [151_936, 896, 4864, 24, 14, 2, 64, 32_768], 1e6, 1e-6, true),
        "qwen2.5-1.5b" => (Qwen2, BytePair, [151_936, 1536, 8960, 28, 12, 2, 128, 32_768], 1e6, 1e-6, true),
        "qwen3-0.6b" => (Qwen3, BytePair, [151_936, 1024, 3072, 28, 16, 8, 128, 40_960], 1e6, 1e-6, true),
        "gpt2-124m" => (Gpt2, BytePair, [50_257, 768, 3072, 12, 12, 12, 64, 1024], 1e4, 1e-5, true),
        _ => return None,
    };
    let [vocabulary, hidden, intermediate, layers, heads, kv_heads, head_dim, context] = sizes;
    Some(Shape {
        name: name.to_owned(),
        family,
        vocabulary_kind,
        vocabulary,
        hidden,
        intermediate,
        layers,
        idle: 0,
        heads,
        kv_heads,
        head_dim,
        context,
        rope_base,
        epsilon,
        tied,
        classes: 0,
    })
}

impl FromStr for Shape {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        let mut shape = named(name).with_context(|| format!("no shape {name}; there are {}", NAMES.join(", ")))?;
        for change in parts {
            let (key, value) =
                change.split_once('=').with_context(|| format!("{change} is no change of the form key=number"))?;
            let value: usize = value.parse().with_context(|| format!("{key}: {value} is no number"))?;
            *shape.size(key)? = value;
        }
        shape.check()?;
        Ok(shape)
    }
}

impl Shape {
    fn size(&mut self, key: &str) -> Result<&mut usize> {
        Ok(match key {
            "vocabulary" => &mut self.vocabulary,
            "hidden" => &mut self.hidden,
            "intermediate" => &mut self.intermediate,
            "layers" => &mut self.layers,
            "idle" => &mut self.idle,
            "heads" => &mut self.heads,
            "kv_heads" => &mut self.kv_heads,
            "head_dim" => &mut self.head_dim,
            "context" => &mut self.context,
            "classes" => &mut self.classes,
            _ => bail!("{key} is no size of a shape"),
        })
    }

    fn check(&self) -> Result<()> {
        let sizes = [self.hidden, self.intermediate, self.layers, self.heads, self.kv_heads, self.head_dim, self.context];
        if sizes.contains(&0) {
            bail!("every size of a shape is at least 1");
        }
        if self.idle >= self.layers {
            bail!("of {} layers {} cannot be idle", self.layers, self.idle);
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            bail!("{} heads cannot share {} key-value heads evenly", self.heads, self.kv_heads);
        }
        if self.family == Family::Gpt2 && (self.kv_heads != self.heads || self.hidden != self.heads * self.head_dim) {
            bail!("GPT-2's heads have keys of their own and share the hidden size, which is heads x head_dim");
        }
        if self.vocabulary < super::vocabulary::SMALLEST {
            bail!("a vocabulary has at least {} tokens", super::vocabulary::SMALLEST);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_and_sound() {
        for name in NAMES {
            assert!(name.parse::<Shape>().is_ok(), "{name}");
        }
    }

    #[test]
    fn a_size_can_be_changed() {
        let shape: Shape = "tinyllama-1.1b,layers=2,context=128".parse().unwrap();
        assert_eq!((shape.layers, shape.context), (2, 128));
        assert!("tinyllama-1.1b,idle=22".parse::<Shape>().is_err());
        assert!("tinyllama-1.1b,kv_heads=5".parse::<Shape>().is_err());
        assert!("gpt2-124m,hidden=700".parse::<Shape>().is_err());
        assert!("no-such-model".parse::<Shape>().is_err());
    }
}
