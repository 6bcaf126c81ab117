//! `POST /v1/chat/completions`

use serde_json::{Value, json};
use testkit::{Reply, Scripted, TestApp};

const PATH: &str = "/v1/chat/completions";

fn hello() -> Value {
    json!({"model": "demo", "messages": [{"role": "user", "content": "Hello!"}]})
}

#[tokio::test]
async fn an_answer_in_one_piece() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Good", " day"]));
    let answer = TestApp::new(&backend).post(PATH, &hello()).await.ok();
    insta::assert_json_snapshot!(answer.stable_json(), @r#"
        {
          "id": "chatcmpl-…",
          "object": "chat.completion",
          "created": 1767225600,
          "model": "demo",
          "system_fingerprint": "fp_test",
          "choices": [
            {
              "index": 0,
              "message": {
                "role": "assistant",
                "content": "Good day",
                "refusal": null
              },
              "logprobs": null,
              "finish_reason": "stop"
            }
          ],
          "usage": {
            "prompt_tokens": 5,
            "completion_tokens": 2,
            "total_tokens": 7,
            "prompt_tokens_details": {
              "cached_tokens": 0
            }
          }
        }
    "#);
}

#[tokio::test]
async fn an_answer_as_it_is_made() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Good", " day"]));
    let mut body = hello();
    body["stream"] = true.into();
    let answer = TestApp::new(&backend).post(PATH, &body).await.ok();
    insta::assert_snapshot!(answer.stable_events(), @r#"
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{"content":"Good"},"logprobs":null,"finish_reason":null}]}
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{"content":" day"},"logprobs":null,"finish_reason":null}]}
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}
        [DONE]
    "#);
}
