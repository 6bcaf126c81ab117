//! The request, as somebody else's server is sent it.

use backend::{Conversation, Generation, Message};
use serde_json::{Value, json};

use crate::ask::shared;
use crate::body::Fields;

/// What a conversation asks of a server that calls the model so.
pub fn ask(generation: &Generation, conversation: &Conversation, model: &str) -> Fields {
    let mut fields = shared(generation, model);
    fields.insert("messages".into(), conversation.messages().iter().map(message).collect());
    if let Some(top) = generation.logprobs {
        fields.insert("logprobs".into(), true.into());
        fields.insert("top_logprobs".into(), top.get().into());
    }
    fields
}

fn message(message: &Message) -> Value {
    let Message { role, content, name } = message;
    let mut json = json!({"role": role.as_str(), "content": content});
    if let Some(name) = name {
        json["name"] = name.as_str().into();
    }
    json
}
