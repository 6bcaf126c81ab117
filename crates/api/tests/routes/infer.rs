//! `POST /infer`

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use accounts::{Accounts, OrganizationLimits, Store};
use serde_json::{Value, json};
use serving::{Besides, Model, Scorers, Service};
use telemetry::Metrics;
use testkit::{Scripted, TestApp, settings};

use crate::keys::{listed_user, with_key};
use crate::with;

/// The example of the repository.
fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/scorers")
}

/// With this model and the scorer of the repository.
pub(crate) fn app_beside(backend: &Scripted) -> TestApp {
    serving(vec![Model::new(Arc::new(backend.clone()))], with_scorers(&examples()))
}

fn app(scorers: &Path) -> TestApp {
    serving(Vec::new(), with_scorers(scorers))
}

fn with_scorers(scorers: &Path) -> Besides {
    Besides { scorers: Scorers::within(scorers), ..Besides::default() }
}

fn serving(models: Vec<Model>, besides: Besides) -> TestApp {
    let metrics = Arc::new(Metrics::new(["demo", "dense_network/example"]));
    TestApp::serving(Service::with(models, serving::Settings::default(), metrics, besides), settings())
}

fn ask(fields: Value) -> Value {
    let prompts = [
        "Implement a hash table in Rust. Keep it short.",
        "Calculate the integral for 3 and 8. Only the result.",
        "Write a story that takes place in Rome. Use at least 900 words.",
    ];
    let right =
        json!({"model": "dense_network/example", "models_to_score": ["solver", "coder", "author"], "prompts": prompts});
    with(right, fields)
}

async fn refused(app: &TestApp, fields: Value) -> String {
    let answer = app.post("/infer", &ask(fields)).await;
    let json = answer.json();
    format!("{} {} {}", answer.status, json["error"], json["message"])
}

#[tokio::test]
async fn each_model_is_scored_for_each_prompt_in_the_order_asked() {
    let answer = app(&examples()).post("/infer", &ask(json!({}))).await.ok();
    let text = answer.text();
    assert!(text.find("solver") < text.find("coder") && text.find("coder") < text.find("author"), "{text}");
    let scores = &answer.json()["scores"];
    let best = |prompt: usize| {
        let score = |model: &&str| scores[*model][prompt].as_f64().unwrap();
        ["solver", "coder", "author"].into_iter().max_by(|one, other| score(one).total_cmp(&score(other))).unwrap()
    };
    assert_eq!([0, 1, 2].map(best), ["coder", "solver", "author"]);
    assert_eq!(scores["coder"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_score_depends_on_nothing_else_that_was_asked() {
    let app = app(&examples());
    let together = app.post("/infer", &ask(json!({}))).await.ok().json();
    for size in [1, 2, 1024] {
        assert_eq!(app.post("/infer", &ask(json!({"batch_size": size}))).await.ok().json(), together);
    }
    for (index, prompt) in ask(json!({}))["prompts"].as_array().unwrap().iter().enumerate() {
        let alone = app.post("/infer", &ask(json!({"prompts": [prompt], "models_to_score": ["coder"]}))).await.ok();
        assert_eq!(alone.json()["scores"], json!({"coder": [together["scores"]["coder"][index]]}));
    }
}

#[tokio::test]
async fn a_model_that_is_named_twice_has_one_entry() {
    let fields = json!({"models_to_score": ["coder", "author", "coder"], "prompts": ["Why?"]});
    let answer = app(&examples()).post("/infer", &ask(fields)).await.ok();
    assert_eq!(answer.text().matches("coder").count(), 1, "{}", answer.text());
}

#[tokio::test]
async fn what_cannot_be_scored_is_said_with_what_can() {
    let app = app(&examples());
    let mut told = Vec::new();
    for fields in [
        json!({"model": "example"}),
        json!({"model": "dense_network/../example"}),
        json!({"model": "dense_network/mine"}),
        json!({"model": "gpt/example"}),
        json!({"models_to_score": ["coder", "gpt-4"]}),
        json!({"models_to_score": vec!["coder"; 101]}),
        json!({"prompts": vec!["Why?"; 10_001]}),
        json!({"prompts": ["Why?", ""]}),
        json!({"prompts": ["Why?", "?".repeat(100_001)]}),
        json!({"batch_size": 0}),
    ] {
        told.push(refused(&app, fields).await);
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
        400 Bad Request "validation_error" "model must be type/name, as dense_network/example: letters, digits, -, _ and ., but is example"
        400 Bad Request "validation_error" "model must be type/name, as dense_network/example: letters, digits, -, _ and ., but is dense_network/../example"
        404 Not Found "not_found" "the scorer \"dense_network/mine\" does not exist; there are: dense_network/example"
        404 Not Found "not_found" "the scorer \"gpt/example\" does not exist; there are: dense_network/example"
        404 Not Found "not_found" "the scorer does not know the model \"gpt-4\"; it knows allround, author, coder, polyglot, solver"
        400 Bad Request "validation_error" "models_to_score must be at most 100, but is 101 of them"
        400 Bad Request "validation_error" "prompts must be at most 10000, but is 10001 of them"
        400 Bad Request "validation_error" "prompts[1] must not be empty"
        400 Bad Request "validation_error" "prompts[1] must be at most 100000, but is 100001 characters"
        400 Bad Request "validation_error" "batch_size must be between 1 and 1024, but is 0"
    "#);
}

#[tokio::test]
async fn without_scorers_none_is_invented() {
    let nowhere = TestApp::with_models(Vec::new());
    let empty = tempfile::tempdir().unwrap();
    for app in [nowhere, app(empty.path()), app(&empty.path().join("absent"))] {
        let told = refused(&app, json!({})).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(told, @r#"404 Not Found "not_found" "the scorer \"dense_network/example\" does not exist; there are: none""#);
        }
    }
}

#[tokio::test]
async fn a_scorer_that_is_damaged_is_unavailable_and_its_place_is_not_told() {
    let copy = tempfile::tempdir().unwrap();
    let (from, to) = (examples().join("dense_network"), copy.path().join("dense_network"));
    fs::create_dir(&to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let mut bytes = fs::read(file.path()).unwrap();
        if file.path().extension().is_some_and(|ending| ending == "safetensors") {
            bytes.pop();
        }
        fs::write(to.join(file.file_name()), bytes).unwrap();
    }
    insta::assert_snapshot!(refused(&app(copy.path()), json!({})).await, @r#"503 Service Unavailable "service_unavailable" "the scorer \"dense_network/example\" could not be loaded""#);
}

#[tokio::test]
async fn it_counts_as_a_request_of_whoever_asks() {
    let limits = OrganizationLimits { requests_per_day: Some(1), ..OrganizationLimits::default() };
    let accounts = accounts::Settings {
        listed: vec![listed_user("user")],
        organization_limits: Some(limits),
        ..accounts::Settings::default()
    };
    let accounts = Accounts::open(Store::in_memory().await.unwrap(), accounts).await.unwrap();
    let app = serving(Vec::new(), Besides { accounts: Some(accounts), ..with_scorers(&examples()) });
    let asked = || with_key(testkit::post("/infer", ask(json!({})).to_string()), "user");
    assert_eq!(app.post("/infer", &ask(json!({}))).await.status, 401);
    let answer = app.send(asked()).await.ok();
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("0"));
    let refusal = app.send(asked()).await;
    assert_eq!((refusal.status.as_u16(), refusal.json()["error"].as_str()), (429, Some("insufficient_quota")));
    let metrics = app.get("/metrics").await.ok();
    let counted = |line: &&str| {
        line.starts_with("gen_ai_server_request_duration_seconds_count") || line.starts_with("llm_organization_requests")
    };
    let mut lines: Vec<_> = metrics.text().lines().filter(counted).collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @r#"
        gen_ai_server_request_duration_seconds_count{gen_ai_operation_name="score",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="dense_network/example",error_type=""} 1
        gen_ai_server_request_duration_seconds_count{gen_ai_operation_name="score",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="dense_network/example",error_type="insufficient_quota"} 1
        llm_organization_requests_total{organization="acme"} 1
    "#);
}

#[tokio::test]
async fn a_server_that_ends_scores_nothing_more() {
    let app = app(&examples());
    app.service.drain();
    insta::assert_snapshot!(refused(&app, json!({})).await, @r#"503 Service Unavailable "service_unavailable" "the server is shutting down""#);
}
