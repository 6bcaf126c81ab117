//! What a chat asks for.

use backend::{Generation, Prompt, Role};
use openai::{Body, Delivery, chat};
use serde_json::{Value, json};

fn parse(body: &Value) -> chat::Request {
    chat::Request::parse(body.to_string().as_bytes()).unwrap()
}

fn generation(body: &Value) -> Generation {
    parse(body).try_into().unwrap()
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut body = json!({"model": "demo", "messages": [{"role": "user", "content": "Hi"}]});
    body[name] = value.into();
    body
}

#[test]
#[expect(clippy::too_many_lines, reason = "a generation has so many fields")]
fn every_parameter_arrives() {
    let generation = generation(&json!({
        "model": "org/demo", "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.5, "top_p": 0.75, "top_k": 40, "min_p": 0.125, "presence_penalty": 1, "frequency_penalty": -1,
        "repetition_penalty": 1.25, "logit_bias": {"7": -100, "8": 2.5}, "seed": -1, "n": 3, "max_completion_tokens": 9,
        "stop": ["a", "b"], "ignore_eos": true, "logprobs": true, "top_logprobs": 2, "priority": -5,
    }));
    insta::assert_debug_snapshot!(generation, @r#"
        Generation {
            model: "org/demo",
            adapter: None,
            prompt: Chat(
                Conversation {
                    messages: [
                        Message {
                            role: User,
                            content: "Hi",
                            name: None,
                        },
                    ],
                },
            ),
            encoded: None,
            most_prompt_tokens: None,
            sampling: Sampling {
                temperature: Some(
                    Temperature(
                        0.5,
                    ),
                ),
                top_p: Some(
                    TopP(
                        0.75,
                    ),
                ),
                top_k: Some(
                    40,
                ),
                min_p: Some(
                    MinP(
                        0.125,
                    ),
                ),
                presence_penalty: Some(
                    PresencePenalty(
                        1.0,
                    ),
                ),
                frequency_penalty: Some(
                    FrequencyPenalty(
                        -1.0,
                    ),
                ),
                repetition_penalty: Some(
                    RepetitionPenalty(
                        1.25,
                    ),
                ),
                logit_bias: LogitBias(
                    [
                        (
                            7,
                            -100.0,
                        ),
                        (
                            8,
                            2.5,
                        ),
                    ],
                ),
                seed: Some(
                    18446744073709551615,
                ),
            },
            stop: Stop {
                strings: [
                    "a",
                    "b",
                ],
                ignore_eos: true,
            },
            max_tokens: Some(
                9,
            ),
            default_max_tokens: None,
            choices: Choices(
                3,
            ),
            logprobs: Some(
                TopLogprobs(
                    2,
                ),
            ),
            echo: None,
            priority: Priority(
                -5,
            ),
            tenant: Tenant(
                0,
            ),
            hops: Hops(
                [],
            ),
        }
    "#);
}

#[test]
fn absent_is_not_neutral() {
    let generation = generation(&with("temperature", Value::Null));
    assert_eq!(generation.sampling, backend::Sampling::default());
    assert_eq!((generation.max_tokens, generation.logprobs), (None, None));
}

#[test]
fn top_k_can_be_switched_off() {
    for off in [0, -1] {
        assert_eq!(generation(&with("top_k", off)).sampling.top_k, Some(backend::TopK::MAX));
    }
}

#[test]
fn logprobs_without_alternatives() {
    let generation = generation(&with("logprobs", true));
    assert_eq!(generation.logprobs.map(backend::TopLogprobs::get), Some(0));
}

#[test]
fn roles_and_parts() {
    let generation = generation(&with(
        "messages",
        json!([
            {"role": "system", "content": "a"},
            {"role": "developer", "content": "b"},
            {"role": "user", "content": [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}], "name": "Ann"},
            {"role": "assistant", "content": "e"},
            {"role": "tool", "content": "f", "tool_call_id": "1"},
        ]),
    ));
    let Prompt::Chat(conversation) = generation.prompt else { panic!("not a chat") };
    let said: Vec<_> = conversation.messages().iter().map(|it| (it.role, it.content.as_str(), it.name.as_deref())).collect();
    assert_eq!(
        said,
        [
            (Role::System, "a", None),
            (Role::System, "b", None),
            (Role::User, "c\nd", Some("Ann")),
            (Role::Assistant, "e", None),
            (Role::Tool, "f", None),
        ]
    );
}

#[test]
fn delivery() {
    assert_eq!(parse(&with("stream", false)).delivery(), Delivery::Whole);
    assert_eq!(parse(&with("stream", true)).delivery(), Delivery::Stream { include_usage: false });
    let mut body = with("stream", true);
    body["stream_options"] = json!({"include_usage": true});
    assert_eq!(parse(&body).delivery(), Delivery::Stream { include_usage: true });
}
