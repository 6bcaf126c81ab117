//! The keys and values at the head of a GGUF file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::cursor::Cursor;
use crate::storage::Storage;
use crate::{Error, Result};

/// The metadata of one file. Lists stay in the file until they are asked for: nothing is allocated that nobody reads.
#[derive(Debug)]
pub(crate) struct Metadata {
    file: PathBuf,
    storage: Storage,
    values: HashMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Integer(i128),
    Float(f64),
    Bool(bool),
    Text(String),
    List(List),
}

/// `length` values of a kind, from byte `start` of the file on. That they lie within it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
struct List {
    kind: Kind,
    start: usize,
    length: usize,
}

/// The types of values, as GGUF numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    Text,
    List,
    U64,
    I64,
    F64,
}

/// Lists within lists are allowed by the format; no file goes deeper.
const DEEPEST_LIST: usize = 4;

impl Metadata {
    /// Reads `count` keys with their values.
    pub(crate) fn read(cursor: &mut Cursor<'_>, file: &Path, storage: &Storage, count: usize) -> Result<Self> {
        let mut values = HashMap::new();
        for _ in 0..count {
            let key = cursor.string("name of a key")?.to_owned();
            let kind = Kind::read(cursor)?;
            let value = Value::read(cursor, kind)?;
            if values.insert(key.clone(), value).is_some() {
                return Err(Error::field(file, key, "one value", "the key twice"));
            }
        }
        Ok(Self { file: file.into(), storage: storage.clone(), values })
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub(crate) fn count(&self, key: &str) -> Result<Option<usize>> {
        self.value_as(key, "a whole number", |value| match value {
            Value::Integer(integer) => usize::try_from(*integer).ok(),
            _ => None,
        })
    }

    /// A number that may differ between layers, where it does not.
    pub(crate) fn count_of_all_layers(&self, key: &str) -> Result<Option<usize>> {
        let Some(Value::List(_)) = self.values.get(key) else { return self.count(key) };
        let values = self.integers(key)?;
        match values.first() {
            Some(first) if values.iter().all(|value| value == first) => match usize::try_from(*first) {
                Ok(count) => Ok(Some(count)),
                Err(_) => Err(self.wrong(key, "whole numbers", first.to_string())),
            },
            _ => Err(Error::unsupported(&self.file, format!("{key} that differs between layers"))),
        }
    }

    pub(crate) fn token(&self, key: &str) -> Result<Option<u32>> {
        self.value_as(key, "a token id", |value| match value {
            Value::Integer(integer) => u32::try_from(*integer).ok(),
            _ => None,
        })
    }

    /// A number that something is divided by or multiplied with.
    pub(crate) fn positive(&self, key: &str) -> Result<Option<f64>> {
        self.value_as(key, "a positive number", |value| {
            let number = match value {
                Value::Float(float) => *float,
                Value::Integer(integer) => *integer as f64,
                _ => return None,
            };
            (1e-30..1e30).contains(&number).then_some(number)
        })
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.value_as(key, "true or false", |value| match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<&str>> {
        self.value_as(key, "a string", |value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// A list of strings, empty where the key is missing.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>> {
        let Some(list) = self.list(key, "a list of strings", |kind| kind == Kind::Text)? else { return Ok(Vec::new()) };
        let mut cursor = Cursor::new(&self.file, self.storage.bytes());
        cursor.take(list.start, "metadata")?;
        // Each string has at least its eight bytes of length in the file.
        let mut texts = Vec::with_capacity(list.length);
        for _ in 0..list.length {
            texts.push(cursor.string(key)?.to_owned());
        }
        Ok(texts)
    }

    /// A list of numbers, empty where the key is missing.
    pub(crate) fn floats(&self, key: &str) -> Result<Vec<f32>> {
        let Some(list) = self.list(key, "a list of 32-bit floats", |kind| kind == Kind::F32)? else {
            return Ok(Vec::new());
        };
        Ok(self.elements::<4>(list).map(f32::from_le_bytes).collect())
    }

    /// A list of 32-bit integers, empty where the key is missing.
    pub(crate) fn integers(&self, key: &str) -> Result<Vec<i32>> {
        let is_integer = |kind| matches!(kind, Kind::I32 | Kind::U32);
        let Some(list) = self.list(key, "a list of 32-bit integers", is_integer)? else { return Ok(Vec::new()) };
        Ok(self.elements::<4>(list).map(i32::from_le_bytes).collect())
    }

    pub(crate) fn missing(&self, key: &str, expected: &str) -> Error {
        self.wrong(key, expected, "no such key")
    }

    pub(crate) fn wrong(&self, key: &str, expected: &str, found: impl Into<String>) -> Error {
        Error::field(&self.file, key, expected, found)
    }

    fn list(&self, key: &str, expected: &str, fits: impl Fn(Kind) -> bool) -> Result<Option<List>> {
        self.value_as(key, expected, |value| match value {
            Value::List(list) if list.length == 0 || fits(list.kind) => Some(*list),
            _ => None,
        })
    }

    fn elements<const N: usize>(&self, list: List) -> impl Iterator<Item = [u8; N]> {
        self.storage.bytes()[list.start..list.start + list.length * N].as_chunks::<N>().0.iter().copied()
    }

    fn value_as<'a, T>(&'a self, key: &str, expected: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.wrong(key, expected, value.shown()))
    }
}

impl Value {
    fn read(cursor: &mut Cursor<'_>, kind: Kind) -> Result<Self> {
        let what = "a value";
        Ok(match kind {
            Kind::U8 => Self::Integer(u8::from_le_bytes(cursor.array(what)?).into()),
            Kind::I8 => Self::Integer(i8::from_le_bytes(cursor.array(what)?).into()),
            Kind::U16 => Self::Integer(u16::from_le_bytes(cursor.array(what)?).into()),
            Kind::I16 => Self::Integer(i16::from_le_bytes(cursor.array(what)?).into()),
            Kind::U32 => Self::Integer(u32::from_le_bytes(cursor.array(what)?).into()),
            Kind::I32 => Self::Integer(i32::from_le_bytes(cursor.array(what)?).into()),
            Kind::U64 => Self::Integer(u64::from_le_bytes(cursor.array(what)?).into()),
            Kind::I64 => Self::Integer(i64::from_le_bytes(cursor.array(what)?).into()),
            Kind::F32 => Self::Float(f32::from_le_bytes(cursor.array(what)?).into()),
            Kind::F64 => Self::Float(f64::from_le_bytes(cursor.array(what)?)),
            Kind::Bool => Self::Bool(cursor.array::<1>(what)?[0] != 0),
            Kind::Text => Self::Text(cursor.string(what)?.to_owned()),
            Kind::List => Self::List(List::read(cursor, DEEPEST_LIST)?),
        })
    }

    fn shown(&self) -> String {
        match self {
            Self::Integer(integer) => integer.to_string(),
            Self::Float(float) => float.to_string(),
            Self::Bool(flag) => flag.to_string(),
            Self::Text(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
            Self::List(list) => format!("a list of {} {:?} values", list.length, list.kind),
        }
    }
}

impl List {
    /// Passes over the elements, so that what is kept of them is known to be there.
    fn read(cursor: &mut Cursor<'_>, deepest: usize) -> Result<Self> {
        let kind = Kind::read(cursor)?;
        let length = cursor.count(kind.least_bytes(), "length of a list")?;
        let start = cursor.at();
        match kind {
            Kind::Text => (0..length).try_for_each(|_| cursor.skip_string("string in a list"))?,
            Kind::List if deepest == 0 => return Err(cursor.malformed("lists less deep in lists", "one more")),
            Kind::List => (0..length).try_for_each(|_| Self::read(cursor, deepest - 1).map(drop))?,
            // `count` made sure that this does not overflow.
            number => cursor.take(length * number.least_bytes(), "values of a list").map(drop)?,
        }
        Ok(Self { kind, start, length })
    }
}

impl Kind {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self> {
        Ok(match cursor.u32("type of a value")? {
            0 => Self::U8,
            1 => Self::I8,
            2 => Self::U16,
            3 => Self::I16,
            4 => Self::U32,
            5 => Self::I32,
            6 => Self::F32,
            7 => Self::Bool,
            8 => Self::Text,
            9 => Self::List,
            10 => Self::U64,
            11 => Self::I64,
            12 => Self::F64,
            other => return Err(cursor.malformed("a type of value from 0 to 12", other.to_string())),
        })
    }

    /// Bytes of a number; fewest bytes of a string (its length) or a list (its type and length).
    fn least_bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::Text => 8,
            Self::List => 12,
        }
    }
}
