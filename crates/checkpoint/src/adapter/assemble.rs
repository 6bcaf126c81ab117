//! Finds the two matrices of every module that the configuration means, and refuses what it does not mean.

use std::collections::HashSet;

use kernels::Rows;

use super::config::Config;
use super::{Adapter, AdapterSummary, LayerUpdates, Up, Updates};
use crate::names::{self, AttentionNames, Names};
use crate::tensors::Tensors;
use crate::{Architecture, Error, Family, Result, Tensor};

/// What PEFT puts before the names of the model's own modules.
const PREFIX: &str = "base_model.model.";

pub(super) fn assemble(config: &Config, tensors: &Tensors, architecture: &Architecture) -> Result<Adapter> {
    let names = if architecture.family == Family::Gpt2 { &names::GPT2 } else { &names::LLAMA };
    // One that was trained on the model without its head has no prefix.
    let headless = tensors.names().all(|name| !name.starts_with(&format!("{PREFIX}{}", names.prefix)));
    let mut assembly = Assembly {
        config,
        tensors,
        architecture,
        names,
        prefix: if headless { "" } else { names.prefix },
        used: HashSet::new(),
        rank: 0,
        modules: 0,
        parameters: 0,
    };
    let layers = (0..architecture.layers).map(|layer| assembly.layer(layer)).collect::<Result<_>>()?;
    assembly.refuse_others()?;
    let Assembly { rank, modules, parameters, .. } = assembly;
    Ok(Adapter { layers, summary: AdapterSummary { rank, modules, parameters, base: config.base.clone() } })
}

struct Assembly<'a> {
    config: &'a Config,
    tensors: &'a Tensors,
    architecture: &'a Architecture,
    names: &'static Names,
    prefix: &'static str,
    used: HashSet<String>,
    rank: usize,
    modules: usize,
    parameters: u64,
}

/// One module's matrices.
struct Update {
    down: Tensor,
    up: Tensor,
    scale: f32,
}

impl Assembly<'_> {
    fn layer(&mut self, layer: usize) -> Result<LayerUpdates> {
        let names = self.names;
        let Architecture { hidden, heads, head_dim, intermediate, .. } = *self.architecture;
        let attention = self.attention(layer)?;
        let output = self.updates(layer, &[(names.output, hidden)], heads * head_dim)?;
        let up = (names.up, intermediate);
        let mlp = if names.gate.is_empty() {
            self.updates(layer, &[up], hidden)?
        } else {
            self.updates(layer, &[(names.gate, intermediate), up], hidden)?
        };
        let down = self.updates(layer, &[(names.down, hidden)], intermediate)?;
        Ok(LayerUpdates { attention, output, mlp, down })
    }

    /// Query, key and value. Fused, they share what the input is multiplied with first.
    fn attention(&mut self, layer: usize) -> Result<Updates> {
        let Architecture { hidden, heads, kv_heads, head_dim, .. } = *self.architecture;
        let (wide, narrow) = (heads * head_dim, kv_heads * head_dim);
        let fused = match self.names.attention {
            AttentionNames::Separate { query, key, value } => {
                return self.updates(layer, &[(query, wide), (key, narrow), (value, narrow)], hidden);
            }
            AttentionNames::Fused(fused) => fused,
        };
        let Some(Update { down, up, scale }) = self.update(layer, fused, wide + 2 * narrow, hidden)? else {
            return Ok(Updates { downs: Vec::new(), ups: vec![None, None, None] });
        };
        let part = |first, rows| Some(Up { weight: up.clone().slice(first, rows)?, down: 0, scale });
        let ups = vec![part(0, wide), part(wide, narrow), part(wide + narrow, narrow)];
        Ok(Updates { downs: vec![down], ups })
    }

    /// Those of the modules that share an input, each with the number of its outputs.
    fn updates(&mut self, layer: usize, modules: &[(&str, usize)], inputs: usize) -> Result<Updates> {
        let mut updates = Updates::default();
        for (module, outputs) in modules {
            let update = self.update(layer, module, *outputs, inputs)?;
            let down = updates.downs.len();
            updates.ups.push(update.map(|Update { down: tensor, up: weight, scale }| {
                updates.downs.push(tensor);
                Up { weight, down, scale }
            }));
        }
        Ok(updates)
    }

    fn update(&mut self, layer: usize, module: &str, outputs: usize, inputs: usize) -> Result<Option<Update>> {
        // By the name that the module has in the whole model: patterns may begin with it.
        let whole = format!("{}{}{layer}.{module}", self.names.prefix, self.names.layer);
        let name = format!("{}{}{layer}.{module}", self.prefix, self.names.layer);
        if ![&whole, &name].into_iter().any(|name| self.config.targets.include(name, layer)) {
            return Ok(None);
        }
        let rank = self.config.rank_of(&name);
        let down = self.matrix(&format!("{PREFIX}{name}.lora_A.weight"), rank, inputs)?;
        let up = self.matrix(&format!("{PREFIX}{name}.lora_B.weight"), outputs, rank)?;
        self.rank = self.rank.max(rank);
        self.modules += 1;
        self.parameters += (down.rows() * down.columns() + up.rows() * up.columns()) as u64;
        Ok(Some(Update { down, up, scale: self.config.scale_of(&name) }))
    }

    fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Result<Tensor> {
        let tensor = self.tensors.matrix(name, rows, columns)?;
        self.used.insert(name.to_owned());
        Ok(tensor)
    }

    /// What no module of a layer has asked for would change the answers, and is not to be left out.
    fn refuse_others(&self) -> Result<()> {
        let place = self.tensors.place();
        let mut others: Vec<_> = self.tensors.names().filter(|name| !self.used.contains(*name)).collect();
        others.sort_unstable();
        let Some(first) = others.first() else {
            let known = self.known();
            return if self.modules > 0 {
                Ok(())
            } else {
                Err(Error::field(place, "target_modules", format!("modules of {known}"), "none of those"))
            };
        };
        let has = |part: &str| others.iter().any(|name| name.contains(part));
        if has("lora_magnitude_vector") {
            return Err(Error::unsupported(place, "DoRA (lora_magnitude_vector)"));
        }
        if has("lora_embedding_") || has(&format!("{}.lora_", self.names.head)) {
            let feature = format!("an adapter for the embeddings or the head ({first})");
            return Err(Error::unsupported(place, feature));
        }
        if has(&format!("{}.weight", self.names.embeddings)) || has(&format!("{}.weight", self.names.head)) {
            return Err(Error::unsupported(place, format!("a resized vocabulary, or embeddings in an adapter ({first})")));
        }
        Err(Error::tensor(place, *first, format!("only what target_modules means of {}", self.known()), "this"))
    }

    /// The modules that there are, for people.
    fn known(&self) -> String {
        let Names { output, gate, up, down, attention, .. } = self.names;
        let attention = match attention {
            AttentionNames::Separate { query, key, value } => vec![*query, *key, *value],
            AttentionNames::Fused(fused) => vec![*fused],
        };
        let modules = attention.into_iter().chain([*output, *gate, *up, *down]).filter(|name| !name.is_empty());
        format!(
            "a {} of {} layers: {}",
            self.architecture.family,
            self.architecture.layers,
            modules.collect::<Vec<_>>().join(", ")
        )
    }
}
