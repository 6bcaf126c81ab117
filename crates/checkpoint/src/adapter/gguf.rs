//! An adapter in a GGUF file, as llama.cpp's `convert_lora_to_gguf.py` writes it: `blk.0.attn_q.weight.lora_a` and `.lora_b` for each
//! weight that it changes, and one `alpha` for all of them.

use std::path::Path;

use super::Form;
use crate::gguf;
use crate::storage::Storage;
use crate::tensors::Tensors;
use crate::{Error, Family, Result};

/// What stands at the head of the file.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) alpha: f64,
    pub(super) base: Option<String>,
}

const ALPHA: &str = "adapter.lora.alpha";

pub(super) fn read(path: &Path, family: Family) -> Result<(Form, Tensors)> {
    let storage = Storage::map(path)?;
    if !gguf::begins(storage.bytes()) {
        return Err(Error::malformed(
            path,
            "the whole file",
            "an adapter in a GGUF file, or an adapter's directory",
            "another file",
        ));
    }
    let gguf::GgufFile { metadata, tensors } = gguf::read(path, &storage)?;
    for (key, expected) in [("general.type", "adapter"), ("adapter.type", "lora")] {
        let found = metadata.text(key)?.ok_or_else(|| metadata.missing(key, expected))?;
        if found != expected {
            return Err(metadata.wrong(key, expected, found));
        }
    }
    let invocation = "adapter.alora.invocation_tokens";
    if metadata.has(invocation) {
        return Err(Error::unsupported(path, format!("an adapter that begins at certain tokens ({invocation})")));
    }
    let (key, own) = ("general.architecture", gguf::name(family));
    let architecture = metadata.text(key)?.ok_or_else(|| metadata.missing(key, own))?;
    if architecture != own {
        return Err(metadata.wrong(key, &format!("{own}, which the model is"), architecture));
    }
    let alpha = metadata.positive(ALPHA)?.ok_or_else(|| metadata.missing(ALPHA, "a number"))?;
    let base = metadata.text("general.base_model.0.name")?.map(str::to_owned);
    Ok((Form::Gguf(Head { alpha, base }), tensors))
}
