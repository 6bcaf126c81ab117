//! A JSON object whose fields are read one by one, each with an error that names it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::{Error, Result, plain_file};

/// Configurations are some kilobytes, the index of a model in hundreds of shards some megabytes.
const LARGEST_FILE: u64 = 64 << 20;

#[derive(Debug, Clone)]
pub(crate) struct Fields {
    file: PathBuf,
    /// What the names are shown behind, where the object is itself a field.
    within: String,
    object: Map<String, Value>,
}

impl Fields {
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let size = fs::metadata(file).map_err(|source| Error::io(file, source))?.len();
        if size > LARGEST_FILE {
            return Err(Error::malformed(file, "size", format!("at most {LARGEST_FILE} bytes"), format!("{size}")));
        }
        let text = plain_file::read(file).map_err(|source| Error::io(file, source))?;
        Self::parse(file, &text)
    }

    pub(crate) fn parse(file: &Path, text: &[u8]) -> Result<Self> {
        match serde_json::from_slice(text) {
            Ok(Value::Object(object)) => Ok(Self { file: file.into(), within: String::new(), object }),
            Ok(other) => Err(Error::malformed(file, "the whole file", "a JSON object", shown(&other))),
            Err(error) => Err(Error::malformed(file, "the whole file", "JSON", error.to_string())),
        }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The value under the first of these names that is there; null counts as nothing.
    pub(crate) fn value(&self, names: &[&str]) -> Option<&Value> {
        names.iter().find_map(|name| self.object.get(*name)).filter(|value| !value.is_null())
    }

    /// Whether one of these names is there, be it null.
    pub(crate) fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.object.contains_key(*name))
    }

    pub(crate) fn count(&self, names: &[&str]) -> Result<Option<usize>> {
        let read = |value: &Value| value.as_u64().and_then(|count| usize::try_from(count).ok());
        self.read_as(names, "a whole number", read)
    }

    pub(crate) fn number(&self, names: &[&str]) -> Result<Option<f64>> {
        self.read_as(names, "a number", |value| value.as_f64().filter(|number| number.is_finite()))
    }

    /// A number that something is divided by or multiplied with.
    pub(crate) fn positive(&self, names: &[&str]) -> Result<Option<f64>> {
        let usable = |number: &f64| (1e-30..1e30).contains(number);
        self.read_as(names, "a positive number", |value| value.as_f64().filter(usable))
    }

    pub(crate) fn flag(&self, names: &[&str]) -> Result<Option<bool>> {
        self.read_as(names, "true or false", Value::as_bool)
    }

    pub(crate) fn text(&self, names: &[&str]) -> Result<Option<&str>> {
        self.read_as(names, "a string", Value::as_str)
    }

    pub(crate) fn list(&self, names: &[&str]) -> Result<Option<&[Value]>> {
        self.read_as(names, "a list", |value| value.as_array().map(Vec::as_slice))
    }

    pub(crate) fn object(&self, names: &[&str]) -> Result<Option<Self>> {
        let Some(object) = self.read_as(names, "an object", Value::as_object)? else { return Ok(None) };
        let within = format!("{}{}.", self.within, names[0]);
        Ok(Some(Self { file: self.file.clone(), within, object: object.clone() }))
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.object.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// What is to be said where a field that must be there is not.
    pub(crate) fn missing(&self, names: &[&str], expected: &str) -> Error {
        Error::field(&self.file, format!("{}{}", self.within, names.join(" or ")), expected, "nothing")
    }

    pub(crate) fn wrong(&self, name: &str, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::field(&self.file, format!("{}{name}", self.within), expected, found)
    }

    fn read_as<'a, T>(
        &'a self,
        names: &[&str],
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(name) = names.iter().find(|name| self.object.contains_key(**name)) else { return Ok(None) };
        match &self.object[*name] {
            Value::Null => Ok(None),
            value => read(value).map(Some).ok_or_else(|| self.wrong(name, expected, shown(value))),
        }
    }
}

/// A value in an error: all of it if it is short.
pub(crate) fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(60).chain("…".chars()).collect() }
}
