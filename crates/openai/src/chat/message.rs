//! Messages: who said what.

use backend::Role;
use serde::Deserialize;
use serde_json::Value;

use crate::Error;
use crate::body::{Fields, refuse_inner};
use crate::several::TextOr;

/// As it was sent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Message {
    role: Option<String>,
    content: Option<TextOr<Part>>,
    name: Option<String>,
    #[serde(flatten)]
    rest: Fields,
}

/// One part of a content that is an array.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Part {
    #[serde(rename = "type")]
    kind: Option<String>,
    text: Option<String>,
    #[serde(flatten)]
    rest: Fields,
}

/// An assistant's answer comes back with these; each is refused unless it is empty.
const UNSUPPORTED: [&str; 6] = ["annotations", "audio", "function_call", "reasoning_content", "refusal", "tool_calls"];

/// The messages as a backend takes them.
pub(super) fn conversation(messages: Vec<Message>) -> Result<Vec<backend::Message>, Error> {
    messages.into_iter().enumerate().map(|(index, message)| message.check(&format!("messages[{index}]"))).collect()
}

impl Message {
    fn check(mut self, path: &str) -> Result<backend::Message, Error> {
        let role = self.role(path)?;
        if role == Role::Tool {
            // It pairs an answer with a call, and no template shows it: the order of the messages says the same.
            self.rest.shift_remove("tool_call_id");
        }
        self.refuse_others(path)?;
        let content = self.content.ok_or_else(|| Error::missing(format!("{path}.content")))?;
        Ok(backend::Message { role, content: text_of(content, path)?, name: self.name })
    }

    fn role(&self, path: &str) -> Result<Role, Error> {
        let field = || format!("{path}.role");
        match self.role.as_deref().ok_or_else(|| Error::missing(field()))? {
            "system" | "developer" => Ok(Role::System),
            "user" => Ok(Role::User),
            "assistant" => Ok(Role::Assistant),
            "tool" => Ok(Role::Tool),
            other => Err(Error::out_of_range(field(), other, "system, developer, user, assistant or tool")),
        }
    }

    fn refuse_others(&self, path: &str) -> Result<(), Error> {
        let asked = UNSUPPORTED.iter().find(|name| self.rest.get(**name).is_some_and(|value| !is_empty(value)));
        if let Some(name) = asked {
            return Err(Error::unsupported(format!("{path}.{name}"), "leave it out"));
        }
        let unknown = self.rest.iter().filter(|(name, _)| !UNSUPPORTED.contains(&name.as_str()));
        refuse_inner(&unknown.map(|(name, value)| (name.clone(), value.clone())).collect(), path)
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Several parts of text are lines, as vLLM joins them.
fn text_of(content: TextOr<Part>, path: &str) -> Result<String, Error> {
    match content {
        TextOr::Text(text) => Ok(text),
        TextOr::Array(parts) if parts.is_empty() => {
            Err(Error::invalid(format!("{path}.content"), "must not be an empty array"))
        }
        TextOr::Array(parts) => {
            let texts: Result<Vec<String>, Error> =
                parts.into_iter().enumerate().map(|(index, part)| part.check(&format!("{path}.content[{index}]"))).collect();
            Ok(texts?.join("\n"))
        }
    }
}

impl Part {
    fn check(self, path: &str) -> Result<String, Error> {
        match self.kind.as_deref() {
            None => return Err(Error::missing(format!("{path}.type"))),
            Some("text") => {}
            Some(other) => {
                return Err(Error::unsupported(path, format!("parts of type {other:?}; only \"text\" is")));
            }
        }
        refuse_inner(&self.rest, path)?;
        self.text.ok_or_else(|| Error::missing(format!("{path}.text")))
    }
}
