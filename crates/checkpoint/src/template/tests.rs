//! Templates against what transformers makes of them (`fixtures/text/make_templates.py`), and against hostile ones.

mod hostile;
mod reference;
mod sources;

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{ChatTemplate, RenderOptions};
use crate::tokenizer::{GgufVocabulary, Tokenizer};

/// A vocabulary of what a template needs to know of one.
fn vocabulary(template: Option<&str>) -> GgufVocabulary {
    GgufVocabulary {
        model: "gpt2".into(),
        pre: Some("gpt-2".into()),
        tokens: ["a", "<s>", "</s>"].map(String::from).to_vec(),
        token_types: vec![1, 3, 3],
        bos: Some(1),
        eos: Some(2),
        chat_template: template.map(str::to_owned),
        ..GgufVocabulary::default()
    }
}

fn open(template: &str) -> super::Result<ChatTemplate> {
    let vocabulary = vocabulary(Some(template));
    ChatTemplate::from_gguf(&vocabulary, &Tokenizer::from_gguf(&vocabulary).unwrap())
}

fn options(seconds: u64) -> RenderOptions {
    RenderOptions::new(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

fn render(template: &str, messages: &Value) -> super::Result<String> {
    open(template)?.render(messages, &options(0))
}

fn hello() -> Value {
    json!([{"role": "user", "content": "Hello"}])
}
