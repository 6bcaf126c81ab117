//! From bytes to typed fields, with an error that names the field wherever something is wrong.
//!
//! A body is read in turns: each part of a request takes the fields that it knows out of the JSON object and leaves the
//! rest to the next; what is left in the end was asked for and nobody honours it. `#[serde(flatten)]` on typed parts
//! would be shorter, but it loses the path of a field with a wrong type.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::Error;
use crate::plain::{short, wrong_type};

/// A JSON object, or what is left of one.
pub type Fields = Map<String, Value>;

/// A request that can be read from the bytes of a body.
pub trait Body: Sized {
    /// Takes its fields, and refuses every one that it does not know.
    fn read(fields: Fields) -> Result<Self, Error>;

    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(object(bytes)?)
    }
}

/// Sent by OpenAI's clients for OpenAI's own books; they change no answer.
pub(crate) const IGNORED: [&str; 6] = ["metadata", "store", "service_tier", "user", "safety_identifier", "prompt_cache_key"];

/// What OpenAI or vLLM would honour and this server does not yet, or not on every surface.
const UNSUPPORTED: [&str; 45] = [
    "add_generation_prompt",
    "add_special_tokens",
    "audio",
    "bad_words",
    "best_of",
    "chat_template",
    "chat_template_kwargs",
    "continue_final_message",
    "detail",
    "documents",
    "function_call",
    "functions",
    "guided_choice",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "include_reasoning",
    "include_stop_str_in_output",
    "length_penalty",
    "logprobs",
    "logits_processors",
    "min_tokens",
    "mirostat",
    "modalities",
    "parallel_tool_calls",
    "prediction",
    "prompt_cache_retention",
    "prompt_logprobs",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "return_token_ids",
    "return_tokens_as_token_ids",
    "skip_special_tokens",
    "spaces_between_special_tokens",
    "stop_token_ids",
    "structured_outputs",
    "suffix",
    "tool_choice",
    "tools",
    "top_logprobs",
    "truncate_prompt_tokens",
    "use_beam_search",
    "verbosity",
    "web_search_options",
];

/// The object that a body holds. Where two fields have the same name, also further down, it is refused: whoever looked at it before may
/// have read the other.
fn object(bytes: &[u8]) -> Result<Fields, Error> {
    match serde_json::from_slice(bytes).map_err(|error| malformed(bytes, &error))? {
        Object { twice: Some(name), .. } => Err(Error::invalid(short(&name), "is given twice")),
        Object { fields, twice: None } => Ok(fields),
    }
}

/// What is wrong with a body that is no object. One that begins as an object may hold half a character, or a number without end, which is
/// no JSON, though whoever skips it does not see that.
pub(crate) fn malformed(bytes: &[u8], error: &serde_json::Error) -> Error {
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    let is_json = !is_object && serde_json::from_slice::<IgnoredAny>(bytes).is_ok();
    if is_json { Error::NotAnObject } else { Error::Syntax { message: error.to_string() } }
}

#[derive(Default)]
struct Object {
    fields: Fields,
    /// A name that several fields have.
    twice: Option<String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self::default())
    }
}

impl<'de> Visitor<'de> for Object {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(Unique(&mut self.twice))?;
            insert(&mut self.fields, name, value, &mut self.twice);
        }
        Ok(self)
    }
}

/// Of two values the first stays.
fn insert(fields: &mut Fields, name: String, value: Value, twice: &mut Option<String>) {
    if fields.contains_key(&name) {
        twice.get_or_insert(name);
    } else {
        fields.insert(name, value);
    }
}

/// A value, and the first name that several fields of an object within it have.
struct Unique<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for Unique<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Unique(&mut *self.0))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Fields::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(Unique(&mut *self.0))?;
            insert(&mut fields, name, value, self.0);
        }
        Ok(Value::Object(fields))
    }
}

/// Takes what `T` knows out of an object. `T` keeps the rest in a flattened [`Fields`].
pub fn take<T: DeserializeOwned>(fields: Fields) -> Result<T, Error> {
    serde_path_to_error::deserialize(Value::Object(fields))
        .map_err(|error| wrong_type(&error.path().to_string(), &error.inner().to_string()))
}

/// The model's name, which every surface has and some let their clients leave out, and the other fields.
pub fn take_model(fields: Fields) -> Result<(Option<String>, Fields), Error> {
    #[derive(Deserialize)]
    struct Named {
        model: Option<String>,
        #[serde(flatten)]
        rest: Fields,
    }
    let Named { model, rest } = take(fields)?;
    Ok((model, rest))
}

/// Refuses what nobody took, unless it is one of OpenAI's own book-keeping fields, or a parameter of OpenAI's or vLLM's that is
/// null or says what happens anyway.
pub fn refuse_leftovers(rest: &Fields) -> Result<(), Error> {
    rest.iter().filter(|(name, _)| !IGNORED.contains(&name.as_str())).try_for_each(leftover)
}

fn leftover((name, value): (&String, &Value)) -> Result<(), Error> {
    if !UNSUPPORTED.contains(&name.as_str()) {
        return Err(Error::Unknown { field: short(name) });
    }
    if value.is_null() {
        return Ok(());
    }
    match neutral(name) {
        Some(default) if *value == default => Ok(()),
        Some(default) => Err(Error::unsupported(name, format!("only {default} is"))),
        None => Err(Error::unsupported(name, "leave it out")),
    }
}

/// What an unsupported parameter may be: absent, or what is done anyway.
pub(crate) fn tolerated() -> impl Iterator<Item = Value> {
    let mut values = vec![Value::Null];
    for value in UNSUPPORTED.iter().filter_map(|name| neutral(name)) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values.into_iter()
}

/// The value of an unsupported parameter that asks for nothing special, so that it is honoured by doing what is done.
fn neutral(name: &str) -> Option<Value> {
    Some(match name {
        "add_generation_prompt" | "add_special_tokens" | "skip_special_tokens" => true.into(),
        "continue_final_message" | "include_stop_str_in_output" | "logprobs" | "use_beam_search" => false.into(),
        "min_tokens" => 0.into(),
        "modalities" => vec!["text"].into(),
        "response_format" => serde_json::json!({"type": "text"}),
        "tool_choice" => "none".into(),
        _ => return None,
    })
}

/// Refuses whatever is left in an object below the top level: nothing there is ours to ignore.
pub(crate) fn refuse_inner(rest: &Fields, path: &str) -> Result<(), Error> {
    match rest.keys().next() {
        Some(name) => Err(Error::Unknown { field: format!("{path}.{}", short(name)) }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_json_says_unless_a_name_is_given_twice() {
        let text = r#"{"a":[null,true,-1,18446744073709551615,0.5,"x",{"b":{"c":[]}}],"d":1e3}"#;
        assert_eq!(Value::Object(object(text.as_bytes()).unwrap()), serde_json::from_str::<Value>(text).unwrap());
        for twice in [r#"{"a":1,"a":1}"#, r#"{"b":[{"a":1,"a":2}]}"#, r#"{"b":{"a":null,"c":{"x":1},"\u0061":2}}"#] {
            assert_eq!(object(twice.as_bytes()).unwrap_err().to_string(), "a is given twice", "{twice}");
        }
    }

    #[test]
    fn what_is_wrong_inside_an_object_is_told_as_that() {
        for body in [r#" {"prompt":"\ud800"}"#, r#"{"seed":1e999}"#, r#"{"a":1} {"#] {
            assert!(matches!(object(body.as_bytes()), Err(Error::Syntax { .. })), "{body}");
        }
        for body in ["[1]", "null", " \"a\""] {
            assert_eq!(object(body.as_bytes()), Err(Error::NotAnObject), "{body}");
        }
    }
}
