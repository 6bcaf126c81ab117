use std::path::Path;

use crate::GenerationDefaults;
use crate::hugging_face::fields::Fields;
use crate::hugging_face::generation::read;

fn parse(text: &str) -> crate::Result<GenerationDefaults> {
    read(&Fields::parse(Path::new("generation_config.json"), text.as_bytes())?)
}

#[test]
fn what_is_said_is_kept_and_the_rest_is_open() {
    let defaults = parse(r#"{"temperature": 0.6, "top_p": 0.95, "top_k": 20, "do_sample": true, "min_p": null}"#).unwrap();
    let expected =
        GenerationDefaults { temperature: Some(0.6), top_p: Some(0.95), top_k: Some(20), ..GenerationDefaults::default() };
    assert_eq!(defaults, expected);
}

#[test]
fn all_tokens_is_no_limit() {
    assert_eq!(parse(r#"{"top_k": 0}"#).unwrap().top_k, None);
}

#[test]
fn what_cannot_be_is_refused() {
    let error = parse(r#"{"top_p": 1.5}"#).unwrap_err().to_string();
    assert_eq!(error, "generation_config.json: top_p: expected above 0, at most 1, found 1.5");
    let error = parse(r#"{"max_new_tokens": 5000000000}"#).unwrap_err().to_string();
    assert_eq!(error, "generation_config.json: max_new_tokens: expected a number below 2^32, found more");
}
