//! `POST /v1/feedback`

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use accounts::{Accounts, Store};
use serde_json::{Value, json};
use serving::{Besides, Keeps, Model, Outcomes, Service};
use telemetry::Metrics;
use testkit::{Reply, Scripted, TestApp, settings};

use crate::keys::{listed_for, with_key};
use crate::{CHAT, chat_with};

const FEEDBACK: &str = "/v1/feedback";

fn app(directory: &Path, accounts: Option<Accounts>) -> TestApp {
    let backend = Scripted::new("demo");
    for _ in 0..2 {
        backend.reply(Reply::text(&["SELECT", " 1"]));
    }
    let outcomes = Outcomes::within(directory, 1 << 20, Keeps::Texts).unwrap();
    let besides = Besides { accounts, outcomes, ..Besides::default() };
    let models = vec![Model::new(Arc::new(backend))];
    let service = Service::with(models, serving::Settings::default(), Arc::new(Metrics::new(["demo"])), besides);
    TestApp::serving(service, settings())
}

fn question() -> Value {
    chat_with(json!({"messages": [{"role": "user", "content": "Show one"}]}))
}

/// What is on the disk once nobody writes any more.
fn examples(app: TestApp, directory: &Path) -> String {
    drop(app);
    scorer::traffic::examples(directory, &BTreeMap::new()).unwrap()
}

#[tokio::test]
async fn a_rated_answer_becomes_an_example() {
    let place = tempfile::tempdir().unwrap();
    let app = app(place.path(), None);
    let whole = app.post(CHAT, &question()).await.ok().json();
    let mut streamed = question();
    streamed["stream"] = json!(true);
    let events = testkit::parse_sse(app.post(CHAT, &streamed).await.ok().text());
    let first: Value = serde_json::from_str(&events[0].data).unwrap();
    for (id, rating) in [(&whole["id"], 0.25), (&first["id"], 1.0)] {
        let answer = app.post(FEEDBACK, &json!({"response_id": id, "rating": rating})).await.ok().json();
        assert_eq!(answer, json!({"object": "feedback", "response_id": id, "rating": rating}));
    }
    insta::assert_snapshot!(examples(app, place.path()), @r#"
        {"prompt":"Show one","model":"demo","score":0.25}
        {"prompt":"Show one","model":"demo","score":1.0}
    "#);
}

#[tokio::test]
async fn who_changes_their_mind_does_not_fill_the_disk() {
    let place = tempfile::tempdir().unwrap();
    let app = app(place.path(), None);
    let answer = app.post(CHAT, &question()).await.ok().json();
    let rated = async |rating: f64| app.post(FEEDBACK, &json!({"response_id": answer["id"], "rating": rating})).await;
    for _ in 0..15 {
        rated(0.5).await.ok();
    }
    rated(0.75).await.ok();
    let refused = rated(1.0).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["param"]), (400, &json!("response_id")));
    insta::assert_snapshot!(examples(app, place.path()), @r#"{"prompt":"Show one","model":"demo","score":0.75}"#);
}

#[tokio::test]
async fn what_cannot_be_rated_is_told() {
    let place = tempfile::tempdir().unwrap();
    let app = app(place.path(), None);
    let mut told = Vec::new();
    for body in [
        json!({"response_id": "chatcmpl-1", "rating": 1}),
        json!({"response_id": "chatcmpl-1", "rating": 1.5}),
        json!({"response_id": "", "rating": 1}),
        json!({"response_id": "chatcmpl-1"}),
        json!({"response_id": "chatcmpl-1", "rating": 1, "colour": 1}),
    ] {
        let answer = app.post(FEEDBACK, &body).await;
        told.push(format!("{} {}", answer.status.as_u16(), answer.json()["error"]["message"]));
    }
    let elsewhere = TestApp::new(&Scripted::new("demo"));
    let answer = elsewhere.post(FEEDBACK, &json!({"response_id": "chatcmpl-1", "rating": 1})).await;
    told.push(format!("{} {}", answer.status.as_u16(), answer.json()["error"]["message"]));
    insta::assert_snapshot!(told.join("\n"), @r#"
        404 "there is no answer \"chatcmpl-1\" of yours that is kept"
        400 "rating must be between 0 and 1, but is 1.5"
        400 "response_id is required"
        400 "rating is required"
        400 "there is no parameter colour"
        404 "this server keeps no answers that could be rated"
    "#);
}

#[tokio::test]
async fn nobody_rates_what_others_were_answered() {
    let listed =
        vec![listed_for("mine", "demo"), accounts::Listed { organization: "other".into(), ..listed_for("theirs", "demo") }];
    let settings = accounts::Settings { listed, ..accounts::Settings::default() };
    let accounts = Accounts::open(Store::in_memory().await.unwrap(), settings).await.unwrap();
    let place = tempfile::tempdir().unwrap();
    let app = app(place.path(), Some(accounts));
    let asked = |path: &str, body: Value, key| with_key(testkit::post(path, body.to_string()), key);
    let answer = app.send(asked(CHAT, question(), "mine")).await.ok().json();
    let rating = json!({"response_id": answer["id"], "rating": 1});
    assert_eq!(app.send(asked(FEEDBACK, rating.clone(), "theirs")).await.status, 404);
    assert_eq!(app.send(asked(FEEDBACK, rating, "mine")).await.status, 200);
}
