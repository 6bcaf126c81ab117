//! Requests in the client's own words.

use backend::{Kind, Passage, Tenant, Usage};
use serde_json::{Value, json};
use testkit::upstream::{Act, Step, Upstream, chunk, last, usage};

use crate::fixture::{failures, group, hello, is_at_rest, passage, reading, relay};

fn streamed(mut body: Value, options: &Value) -> Value {
    body["stream"] = true.into();
    if !options.is_null() {
        body["stream_options"] = options.clone();
    }
    body
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_but_for_the_models_name_and_the_wish_for_the_usage() {
    let upstream = Upstream::start().await;
    upstream.then(Act::says(&["Hi"]));
    let group = group(&[&upstream]);
    let body = r#"{"model":"ours", "top_p":1.0e-1, "tools":[{"type":"function","function":{"name":"f"}}],"stream":true,
        "vendor":{"x":1234567890123456789012}, "messages":[{"role":"user","content":"\u00e9"}],"stream_options":{"a":1}}"#;
    let asked = Passage { body: body.into(), stream: true, ..passage(&hello()) };
    relay(&group, asked).await.unwrap();
    let expected = body.replace("\"ours\"", "\"theirs\"").replace(r#"{"a":1}"#, r#"{"a":1,"include_usage":true}"#);
    assert_eq!(upstream.only().body, expected);
}

#[tokio::test]
async fn what_the_client_leaves_open_is_filled_in_and_what_it_says_is_not_touched() {
    let upstream = Upstream::start().await;
    upstream.often(2, &Act::says(&["Hi"]));
    let group = group(&[&upstream]);
    let unsaid = vec![("temperature", "0.2".to_owned()), ("max_tokens", "7".to_owned())];
    for body in [r#"{"model":"ours","temperature":1.50,"max_tokens":null}"#, r#"{"model":"ours"}"#] {
        let asked = Passage { body: body.into(), unsaid: unsaid.clone(), stream: true, ..passage(&hello()) };
        relay(&group, asked).await.unwrap();
    }
    let received: Vec<Value> = upstream.received().iter().map(|it| serde_json::from_str(&it.body).unwrap()).collect();
    assert_eq!((&received[0]["temperature"], &received[0]["max_tokens"]), (&json!(1.5), &json!(7)));
    assert_eq!((&received[1]["temperature"], &received[1]["max_tokens"]), (&json!(0.2), &json!(7)));
}

#[tokio::test]
async fn nothing_of_a_client_but_its_words_reaches_the_server() {
    let upstream = Upstream::start().await;
    upstream.then(Act::says(&["Hi"]));
    let group = group(&[&upstream]);
    relay(&group, passage(&streamed(hello(), &Value::Null))).await.unwrap();
    let received = upstream.only();
    let mut names: Vec<_> = received.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "content-length", "content-type", "host", "user-agent", "via"]);
}

#[tokio::test]
async fn what_nobody_here_knows_comes_back_to_the_byte() {
    let upstream = Upstream::start().await;
    let call = r#"{"id":"1","model":"theirs", "choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"h\u006d","tool_calls":[{"index":0,"function":{"arguments":"{\"a\": 1.50}"}}]},"logprobs":{"content":[{"token":"x","logprob":-1.0e-7,"bytes":null}]},"finish_reason":"tool_calls"}],"x":1.0}"#;
    upstream.then(Act::body(&format!("data: {call}\n\ndata: {}\n\ndata: [DONE]\n\n", usage(9, 4))));
    let group = group(&[&upstream]);
    let (sent, cost) = relay(&group, passage(&streamed(hello(), &Value::Null))).await.unwrap();
    assert_eq!(sent, [call.replace("theirs", "ours")]);
    assert_eq!(cost, Usage { prompt_tokens: 9, cached_tokens: 0, completion_tokens: 4 });
    is_at_rest(&group);
}

#[tokio::test]
async fn the_usage_is_shown_to_who_asked_for_it() {
    let upstream = Upstream::start().await;
    let mut end = last("stop");
    end["usage"] = Value::Null;
    upstream.often(2, &Act::stream(&[chunk("Hi"), end, usage(5, 1)]));
    let group = group(&[&upstream]);
    let (sent, _) = relay(&group, passage(&streamed(hello(), &json!({"include_usage": true})))).await.unwrap();
    assert_eq!(sent.len(), 3);
    assert!(sent[2].contains(r#""usage":{"prompt_tokens":5"#) && sent[1].contains(r#""usage":null"#));
    let (sent, cost) = relay(&group, passage(&streamed(hello(), &Value::Null))).await.unwrap();
    assert!(sent.len() == 2 && !sent.concat().contains("usage"), "{sent:?}");
    assert_eq!(cost.completion_tokens, 1, "it is counted all the same");
}

#[tokio::test]
async fn an_answer_in_one_piece_keeps_its_usage() {
    let upstream = Upstream::start().await;
    let body = r#"{"id":"1","model":"theirs","choices":[{"index":0,"message":{"content":"Hi","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":4}}, "x": 1e2}"#;
    upstream.then(Act::status(200, body));
    let group = group(&[&upstream]);
    let (sent, cost) = relay(&group, passage(&hello())).await.unwrap();
    assert_eq!(sent, [body.replace("theirs", "ours")]);
    assert_eq!(cost, Usage { prompt_tokens: 5, cached_tokens: 4, completion_tokens: 1 });
    assert_eq!(upstream.only().json()["stream_options"], Value::Null);
    is_at_rest(&group);
}

#[tokio::test]
async fn tenants_share_no_prefixes_at_the_server() {
    let upstream = Upstream::start().await;
    upstream.often(4, &Act::says(&["Hi"]));
    let group = group(&[&upstream]);
    let mut mine = streamed(hello(), &Value::Null);
    mine["cache_salt"] = "mine".into();
    for tenant in [0, 1, 2] {
        relay(&group, Passage { tenant: Tenant(tenant), ..passage(&mine) }).await.unwrap();
    }
    let generation = backend::Generation { tenant: Tenant(1), ..crate::fixture::question("Hello?") };
    testkit::contract::read(backend::Backend::generate(&*group, generation).await.unwrap(), 1).await;
    let salts: Vec<_> = upstream.received().iter().map(|request| request.json()["cache_salt"].clone()).collect();
    assert_eq!(salts[0], "mine", "where there is one tenant only, the salt is the client's");
    assert!(salts.iter().enumerate().all(|(index, salt)| salt.is_string() && !salts[..index].contains(salt)), "{salts:?}");
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_in_an_error() {
    let upstream = Upstream::start().await;
    upstream.then(Act::events(&[chunk("Hi")]).then(Step::Reset)).then(Act::body("data: <html>\n\n"));
    let group = group(&[&upstream]);
    for _ in 0..2 {
        let error = relay(&group, passage(&streamed(hello(), &Value::Null))).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Upstream);
    }
    is_at_rest(&group);
}

#[tokio::test]
async fn an_answer_in_one_piece_that_is_none_is_an_error() {
    let upstream = Upstream::start().await;
    for body in ["", "<html>", "[]", r#"{"error":{"message":"it broke"}}"#] {
        upstream.then(Act::status(200, body));
    }
    let group = group(&[&upstream]);
    for _ in 0..4 {
        assert_eq!(relay(&group, passage(&hello())).await.unwrap_err().kind(), Kind::Upstream);
    }
    assert_eq!(failures(&reading(&group), "nonsense"), 3);
    is_at_rest(&group);
}

#[tokio::test]
async fn a_request_that_is_none_is_refused_here() {
    let upstream = Upstream::start().await;
    let group = group(&[&upstream]);
    for body in ["[]", "{", r#"{"model":"ours","model":"other"}"#] {
        let asked = Passage { body: body.into(), ..passage(&hello()) };
        assert_eq!(relay(&group, asked).await.unwrap_err().kind(), Kind::Invalid);
    }
    assert_eq!(upstream.received(), []);
}
