//! Messages: who said what.

use backend::Role;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::{Ref, Schema};

use crate::Error;
use crate::body::{Fields, refuse_inner};
use crate::plain::short;
use crate::schema;
use crate::several::TextOr;

/// One message of a conversation, as it was sent.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[schema(as = ChatMessage)]
pub struct Message {
    /// `developer` is `system`.
    #[schema(value_type = Speaker)]
    role: Option<String>,
    /// A text, or parts that are texts; several are lines.
    #[schema(required, schema_with = content)]
    content: Option<TextOr<Part>>,
    /// For chat templates that show it.
    name: Option<String>,
    /// Which call a `tool` answers. No template shows it: the order of the messages says the same.
    tool_call_id: Option<String>,
    /// An assistant's answer comes back with more, which is refused unless it is empty.
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, schema::Nothing>)]
    rest: Fields,
}

/// One part of a content that is an array.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[schema(as = ContentPart)]
pub struct Part {
    #[serde(rename = "type")]
    #[schema(value_type = PartKind, inline)]
    kind: Option<String>,
    #[schema(value_type = String)]
    text: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

/// The roles there are.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it is there to be documented: a message keeps the word that was sent")]
enum Speaker {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

/// The kinds of parts there are.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it is there to be documented: a part keeps the word that was sent")]
enum PartKind {
    Text,
}

fn content() -> Schema {
    schema::text_or_array_of(Ref::from_schema_name(Part::name()).into())
}

/// An assistant's answer comes back with these; each is refused unless it is empty.
const UNSUPPORTED: [&str; 6] = ["annotations", "audio", "function_call", "reasoning_content", "refusal", "tool_calls"];

/// Messages of a conversation, and parts of all their contents; OpenAI has the same bound for the first. To read one and to put it
/// into a template is hundreds of times the work of a few more bytes in another.
const MOST: usize = 2048;

/// Before anything is made of them.
pub(crate) fn check_count(fields: &Fields) -> Result<(), Error> {
    let Some(messages) = fields.get("messages").and_then(Value::as_array) else { return Ok(()) };
    let contents = messages.iter().filter_map(|message| message.get("content")?.as_array());
    let parts = contents.map(Vec::len).sum();
    for (count, what) in [(messages.len(), "messages"), (parts, "parts")] {
        if count > MOST {
            return Err(Error::invalid("messages", format!("has {count} {what}, and at most {MOST} are taken")));
        }
    }
    Ok(())
}

/// The messages as a backend takes them.
pub(super) fn conversation(messages: Vec<Message>) -> Result<Vec<backend::Message>, Error> {
    messages.into_iter().enumerate().map(|(index, message)| message.check(&format!("messages[{index}]"))).collect()
}

impl Message {
    fn check(self, path: &str) -> Result<backend::Message, Error> {
        let role = self.role(path)?;
        if role != Role::Tool && self.tool_call_id.is_some() {
            return Err(Error::invalid(format!("{path}.tool_call_id"), "is for messages of the role tool"));
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
                return Err(Error::unsupported(path, format!("parts of type {:?}; only \"text\" is", short(other))));
            }
        }
        refuse_inner(&self.rest, path)?;
        self.text.ok_or_else(|| Error::missing(format!("{path}.text")))
    }
}
