//! Models on other servers, through the whole of ours.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use accounts::{Accounts, Clock, Hash, KeyLimits, Listed, Models, OrganizationLimits, Role, Secret, Store};
use axum::http::{HeaderValue, StatusCode};
use backend::{Hop, estimated_tokens};
use gateway::{ApiKey, Balance, Group, GroupSettings, REFUSED_FIELDS, Timeouts, UpstreamSettings};
use http_body_util::BodyExt;
use serde_json::json;
use serving::{Model, Service};
use telemetry::Metrics;
use testkit::upstream::{Act, Step, Upstream, chunk, last, usage};
use testkit::{Answer, Reply, Scripted, TestApp, post};

use crate::{CHAT, COMPLETIONS, chat_with, completion_with};

pub(crate) fn group_at(url: &str, timeouts: Timeouts) -> Arc<Group> {
    gateway_at(url, "theirs", timeouts, Hop::new(7))
}

/// The same in a process of its own.
pub(crate) fn gateway_at(url: &str, model: &str, timeouts: Timeouts, hop: Hop) -> Arc<Group> {
    gateway_of("demo", url, model, timeouts, hop)
}

pub(crate) fn gateway_of(id: &str, url: &str, model: &str, timeouts: Timeouts, hop: Hop) -> Arc<Group> {
    let upstream = UpstreamSettings {
        address: url.parse().unwrap(),
        model: model.into(),
        api_key: Some(ApiKey::new("its-key").unwrap()),
        weight: NonZeroU32::MIN,
        max_concurrent: None,
        cache_salt: true,
    };
    let settings = GroupSettings {
        id: id.into(),
        upstreams: vec![upstream],
        timeouts,
        balance: Balance::default(),
        refused_fields: REFUSED_FIELDS.map(str::to_owned).into(),
        max_queued: 8,
        queue_timeout: Duration::from_mins(1),
        hop,
    };
    Group::new(settings).unwrap()
}

fn app_at(url: &str) -> TestApp {
    let model = Model { aliases: vec!["alias".into()], ..Model::new(group_at(url, Timeouts::default())) };
    TestApp::with_models(vec![model])
}

fn app(upstream: &Upstream) -> TestApp {
    app_at(&upstream.url())
}

const CALL: &str = r#"{"id":"1","object":"chat.completion.chunk","model":"theirs","choices":[{"index":0,"delta":{"reasoning_content":"hm","tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"a\": 1.50}"}}]},"finish_reason":"tool_calls"}]}"#;

#[tokio::test]
async fn what_only_the_other_server_knows_goes_there_and_comes_back() {
    let upstream = Upstream::start().await;
    upstream.then(Act::body(&format!("data: {CALL}\n\ndata: {}\n\ndata: [DONE]\n\n", usage(5, 9))));
    let body = chat_with(json!({"model": "alias", "stream": true, "tools": [{"type": "function"}], "vendor_option": 1}));
    let answer = app(&upstream).post(CHAT, &body).await.ok();
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.text(), format!("data: {}\n\ndata: [DONE]\n\n", CALL.replace("theirs", "alias")));
    let received = upstream.only();
    assert_eq!(received.path, "/v1/chat/completions");
    assert_eq!(received.json()["tools"], body["tools"]);
    assert_eq!(received.json()["vendor_option"], 1);
}

#[tokio::test]
async fn an_answer_in_one_piece_comes_as_it_is() {
    let upstream = Upstream::start().await;
    let answer =
        json!({"id": "1", "model": "theirs", "choices": [{"index": 0, "text": "Hi", "finish_reason": "stop"}], "x": [1]});
    upstream.then(Act::whole(&answer));
    let got = app(&upstream).post(COMPLETIONS, &completion_with(json!({}))).await.ok();
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.text(), answer.to_string().replace("theirs", "demo"));
    assert_eq!(upstream.only().path, "/v1/completions");
}

#[tokio::test]
async fn every_surface_answers_on_a_model_that_is_somewhere_else() {
    let upstream = Upstream::start().await;
    upstream.often(3, &Act::says(&["SELECT", " 1;"]));
    let text = |text: &str| json!({"choices": [{"index": 0, "text": text, "finish_reason": null}]});
    let end = json!({"choices": [{"index": 0, "text": "", "finish_reason": "length"}]});
    upstream.often(2, &Act::stream(&[text("SELECT"), text(" 1;"), end, usage(5, 2)]));
    let app = app(&upstream);
    let messages = json!([{"role": "user", "content": "Hello?"}]);
    let chat = app.post("/api/chat", &json!({"model": "demo", "messages": messages})).await.ok().json();
    assert_eq!((&chat["message"]["content"], &chat["tokens_generated"]), (&json!("SELECT 1;"), &json!(2)));
    let streamed = app.post("/api/chat/stream", &json!({"model": "demo", "messages": messages})).await.ok();
    assert!(streamed.text().starts_with("data: {\"content\":\"SELECT\"}\n\n"), "{}", streamed.text());
    let sql = app.post("/text2sql", &json!({"messages": messages})).await.ok().json();
    assert_eq!(sql["choices"][0]["message"]["content"], "SELECT 1;");
    let predicted = app.post("/predict", &json!({"prompt": "Once", "max_length": 2})).await.ok().json();
    assert_eq!((&predicted["generated_text"], &predicted["tokens_generated"]), (&json!("SELECT 1;"), &json!(2)));
    let generated = app.post("/api/generate", &json!({"model": "demo", "prompt": "Once"})).await.ok().json();
    assert_eq!((&generated["text"], &generated["finish_reason"]), (&json!("SELECT 1;"), &json!("length")));
}

#[tokio::test]
async fn what_the_other_server_refuses_is_refused_in_our_words() {
    let upstream = Upstream::start().await;
    upstream
        .then(Act::status(400, r#"{"object":"error","message":"temperature is off","param":"temperature","code":400}"#))
        .then(Act::status(401, r#"{"error":{"message":"its-key is wrong"}}"#))
        .then(Act::status_with(429, "retry-after: 3\r\n", "{}"))
        .then(Act::status(500, "<html>its-key"));
    let app = app(&upstream);
    let mut told = Vec::new();
    for _ in 0..4 {
        let answer = app.post(CHAT, &chat_with(json!({}))).await;
        let retry = answer.header("retry-after").unwrap_or("-").to_owned();
        told.push(format!("{} {retry} {}", answer.status.as_u16(), answer.text()));
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
        400 - {"error":{"message":"temperature is off","type":"invalid_request_error","param":"temperature","code":"invalid_value"}}
        502 - {"error":{"message":"the server behind this model failed: it does not take our requests","type":"server_error","param":null,"code":"upstream_error"}}
        429 3 {"error":{"message":"the servers behind this model have too much to do; try again in 3 s","type":"rate_limit_error","param":null,"code":"queue_full"}}
        502 - {"error":{"message":"the server behind this model failed: it reported an error of its own","type":"server_error","param":null,"code":"upstream_error"}}
    "#);
}

#[tokio::test]
async fn a_server_that_is_gone_is_502_and_then_503_until_somebody_looks_again() {
    let app = app_at(&Upstream::nowhere().await);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(app.post(CHAT, &chat_with(json!({}))).await.status.as_u16());
    }
    assert_eq!(statuses, [502, 502, 502, 503]);
    let refused = app.post("/api/chat", &json!({"model": "demo", "messages": [{"role": "user", "content": "?"}]})).await;
    assert_eq!((refused.status.as_u16(), refused.json()["error"].as_str()), (503, Some("service_unavailable")));
    assert!(refused.header("retry-after").is_some_and(|after| (1..=5).contains(&after.parse::<u64>().unwrap())));
    let health = app.get("/health").await;
    assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(health.json()["backends"]["chat"], json!([]));
}

#[tokio::test]
async fn nothing_in_time_is_504() {
    let upstream = Upstream::start().await;
    upstream.then(Act::nothing().then(Step::Stall));
    let timeouts = Timeouts { first_byte: Duration::from_millis(20), ..Timeouts::default() };
    let app = TestApp::with_models(vec![Model::new(group_at(&upstream.url(), timeouts))]);
    let answer = app.post(CHAT, &chat_with(json!({"stream": true}))).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (StatusCode::GATEWAY_TIMEOUT, &json!("gateway_timeout")));
}

#[tokio::test]
async fn a_stream_that_breaks_off_says_so_and_has_no_end() {
    let upstream = Upstream::start().await;
    upstream.then(Act::events(&[chunk("Hi")]).then(Step::Reset));
    let answer = app(&upstream).post(CHAT, &chat_with(json!({"stream": true}))).await.ok();
    let events = answer.events();
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].event, "error");
    assert!(events[1].data.contains("upstream_error") && !answer.text().contains("[DONE]"));
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_request_at_the_other_server() {
    let upstream = Upstream::start().await;
    upstream.often(2, &Act::events(&[chunk("Hi")]).then(Step::Stall));
    let app = app(&upstream);
    for path in [CHAT, "/api/chat/stream"] {
        let stream = if path == CHAT { json!({"stream": true}) } else { json!({}) };
        let mut body = app.open(post(path, chat_with(stream).to_string())).await.into_body();
        body.frame().await.unwrap().unwrap();
        drop(body);
    }
    upstream.until(|seen| seen.left == 2).await;
    assert!(app.get("/metrics").await.text().contains(r#"gateway_upstream_in_flight{model="demo","#));
    assert_eq!(in_flight(&app).await, "0");
}

async fn in_flight(app: &TestApp) -> String {
    let metrics = app.get("/metrics").await;
    let line = metrics.text().lines().find(|line| line.starts_with("gateway_upstream_in_flight")).unwrap().to_owned();
    line.rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn health_names_the_servers_that_answer() {
    let upstream = Upstream::start().await;
    let health = app(&upstream).get("/health").await.ok().json();
    assert_eq!(health["backends"], json!({"chat": [upstream.url()], "text2sql": [upstream.url()]}));
    assert_eq!((&health["status"], &health["model_status"]), (&json!("healthy"), &json!("loaded")));
}

#[tokio::test]
async fn a_model_here_answers_for_one_whose_server_is_gone() {
    let local = Scripted::new("small");
    for _ in 0..3 {
        local.reply(Reply::text(&["Hi"]));
    }
    let remote =
        Model { fallbacks: vec!["small".into()], ..Model::new(group_at(&Upstream::nowhere().await, Timeouts::default())) };
    let app = TestApp::with_models(vec![remote, Model::new(Arc::new(local))]);
    let chat = app.post(CHAT, &chat_with(json!({}))).await.ok().json();
    assert_eq!((&chat["model"], &chat["choices"][0]["message"]["content"]), (&json!("demo"), &json!("Hi")));
    let text = app.post(COMPLETIONS, &completion_with(json!({}))).await.ok().json();
    assert_eq!((&text["model"], &text["choices"][0]["text"]), (&json!("demo"), &json!("Hi")));
    let local = app.post("/api/generate", &json!({"model": "demo", "prompt": "Once"})).await.ok().json();
    assert_eq!(local["text"], "Hi");
}

#[tokio::test]
async fn a_request_that_asks_for_too_much_is_refused_before_anybody_is_asked() {
    let upstream = Upstream::start().await;
    let answer = app(&upstream).post(CHAT, &chat_with(json!({"max_tokens": 100_000, "tools": []}))).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["error"]["param"], "max_tokens");
    assert_eq!(upstream.received(), []);
}

#[tokio::test]
async fn what_reaches_into_the_other_server_is_not_handed_on() {
    let upstream = Upstream::start().await;
    upstream.then(Act::says(&["Hi"]));
    let app = app(&upstream);
    for field in ["kv_transfer_params", "bootstrap_host", "custom_logit_processor", "prompt_embeds", "n_predict"] {
        let answer = app.post(CHAT, &chat_with(json!({field: "x"}))).await;
        assert_eq!((answer.status, &answer.json()["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(field)));
        assert_eq!(answer.json()["error"]["code"], "unsupported_parameter");
    }
    let escaped = r#"{"model":"demo","messages":[],"kv\u005ftransfer_params":{}}"#;
    assert_eq!(app.post_text(CHAT, escaped).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(upstream.received(), []);
    app.post(CHAT, &chat_with(json!({"stream": true, "kv_transfer_params": null}))).await.ok();
}

#[tokio::test]
async fn a_request_that_names_two_models_is_for_none() {
    let upstream = Upstream::start().await;
    let app = app(&upstream);
    for (one, other) in [("demo", "other"), ("other", "demo"), ("demo", "demo")] {
        let twice = format!(r#"{{"model":"{one}","messages":[{{"role":"user","content":"Hi"}}],"mod\u0065l":"{other}"}}"#);
        let answer = app.post_text(CHAT, twice).await;
        assert_eq!((answer.status, &answer.json()["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("model")));
    }
    assert_eq!(upstream.received(), []);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_in_few_words_of_ours() {
    let upstream = Upstream::start().await;
    let app = app(&upstream);
    let long = "x".repeat(100_000);
    for (fields, status) in [
        (json!({"max_tokens": "5"}), 400),
        (json!({"n": 1.5}), 400),
        (json!({"stream_options": []}), 400),
        (json!({"stream": long}), 400),
        (json!({"model": long}), 404),
    ] {
        let answer = app.post(CHAT, &chat_with(fields.clone())).await;
        let text = answer.text();
        assert_eq!(answer.status.as_u16(), status, "{text:.300}");
        assert!(text.len() < 500 && !text.contains("at line"), "{text:.300}");
        assert!(!["u32", "struct", "StreamOptions"].iter().any(|word| text.contains(word)), "{text}");
    }
    assert_eq!(upstream.received(), []);
}

#[tokio::test]
async fn tokens_of_a_stream_are_counted_though_nobody_asked_for_them() {
    let upstream = Upstream::start().await;
    upstream.then(Act::stream(&[chunk("Hi"), last("stop"), usage(50, 7)]));
    let app = app(&upstream);
    let answer = app.post(CHAT, &chat_with(json!({"stream": true}))).await.ok();
    assert!(!answer.text().contains("usage"), "{}", answer.text());
    let metrics = app.get("/metrics").await;
    let sum = |kind: &str| {
        let line = metrics.text().lines().find(|line| {
            line.starts_with("gen_ai_client_token_usage_sum") && line.contains(&format!("gen_ai_token_type=\"{kind}\""))
        });
        line.and_then(|line| line.rsplit(' ').next()).unwrap().parse::<f64>().unwrap()
    };
    assert_eq!((sum("input"), sum("output")), (50.0, 7.0));
}

#[tokio::test]
async fn whoever_traces_a_request_can_follow_it_to_the_other_server() {
    let upstream = Upstream::start().await;
    upstream.then(Act::says(&["Hi"]));
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut request = post(CHAT, chat_with(json!({"stream": true})).to_string());
    request.headers_mut().insert("traceparent", HeaderValue::from_static(parent));
    request.headers_mut().insert("x-secret", HeaderValue::from_static("stays here"));
    app(&upstream).send(request).await.ok();
    let received = upstream.only();
    assert_eq!(received.header("traceparent"), Some(parent));
    assert_eq!(received.header("x-secret"), None);
}

/// With a key, and so many tokens a day for its organisation.
async fn paying(url: &str, tokens_per_day: u64) -> TestApp {
    let listed = Listed {
        hash: Hash::of(&Secret::new("user")),
        name: "user".into(),
        organization: "acme".into(),
        role: Role::User,
        models: Models::parse("*"),
        limits: KeyLimits::default(),
        expires: None,
    };
    let limits = OrganizationLimits { tokens_per_day: Some(tokens_per_day), ..OrganizationLimits::default() };
    let settings = accounts::Settings {
        listed: vec![listed],
        organization_limits: Some(limits),
        clock: Clock::new(|| SystemTime::UNIX_EPOCH + Duration::from_hours(490_896)),
        ..accounts::Settings::default()
    };
    let accounts = Accounts::open(Store::in_memory().await.unwrap(), settings).await.unwrap();
    let models = vec![Model::new(group_at(url, Timeouts::default()))];
    let metrics = Arc::new(Metrics::new(["demo"]));
    let service = Service::with_accounts(models, serving::Settings::default(), metrics, accounts);
    TestApp::serving(service, testkit::settings())
}

async fn paid_chat(app: &TestApp, fields: serde_json::Value) -> Answer {
    let mut request = post(CHAT, chat_with(fields).to_string());
    request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer user"));
    app.send(request).await
}

#[tokio::test]
async fn what_a_server_used_is_paid_and_what_it_failed_to_answer_is_not() {
    let upstream = Upstream::start().await;
    upstream.often(3, &Act::status(500, "{}"));
    upstream.then(Act::stream(&[chunk("Hi"), last("stop"), usage(50, 7)]));
    upstream.then(Act::stream(&[chunk("Hi"), last("stop"), usage(1_200, 100)]));
    let app = paying(&upstream.url(), 2_000).await;
    let asked = json!({"stream": true, "max_tokens": 900});
    for status in [502, 502, 502, 200, 200] {
        assert_eq!(paid_chat(&app, asked.clone()).await.status.as_u16(), status);
    }
    let refused = paid_chat(&app, asked).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (429, &json!("insufficient_quota")));
    upstream.then(Act::says(&["Hi"]));
    let left = paid_chat(&app, json!({"stream": true, "max_tokens": 500})).await;
    let left: u64 = left.header("x-ratelimit-remaining-tokens").unwrap().parse().unwrap();
    // 643 are left of the day, less what this request may take at most.
    assert!((643 - 500 - 60..643 - 500).contains(&left), "{left}");
    assert!(upstream.received().iter().all(|request| request.header("authorization") == Some("Bearer its-key")));
    let salts: Vec<_> = upstream.received().iter().map(|request| request.json()["cache_salt"].clone()).collect();
    assert!(salts[0].is_string() && salts.iter().all(|salt| *salt == salts[0]), "one organisation is one tenant: {salts:?}");
}

/// What is left of 1,000 tokens after somebody asked, and left while the server was at work.
async fn left_after_hanging_up(path: &str, fields: serde_json::Value) -> u64 {
    let upstream = Upstream::start().await;
    upstream.then(Act::nothing().then(Step::Stall));
    let app = paying(&upstream.url(), 1_000).await;
    let mut asked = post(path, chat_with(fields).to_string());
    asked.headers_mut().insert("authorization", HeaderValue::from_static("Bearer user"));
    tokio::select! {
        answer = app.open(asked) => panic!("{answer:?}"),
        _ = upstream.until(|seen| seen.requests == 1) => {}
    }
    upstream.until(|seen| seen.left == 1).await;
    upstream.then(Act::says(&["Hi"]));
    let after = paid_chat(&app, json!({"stream": true, "max_tokens": 10})).await;
    let set_aside = estimated_tokens(chat_with(json!({"stream": true, "max_tokens": 10})).to_string().len()) + 10;
    after.header("x-ratelimit-remaining-tokens").unwrap().parse::<u64>().unwrap() + u64::from(set_aside)
}

#[tokio::test]
async fn whoever_leaves_while_a_server_works_for_them_pays_for_the_prompt() {
    for fields in [json!({"max_tokens": 500}), json!({"max_tokens": 500, "stream": true})] {
        let prompt = estimated_tokens(chat_with(fields.clone()).to_string().len());
        assert_eq!(left_after_hanging_up(CHAT, fields.clone()).await, 1_000 - u64::from(prompt), "{fields}");
    }
    // Of a surface that has to be translated, the texts are what is known.
    assert_eq!(left_after_hanging_up("/api/chat", json!({"max_tokens": 500})).await, 1_000 - 12);
}

#[tokio::test]
async fn our_key_for_a_server_is_in_no_error_however_it_comes() {
    let upstream = Upstream::start().await;
    let told = r#"{"error":{"message":"its-key is wrong","type":"invalid_request_error","param":"its-key","code":400}}"#;
    upstream.then(Act::status(400, told));
    upstream.then(Act::status(200, told));
    upstream.then(Act::body(&format!("data: {told}\n\n")));
    upstream.then(Act::body(&format!("data: {}\n\ndata: {told}\n\n", chunk("Hi"))));
    let app = app(&upstream);
    for (stream, part) in [(false, "… is wrong"), (false, "… is wrong"), (true, "… is wrong"), (true, "… is wrong")]
    {
        let answer = app.post(CHAT, &chat_with(json!({"stream": stream}))).await;
        assert!(answer.text().contains(part) && !answer.text().contains("its-key"), "{}", answer.text());
    }
}
