//! `/openapi.json` says what there is, and all of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::infer;
use axum::http::StatusCode;
use serde_json::Value;
use serving::{AdapterSource, Model};
use testkit::{Parked, Reply, Scripted, TestApp, settings};

async fn document() -> Value {
    TestApp::new(&Scripted::new("demo")).get("/openapi.json").await.ok().json()
}

/// (path, method) of each operation.
fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let each = paths.flat_map(|(path, item)| item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())));
    each.collect()
}

/// (path, method) of each line of the router, which cannot be asked for them.
fn routes() -> BTreeSet<(String, String)> {
    let lines = include_str!("../../src/routes.rs").lines().filter_map(|line| line.trim().strip_prefix(".route(\""));
    let each = lines.map(|line| {
        let (path, rest) = line.split_once("\", ").expect("a route is a path and a method on one line");
        let (method, _) = rest.split_once('(').unwrap();
        (documented(path, method), method.to_owned())
    });
    each.collect()
}

/// An id holds slashes, so that the router cannot tell it from what follows it.
fn documented(path: &str, method: &str) -> String {
    let end = if path == "/v1/models/{*id}" && method == "post" { "/reload" } else { "" };
    path.replace("{*", "{") + end
}

#[tokio::test]
async fn every_route_is_documented_and_nothing_else() {
    let routes = routes();
    assert!(routes.len() > 20, "the router is written in another way: {routes:?}");
    assert_eq!(operations(&document().await), routes);
}

#[tokio::test]
async fn the_copy_in_the_repository_is_up_to_date() {
    let copy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let expected = format!("{:#}\n", document().await);
    if fs::read_to_string(&copy).is_ok_and(|text| text == expected) {
        return;
    }
    let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi.json");
    fs::write(&new, expected).unwrap();
    panic!("docs/openapi.json is not what the code says; see what changed, and: cp {} docs/openapi.json", new.display());
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let document = document().await;
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

/// The first success that an operation documents, or what it refuses everything with.
fn first_status(operation: &Value) -> u16 {
    let responses = operation["responses"].as_object().unwrap();
    let own = ["200", "403", "404"].into_iter().find(|status| responses.contains_key(*status));
    own.expect("an operation answers or refuses").parse().unwrap()
}

#[tokio::test]
async fn every_example_is_answered_as_documented() {
    let mut examples = 0;
    for (path, item) in document().await["paths"].as_object().unwrap() {
        let Some(body) = item["post"].get("requestBody") else { continue };
        if path == "/v1/feedback" {
            // There has to be an answer first: its own tests ask for one.
            continue;
        }
        let root = tempfile::tempdir().unwrap();
        let answer = able(path, root.path()).post(path, &body["content"]["application/json"]["example"]).await;
        assert_eq!(answer.status.as_u16(), first_status(&item["post"]), "{path}: {}", answer.text());
        examples += 1;
    }
    assert!(examples > 10, "only {examples} operations have an example");
}

/// A server on which the example of a path can be answered.
fn able(path: &str, root: &Path) -> TestApp {
    if path.ends_with("load_lora_adapter") {
        fs::create_dir(root.join("legal")).unwrap();
        let there = path.contains("unload").then(|| ("legal".to_owned(), AdapterSource::new("legal")));
        let model = Model { adapters: there.into_iter().collect(), ..Parked::new("demo", 1).model() };
        let api = api::Settings { adapter_root: Some(root.to_owned()), ..settings() };
        return TestApp::with(vec![model], serving::Settings::default(), api);
    }
    let backend = match path {
        "/v1/classify" => Scripted::classifier("demo"),
        "/v1/embeddings" => Scripted::embedder("demo"),
        _ => Scripted::new("demo"),
    };
    for _ in 0..2 {
        backend.reply(match path {
            "/v1/classify" => Reply::classes(&[("question", 1.0)]),
            "/v1/embeddings" => Reply::vectors(&[&[1.0]]),
            _ => Reply::text(&["SELECT 1"]),
        });
    }
    infer::app_beside(&backend)
}

#[tokio::test]
async fn what_can_be_fetched_is_answered_as_documented() {
    let app = TestApp::new(&Scripted::new("demo"));
    for (path, item) in document().await["paths"].as_object().unwrap() {
        if item["get"].is_null() {
            continue;
        }
        let path = path.replace("{id}", "demo").replace("docs/{file}", "docs/redoc.js").replace("{file}", "console.js");
        let answer = app.get(&path).await;
        let content_type = answer.header("content-type").unwrap();
        let documented = item["get"]["responses"][answer.status.as_str()]["content"].as_object().unwrap();
        let essence = |text: &str| text.split(';').next().unwrap().to_owned();
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(documented.keys().any(|name| essence(name) == essence(content_type)), "{path}: {content_type}");
    }
}

#[tokio::test]
async fn the_examples_name_a_model_that_is_served() {
    let document = TestApp::new(&Scripted::new("org/other")).get("/openapi.json").await.ok().json();
    let chat = &document["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"];
    assert_eq!(chat["example"]["model"], "org/other");
}

#[tokio::test]
async fn every_refusal_has_the_body_of_its_surface() {
    let document = document().await;
    for (path, item) in document["paths"].as_object().unwrap() {
        let openai = path.starts_with("/v1/") || path == "/text2sql";
        let expected = if openai { "#/components/schemas/OpenAiError" } else { "#/components/schemas/Error" };
        for operation in item.as_object().unwrap().values() {
            assert!(!operation["responses"]["500"].is_null(), "{path}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let is_health = path.starts_with("/health") && status == "503";
                if !status.starts_with('2') && !is_health {
                    let place = response["$ref"].as_str().unwrap().trim_start_matches('#');
                    let schema = &document.pointer(place).unwrap()["content"]["application/json"]["schema"]["$ref"];
                    assert_eq!(schema, expected, "{path}: {status}");
                }
            }
        }
    }
}
