//! The architecture, from a GGUF file's metadata.

use std::path::Path;

use super::file::GgufFile;
use super::metadata::Metadata;
use crate::architecture::Sizes;
use crate::names::GGUF;
use crate::rope::{Rope, Scaling, Yarn, yarn_magnitude};
use crate::{Activation, Architecture, Error, Family, Norm, Position, Result};

const ROPE_DIVISORS: &str = "rope_freqs.weight";
const DEFAULT_THETA: f64 = 10_000.0;

pub(super) fn read(path: &Path, file: &GgufFile) -> Result<Architecture> {
    let family = family(path, &file.metadata)?;
    Reader { path, file, metadata: &file.metadata, family }.architecture()
}

/// Mistral's files say llama; how one that said mistral would arrange its rows, nobody has laid down.
fn family(path: &Path, metadata: &Metadata) -> Result<Family> {
    let key = "general.architecture";
    let name = metadata.text(key)?.ok_or_else(|| metadata.missing(key, "the model's architecture"))?;
    let unknown = || Error::Architecture { file: path.into(), found: name.into() };
    Family::named(name).filter(|family| *family != Family::Mistral).ok_or_else(unknown)
}

struct Reader<'a> {
    path: &'a Path,
    file: &'a GgufFile,
    metadata: &'a Metadata,
    family: Family,
}

impl Reader<'_> {
    fn architecture(&self) -> Result<Architecture> {
        self.refuse_unsupported()?;
        let sizes = self.sizes()?;
        let rotary = self.family.traits().rotary;
        sizes.check(self.path, rotary)?;
        let Sizes { vocabulary, hidden, layers, heads, kv_heads, head_dim, intermediate, context } = sizes;
        Ok(Architecture {
            family: self.family,
            vocabulary,
            hidden,
            layers,
            heads,
            kv_heads,
            head_dim,
            intermediate,
            context,
            norm: self.norm(rotary)?,
            position: if rotary { self.rope(head_dim, context)?.position() } else { Position::Learned },
            activation: if rotary { Activation::Silu } else { Activation::GeluTanh },
            window: vec![self.window()?; layers],
            attention_scale: 1.0 / (head_dim as f32).sqrt(),
        })
    }

    fn refuse_unsupported(&self) -> Result<()> {
        if self.metadata.count("split.count")?.is_some_and(|count| count > 1) {
            return Err(Error::unsupported(
                self.path,
                "a GGUF model split over several files (llama-gguf-split merges them)",
            ));
        }
        if self.metadata.count(&self.key("expert_count"))?.is_some_and(|count| count > 0) {
            return Err(Error::unsupported(self.path, "a mixture of experts"));
        }
        let pattern = self.key("attention.sliding_window_pattern");
        if self.metadata.has(&pattern) { Err(Error::unsupported(self.path, pattern)) } else { Ok(()) }
    }

    fn sizes(&self) -> Result<Sizes> {
        let embeddings = format!("{}.weight", GGUF.embeddings);
        let vocabulary = self.file.tensors.stored(&embeddings)?.shape.first().copied().unwrap_or(0);
        let (hidden, heads) = (self.required("embedding_length")?, self.required("attention.head_count")?);
        let kv_heads = self.metadata.count_of_all_layers(&self.key("attention.head_count_kv"))?;
        Ok(Sizes {
            vocabulary,
            hidden,
            layers: self.required("block_count")?,
            heads,
            kv_heads: kv_heads.unwrap_or(heads),
            head_dim: self.head_dim(hidden, heads)?,
            intermediate: self.required("feed_forward_length")?,
            context: self.required("context_length")?,
        })
    }

    fn head_dim(&self, hidden: usize, heads: usize) -> Result<usize> {
        let key = self.key("attention.key_length");
        let given = self.metadata.count(&key)?;
        let head_dim = match given {
            Some(given) => given,
            None if heads > 0 && hidden.is_multiple_of(heads) => hidden / heads,
            None => {
                let expected = format!("a multiple of the {heads} attention heads");
                return Err(self.metadata.wrong(&self.key("embedding_length"), &expected, hidden.to_string()));
            }
        };
        let values = self.key("attention.value_length");
        match self.metadata.count(&values)? {
            Some(other) if other != head_dim => {
                Err(self.metadata.wrong(&values, &format!("{head_dim}, as {key}"), other.to_string()))
            }
            _ => Ok(head_dim),
        }
    }

    fn norm(&self, rms: bool) -> Result<Norm> {
        let key = self.key(if rms { "attention.layer_norm_rms_epsilon" } else { "attention.layer_norm_epsilon" });
        let eps = self.metadata.positive(&key)?.ok_or_else(|| self.metadata.missing(&key, "a number"))?;
        if eps >= 1.0 {
            return Err(self.metadata.wrong(&key, "0 to 1", eps.to_string()));
        }
        let eps = eps as f32;
        Ok(if rms { Norm::Rms { eps } } else { Norm::Layer { eps } })
    }

    fn window(&self) -> Result<Option<usize>> {
        // Converters write 0 for none.
        Ok(self.metadata.count(&self.key("attention.sliding_window"))?.filter(|&window| window > 0))
    }

    fn rope(&self, head_dim: usize, context: usize) -> Result<Rope> {
        let key = self.key("rope.dimension_count");
        let dimensions = self.metadata.count(&key)?.unwrap_or(head_dim);
        if dimensions != head_dim {
            return Err(self.metadata.wrong(&key, &format!("the head size, {head_dim}"), dimensions.to_string()));
        }
        let key = self.key("rope.freq_base");
        let theta = self.metadata.positive(&key)?.unwrap_or(DEFAULT_THETA);
        if theta <= 1.0 {
            return Err(self.metadata.wrong(&key, "a number above 1", theta.to_string()));
        }
        Ok(Rope { theta, dimensions, scaling: self.scaling(dimensions, context)? })
    }

    fn scaling(&self, dimensions: usize, context: usize) -> Result<Scaling> {
        let kind = self.metadata.text(&self.key("rope.scaling.type"))?;
        let divided = self.file.tensors.has(ROPE_DIVISORS);
        match (kind, divided) {
            (None | Some("none"), true) => self.divided(dimensions),
            (Some("none"), false) => Ok(Scaling::None),
            // A factor without a type is meant so, and older files have it under another name.
            (None | Some("linear"), false) => {
                let factor = match self.metadata.positive(&self.key("rope.scaling.factor"))? {
                    Some(factor) => Some(factor),
                    None => self.metadata.positive(&self.key("rope.scale_linear"))?,
                };
                Ok(factor.map_or(Scaling::None, |factor| Scaling::Linear { factor }))
            }
            (Some("yarn"), false) => self.yarn(context),
            (Some(kind), _) => {
                let beside = if divided { " beside rope_freqs.weight" } else { "" };
                Err(Error::unsupported(self.path, format!("the rope scaling {kind:?}{beside}")))
            }
        }
    }

    fn yarn(&self, context: usize) -> Result<Scaling> {
        let read = |name: &str| self.metadata.positive(&self.key(name));
        let factor = read("rope.scaling.factor")?.unwrap_or(1.0);
        Ok(Scaling::Yarn(Yarn {
            factor,
            original_context: read("rope.scaling.original_context_length")?.unwrap_or(context as f64),
            attention_factor: read("rope.scaling.attn_factor")?.unwrap_or(1.0) * yarn_magnitude(factor, 1.0),
            beta_fast: read("rope.scaling.yarn_beta_fast")?.unwrap_or(32.0),
            beta_slow: read("rope.scaling.yarn_beta_slow")?.unwrap_or(1.0),
            truncate: true,
        }))
    }

    /// Llama 3's scaling, computed by whoever wrote the file.
    fn divided(&self, dimensions: usize) -> Result<Scaling> {
        let by = self.file.tensors.vector(ROPE_DIVISORS, dimensions / 2)?;
        if let Some(wrong) = by.iter().find(|divisor| !(1e-30..1e30).contains(*divisor)) {
            return Err(Error::tensor(self.path, ROPE_DIVISORS, "positive numbers", wrong.to_string()));
        }
        Ok(Scaling::Divided { by: by.into_iter().map(f64::from).collect(), attention_factor: 1.0 })
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.family)
    }

    fn required(&self, name: &str) -> Result<usize> {
        let key = self.key(name);
        self.metadata.count_of_all_layers(&key)?.ok_or_else(|| self.metadata.missing(&key, "a whole number"))
    }
}
