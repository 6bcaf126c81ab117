//! Whatever arrives is read or refused; nothing panics.

use backend::Generation;
use openai::{Body, Error, chat, completions};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read_chat(bytes: &[u8]) -> Result<Generation, Error> {
    chat::Request::parse(bytes)?.try_into()
}

fn read_completion(bytes: &[u8]) -> Result<Vec<Generation>, Error> {
    completions::Request::parse(bytes)?.generations()
}

/// JSON of any shape, with field names that mean something often enough.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![Just("user"), Just("text"), Just("demo"), Just("")].prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(any_name(), inner, 0..8).prop_map(|map| json!(map)),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "model",
        "messages",
        "prompt",
        "role",
        "content",
        "type",
        "text",
        "stream",
        "stream_options",
        "n",
        "stop",
        "seed",
        "temperature",
        "max_tokens",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "echo",
        "best_of",
        "tools",
        "user",
    ];
    prop_oneof![4 => prop::sample::select(KNOWN).prop_map(str::to_owned), 1 => ".{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_never_panic(bytes in vec(any::<u8>(), 0..256)) {
        let _ = read_chat(&bytes);
        let _ = read_completion(&bytes);
    }

    #[test]
    fn json_never_panics(fields in btree_map(any_name(), any_json(), 0..12)) {
        let bytes = json!(fields).to_string();
        let _ = read_chat(bytes.as_bytes());
        let _ = read_completion(bytes.as_bytes());
    }

    #[test]
    fn a_message_arrives_as_it_was_written(content in any::<String>()) {
        let body = json!({"model": "demo", "messages": [{"role": "user", "content": content}]});
        let generation = read_chat(body.to_string().as_bytes()).unwrap();
        let backend::Prompt::Chat(conversation) = generation.prompt else { panic!("not a chat") };
        prop_assert_eq!(&conversation.messages()[0].content, &content);
    }
}
