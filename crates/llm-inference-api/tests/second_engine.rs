//! A program that was built with mistral.rs: the same model under both engines, side by side.
#![cfg(feature = "mistralrs")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod process;

use std::path::Path;

use process::{Server, rest};
use serde_json::{Value, json};

fn model(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name).display().to_string()
}

/// The answer's JSON.
fn asked(server: &Server, path: &str, body: &Value) -> Value {
    let answer = rest(server.ask("POST", path, &body.to_string()));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body.trim()).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn both_engines_give_the_same_answers() {
    let directory = tempfile::tempdir().unwrap();
    let (tiny, demo) = (model("crates/testkit/fixtures/models/hf/llama"), model("models/demo/demo.gguf"));
    let config = format!(
        "models:\n  - {{id: tiny-native, source: '{tiny}', engine: native}}\n  \
         - {{id: tiny-mistralrs, source: '{tiny}', engine: mistralrs, device: cpu}}\n  \
         - {{id: demo-native, source: '{demo}'}}\n  - {{id: demo-mistralrs, source: '{demo}', engine: mistralrs}}\n"
    );
    let server = Server::start(directory.path(), &config);
    let completion = |model: &str| {
        let body = json!({"model": model, "prompt": "the quick brown fox", "temperature": 0, "max_tokens": 30,
                          "ignore_eos": true, "logprobs": 3, "seed": 1});
        let mut answer = asked(&server, "/v1/completions", &body);
        let logprobs = answer["choices"][0]["logprobs"].take();
        (answer["choices"][0]["text"].take(), logprobs["tokens"].clone(), answer["usage"]["completion_tokens"].take())
    };
    assert_eq!(completion("tiny-mistralrs"), completion("tiny-native"));
    let chat = |model: &str| {
        let messages = json!([{"role": "user", "content": "How many customers are there?"}]);
        let mut answer =
            asked(&server, "/v1/chat/completions", &json!({"model": model, "messages": messages, "max_tokens": 60}));
        let choice = answer["choices"][0].take();
        (choice["message"]["content"].clone(), choice["finish_reason"].clone(), answer["usage"]["prompt_tokens"].take())
    };
    let (text, reason, prompt) = chat("demo-mistralrs");
    assert!(text.as_str().is_some_and(|text| !text.is_empty()) && reason == "stop", "{text} {reason}");
    assert_eq!((text, reason, prompt), chat("demo-native"));
}
