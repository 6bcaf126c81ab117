//! The request, as somebody else's server is sent it.

use backend::Generation;
use serde_json::Value;

use crate::ask::shared;
use crate::body::Fields;

/// What a text, or its tokens, asks of a server that calls the model so.
pub fn ask(generation: &Generation, prompt: impl Into<Value>, model: &str) -> Fields {
    let mut fields = shared(generation, model);
    fields.insert("prompt".into(), prompt.into());
    if let Some(top) = generation.logprobs {
        fields.insert("logprobs".into(), top.get().into());
    }
    fields
}
