//! The tokenizer's part of the metadata, as it is.

use super::metadata::Metadata;
use crate::{GgufVocabulary, Result};

pub(super) fn read(metadata: &Metadata) -> Result<GgufVocabulary> {
    let key = "tokenizer.ggml.model";
    let model = metadata.text(key)?.ok_or_else(|| metadata.missing(key, "the kind of tokenizer"))?;
    Ok(GgufVocabulary {
        model: model.to_owned(),
        pre: metadata.text("tokenizer.ggml.pre")?.map(str::to_owned),
        tokens: metadata.texts("tokenizer.ggml.tokens")?,
        scores: metadata.floats("tokenizer.ggml.scores")?,
        token_types: metadata.integers("tokenizer.ggml.token_type")?,
        merges: metadata.texts("tokenizer.ggml.merges")?,
        bos: metadata.token("tokenizer.ggml.bos_token_id")?,
        eos: metadata.token("tokenizer.ggml.eos_token_id")?,
        eot: metadata.token("tokenizer.ggml.eot_token_id")?,
        eom: metadata.token("tokenizer.ggml.eom_token_id")?,
        unk: metadata.token("tokenizer.ggml.unknown_token_id")?,
        pad: metadata.token("tokenizer.ggml.padding_token_id")?,
        add_bos: metadata.flag("tokenizer.ggml.add_bos_token")?,
        add_eos: metadata.flag("tokenizer.ggml.add_eos_token")?,
        add_space_prefix: metadata.flag("tokenizer.ggml.add_space_prefix")?,
        chat_template: metadata.text("tokenizer.chat_template")?.map(str::to_owned),
    })
}
