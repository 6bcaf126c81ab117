//! What is asked of a server, before it is known which.

use std::hash::{DefaultHasher, Hash, Hasher};

use backend::{Conversation, Error, Generation, Hops, Prompt, Result, Role, Tenant};
use bytes::Bytes;
use openai::body::Fields;
use serde_json::Value;

use crate::settings::UpstreamSettings;

/// How much of a text stands for its beginning.
const BEGINNING: usize = 1024;
/// The same in tokens.
const BEGINNING_TOKENS: usize = 256;

pub(crate) trait Question: Send + Sync {
    fn route(&self) -> &'static str;

    /// For this server.
    fn body(&self, upstream: &UpstreamSettings) -> Bytes;

    /// The gateways that it has come through.
    fn hops(&self) -> &Hops;

    /// Stands for the beginning of the prompt: requests with the same one can share it in a server's cache.
    fn key(&self) -> u64;

    /// Stands for all of it: a server may fail at one request and be well.
    fn identity(&self) -> u64;
}

/// Of a long body, its ends have to do.
pub(crate) fn identity(route: &str, body: &str) -> u64 {
    let end = body.as_bytes();
    hash(&(route, body.len(), beginning(body), &end[end.len().saturating_sub(BEGINNING)..]))
}

/// Under which name a tenant's prefixes are cached at a server; `None` where there is only one.
pub(crate) fn salt(tenant: Tenant, own: Option<&str>) -> Option<String> {
    match (tenant, own) {
        (Tenant(0), None) => None,
        (Tenant(0), Some(own)) => Some(own.to_owned()),
        (Tenant(tenant), own) => Some(format!("{:016x}", hash(&(tenant, own)))),
    }
}

pub(crate) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The first bytes of a text, which may end inside a character.
pub(crate) fn beginning(text: &str) -> &[u8] {
    &text.as_bytes()[..text.len().min(BEGINNING)]
}

/// A generation, for whichever surface it is.
impl Question for Generation {
    fn route(&self) -> &'static str {
        match self.prompt {
            Prompt::Chat(_) => "/v1/chat/completions",
            Prompt::Text(_) | Prompt::Tokens(_) => "/v1/completions",
        }
    }

    fn body(&self, upstream: &UpstreamSettings) -> Bytes {
        let mut fields = self.fields(&upstream.model);
        if let Some(salt) = salt(self.tenant, None).filter(|_| upstream.cache_salt) {
            fields.insert("cache_salt".into(), salt.into());
        }
        Value::Object(fields).to_string().into()
    }

    fn hops(&self) -> &Hops {
        &self.hops
    }

    fn key(&self) -> u64 {
        match &self.prompt {
            Prompt::Chat(conversation) => hash(&(self.tenant, opening(conversation))),
            Prompt::Text(text) => hash(&(self.tenant, beginning(text))),
            Prompt::Tokens(tokens) => hash(&(self.tenant, &tokens[..tokens.len().min(BEGINNING_TOKENS)])),
        }
    }

    fn identity(&self) -> u64 {
        match &self.prompt {
            Prompt::Chat(conversation) => {
                let contents = conversation.messages().iter().map(|message| identity(self.route(), &message.content));
                hash(&contents.collect::<Vec<_>>())
            }
            Prompt::Text(text) => identity(self.route(), text),
            Prompt::Tokens(tokens) => hash(&(self.route(), tokens)),
        }
    }
}

trait Asked {
    fn fields(&self, model: &str) -> Fields;
}

impl Asked for Generation {
    fn fields(&self, model: &str) -> Fields {
        match &self.prompt {
            Prompt::Chat(conversation) => openai::chat::ask(self, conversation, model),
            Prompt::Text(text) => openai::completions::ask(self, text.as_str(), model),
            Prompt::Tokens(tokens) => openai::completions::ask(self, tokens.as_slice(), model),
        }
    }
}

/// What a conversation begins with, however long it has become: all up to what its user said first.
fn opening(conversation: &Conversation) -> Vec<&str> {
    let messages = conversation.messages();
    let first = messages.iter().position(|message| message.role == Role::User).unwrap_or(0);
    messages[..=first].iter().map(|message| message.content.as_str()).collect()
}

/// Refuses what cannot be asked of a server from here.
pub(crate) fn check(generation: &Generation) -> Result<()> {
    match generation.echo {
        Some(_) => Err(Error::unsupported("echo", "this model runs on another server; leave it out")),
        None => Ok(()),
    }
}
