//! Every row of the table of errors on every route that takes a body: the body is its surface's, and knows its request.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use backend::{Error, ModelState};
use serde_json::{Value, json};
use serving::Model;
use testkit::{Answer, Reply, Scripted, TestApp, post, request, settings};

/// What there is to know of a route.
struct Route {
    path: &'static str,
    body: Value,
    /// A model answers it.
    generates: bool,
    names_its_model: bool,
    /// A field that it has, with a value out of range.
    out_of_range: Option<(&'static str, Value)>,
}

fn routes() -> Vec<Route> {
    let chat = json!({"model": "demo", "messages": [{"role": "user", "content": "Hello!"}]});
    let text = json!({"model": "demo", "prompt": "Once"});
    let models = |path, body: &Value| Route {
        path,
        body: body.clone(),
        generates: true,
        names_its_model: true,
        out_of_range: Some(("temperature", json!(3))),
    };
    let predict = |path, body| Route { names_its_model: false, ..models(path, &body) };
    let other =
        |path, body: Value, out_of_range| Route { path, body, generates: false, names_its_model: false, out_of_range };
    let infer = json!({"model": "dense_network/x", "models_to_score": ["a"], "prompts": ["b"]});
    let input = json!({"model": "demo", "input": "Once"});
    vec![
        models("/v1/chat/completions", &chat),
        models("/v1/completions", &text),
        models("/text2sql", &chat),
        models("/api/generate", &text),
        models("/api/generate/stream", &text),
        models("/api/chat", &chat),
        models("/api/chat/stream", &chat),
        predict("/predict", json!({"prompt": "Once"})),
        predict("/predict/batch", json!({"prompts": ["Once"]})),
        Route { names_its_model: true, ..other("/v1/classify", input.clone(), None) },
        Route { names_its_model: true, ..other("/v1/embeddings", input, None) },
        other("/v1/feedback", json!({"response_id": "chatcmpl-1", "rating": 1}), None),
        other("/infer", infer, Some(("batch_size", json!(1025)))),
        other("/v1/load_lora_adapter", json!({"lora_name": "a", "lora_path": "b"}), None),
        other("/v1/unload_lora_adapter", json!({"lora_name": "a"}), None),
    ]
}

impl Route {
    fn with(&self, field: &str, value: impl Into<Value>) -> Request<Body> {
        post(self.path, crate::with(self.body.clone(), json!({ field: value.into() })).to_string())
    }

    fn right(&self) -> Request<Body> {
        post(self.path, self.body.to_string())
    }

    /// The answer is this refusal, in the body of the route's surface.
    fn check(&self, answer: &Answer, status: u16, name: &'static str) {
        let (json, path) = (answer.json(), self.path);
        assert_eq!(answer.status, status, "{path} {json}");
        let id = answer.header("x-request-id").unwrap();
        if path.starts_with("/v1/") || path == "/text2sql" {
            let error = &json["error"];
            assert!(codes(name).contains(&error["code"].as_str().unwrap_or("none")), "{path} {name} {json}");
            let kinds = ["invalid_request_error", "rate_limit_error", "server_error", "permission_error"];
            assert!(kinds.contains(&error["type"].as_str().unwrap()), "{path} {json}");
            assert!(error["message"].is_string() && error.get("param").is_some() && error.get("code").is_some(), "{path}");
        } else {
            assert_eq!((&json["error"], &json["request_id"]), (&json!(name), &json!(id)), "{path}");
            assert!(json["message"].is_string() && json["details"].is_object() && json["timestamp"].is_string(), "{path}");
        }
    }
}

/// What a reason is called in OpenAI's bodies.
fn codes(name: &'static str) -> Vec<&'static str> {
    match name {
        "validation_error" => vec![
            "none",
            "invalid_type",
            "invalid_value",
            "missing_required_parameter",
            "unknown_parameter",
            "unsupported_parameter",
            "context_length_exceeded",
        ],
        "not_found" => vec!["model_not_found", "response_not_found"],
        "method_not_allowed" => vec!["method_not_supported"],
        same => vec![same],
    }
}

#[tokio::test]
async fn no_route_that_takes_a_body_is_forgotten() {
    let document = TestApp::new(&Scripted::new("demo")).get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap().iter();
    let mut taking: Vec<_> =
        paths.filter(|(_, path)| path["post"]["requestBody"].is_object()).map(|(path, _)| path).collect();
    let routes = routes();
    let mut known: Vec<_> = routes.iter().map(|route| route.path).collect();
    taking.sort_unstable();
    known.sort_unstable();
    assert_eq!(taking, known);
}

/// What a route answers to a request, with a model that answers so.
async fn answer(reply: Reply, asked: Request<Body>) -> Answer {
    let backend = Scripted::new("demo");
    backend.reply(reply);
    let api = api::Settings { body_limit: 10_000, ..settings() };
    TestApp::with(vec![Model::new(Arc::new(backend))], serving::Settings::default(), api).send(asked).await
}

async fn refused(asked: Request<Body>) -> Answer {
    answer(Reply::Queue, asked).await
}

#[tokio::test]
async fn what_is_no_request() {
    for route in routes() {
        let path = route.path;
        route.check(&refused(post(path, "{")).await, 400, "validation_error");
        route.check(&refused(post(path, "[]")).await, 400, "validation_error");
        route.check(&refused(post(path, "{}")).await, 400, "validation_error");
        route.check(&refused(route.with("nonsense", json!(1))).await, 400, "validation_error");
        let (field, _) = route.body.as_object().unwrap().iter().next().unwrap();
        route.check(&refused(route.with(field, json!({"a": 1}))).await, 400, "validation_error");
        if let Some((field, value)) = &route.out_of_range {
            let answer = refused(route.with(field, value.clone())).await;
            route.check(&answer, 400, "validation_error");
            let told = answer.json();
            let named = told["details"]["field"].as_str().or(told["error"]["param"].as_str());
            assert_eq!(named, Some(*field), "{path}");
        }
    }
}

#[tokio::test]
async fn what_http_refuses() {
    for route in routes() {
        route.check(&refused(request(Method::GET, route.path, Body::empty())).await, 405, "method_not_allowed");
        let mut text = route.right();
        text.headers_mut().insert("content-type", "text/plain".parse().unwrap());
        route.check(&refused(text).await, 415, "unsupported_media_type");
        route.check(&refused(post(route.path, " ".repeat(10_001))).await, 413, "payload_too_large");
    }
}

#[tokio::test]
async fn what_a_model_refuses() {
    let retry_after = Duration::from_secs(7);
    let rows = [
        (Error::ContextLength { parameter: "prompt".into(), context: 8, prompt: 9, completion: 1 }, 400, "validation_error"),
        (Error::InvalidOutput { reason: "it is prose".into(), attempts: 3 }, 422, "invalid_model_output"),
        (Error::QueueFull { reason: "too many requests at once", retry_after }, 429, "queue_full"),
        (Error::internal("a secret of ours"), 500, "internal_server_error"),
        (Error::Upstream { reason: "it hung up".into() }, 502, "upstream_error"),
        (Error::Unavailable { reason: "it is draining".into(), retry_after }, 503, "service_unavailable"),
        (Error::Timeout { after: retry_after }, 504, "gateway_timeout"),
        (Error::Loop { reason: "it has come back" }, 508, "loop_detected"),
    ];
    for route in routes().iter().filter(|route| route.generates) {
        for (error, status, name) in &rows {
            let answer = answer(Reply::Refuse(error.clone()), route.right()).await;
            route.check(&answer, *status, name);
            assert_eq!(answer.header("retry-after"), error.retry_after().map(|_| "7"), "{}", route.path);
            assert!(!answer.text().contains("secret"));
        }
    }
}

#[tokio::test]
async fn a_panic() {
    for route in routes().iter().filter(|route| route.generates) {
        let answer = answer(Reply::Panic("a secret of ours"), route.right()).await;
        route.check(&answer, 500, "internal_server_error");
        assert!(!answer.text().contains("secret"));
    }
}

#[tokio::test]
async fn a_model_that_is_not_there() {
    for route in routes().iter().filter(|route| route.generates) {
        if route.names_its_model {
            route.check(&refused(route.with("model", json!("gpt-5"))).await, 404, "not_found");
        } else if route.path == "/predict" {
            route.check(&refused(route.with("adapter", json!("legal"))).await, 404, "not_found");
        }
        let backend = Scripted::new("demo");
        backend.set_state(ModelState::Loading);
        route.check(&TestApp::new(&backend).send(route.right()).await, 503, "service_unavailable");
    }
}

#[tokio::test]
async fn what_is_not_there() {
    for route in routes().iter().filter(|route| !route.generates) {
        let (status, name) = match route.path {
            "/v1/load_lora_adapter" => (403, "forbidden"),
            _ => (404, "not_found"),
        };
        let asked = if route.names_its_model { route.with("model", json!("gpt-5")) } else { route.right() };
        route.check(&refused(asked).await, status, name);
    }
}
