//! Each refusal names the field that is to blame, and what it should have been.

use backend::Generation;
use openai::{Body, chat, completions};
use serde_json::{Value, json};

/// What becomes of a chat that is right but for these fields.
fn chat(fields: Value) -> String {
    let body = json!({"model": "demo", "messages": [{"role": "user", "content": "Hi"}]});
    let request = chat::Request::parse(merged(body, fields).to_string().as_bytes());
    told(request.and_then(|request| Generation::try_from(request).map(drop)))
}

/// What becomes of a completion that is right but for these fields.
fn completion(fields: Value) -> String {
    let body = json!({"model": "demo", "prompt": "Hi"});
    let request = completions::Request::parse(merged(body, fields).to_string().as_bytes());
    told(request.and_then(|request| request.generations().map(drop)))
}

fn merged(mut body: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else { panic!("not an object") };
    for (name, value) in fields {
        body[name] = value;
    }
    body
}

fn told(result: Result<(), openai::Error>) -> String {
    match result {
        Ok(()) => "accepted".into(),
        Err(error) => format!("[{}] {error}", error.code().unwrap_or("-")),
    }
}

fn all(check: fn(Value) -> String, cases: &[Value]) -> String {
    cases.iter().map(|case| format!("{case} → {}", check(case.clone()))).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_body_that_is_no_request() {
    let told = |body: &str| told(chat::Request::parse(body.as_bytes()).map(drop));
    insta::assert_snapshot!(["{", "[]", "{}", r#"{"model": "demo"}"#, "null", ""].map(told).join("\n"), @r"
        [-] the body is not valid JSON: EOF while parsing an object at line 1 column 1
        [-] the body must be a JSON object
        [missing_required_parameter] model is required
        [missing_required_parameter] messages is required
        [-] the body must be a JSON object
        [-] the body is not valid JSON: EOF while parsing a value at line 1 column 0
    ");
}

#[test]
fn numbers_out_of_range() {
    insta::assert_snapshot!(all(chat, &[
        json!({"temperature": 3}),
        json!({"temperature": -0.1}),
        json!({"top_p": -0.1}),
        json!({"top_p": 1.5}),
        json!({"top_k": -2}),
        json!({"min_p": 2}),
        json!({"presence_penalty": 2.5}),
        json!({"frequency_penalty": -3}),
        json!({"repetition_penalty": 0}),
        json!({"n": 0}),
        json!({"n": 129}),
        json!({"max_tokens": 0}),
        json!({"max_tokens": -1}),
        json!({"max_completion_tokens": 0}),
        json!({"logit_bias": {"5": 101}}),
        json!({"logprobs": true, "top_logprobs": 21}),
        json!({"stop": vec!["a"; 17]}),
        json!({"stop": ""}),
        json!({"temperature": 1e300}),
    ]), @r#"
        {"temperature":3} → [invalid_value] temperature must be between 0 and 2, but is 3
        {"temperature":-0.1} → [invalid_value] temperature must be between 0 and 2, but is -0.1
        {"top_p":-0.1} → [invalid_value] top_p must be between 0 and 1, but is -0.1
        {"top_p":1.5} → [invalid_value] top_p must be between 0 and 1, but is 1.5
        {"top_k":-2} → [invalid_value] top_k must be at least 1, or 0 or -1 for the whole vocabulary, but is -2
        {"min_p":2} → [invalid_value] min_p must be between 0 and 1, but is 2
        {"presence_penalty":2.5} → [invalid_value] presence_penalty must be between -2 and 2, but is 2.5
        {"frequency_penalty":-3} → [invalid_value] frequency_penalty must be between -2 and 2, but is -3
        {"repetition_penalty":0} → [invalid_value] repetition_penalty must be greater than 0 and at most 2, but is 0
        {"n":0} → [invalid_value] n must be between 1 and 128, but is 0
        {"n":129} → [invalid_value] n must be between 1 and 128, but is 129
        {"max_tokens":0} → [invalid_value] max_tokens must be at least 1, but is 0
        {"max_tokens":-1} → [invalid_value] max_tokens must be at least 1, but is -1
        {"max_completion_tokens":0} → [invalid_value] max_completion_tokens must be at least 1, but is 0
        {"logit_bias":{"5":101}} → [invalid_value] logit_bias must be between -100 and 100, but is 101
        {"logprobs":true,"top_logprobs":21} → [invalid_value] top_logprobs must be between 0 and 20, but is 21
        {"stop":["a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a"]} → [invalid_value] stop must be at most 16 strings, but is 17 strings
        {"stop":""} → [invalid_value] stop must be strings that are not empty, but is an empty string
        {"temperature":1e+300} → [invalid_value] temperature must be between 0 and 2, but is inf
    "#);
}

#[test]
fn values_of_the_wrong_type() {
    insta::assert_snapshot!(all(chat, &[
        json!({"temperature": "hot"}),
        json!({"n": 1.5}),
        json!({"stream": 1}),
        json!({"messages": "Hi"}),
        json!({"messages": [{"role": "user", "content": 5}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}),
        json!({"stop": 5}),
        json!({"stop": ["a", 5]}),
        json!({"logit_bias": {"5": "much"}}),
        json!({"seed": 1.5}),
        json!({"model": 5}),
    ]), @r#"
        {"temperature":"hot"} → [invalid_type] temperature: invalid type: string "hot", expected a number
        {"n":1.5} → [invalid_type] n: invalid type: floating point `1.5`, expected an integer
        {"stream":1} → [invalid_type] stream: invalid type: integer `1`, expected a boolean
        {"messages":"Hi"} → [invalid_type] messages: invalid type: string "Hi", expected an array
        {"messages":[{"role":"user","content":5}]} → [invalid_type] messages[0].content: invalid type: integer `5`, expected a string or an array
        {"messages":[{"role":"user","content":[{"type":"text","text":5}]}]} → [invalid_type] messages[0].content[0].text: invalid type: integer `5`, expected a string
        {"stop":5} → [invalid_type] stop: invalid type: integer `5`, expected a string or an array
        {"stop":["a",5]} → [invalid_type] stop[1]: invalid type: integer `5`, expected a string
        {"logit_bias":{"5":"much"}} → [invalid_type] logit_bias.5: invalid type: string "much", expected a number
        {"seed":1.5} → [invalid_type] seed: invalid type: floating point `1.5`, expected an integer
        {"model":5} → [invalid_type] model: invalid type: integer `5`, expected a string
    "#);
}

#[test]
fn what_is_not_there() {
    insta::assert_snapshot!(all(chat, &[
        json!({"temprature": 1}),
        json!({"echo": true}),
        json!({"prompt": "Hi"}),
        json!({"messages": [{"role": "user", "content": "Hi", "mood": "good"}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", "mood": "good"}]}]}),
        json!({"stream": true, "stream_options": {"include_usge": true}}),
        json!({"unheard_of": null}),
    ]), @r#"
        {"temprature":1} → [unknown_parameter] there is no parameter temprature
        {"echo":true} → [unknown_parameter] there is no parameter echo
        {"prompt":"Hi"} → [unknown_parameter] there is no parameter prompt
        {"messages":[{"role":"user","content":"Hi","mood":"good"}]} → [unknown_parameter] there is no parameter messages[0].mood
        {"messages":[{"role":"user","content":[{"type":"text","text":"Hi","mood":"good"}]}]} → [unknown_parameter] there is no parameter messages[0].content[0].mood
        {"stream":true,"stream_options":{"include_usge":true}} → [unknown_parameter] there is no parameter stream_options.include_usge
        {"unheard_of":null} → [unknown_parameter] there is no parameter unheard_of
    "#);
}

#[test]
fn what_is_not_supported() {
    insta::assert_snapshot!(all(chat, &[
        json!({"tools": [{"type": "function"}]}),
        json!({"tool_choice": "auto"}),
        json!({"functions": []}),
        json!({"response_format": {"type": "json_object"}}),
        json!({"modalities": ["text", "audio"]}),
        json!({"audio": {"voice": "alloy"}}),
        json!({"prediction": {"type": "content"}}),
        json!({"parallel_tool_calls": true}),
        json!({"reasoning_effort": "low"}),
        json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://…"}}]}]}),
        json!({"messages": [{"role": "assistant", "content": "Hi", "tool_calls": [{"id": "1"}]}]}),
        json!({"stream": true, "stream_options": {"continuous_usage_stats": true}}),
    ]), @r#"
        {"tools":[{"type":"function"}]} → [unsupported_parameter] tools is not supported: leave it out
        {"tool_choice":"auto"} → [unsupported_parameter] tool_choice is not supported: only "none" is
        {"functions":[]} → [unsupported_parameter] functions is not supported: leave it out
        {"response_format":{"type":"json_object"}} → [unsupported_parameter] response_format is not supported: only {"type":"text"} is
        {"modalities":["text","audio"]} → [unsupported_parameter] modalities is not supported: only ["text"] is
        {"audio":{"voice":"alloy"}} → [unsupported_parameter] audio is not supported: leave it out
        {"prediction":{"type":"content"}} → [unsupported_parameter] prediction is not supported: leave it out
        {"parallel_tool_calls":true} → [unsupported_parameter] parallel_tool_calls is not supported: leave it out
        {"reasoning_effort":"low"} → [unsupported_parameter] reasoning_effort is not supported: leave it out
        {"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://…"}}]}]} → [unsupported_parameter] messages[0].content[0] is not supported: parts of type "image_url"; only "text" is
        {"messages":[{"role":"assistant","content":"Hi","tool_calls":[{"id":"1"}]}]} → [unsupported_parameter] messages[0].tool_calls is not supported: leave it out
        {"stream":true,"stream_options":{"continuous_usage_stats":true}} → [unsupported_parameter] stream_options.continuous_usage_stats is not supported: only false is
    "#);
    insta::assert_snapshot!(all(completion, &[json!({"suffix": "!"}), json!({"best_of": 3, "n": 2})]), @r#"
        {"suffix":"!"} → [unsupported_parameter] suffix is not supported: leave it out
        {"best_of":3,"n":2} → [unsupported_parameter] best_of is not supported: only the value of n is
    "#);
}

#[test]
fn what_contradicts_itself() {
    insta::assert_snapshot!(all(chat, &[
        json!({"messages": []}),
        json!({"messages": [{"content": "Hi"}]}),
        json!({"messages": [{"role": "robot", "content": "Hi"}]}),
        json!({"messages": [{"role": "user"}]}),
        json!({"messages": [{"role": "user", "content": []}]}),
        json!({"max_tokens": 5, "max_completion_tokens": 6}),
        json!({"top_logprobs": 5}),
        json!({"logprobs": false, "top_logprobs": 5}),
        json!({"stream_options": {"include_usage": true}}),
        json!({"logit_bias": {"five": 1}}),
    ]), @r#"
        {"messages":[]} → [invalid_value] messages must not be empty
        {"messages":[{"content":"Hi"}]} → [missing_required_parameter] messages[0].role is required
        {"messages":[{"role":"robot","content":"Hi"}]} → [invalid_value] messages[0].role must be system, developer, user, assistant or tool, but is robot
        {"messages":[{"role":"user"}]} → [missing_required_parameter] messages[0].content is required
        {"messages":[{"role":"user","content":[]}]} → [invalid_value] messages[0].content must not be an empty array
        {"max_tokens":5,"max_completion_tokens":6} → [invalid_value] max_tokens is 5, but max_completion_tokens is 6; give one of them
        {"top_logprobs":5} → [invalid_value] top_logprobs needs logprobs: true
        {"logprobs":false,"top_logprobs":5} → [invalid_value] top_logprobs needs logprobs: true
        {"stream_options":{"include_usage":true}} → [invalid_value] stream_options is only allowed with stream: true
        {"logit_bias":{"five":1}} → [invalid_value] logit_bias.five is not a token id
    "#);
    insta::assert_snapshot!(all(completion, &[
        json!({"prompt": []}),
        json!({"prompt": ["a", 5]}),
        json!({"prompt": [[1], []]}),
        json!({"prompt": [-1]}),
        json!({"prompt": [4_294_967_296_u64]}),
        json!({"prompt": vec!["a"; 65]}),
        json!({"prompt": ["a", "b"], "n": 65}),
        json!({"prompt": null}),
        json!({"max_tokens": 0}),
        json!({"logprobs": 21}),
        json!({"logprobs": true}),
    ]), @r#"
        {"prompt":[]} → [invalid_value] prompt must not be empty
        {"prompt":["a",5]} → [invalid_value] prompt[1] is a token among prompts
        {"prompt":[[1],[]]} → [invalid_value] prompt[1] must not be empty
        {"prompt":[-1]} → [invalid_type] prompt[0]: invalid type: integer `-1`, expected a string, a token id or an array of token ids
        {"prompt":[4294967296]} → [invalid_type] prompt[0]: 4294967296 is not a token id
        {"prompt":["a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a"]} → [invalid_value] prompt must be at most 64 prompts, but is 65 prompts
        {"prompt":["a","b"],"n":65} → [invalid_value] n must be at most 128 over all prompts, but is 130 with all prompts
        {"prompt":null} → [missing_required_parameter] prompt is required
        {"max_tokens":0} → [invalid_value] max_tokens must be at least 1, unless echo is true, but is 0
        {"logprobs":21} → [invalid_value] logprobs must be between 0 and 20, but is 21
        {"logprobs":true} → [invalid_type] logprobs: invalid type: boolean `true`, expected an integer
    "#);
}

#[test]
fn what_asks_for_what_happens_anyway() {
    let cases = [
        json!({"metadata": {"run": "7"}, "store": true, "service_tier": "auto", "user": "u"}),
        json!({"safety_identifier": "s", "prompt_cache_key": "k"}),
        json!({"response_format": {"type": "text"}, "modalities": ["text"], "tool_choice": "none"}),
        json!({"tools": null, "temperature": null, "stop": null, "n": null}),
        json!({"max_tokens": 5, "max_completion_tokens": 5}),
        json!({"stream": true, "stream_options": {"include_usage": false, "include_obfuscation": false}}),
        json!({"messages": [{"role": "assistant", "content": "Hi", "refusal": null, "annotations": []}]}),
        json!({"messages": [{"role": "tool", "content": "42", "tool_call_id": "1"}]}),
        json!({"seed": i64::MIN}),
    ];
    for case in cases {
        assert_eq!(chat(case.clone()), "accepted", "{case}");
    }
    assert_eq!(completion(json!({"n": 2, "best_of": 2})), "accepted");
}
