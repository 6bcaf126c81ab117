//! The embedded model gives the tokens that transformers gives on the same weights.

use std::path::PathBuf;

use backend::{Conversation, Generation, Message, Prompt, Role, TopLogprobs};
use checkpoint::Checkpoint;
use engine::{Engine, EngineSettings};
use serde_json::Value;

use crate::client::{ask, greedy, settings};

fn demo(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/demo").join(name)
}

fn conversation(messages: &Value) -> Conversation {
    let message = |message: &Value| Message {
        role: match message["role"].as_str().unwrap() {
            "system" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => panic!("no such role: {other}"),
        },
        content: message["content"].as_str().unwrap().to_owned(),
        name: None,
    };
    Conversation::new(messages.as_array().unwrap().iter().map(message).collect()).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// Eight bits for activations move a logit by less than this; where the reference's best two are nearer to each other,
/// either may come.
const NOISE: f64 = 0.1;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_model_says_what_its_reference_says() {
    let reference: Vec<Value> = serde_json::from_slice(&std::fs::read(demo("reference.json")).unwrap()).unwrap();
    let checkpoint = Checkpoint::open(&demo("demo.gguf")).unwrap();
    let engine = Engine::start(checkpoint, EngineSettings { id: "demo".into(), ..settings() }, &mut |_| {}).unwrap();
    for case in &reference {
        let expected = ids(&case["answer_ids"]);
        let generation = Generation {
            prompt: Prompt::Chat(conversation(&case["messages"])),
            logprobs: TopLogprobs::new(0).ok(),
            ..greedy(Vec::new(), expected.len() as u32)
        };
        let answers = ask(&engine, generation).await;
        assert_eq!(answers.usage.prompt_tokens as usize, ids(&case["prompt_ids"]).len(), "{}", case["prompt"]);
        if case["gap"].as_f64().unwrap() > NOISE {
            let tokens: Vec<u32> = answers.only().logprobs.iter().map(|entry| entry.token).collect();
            assert_eq!(tokens, expected, "{}", case["prompt"]);
        }
    }
}
