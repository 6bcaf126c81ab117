//! Finds every weight that an architecture asks for, in the shape that it asks for, by the names of the file.

use std::collections::HashSet;

use kernels::Rows;

use crate::family::{Biases, Traits};
use crate::names::{AttentionNames, Names};
use crate::tensor::uninterleave;
use crate::tensors::Tensors;
use crate::{Architecture, Error, LayerWeights, Linear, NormWeights, Position, Result, Tensor, Weights};

/// How a kind of file arranges the weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrangement {
    pub(crate) names: &'static Names,
    /// Linear layers are (in, out): Hugging Face's GPT-2.
    pub(crate) transposed: bool,
    /// Rows of queries and keys are interleaved within a head: GGUF's llama.
    pub(crate) interleaved: bool,
    pub(crate) head: Head,
}

/// What the last hidden state is turned into.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Head {
    /// A distribution over the vocabulary.
    Tokens {
        /// Whether the head is the embeddings; `None`: it is where the file has no head.
        tied: Option<bool>,
    },
    /// A number for each of so many classes.
    Classes(usize),
}

/// The weights, and the names of tensors that none of them is.
pub(crate) fn assemble(
    tensors: &Tensors,
    architecture: &Architecture,
    arrangement: Arrangement,
) -> Result<(Weights, Vec<String>)> {
    let mut assembly = Assembly {
        tensors,
        architecture,
        traits: architecture.family.traits(),
        arrangement,
        prefix: "",
        used: HashSet::new(),
    };
    let weights = assembly.weights()?;
    Ok((weights, assembly.unused()))
}

struct Assembly<'a> {
    tensors: &'a Tensors,
    architecture: &'a Architecture,
    traits: &'static Traits,
    arrangement: Arrangement,
    prefix: &'static str,
    used: HashSet<String>,
}

impl Assembly<'_> {
    fn weights(&mut self) -> Result<Weights> {
        let names = self.arrangement.names;
        let Architecture { vocabulary, hidden, layers, context, .. } = *self.architecture;
        if self.tensors.has(&format!("{}{}.weight", names.prefix, names.embeddings)) {
            self.prefix = names.prefix;
        }
        let embeddings = self.matrix(&format!("{}{}.weight", self.prefix, names.embeddings), vocabulary, hidden)?;
        let positions = match self.architecture.position {
            Position::Learned => {
                Some(self.matrix(&format!("{}{}.weight", self.prefix, names.positions), context, hidden)?)
            }
            Position::Rope { .. } => None,
        };
        let final_norm = self.norm(&format!("{}{}", self.prefix, names.final_norm))?;
        let head = match self.arrangement.head {
            Head::Tokens { tied } => self.head(tied)?,
            Head::Classes(count) => Some(self.classifier(count)?),
        };
        // Grown, not reserved: a count of layers that the tensors do not bear out ends at the first that is missing.
        let mut blocks = Vec::new();
        for layer in 0..layers {
            blocks.push(self.layer(&format!("{}{}{layer}.", self.prefix, names.layer))?);
        }
        Ok(Weights { embeddings, positions, layers: blocks, final_norm, head })
    }

    /// As transformers 5 decides: a head beside tied embeddings counts if it is another one.
    fn head(&mut self, tied: Option<bool>) -> Result<Option<Tensor>> {
        let names = self.arrangement.names;
        let Architecture { vocabulary, hidden, .. } = *self.architecture;
        let name = format!("{}.weight", names.head);
        let there = self.tensors.has(&name);
        if !there && tied.unwrap_or(true) {
            return Ok(None);
        }
        let head = self.matrix(&name, vocabulary, hidden)?;
        if tied == Some(true) {
            let embeddings = self.tensors.stored(&format!("{}{}.weight", self.prefix, names.embeddings))?;
            if self.tensors.stored(&name)?.bytes() == embeddings.bytes() {
                return Ok(None);
            }
        }
        Ok(Some(head))
    }

    /// A bias would change every answer, and no family of these has one.
    fn classifier(&mut self, count: usize) -> Result<Tensor> {
        let name = self.arrangement.names.classifier;
        let bias = format!("{name}.bias");
        if self.tensors.has(&bias) {
            return Err(Error::tensor(self.tensors.place(), bias, "no such tensor", "one"));
        }
        self.matrix(&format!("{name}.weight"), count, self.architecture.hidden)
    }

    fn layer(&mut self, at: &str) -> Result<LayerWeights> {
        let names = self.arrangement.names;
        let Architecture { hidden, heads, head_dim, intermediate, .. } = *self.architecture;
        let [query, key, value] = self.attention(at)?;
        let plain = self.traits.biases == Biases::All;
        let output = self.linear(&format!("{at}{}", names.output), hidden, heads * head_dim, plain)?;
        let gate = if self.traits.rotary {
            Some(self.linear(&format!("{at}{}", names.gate), intermediate, hidden, plain)?)
        } else {
            None
        };
        Ok(LayerWeights {
            attention_norm: self.norm(&format!("{at}{}", names.attention_norm))?,
            query,
            key,
            value,
            output,
            query_norm: self.head_norm(&format!("{at}{}.weight", names.query_norm))?,
            key_norm: self.head_norm(&format!("{at}{}.weight", names.key_norm))?,
            mlp_norm: self.norm(&format!("{at}{}", names.mlp_norm))?,
            gate,
            up: self.linear(&format!("{at}{}", names.up), intermediate, hidden, plain)?,
            down: self.linear(&format!("{at}{}", names.down), hidden, intermediate, plain)?,
        })
    }

    /// Query, key and value.
    fn attention(&mut self, at: &str) -> Result<[Linear; 3]> {
        let Architecture { hidden, heads, kv_heads, head_dim, .. } = *self.architecture;
        let (wide, narrow) = (heads * head_dim, kv_heads * head_dim);
        let must = self.traits.biases != Biases::Free;
        match self.arrangement.names.attention {
            AttentionNames::Separate { query, key, value } => {
                let query = self.linear(&format!("{at}{query}"), wide, hidden, must)?;
                let key = self.linear(&format!("{at}{key}"), narrow, hidden, must)?;
                let value = self.linear(&format!("{at}{value}"), narrow, hidden, must)?;
                Ok([self.in_halves(query), self.in_halves(key), value])
            }
            AttentionNames::Fused(fused) => {
                let name = format!("{at}{fused}");
                let whole = self.linear(&name, wide + 2 * narrow, hidden, must)?;
                let part = |first, rows| split(&whole, first, rows).ok_or_else(|| self.unsplittable(&name));
                Ok([part(0, wide)?, part(wide, narrow)?, part(wide + narrow, narrow)?])
            }
        }
    }

    fn unsplittable(&self, name: &str) -> Error {
        Error::tensor(self.tensors.place(), name, "query, key and value in its rows", "fewer rows")
    }

    /// Queries or keys with each head's rows in the order of halves.
    fn in_halves(&self, linear: Linear) -> Linear {
        if !self.arrangement.interleaved {
            return linear;
        }
        let head_dim = self.architecture.head_dim;
        Linear { weight: linear.weight.uninterleaved(head_dim), bias: linear.bias.map(|bias| uninterleave(&bias, head_dim)) }
    }

    fn linear(&mut self, at: &str, rows: usize, columns: usize, biased: bool) -> Result<Linear> {
        let name = format!("{at}.weight");
        let weight = if self.arrangement.transposed {
            let stored = self.matrix(&name, columns, rows)?;
            let format = stored.format();
            stored
                .transposed()
                .ok_or_else(|| Error::tensor(self.tensors.place(), name, "elements that are not in blocks", format.name()))?
        } else {
            self.matrix(&name, rows, columns)?
        };
        Ok(Linear { weight, bias: self.vector(&format!("{at}.bias"), rows, biased)? })
    }

    /// RMS norms have no bias, layer norms have one.
    fn norm(&mut self, at: &str) -> Result<NormWeights> {
        let hidden = self.architecture.hidden;
        let name = format!("{at}.weight");
        let weight = self.tensors.vector(&name, hidden)?;
        self.used.insert(name);
        let bias = if self.traits.rotary { None } else { self.vector(&format!("{at}.bias"), hidden, true)? };
        Ok(NormWeights { weight, bias })
    }

    fn head_norm(&mut self, name: &str) -> Result<Option<Vec<f32>>> {
        if self.traits.head_norms { self.vector(name, self.architecture.head_dim, true) } else { Ok(None) }
    }

    fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Result<Tensor> {
        let tensor = self.tensors.matrix(name, rows, columns)?;
        self.used.insert(name.to_owned());
        Ok(tensor)
    }

    fn vector(&mut self, name: &str, length: usize, required: bool) -> Result<Option<Vec<f32>>> {
        if !required && !self.tensors.has(name) {
            return Ok(None);
        }
        let values = self.tensors.vector(name, length)?;
        self.used.insert(name.to_owned());
        Ok(Some(values))
    }

    fn unused(&self) -> Vec<String> {
        let names = self.arrangement.names;
        let mut unused: Vec<_> = self
            .tensors
            .names()
            .filter(|name| !self.used.contains(*name) && !names.is_no_weight(name))
            .map(str::to_owned)
            .collect();
        unused.sort_unstable();
        unused
    }
}

/// The rows `first..first + rows` of a linear layer.
fn split(whole: &Linear, first: usize, rows: usize) -> Option<Linear> {
    let weight = whole.weight.clone().slice(first, rows)?;
    let bias = match &whole.bias {
        Some(bias) => Some(bias.get(first..first + rows)?.to_vec()),
        None => None,
    };
    Some(Linear { weight, bias })
}
