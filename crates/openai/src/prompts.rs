//! Four ways to write prompts: `"a"`, `["a", "b"]`, `[1, 2]`, `[[1, 2], [3]]`.

use std::fmt;

use backend::Prompt;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use utoipa::PartialSchema;
use utoipa::openapi::schema::{ArrayBuilder, OneOfBuilder};

use crate::Error;
use crate::several::TextOr;

/// What the array of prompts may hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Text(String),
    Token(u32),
    Tokens(Vec<u32>),
}

/// The prompts that a field holds, in its order; at most so many, which is said too.
pub(crate) fn prompts(
    field: &str,
    (most, bound): (usize, &'static str),
    prompt: TextOr<Item>,
) -> Result<Vec<Prompt>, Error> {
    let items = match prompt {
        TextOr::Text(text) => return Ok(vec![Prompt::Text(text)]),
        TextOr::Array(items) => items,
    };
    if items.is_empty() {
        return Err(Error::invalid(field, "must not be empty"));
    }
    if items.iter().all(|item| matches!(item, Item::Token(_))) {
        return Ok(vec![Prompt::Tokens(items.iter().filter_map(token).collect())]);
    }
    if items.len() > most {
        return Err(Error::out_of_range(field, format!("{} prompts", items.len()), bound));
    }
    items.into_iter().enumerate().map(|(index, item)| one(&format!("{field}[{index}]"), item)).collect()
}

/// How such a field is documented.
pub(crate) fn schema((most, _): (usize, &str), description: &str) -> OneOfBuilder {
    let texts = ArrayBuilder::new().items(String::schema()).min_items(Some(1)).max_items(Some(most));
    let tokens = || ArrayBuilder::new().items(u32::schema()).min_items(Some(1));
    let several = ArrayBuilder::new().items(tokens()).min_items(Some(1)).max_items(Some(most));
    let ways = OneOfBuilder::new().item(String::schema()).item(texts).item(tokens()).item(several);
    ways.description(Some(description))
}

fn token(item: &Item) -> Option<u32> {
    match item {
        Item::Token(token) => Some(*token),
        Item::Text(_) | Item::Tokens(_) => None,
    }
}

fn one(field: &str, item: Item) -> Result<Prompt, Error> {
    match item {
        Item::Text(text) => Ok(Prompt::Text(text)),
        Item::Tokens(tokens) if tokens.is_empty() => Err(Error::invalid(field, "must not be empty")),
        Item::Tokens(tokens) => Ok(Prompt::Tokens(tokens)),
        Item::Token(_) => Err(Error::invalid(field, "is a token among prompts")),
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string, a token id or an array of token ids")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Item, E> {
        Ok(Item::Text(text.to_owned()))
    }

    fn visit_u64<E: de::Error>(self, token: u64) -> Result<Item, E> {
        u32::try_from(token).map(Item::Token).map_err(|_| E::custom(format!("{token} is not a token id")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Item, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(sequence)).map(Item::Tokens)
    }
}
