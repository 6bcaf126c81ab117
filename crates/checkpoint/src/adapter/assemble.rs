//! Finds the two matrices of every module that the configuration means, and refuses what it does not mean.

use std::collections::HashSet;

use kernels::Rows;

use super::config::Config;
use super::gguf::Head;
use super::{Adapter, AdapterSummary, Form, LayerUpdates, Up, Updates};
use crate::gguf;
use crate::names::{self, AttentionNames, Names};
use crate::tensors::Tensors;
use crate::{Architecture, Error, Family, Result, Tensor};

/// What PEFT puts before the names of the model's own modules.
const PREFIX: &str = "base_model.model.";

pub(super) fn assemble(form: &Form, tensors: &Tensors, architecture: &Architecture) -> Result<Adapter> {
    let names = match form {
        Form::Peft(_) if architecture.family == Family::Gpt2 => &names::GPT2,
        Form::Peft(_) => &names::LLAMA,
        Form::Gguf(_) => gguf::names(architecture.family),
    };
    // One that was trained on the model without its head has no prefix.
    let headless = tensors.names().all(|name| !name.starts_with(&format!("{PREFIX}{}", names.prefix)));
    let mut assembly = Assembly {
        form,
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
    Ok(Adapter { layers, summary: AdapterSummary { rank, modules, parameters, base: form.base().cloned() } })
}

struct Assembly<'a> {
    form: &'a Form,
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
        let update = match self.form {
            Form::Peft(config) => self.update_of_peft(config, layer, module, outputs, inputs)?,
            Form::Gguf(head) => self.update_of_gguf(head, layer, module, outputs, inputs)?,
        };
        if let Some(Update { down, up, .. }) = &update {
            self.rank = self.rank.max(down.rows());
            self.modules += 1;
            self.parameters += (down.rows() * down.columns() + up.rows() * up.columns()) as u64;
        }
        Ok(update)
    }

    fn update_of_peft(
        &mut self,
        config: &Config,
        layer: usize,
        module: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Option<Update>> {
        // By the name that the module has in the whole model: patterns may begin with it.
        let whole = format!("{}{}{layer}.{module}", self.names.prefix, self.names.layer);
        let name = format!("{}{}{layer}.{module}", self.prefix, self.names.layer);
        if ![&whole, &name].into_iter().any(|name| config.targets.include(name, layer)) {
            return Ok(None);
        }
        let rank = config.rank_of(&name);
        let down = self.matrix(&format!("{PREFIX}{name}.lora_A.weight"), rank, inputs)?;
        let up = self.matrix(&format!("{PREFIX}{name}.lora_B.weight"), outputs, rank)?;
        Ok(Some(Update { down, up, scale: config.scale_of(&name) }))
    }

    fn update_of_gguf(
        &mut self,
        head: &Head,
        layer: usize,
        module: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Option<Update>> {
        let name = |matrix: &str| format!("{}{layer}.{module}.weight.{matrix}", self.names.layer);
        let (a, b) = (name("lora_a"), name("lora_b"));
        if !self.tensors.has(&a) && !self.tensors.has(&b) {
            return Ok(None);
        }
        let rank = self.tensors.stored(&a)?.shape.first().copied().unwrap_or_default();
        if rank == 0 {
            return Err(Error::tensor(self.tensors.place(), a, "a rank of at least 1", "none"));
        }
        let down = self.matrix(&a, rank, inputs)?;
        let mut up = self.matrix(&b, outputs, rank)?;
        if gguf::is_interleaved(self.architecture.family) && self.gives_queries_or_keys(module) {
            up = up.uninterleaved(self.architecture.head_dim);
        }
        Ok(Some(Update { down, up, scale: (head.alpha / rank as f64) as f32 }))
    }

    fn gives_queries_or_keys(&self, module: &str) -> bool {
        matches!(self.names.attention, AttentionNames::Separate { query, key, .. } if [query, key].contains(&module))
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
                let key = match self.form {
                    Form::Peft(_) => "target_modules",
                    Form::Gguf(_) => "the tensors",
                };
                Err(Error::field(place, key, format!("modules of {known}"), "none of those"))
            };
        };
        let has = |part: &str| others.iter().any(|name| name.contains(part));
        let begins = |name: &str| others.iter().any(|other| other.starts_with(&format!("{name}.weight.lora_")));
        if has("lora_magnitude_vector") {
            return Err(Error::unsupported(place, "DoRA (lora_magnitude_vector)"));
        }
        let (embeddings, head) = (self.names.embeddings, self.names.head);
        if has("lora_embedding_") || has(&format!("{head}.lora_")) || begins(embeddings) || begins(head) {
            let feature = format!("an adapter for the embeddings or the head ({first})");
            return Err(Error::unsupported(place, feature));
        }
        let is_whole = |name: &str| has(&format!("{name}.weight"));
        if matches!(self.form, Form::Peft(_)) && (is_whole(embeddings) || is_whole(head)) {
            return Err(Error::unsupported(place, format!("a resized vocabulary, or embeddings in an adapter ({first})")));
        }
        Err(Error::tensor(place, *first, format!("only {} of {}", self.meant(), self.known()), "this"))
    }

    fn meant(&self) -> &'static str {
        match self.form {
            Form::Peft(_) => "what target_modules means",
            Form::Gguf(_) => "A and B of weights",
        }
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
