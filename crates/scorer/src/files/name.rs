//! A scorer's name, `type/name`, of which nothing can lead out of the directory.

use std::fmt;

use super::Error;
use crate::Type;

const LONGEST: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    kind: Type,
    name: String,
}

impl Name {
    /// `dense_network/example`: one of the types; then 1 to 64 letters, digits, `-`, `_` and `.`, of which the first is a
    /// letter or digit.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = || Error::MalformedName(text.to_owned());
        let (kind, name) = text.split_once('/').ok_or_else(malformed)?;
        let sound = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
        let begins = name.starts_with(|first: char| first.is_ascii_alphanumeric());
        if !begins || name.len() > LONGEST || !name.chars().all(sound) {
            return Err(malformed());
        }
        let kind = Type::find(kind).ok_or_else(|| Error::UnknownType(kind.to_owned()))?;
        Ok(Self { kind, name: name.to_owned() })
    }

    pub fn kind(&self) -> Type {
        self.kind
    }

    /// What comes behind the type.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.kind, self.name)
    }
}
