//! Who may ask, and for how much.

use std::future::poll_fn;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use accounts::{
    Accounts, AddressLimit, Addresses, Clock, Hash, KeyLimits, Listed, Models, OrganizationLimits, Role, Secret, Settings,
    Store,
};
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Response};
use http_body_util::BodyExt;
use serde_json::json;
use serving::{Model, Service};
use telemetry::Metrics;
use testkit::{Answer, Reply, Scripted, TestApp, events, post, request, settings};

use crate::{CHAT, COMPLETIONS, chat_with, completion_with};

/// Every route, and whether it needs a key. A test holds it to the router.
const ROUTES: [(Method, &str, bool); 35] = [
    (Method::GET, "/", false),
    (Method::GET, "/console/console.js", false),
    (Method::GET, "/health", false),
    (Method::GET, "/health/live", false),
    (Method::GET, "/health/ready", false),
    (Method::GET, "/info", false),
    (Method::GET, "/status", false),
    (Method::GET, "/metrics", false),
    (Method::GET, "/docs", false),
    (Method::GET, "/docs/redoc.js", false),
    (Method::GET, "/swagger-ui", false),
    (Method::GET, "/redoc", false),
    (Method::GET, "/openapi.json", false),
    (Method::GET, "/api/llms", true),
    (Method::POST, "/api/generate", true),
    (Method::POST, "/api/generate/stream", true),
    (Method::POST, "/api/chat", true),
    (Method::POST, "/api/chat/stream", true),
    (Method::POST, "/text2sql", true),
    (Method::POST, "/predict", true),
    (Method::POST, "/predict/batch", true),
    (Method::POST, "/infer", true),
    (Method::POST, "/v1/chat/completions", true),
    (Method::POST, "/v1/classify", true),
    (Method::POST, "/v1/embeddings", true),
    (Method::POST, "/v1/feedback", true),
    (Method::POST, "/v1/completions", true),
    (Method::POST, "/v1/models/demo/reload", true),
    (Method::POST, "/v1/load_lora_adapter", true),
    (Method::POST, "/v1/unload_lora_adapter", true),
    (Method::GET, "/v1/lora_adapters", true),
    (Method::GET, "/v1/models", true),
    (Method::GET, "/v1/models/demo", true),
    // What is not there is nobody's business either.
    (Method::GET, "/v1/nothing", true),
    (Method::GET, "/health/", true),
];

/// One that may ask everything, for ever.
pub(crate) fn listed_user(key: &str) -> Listed {
    listed_for(key, "*")
}

/// One that may ask these models, for ever.
pub(crate) fn listed_for(key: &str, models: &str) -> Listed {
    listed(key, Role::User, models, KeyLimits::default())
}

fn listed(key: &str, role: Role, models: &str, limits: KeyLimits) -> Listed {
    Listed {
        hash: Hash::of(&Secret::new(key)),
        name: key.into(),
        organization: "acme".into(),
        role,
        models: Models::parse(models),
        limits,
        expires: None,
    }
}

/// Keys `user`, `admin`, `other` (another model only) and `slow` (one request a minute), under these limits.
async fn app_with(backend: &Scripted, limits: OrganizationLimits, addresses: Addresses) -> TestApp {
    app_set(backend, limits, addresses, settings()).await
}

async fn app_set(backend: &Scripted, limits: OrganizationLimits, addresses: Addresses, settings: api::Settings) -> TestApp {
    let slow = KeyLimits { requests_per_minute: Some(1), tokens_per_minute: None };
    let settings_of_accounts = Settings {
        listed: vec![
            listed("user", Role::User, "*", KeyLimits::default()),
            listed("admin", Role::Admin, "*", KeyLimits::default()),
            listed("other", Role::User, "another", KeyLimits::default()),
            listed("slow", Role::User, "*", slow),
        ],
        organization_limits: Some(limits),
        addresses,
        // No minute, day or month ends in the middle of a test.
        clock: Clock::new(|| SystemTime::UNIX_EPOCH + Duration::from_hours(490_896)),
        ..Settings::default()
    };
    let accounts = Accounts::open(Store::in_memory().await.unwrap(), settings_of_accounts).await.unwrap();
    let metrics = Arc::new(Metrics::new(["demo"]));
    let models = vec![Model::new(Arc::new(backend.clone()))];
    let service = Service::with_accounts(models, serving::Settings::default(), metrics, accounts);
    TestApp::serving(service, settings)
}

async fn app(backend: &Scripted, limits: OrganizationLimits) -> TestApp {
    app_with(backend, limits, Addresses::Unlimited).await
}

pub(crate) fn with_key(mut request: Request<Body>, key: &str) -> Request<Body> {
    let value = HeaderValue::from_str(&format!("Bearer {key}")).unwrap();
    request.headers_mut().insert("authorization", value);
    request
}

#[tokio::test]
async fn metrics_can_be_kept_from_all_but_admins() {
    let limits = OrganizationLimits::default();
    let api = api::Settings { metrics_need_key: true, ..settings() };
    let app = app_set(&Scripted::new("demo"), limits, Addresses::Unlimited, api).await;
    let asked = |key| app.send(with_key(request(Method::GET, "/metrics", Body::empty()), key));
    let statuses =
        [app.get("/metrics").await, asked("user").await, asked("admin").await].map(|answer| answer.status.as_u16());
    assert_eq!(statuses, [401, 403, 200]);
    assert_eq!(app.get("/health/ready").await.status, 200);
}

async fn chat(app: &TestApp, key: &str, fields: serde_json::Value) -> Answer {
    app.send(with_key(post(CHAT, chat_with(fields).to_string()), key)).await
}

fn tokens_a_day(tokens: u64) -> OrganizationLimits {
    OrganizationLimits { tokens_per_day: Some(tokens), ..OrganizationLimits::default() }
}

#[tokio::test]
async fn every_route_needs_a_key_but_for_those_that_say_how_the_server_is() {
    let app = app(&Scripted::new("demo"), OrganizationLimits::default()).await;
    for (method, path, needs_key) in ROUTES {
        let answer = app.send(request(method.clone(), path, Body::empty())).await;
        assert_eq!(answer.status == 401, needs_key, "{method} {path}: {}", answer.status);
        let answer = app.send(with_key(request(method.clone(), path, Body::empty()), "admin")).await;
        assert_ne!(answer.status, 401, "{method} {path}");
    }
}

/// The router cannot be asked for them.
#[test]
fn no_route_is_left_out() {
    let lines = include_str!("../../src/routes.rs").lines().filter_map(|line| line.trim().strip_prefix(".route(\""));
    let mut routes = 0;
    for line in lines {
        let (path, rest) = line.split_once("\", ").expect("a route is a path and a method on one line");
        // What is posted there is a word behind the id, which holds slashes.
        let id = if rest.starts_with("post") { "demo/reload" } else { "demo" };
        let path = path.replace("{*id}", id).replace("docs/{file}", "docs/redoc.js").replace("{file}", "console.js");
        let is_it =
            |(method, known, _): &(Method, &str, bool)| *known == path && rest.starts_with(&method.as_str().to_lowercase());
        assert!(ROUTES.iter().any(is_it), "{line} is not among the routes that are asked with and without a key");
        routes += 1;
    }
    assert!(routes > 20, "the router is written in another way");
}

#[tokio::test]
async fn a_missing_key_and_a_wrong_one_are_told_the_same() {
    let app = app(&Scripted::new("demo"), OrganizationLimits::default()).await;
    let missing = app.post(CHAT, &chat_with(json!({}))).await;
    let wrong = chat(&app, "wrong", json!({})).await;
    assert_eq!((missing.status.as_u16(), missing.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!((wrong.status.as_u16(), wrong.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(missing.json(), wrong.json());
    insta::assert_json_snapshot!(wrong.json(), @r#"
    {
      "error": {
        "message": "a valid API key is needed; send it as \"Authorization: Bearer <key>\"",
        "type": "invalid_request_error",
        "param": null,
        "code": "invalid_api_key"
      }
    }
    "#);
    let ours = app.get("/api/llms").await.json();
    assert_eq!(ours["error"], "unauthorized");
}

#[tokio::test]
async fn a_key_may_come_as_x_api_key() {
    let app = app(&Scripted::new("demo"), OrganizationLimits::default()).await;
    let mut asked = request(Method::GET, "/v1/models", Body::empty());
    asked.headers_mut().insert("x-api-key", HeaderValue::from_static("user"));
    assert_eq!(app.send(asked).await.status, 200);
}

/// What only an admin may do, in each way that its path can be written.
const ADMINS: [(Method, &str); 4] = [
    (Method::GET, "/v1/lora_adapters"),
    (Method::POST, "/v1/models/demo/reload"),
    (Method::POST, "/v1/models/demo%2Freload"),
    (Method::POST, "/v1/models/demo/%72eload"),
];

#[tokio::test]
async fn a_valid_key_that_may_not_do_this_is_forbidden() {
    let app = app(&Scripted::new("demo"), OrganizationLimits::default()).await;
    assert_eq!(chat(&app, "other", json!({})).await.status, 403);
    for (key, forbidden) in [("user", true), ("admin", false)] {
        for (method, path) in ADMINS {
            let answer = app.send(with_key(request(method, path, Body::empty()), key)).await;
            assert_eq!(answer.status == 403, forbidden, "{key} {path}");
        }
    }
}

#[tokio::test]
async fn a_key_sees_the_models_that_it_may_ask() {
    let app = app(&Scripted::new("demo"), OrganizationLimits::default()).await;
    for (key, ids) in [("user", json!(["demo"])), ("other", json!([]))] {
        let list = app.send(with_key(request(Method::GET, "/v1/models", Body::empty()), key)).await.ok().json();
        let seen: Vec<_> = list["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
        assert_eq!(json!(seen), ids, "{key}");
        let list = app.send(with_key(request(Method::GET, "/api/llms", Body::empty()), key)).await.ok().json();
        assert_eq!(list.as_array().unwrap().len(), seen.len(), "{key}");
    }
    let one = |key| with_key(request(Method::GET, "/v1/models/demo", Body::empty()), key);
    assert_eq!((app.send(one("user")).await.status.as_u16(), app.send(one("other")).await.status.as_u16()), (200, 403));
}

#[tokio::test]
async fn what_each_organisation_uses_is_counted() {
    let backend = Scripted::new("demo");
    let limits = OrganizationLimits { requests_per_day: Some(1), ..OrganizationLimits::default() };
    let app = app(&backend, limits).await;
    backend.reply(Reply::text(&["Hello", "!"]));
    chat(&app, "user", json!({})).await.ok();
    assert_eq!(chat(&app, "admin", json!({})).await.status, 429);
    let text = app.get("/metrics").await.ok();
    let mut lines: Vec<_> = text.text().lines().filter(|line| line.contains("organization=\"")).collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @r#"
        llm_organization_requests_total{organization="acme"} 1
        llm_organization_tokens_total{organization="acme",token_type="cached"} 0
        llm_organization_tokens_total{organization="acme",token_type="input"} 5
        llm_organization_tokens_total{organization="acme",token_type="output"} 2
        llm_quota_refusals_total{organization="acme",reason="insufficient_quota",shadow="false"} 1
    "#);
}

#[tokio::test]
async fn an_answer_tells_what_is_left_and_a_spent_quota_is_no_reason_to_retry() {
    let backend = Scripted::new("demo");
    let limits = OrganizationLimits { requests_per_day: Some(2), ..tokens_a_day(100_000) };
    let app = app(&backend, limits).await;
    for left in ["1", "0"] {
        backend.reply(Reply::text(&["Hello"]));
        let answer = chat(&app, "user", json!({"max_tokens": 10})).await.ok();
        assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("2"));
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some(left));
        assert_eq!(answer.header("x-ratelimit-limit-tokens"), Some("100000"));
        assert!(answer.header("x-ratelimit-reset-tokens").is_some_and(|reset| reset.ends_with('s')));
    }
    let refused = chat(&app, "user", json!({"max_tokens": 10})).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["error"]["code"], "insufficient_quota");
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    assert_eq!(refused.header("x-ratelimit-remaining-requests"), Some("0"));
    assert!(refused.header("retry-after").is_some_and(|wait| wait.parse::<u64>().is_ok_and(|wait| wait >= 1)));
}

#[tokio::test]
async fn a_key_that_asks_too_often_may_try_again_soon() {
    let backend = Scripted::new("demo");
    let app = app(&backend, OrganizationLimits::default()).await;
    backend.reply(Reply::text(&["Hello"]));
    chat(&app, "slow", json!({})).await.ok();
    let refused = chat(&app, "slow", json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-should-retry")), (429, None));
    assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(refused.header("retry-after"), Some("60"));
}

#[tokio::test]
async fn what_is_only_set_aside_is_worth_another_try_soon() {
    let backend = Scripted::new("demo");
    let app = app(&backend, tokens_a_day(1000)).await;
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    let asked = with_key(post(CHAT, chat_with(json!({"max_tokens": 900, "stream": true})).to_string()), "user");
    let running = app.open(asked).await;
    let refused = chat(&app, "user", json!({"max_tokens": 900})).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("5")));
    assert_eq!(refused.header("x-should-retry"), None);
    insta::assert_json_snapshot!(refused.json(), @r#"
    {
      "error": {
        "message": "what is left of 1000 tokens a day is set aside for requests that are running; try again in 5 s",
        "type": "rate_limit_error",
        "param": null,
        "code": "rate_limit_exceeded"
      }
    }
    "#);
    drop(running);
    remote.dropped().await;
    backend.reply(Reply::text(&["Hello"]));
    chat(&app, "user", json!({"max_tokens": 900})).await.ok();
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_refused_before_its_key_is_looked_at() {
    let one = NonZeroU32::MIN;
    let limit = Addresses::Limited(AddressLimit { requests_per_second: one, burst: one });
    let app = app_with(&Scripted::new("demo"), OrganizationLimits::default(), limit).await;
    let server = app.listen().await;
    let ask = async || {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut connection = tokio::net::TcpStream::connect(server.address).await.unwrap();
        connection.write_all(b"GET /v1/models HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer[9..12].to_owned()
    };
    assert_eq!(ask().await, "401");
    assert_eq!(ask().await, "429");
}

/// A request to each surface, with an answer for each.
const SURFACES: [(&str, &str); 10] = [
    ("/v1/chat/completions", r#"{"model": "demo", "messages": [{"role": "user", "content": "Hi"}]}"#),
    ("/v1/chat/completions", r#"{"model": "demo", "messages": [{"role": "user", "content": "Hi"}], "stream": true}"#),
    ("/v1/completions", r#"{"model": "demo", "prompt": "Once"}"#),
    ("/text2sql", r#"{"messages": [{"role": "user", "content": "Hi"}]}"#),
    ("/text2sql", r#"{"messages": [{"role": "user", "content": "Hi"}], "validation": "strict"}"#),
    ("/api/generate", r#"{"model": "demo", "prompt": "Once"}"#),
    ("/api/generate/stream", r#"{"model": "demo", "prompt": "Once"}"#),
    ("/api/chat", r#"{"model": "demo", "messages": [{"role": "user", "content": "Hi"}]}"#),
    ("/api/chat/stream", r#"{"model": "demo", "messages": [{"role": "user", "content": "Hi"}]}"#),
    ("/predict", r#"{"prompt": "Once"}"#),
];

#[tokio::test]
async fn every_surface_is_metered_and_refuses_in_its_own_words() {
    let backend = Scripted::new("demo");
    let limits = OrganizationLimits { requests_per_day: Some(SURFACES.len() as u64), ..OrganizationLimits::default() };
    let app = app(&backend, limits).await;
    for (index, (path, body)) in SURFACES.into_iter().enumerate() {
        backend.reply(Reply::text(&["SELECT 1"]));
        let answer = app.send(with_key(post(path, body), "user")).await.ok();
        let left = (SURFACES.len() - index - 1).to_string();
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some(left.as_str()), "{path}");
    }
    for (path, body) in SURFACES {
        let refused = app.send(with_key(post(path, body), "user")).await;
        let forbidden = app.send(with_key(post(path, body), "other")).await;
        let unknown = app.send(post(path, body)).await;
        let is_openai = path.starts_with("/v1/") || path == "/text2sql";
        let code = |answer: &Answer| {
            let error = answer.json()["error"].take();
            if is_openai { error["code"].clone() } else { error }
        };
        assert_eq!((refused.status.as_u16(), code(&refused)), (429, "insufficient_quota".into()), "{path}");
        assert_eq!((forbidden.status.as_u16(), code(&forbidden)), (403, "forbidden".into()), "{path}");
        let unauthorized = if is_openai { "invalid_api_key" } else { "unauthorized" };
        assert_eq!((unknown.status.as_u16(), code(&unknown)), (401, unauthorized.into()), "{path}");
    }
}

#[tokio::test]
async fn a_prompt_that_is_metered_is_not_encoded_twice() {
    let backend = Scripted::new("demo");
    backend.set_encodes();
    let app = app(&backend, tokens_a_day(1000)).await;
    backend.reply(Reply::text(&["SELECT 1"]));
    let answer = app
        .send(with_key(post(COMPLETIONS, completion_with(json!({"prompt": "a b c", "max_tokens": 7})).to_string()), "user"));
    assert_eq!(answer.await.ok().header("x-ratelimit-remaining-tokens"), Some("990"), "three words and seven tokens");
    assert_eq!(backend.request().encoded.as_deref(), Some([0, 1, 2].as_slice()));
}

#[tokio::test]
async fn a_classified_text_is_metered() {
    let backend = Scripted::classifier("demo");
    let app = app(&backend, tokens_a_day(1000)).await;
    backend.reply(Reply::classes(&[("good", 1.0), ("bad", 0.0)]));
    let answer = app.send(with_key(post("/v1/classify", r#"{"model": "demo", "input": "Hi"}"#), "user")).await.ok();
    assert_eq!(answer.header("x-ratelimit-limit-tokens"), Some("1000"));
}

#[tokio::test]
async fn a_batch_is_one_request() {
    let backend = Scripted::new("demo");
    let limits = OrganizationLimits { requests_per_day: Some(10), ..OrganizationLimits::default() };
    let app = app(&backend, limits).await;
    for _ in 0..3 {
        backend.reply(Reply::text(&["Hello"]));
    }
    let batch = r#"{"prompts": ["one", "two", "three"]}"#;
    let answer = app.send(with_key(post("/predict/batch", batch), "user")).await.ok();
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("9"));
}

#[tokio::test]
async fn a_request_that_never_fits_is_told_so() {
    let app = app(&Scripted::new("demo"), tokens_a_day(50)).await;
    let refused = chat(&app, "user", json!({"max_tokens": 51})).await;
    assert_eq!((refused.status.as_u16(), refused.json()["error"]["param"].as_str()), (400, Some("max_tokens")));
}

/// Reserves most of a quota, ends in some way, and tells how many tokens are left after that.
async fn left_after(stream: bool, end: impl AsyncFnOnce(&Scripted, testkit::Remote, Response<Body>)) -> u64 {
    let backend = Scripted::new("demo");
    let app = app(&backend, tokens_a_day(1000)).await;
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    assert!(remote.send(events::prompt(5)));
    let asked = with_key(post(CHAT, chat_with(json!({"max_tokens": 900, "stream": stream})).to_string()), "user");
    let response = app.open(asked).await;
    assert_eq!(response.status(), 200);
    end(&backend, remote, response).await;
    backend.reply(Reply::Refuse(backend::Error::QueueFull { reason: "full", retry_after: Duration::ZERO }));
    let after = app.send(with_key(post(COMPLETIONS, completion_with(json!({"max_tokens": 1})).to_string()), "user")).await;
    assert_eq!(after.status, 429);
    // What the last one had set aside: an estimate of its prompt, and a token.
    let set_aside = u64::from(backend::estimated_tokens("Once".len())) + 1;
    after.header("x-ratelimit-remaining-tokens").unwrap().parse::<u64>().unwrap() + set_aside
}

#[tokio::test]
async fn a_stream_that_is_dropped_costs_what_was_produced() {
    let left = left_after(true, async |_, remote, response| {
        let mut body = response.into_body();
        for _ in 0..3 {
            assert!(remote.send(events::text(0, "a")));
        }
        while !remote.is_read() {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        remote.dropped().await;
    })
    .await;
    assert_eq!(left, 1000 - 5 - 3);
}

#[tokio::test]
async fn what_was_produced_and_never_taken_costs_as_much() {
    let left = left_after(true, async |_, remote, response| {
        for _ in 0..300 {
            assert!(remote.send(events::text(0, "a")));
        }
        drop(response);
        remote.dropped().await;
    })
    .await;
    assert_eq!(left, 1000 - 5 - 300);
}

#[tokio::test]
async fn what_is_given_up_before_its_first_event_costs_its_prompt() {
    let left = left_after(true, async |_, remote, response| {
        drop(response);
        remote.dropped().await;
    })
    .await;
    assert_eq!(left, 1000 - 5);
}

#[tokio::test]
async fn what_is_given_up_in_the_queue_costs_nothing() {
    let backend = Scripted::new("demo");
    let app = app(&backend, tokens_a_day(1000)).await;
    backend.reply(Reply::Queue);
    let asked = with_key(post(CHAT, chat_with(json!({"max_tokens": 900})).to_string()), "user");
    let mut waiting = Box::pin(app.open(asked));
    while backend.counts().waiting == 0 {
        assert!(poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending())).await);
        tokio::task::yield_now().await;
    }
    drop(waiting);
    backend.reply(Reply::text(&["Hello"]));
    let answer = chat(&app, "user", json!({"max_tokens": 988})).await.ok();
    assert_eq!(answer.header("x-ratelimit-remaining-tokens"), Some("0"), "12 for the prompt and 988 for the answer");
}

#[tokio::test]
async fn a_stream_that_fails_costs_what_was_produced() {
    let left = left_after(true, async |_, remote, response| {
        assert!(remote.send(events::text(0, "a")) && remote.fail(backend::Error::internal("it broke")));
        let _ = response.into_body().collect().await;
    })
    .await;
    assert_eq!(left, 1000 - 5 - 1);
}

#[tokio::test]
async fn what_fails_before_its_first_byte_costs_a_request_and_no_token() {
    let backend = Scripted::new("demo");
    let limits = OrganizationLimits { requests_per_day: Some(10), ..tokens_a_day(1000) };
    let app = app(&backend, limits).await;
    for requests_left in ["9", "8"] {
        backend.reply(Reply::Refuse(backend::Error::Upstream { reason: "gone".into() }));
        let failed = chat(&app, "user", json!({"max_tokens": 900})).await;
        assert_eq!(failed.status, 502);
        assert_eq!(failed.header("x-ratelimit-remaining-requests"), Some(requests_left));
    }
}

#[tokio::test]
async fn readiness_says_when_nobody_new_can_be_let_in() {
    let store = Store::in_memory().await.unwrap();
    let key = listed("user", Role::User, "*", KeyLimits::default());
    let accounts = Accounts::open(store.clone(), Settings { listed: vec![key], ..Settings::default() }).await.unwrap();
    let models = vec![Model::new(Arc::new(Scripted::new("demo")))];
    let metrics = Arc::new(Metrics::new(["demo"]));
    let service = Service::with_accounts(models, serving::Settings::default(), metrics, accounts.clone());
    let app = TestApp::serving(service, settings());
    assert_eq!(app.get("/health/ready").await.status, 200);
    store.close().await;
    while accounts.is_available() {
        tokio::task::yield_now().await;
    }
    let answer = app.get("/health/ready").await;
    assert_eq!((answer.status.as_u16(), answer.json()["status"].as_str()), (200, Some("accounts_unavailable")));
}

#[tokio::test]
async fn a_request_with_two_keys_is_from_nobody() {
    let app = app_with(&Scripted::new("demo"), OrganizationLimits::default(), Addresses::Unlimited).await;
    for name in ["authorization", "x-api-key"] {
        let mut asked = post(CHAT, chat_with(json!({})).to_string());
        let prefix = if name == "authorization" { "Bearer " } else { "" };
        for key in ["user", "admin"] {
            asked.headers_mut().append(name, HeaderValue::try_from(format!("{prefix}{key}")).unwrap());
        }
        let answer = app.send(asked).await;
        assert_eq!(answer.status.as_u16(), 400);
        assert_eq!(answer.json()["error"]["message"], format!("the header {name} was sent twice"));
    }
    for (key, status) in [("user", 200), ("admin", 400)] {
        let mut asked = request(Method::GET, "/v1/models", Body::empty());
        asked.headers_mut().insert("authorization", HeaderValue::from_static("Bearer user"));
        asked.headers_mut().insert("x-api-key", HeaderValue::from_static(key));
        assert_eq!(app.send(asked).await.status.as_u16(), status, "{key}");
    }
}
