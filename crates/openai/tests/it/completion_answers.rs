//! What events become in a text completion.

use backend::{Alternative, Choices, Event, FinishReason, TokenLogprob, Usage};
use openai::Header;
use openai::completions::{Chunks, Collector};
use serde_json::Value;

fn header() -> Header {
    Header { id: "cmpl-1".into(), created: 0, model: "demo".into(), system_fingerprint: "fp".into() }
}

fn token(token: u32, bytes: &[u8], logprob: Option<f32>) -> TokenLogprob {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let top = vec![Alternative { token: 9, text: " best".into(), bytes: b" best".to_vec(), logprob: -0.5 }];
    TokenLogprob { token, text, bytes: bytes.to_vec(), logprob, top }
}

fn text(choice: u16, text: &str, logprobs: Vec<TokenLogprob>) -> Event {
    Event::Text { choice, text: text.into(), tokens: 1, logprobs }
}

fn events() -> Vec<Event> {
    vec![
        Event::Prompt {
            tokens: 2,
            cached: 1,
            echo: Some("é!".into()),
            logprobs: vec![token(1, "é".as_bytes(), None), token(2, b"!", Some(-1.25))],
        },
        // A character of three bytes in two tokens.
        text(0, "", vec![token(3, b"\xe2\x82", Some(-2.0))]),
        text(0, "€", vec![token(4, b"\xac", Some(f32::NEG_INFINITY))]),
        text(0, " end", vec![token(5, b" end", Some(-0.1))]),
        Event::Finished { choice: 0, reason: FinishReason::Length, stop: None },
        Event::Done(Usage { prompt_tokens: 2, cached_tokens: 1, completion_tokens: 3 }),
    ]
}

fn collected() -> Value {
    let mut collector = Collector::new(header(), 1, Choices::ONE);
    for event in events() {
        collector.push(0, event);
    }
    serde_json::to_value(collector.finish()).unwrap()
}

#[test]
fn echo_and_logprobs() {
    let text = serde_json::to_string(&{
        let mut collector = Collector::new(header(), 1, Choices::ONE);
        for event in events() {
            collector.push(0, event);
        }
        collector.finish()
    });
    insta::assert_snapshot!(text.unwrap(), @r#"{"id":"cmpl-1","object":"text_completion","created":0,"model":"demo","system_fingerprint":"fp","choices":[{"index":0,"text":"é!€ end","logprobs":{"tokens":["é","!","bytes:\\xe2\\x82","bytes:\\xac"," end"],"token_logprobs":[null,-1.25,-2.0,-9999.0,-0.1],"top_logprobs":[null,{" best":-0.5,"!":-1.25},{" best":-0.5,"bytes:\\xe2\\x82":-2.0},{" best":-0.5,"bytes:\\xac":-9999.0},{" best":-0.5," end":-0.1}],"text_offset":[0,1,2,2,3]},"finish_reason":"length"}],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":1}}}"#);
}

#[test]
fn chunks_add_up_to_the_answer() {
    let mut chunks = Chunks::new(header(), 1, Choices::ONE, true);
    let chunks: Vec<Value> = events()
        .into_iter()
        .flat_map(|event| chunks.push(0, event))
        .map(|chunk| serde_json::to_value(chunk).unwrap())
        .collect();
    let whole = collected();
    let choices = || chunks.iter().flat_map(|chunk| chunk["choices"].as_array().unwrap());
    let text: String = choices().filter_map(|choice| choice["text"].as_str()).collect();
    assert_eq!(whole["choices"][0]["text"], text.as_str());
    for name in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
        let joined: Vec<Value> =
            choices().filter_map(|choice| choice["logprobs"][name].as_array()).flatten().cloned().collect();
        assert_eq!(whole["choices"][0]["logprobs"][name], Value::from(joined), "{name}");
    }
    assert_eq!(chunks.last().unwrap()["usage"], whole["usage"]);
    assert!(chunks[..chunks.len() - 1].iter().all(|chunk| chunk["usage"] == Value::Null));
}

#[test]
fn several_prompts_with_several_answers() {
    let mut collector = Collector::new(header(), 2, Choices::new(2).unwrap());
    for (prompt, choice, word) in [(1, 1, "d"), (0, 0, "a"), (1, 0, "c"), (0, 1, "b")] {
        collector.push(prompt, text(choice, word, Vec::new()));
        collector.push(prompt, Event::Finished { choice, reason: FinishReason::Stop, stop: None });
    }
    for prompt in 0..2 {
        collector.push(prompt, Event::Done(Usage { prompt_tokens: 3, cached_tokens: 0, completion_tokens: 2 }));
    }
    let answer = collector.finish();
    let texts: Vec<_> = answer.choices.iter().map(|choice| (choice.index, choice.text.as_str())).collect();
    assert_eq!(texts, [(0, "a"), (1, "b"), (2, "c"), (3, "d")]);
    insta::assert_json_snapshot!(answer.usage, @r#"
        {
          "prompt_tokens": 6,
          "completion_tokens": 4,
          "total_tokens": 10,
          "prompt_tokens_details": {
            "cached_tokens": 0
          }
        }
    "#);
}

#[test]
fn a_choice_that_was_not_asked_for_is_left_out() {
    let mut collector = Collector::new(header(), 1, Choices::ONE);
    collector.push(0, text(7, "?", Vec::new()));
    collector.push(3, text(0, "?", Vec::new()));
    assert_eq!(collector.finish().choices[0].text, "");
}
