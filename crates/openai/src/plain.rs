//! What serde has against a value, for somebody who wrote JSON and not Rust.

use backend::OutOfRange;

use crate::Error;

/// Bytes of a value, or of a field's name, that are repeated: a client may send megabytes, and should not get them back.
const LONGEST: usize = 200;

/// Rust's words for what was expected, and JSON's.
const WORDS: [(&str, &str); 14] = [
    ("f32", "a number"),
    ("f64", "a number"),
    ("i64", "an integer"),
    ("i32", "an integer"),
    ("u64", "an integer of at least 0"),
    ("u32", "an integer of at least 0"),
    ("u16", "an integer of at least 0"),
    ("u8", "an integer of at least 0"),
    ("usize", "an integer of at least 0"),
    ("a sequence", "an array"),
    ("a map", "an object"),
    ("struct", "an object"),
    ("enum", "one of the values that there are"),
    ("unit", "null"),
];

/// A field that holds something else than it has to.
pub(crate) fn wrong_type(field: &str, error: &str) -> Error {
    let message = plain(error);
    let wrong = message.rsplit_once(", expected ").map(|(found, expected)| {
        let value = found.split_once(": ").map_or(found, |(_, value)| value);
        OutOfRange::new(value, expected.to_owned())
    });
    Error::Type { field: short(field), message, wrong }
}

/// Without the line and column, which are those of a part of the body.
pub(crate) fn plain(error: &str) -> String {
    let error = error.rsplit_once(" at line ").map_or(error, |(message, _)| message);
    let Some((found, expected)) = error.rsplit_once(", expected ") else { return short(error) };
    let found = [("sequence", "array"), ("map", "object")]
        .iter()
        .fold(found.to_owned(), |found, (rust, json)| found.replacen(&format!("type: {rust}"), &format!("type: {json}"), 1));
    format!("{}, expected {}", short(&found), in_json(expected))
}

fn in_json(expected: &str) -> String {
    let word = |(rust, _): &&(&str, &str)| {
        expected.strip_prefix(rust).is_some_and(|rest| matches!(rest.as_bytes(), [] | [b' ', ..]))
    };
    match WORDS.iter().find(word) {
        Some((rust @ ("struct" | "enum"), json)) if expected.len() > rust.len() => (*json).to_owned(),
        Some((rust, json)) => expected.replacen(rust, json, 1),
        None => expected.to_owned(),
    }
}

/// The beginning and the end of a text that is long.
pub(crate) fn short(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let begins = text.floor_char_boundary(LONGEST / 2);
    let ends = text.ceil_char_boundary(text.len() - LONGEST / 2);
    format!("{}…{}", &text[..begins], &text[ends..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rusts_words_become_jsons() {
        for (rust, json) in [
            (
                "invalid type: string \"5\", expected u32 at line 1 column 2",
                "invalid type: string \"5\", expected an integer of at least 0",
            ),
            ("invalid value: integer `-1`, expected u32", "invalid value: integer `-1`, expected an integer of at least 0"),
            ("invalid type: map, expected a sequence", "invalid type: object, expected an array"),
            (
                "invalid type: boolean `true`, expected struct StreamOptions",
                "invalid type: boolean `true`, expected an object",
            ),
            (
                "invalid type: string \"a map, expected u8\", expected i64",
                "invalid type: string \"a map, expected u8\", expected an integer",
            ),
            (
                "invalid type: integer `5`, expected a string or an array",
                "invalid type: integer `5`, expected a string or an array",
            ),
            ("missing field `role`", "missing field `role`"),
        ] {
            assert_eq!(plain(rust), json);
        }
    }

    #[test]
    fn a_program_can_read_what_was_found_and_what_was_expected() {
        let found = |error| wrong_type("f", error).out_of().map(|wrong| (wrong.value.clone(), wrong.bound.to_string()));
        assert_eq!(found("invalid type: string \"5\", expected f32"), Some(("string \"5\"".into(), "a number".into())));
        assert_eq!(
            found("unknown variant `x`, expected `a` or `b`"),
            Some(("unknown variant `x`".into(), "`a` or `b`".into()))
        );
        assert_eq!(found("missing field `role`"), None);
    }

    #[test]
    fn a_long_value_is_not_sent_back_whole() {
        let message = plain(&format!("invalid type: string \"{}\", expected u32", "é".repeat(100_000)));
        assert!(message.len() < 300 && message.ends_with("é\", expected an integer of at least 0"), "{message}");
    }
}
