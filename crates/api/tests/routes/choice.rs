//! A name behind which a scorer chooses who answers.

use std::path::Path;
use std::sync::Arc;

use accounts::{Accounts, Store};
use axum::body::Body;
use axum::http::Method;
use backend::Error;
use serde_json::{Value, json};
use serving::{Besides, Candidate, Model, Route, Rule, Scorers, Service};
use telemetry::Metrics;
use testkit::{Reply, Scripted, TestApp, parse_sse, settings};

use crate::keys::{listed_for, with_key};
use crate::{CHAT, COMPLETIONS, chat_with};

const CODE: &str = "Implement a hash table in Rust. Keep it short.";
const STORY: &str = "Write a story that takes place in Rome. Use at least 900 words.";

/// Models `coder` and `author`, which say who they are, and the name `auto` for both.
struct World {
    coder: Scripted,
    author: Scripted,
}

impl World {
    fn new() -> Self {
        let named = |name: &str| {
            let backend = Scripted::new(name);
            backend.reply(Reply::text(&[name]));
            backend
        };
        Self { coder: named("coder"), author: named("author") }
    }

    fn besides() -> Besides {
        let scorers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/scorers");
        Besides { scorers: Scorers::within(scorers), routes: vec![route("dense_network/example")], ..Besides::default() }
    }

    fn app(&self, besides: Besides) -> TestApp {
        let models = [&self.coder, &self.author].map(|backend| Model::new(Arc::new(backend.clone()))).into();
        let metrics = Arc::new(Metrics::new(["coder", "author"]));
        TestApp::serving(Service::with(models, serving::Settings::default(), metrics, besides), settings())
    }
}

fn route(scorer: &str) -> Route {
    let candidate = |model: &str| Candidate { model: model.into(), cost: 0.0 };
    Route {
        id: "auto".into(),
        aliases: vec!["any".into()],
        scorer: scorer.into(),
        candidates: vec![candidate("coder"), candidate("author")],
        rule: Rule::Best,
        fallbacks: vec!["author".into()],
    }
}

fn ask(question: &str) -> Value {
    chat_with(json!({"model": "auto", "messages": [{"role": "user", "content": question}]}))
}

#[tokio::test]
async fn whoever_is_best_answers_under_their_own_name_and_says_why() {
    let app = World::new().app(World::besides());
    for (question, best) in [(CODE, "coder"), (STORY, "author")] {
        let answer = app.post(CHAT, &ask(question)).await.ok();
        let json = answer.json();
        assert_eq!((&json["model"], &json["choices"][0]["message"]["content"]), (&json!(best), &json!(best)));
        let scores = answer.header("x-router-scores").unwrap();
        assert!(scores.starts_with("coder=") && scores.contains(", author="), "{scores}");
    }
}

#[tokio::test]
async fn streams_and_completions_are_sent_where_they_belong() {
    let app = World::new().app(World::besides());
    let body = chat_with(json!({"model": "any", "messages": [{"role": "user", "content": STORY}], "stream": true}));
    let answer = app.post(CHAT, &body).await.ok();
    assert!(answer.header("x-router-scores").is_some());
    let events = parse_sse(answer.text());
    assert!(events[0].data.contains(r#""model":"author""#), "{events:?}");
    let answer = app.post(COMPLETIONS, &json!({"model": "auto", "prompt": CODE})).await.ok();
    assert_eq!(answer.json()["model"], "coder");
}

#[tokio::test]
async fn whoever_cannot_answer_now_is_passed_over() {
    let world = World { coder: Scripted::new("coder"), ..World::new() };
    let down = Error::Upstream { reason: "it hung up".into() };
    world.coder.reply(Reply::Refuse(down));
    let answer = world.app(World::besides()).post(CHAT, &ask(CODE)).await.ok();
    assert_eq!(answer.json()["model"], "author");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_nobodys_failure() {
    let world = World::new();
    let mut body = ask(CODE);
    body["temperature"] = json!(3);
    let answer = world.app(World::besides()).post(CHAT, &body).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["param"].clone()), (400, json!("temperature")));
}

#[tokio::test]
async fn where_no_scorer_can_choose_the_fallback_answers() {
    let world = World::new();
    let app = world.app(Besides { routes: vec![route("elo/absent")], ..World::besides() });
    let answer = app.post(CHAT, &ask(CODE)).await.ok();
    assert_eq!((answer.json()["model"].as_str(), answer.header("x-router-scores")), (Some("author"), None));
    let app = World::new().app(World::besides());
    let answer = app.post(COMPLETIONS, &json!({"model": "auto", "prompt": [1, 2, 3]})).await.ok();
    assert_eq!((answer.json()["model"].as_str(), answer.header("x-router-scores")), (Some("author"), None));
}

#[tokio::test]
async fn it_is_listed_and_other_surfaces_say_that_they_do_not_ask_it() {
    let app = World::new().app(World::besides());
    let list = app.get("/v1/models").await.ok().json();
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
    assert_eq!(ids, ["coder", "author", "auto"]);
    let unknown = app.post(CHAT, &chat_with(json!({"model": "nope"}))).await;
    assert!(unknown.text().contains("coder, author, auto"), "{}", unknown.text());
    assert_eq!(app.get("/v1/models/auto").await.ok().json()["object"], "model");
    let answer = app.post("/api/generate", &json!({"model": "auto", "prompt": CODE})).await;
    insta::assert_snapshot!(format!("{} {}", answer.status, answer.json()["message"]), @r#"400 Bad Request "model is not supported: a scorer chooses the model behind this name, for /v1/chat/completions and /v1/completions alone""#);
}

#[tokio::test]
async fn a_key_is_answered_by_models_that_it_may_ask() {
    let accounts = accounts::Settings {
        listed: vec![listed_for("poet", "author"), listed_for("nobody", "another"), listed_for("anybody", "any")],
        ..accounts::Settings::default()
    };
    let accounts = Accounts::open(Store::in_memory().await.unwrap(), accounts).await.unwrap();
    let world = World::new();
    let app = world.app(Besides { accounts: Some(accounts), ..World::besides() });
    let asked = |key| with_key(testkit::post(CHAT, ask(CODE).to_string()), key);
    assert_eq!(app.send(asked("poet")).await.ok().json()["model"], "author");
    assert_eq!(app.send(asked("nobody")).await.status, 403);
    // Who may ask the name need not know who is behind it, and may not ask them by their own names.
    assert_eq!(app.send(asked("anybody")).await.ok().json()["model"], "coder");
    let body = chat_with(json!({"model": "coder", "messages": [{"role": "user", "content": CODE}]}));
    assert_eq!(app.send(with_key(testkit::post(CHAT, body.to_string()), "anybody")).await.status, 403);
    let listed = app.send(with_key(testkit::request(Method::GET, "/v1/models", Body::empty()), "anybody")).await.ok().json();
    assert_eq!(listed["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect::<Vec<_>>(), ["auto"]);
}
