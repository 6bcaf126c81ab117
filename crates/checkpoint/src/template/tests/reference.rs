//! To the byte.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{open, options};
use crate::template::{Error, RenderOptions};

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/text").join(name)).unwrap()
}

fn check(template: &str) {
    let expected: Value = serde_json::from_str(&read("templates_expected.json")).unwrap();
    let opened = open(&read(&format!("templates/{template}.jinja"))).unwrap();
    let mut checked = 0;
    for outcome in expected["outcomes"].as_array().unwrap().iter().filter(|outcome| outcome["template"] == template) {
        let (conversation, kind) = (outcome["conversation"].as_str().unwrap(), outcome["options"].as_str().unwrap());
        let options = render_options(&expected["options"][kind], expected["now"].as_u64().unwrap());
        let rendered = opened.render(&expected["conversations"][conversation], &options);
        let at = format!("{template}, {conversation}, {kind}");
        match rendered {
            Ok(text) => assert_eq!(Some(text.as_str()), outcome["text"].as_str(), "{at}"),
            Err(Error::Refused { message }) => assert_eq!(Some(message.as_str()), outcome["refused"].as_str(), "{at}"),
            Err(error) => assert!(outcome["failed"].is_string(), "{at}: {error}"),
        }
        checked += 1;
    }
    assert!(checked > 0);
}

fn render_options(given: &Value, now: u64) -> RenderOptions {
    let mut variables: Map<String, Value> = given.as_object().unwrap().clone();
    RenderOptions {
        add_generation_prompt: variables.remove("add_generation_prompt") == Some(json!(true)),
        tools: variables.remove("tools"),
        variables,
        ..options(now)
    }
}

#[test]
fn chatml() {
    check("chatml");
}

#[test]
fn llama_2_instructions() {
    check("instructions");
}

#[test]
fn llama_3_headers_tools_and_dates() {
    check("headers");
}

#[test]
fn mistral_strict_turns_and_tools() {
    check("alternating");
}

#[test]
fn qwen_3_tools_and_thinking() {
    check("thinking");
}

#[test]
fn zephyr_tags_and_blocks_for_training() {
    check("tags");
}

#[test]
fn phi_short_tags() {
    check("short");
}

#[test]
fn the_corners_of_the_language() {
    check("python");
}
