//! JSON of which single fields are changed, and of which every other byte stays as it is: numbers keep their digits, strings their
//! escapes, and what nobody here knows is not touched.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::Error;
use crate::body::malformed;
use crate::plain::short;

/// An object, and where its fields are.
#[derive(Debug, Clone)]
pub struct Verbatim<'a> {
    text: &'a str,
    fields: Vec<Field>,
}

#[derive(Debug, Clone)]
struct Field {
    name: String,
    /// Of its value.
    at: Range<usize>,
}

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit<'a> {
    /// It has this JSON for its value from now on, whether it was there or not.
    Set(&'a str),
    Remove,
}

impl<'a> Verbatim<'a> {
    /// Refuses what is no JSON object, and one with two fields of the same name: which of them counts is not for us to say.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let fields = deserializer.deserialize_map(Fields { text });
        let fields = fields
            .and_then(|fields| deserializer.end().map(|()| fields))
            .map_err(|error| malformed(text.as_bytes(), &error))?;
        match twice(&fields) {
            Some(name) => Err(Error::invalid(short(name), "is given twice")),
            None => Ok(Self { text, fields }),
        }
    }

    /// A field's value, as it was written.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        Some(&self.text[field.at.clone()])
    }

    /// The text with some of its fields changed.
    pub fn edited(&self, edits: &[(&str, Edit<'_>)]) -> String {
        let mut text = String::with_capacity(self.text.len() + 64);
        let (start, mut from, mut empty) = (self.text.find('{').map_or(0, |brace| brace + 1), None, true);
        text.push_str(&self.text[..start]);
        for Field { name, at } in &self.fields {
            // With the comma before the name, if there is one.
            let before = &self.text[from.unwrap_or(start)..at.start];
            from = Some(at.end);
            let edit = edits.iter().find(|(edited, _)| edited == name).map(|(_, edit)| *edit);
            if edit == Some(Edit::Remove) {
                continue;
            }
            let before = if empty { before.trim_start().strip_prefix(',').unwrap_or(before) } else { before };
            text.push_str(before);
            text.push_str(if let Some(Edit::Set(json)) = edit { json } else { &self.text[at.clone()] });
            empty = false;
        }
        for (name, json) in self.added(edits) {
            let comma = if empty { "" } else { "," };
            text.extend([comma, &quoted(name), ":", json]);
            empty = false;
        }
        text.push_str(&self.text[from.unwrap_or(start)..]);
        text
    }

    fn added<'e>(&self, edits: &[(&'e str, Edit<'e>)]) -> impl Iterator<Item = (&'e str, &'e str)> {
        edits.iter().filter_map(|(name, edit)| match edit {
            Edit::Set(json) if self.get(name).is_none() => Some((*name, *json)),
            Edit::Set(_) | Edit::Remove => None,
        })
    }
}

/// A name that several fields have. Sorted first: a body may hold a million fields.
fn twice(fields: &[Field]) -> Option<&str> {
    let mut names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).find(|two| two[0] == two[1]).map(|two| two[0])
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

struct Fields<'a> {
    text: &'a str,
}

impl<'a> Visitor<'a> for Fields<'a> {
    type Value = Vec<Field>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Vec<Field>, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &'a RawValue>()? {
            // A borrowed value lies inside the text.
            let start = value.get().as_ptr().addr() - self.text.as_ptr().addr();
            fields.push(Field { name, at: start..start + value.get().len() });
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn edited(text: &str, edits: &[(&str, Edit<'_>)]) -> String {
        Verbatim::parse(text).unwrap().edited(edits)
    }

    #[test]
    fn all_that_is_not_edited_stays_to_the_byte() {
        let text = r#" { "model" : "there", "top_p": 1.0e-1,"x":{"big":123456789012345678901234567890, "é":"\u00e9"} , "usage":null } "#;
        let expected =
            r#" { "model" : "here", "top_p": 1.0e-1,"x":{"big":123456789012345678901234567890, "é":"\u00e9"},"new":[1] } "#;
        let edits = [("model", Edit::Set("\"here\"")), ("usage", Edit::Remove), ("new", Edit::Set("[1]"))];
        assert_eq!(edited(text, &edits), expected);
        assert_eq!(edited(text, &[("absent", Edit::Remove)]), text);
    }

    #[test]
    fn the_first_and_the_only_field_can_go_too() {
        assert_eq!(edited(r#"{"a":1, "b":2}"#, &[("a", Edit::Remove)]), r#"{ "b":2}"#);
        assert_eq!(edited(r#"{"a":1}"#, &[("a", Edit::Remove)]), "{}");
        assert_eq!(edited(r#"{"a":1}"#, &[("a", Edit::Remove), ("b", Edit::Set("2"))]), r#"{"b":2}"#);
        assert_eq!(edited("{ }", &[("b", Edit::Set("2"))]), r#"{"b":2 }"#);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(Verbatim::parse("[1]").unwrap_err(), Error::NotAnObject);
        assert!(matches!(Verbatim::parse("{\"a\":1"), Err(Error::Syntax { .. })));
        assert!(matches!(Verbatim::parse("{} {}"), Err(Error::Syntax { .. })));
        let twice = Verbatim::parse(r#"{"model":"a","model":"b"}"#).unwrap_err();
        assert_eq!(twice.to_string(), "model is given twice");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Editing the text is editing the object.
        #[test]
        fn it_is_the_edited_object(
            object in prop::collection::btree_map("[a-e\"\\\\é]", value(), 0..6),
            set in prop::collection::btree_map("[a-h\"]", prop::option::of(value()), 0..4),
            pretty: bool,
        ) {
            let object: Map<String, Value> = object.into_iter().collect();
            let text = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.unwrap();
            let texts: Vec<_> = set.iter().map(|(name, value)| (name, value.as_ref().map(Value::to_string))).collect();
            let edits: Vec<_> = texts
                .iter()
                .map(|(name, json)| (name.as_str(), json.as_deref().map_or(Edit::Remove, Edit::Set)))
                .collect();
            let mut expected = object;
            for (name, value) in &set {
                match value {
                    Some(value) => drop(expected.insert(name.clone(), value.clone())),
                    None => drop(expected.shift_remove(name)),
                }
            }
            let read: Map<String, Value> = serde_json::from_str(&edited(&text, &edits)).unwrap();
            prop_assert_eq!(read, expected);
        }
    }
}
