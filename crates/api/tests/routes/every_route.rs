//! What holds for every route: ids, origins, heads.

use std::sync::Arc;

use api::Origins;
use axum::body::Body;
use axum::http::Method;
use serving::Model;
use testkit::{Answer, Scripted, TestApp, request, settings};

async fn get_with(app: &TestApp, path: &str, name: &'static str, value: &str) -> Answer {
    let mut request = request(Method::GET, path, Body::empty());
    request.headers_mut().insert(name, value.parse().unwrap());
    app.send(request).await
}

#[tokio::test]
async fn a_safe_request_id_comes_back() {
    let app = TestApp::new(&Scripted::new("demo"));
    for path in ["/health", "/nothing", "/v1/nothing"] {
        let answer = get_with(&app, path, "x-request-id", "abc-123").await;
        assert_eq!(answer.header("x-request-id"), Some("abc-123"));
    }
    let answer = get_with(&app, "/nothing", "x-request-id", "abc-123").await;
    assert_eq!(answer.json()["request_id"], "abc-123");
}

#[tokio::test]
async fn an_unsafe_request_id_is_replaced() {
    let app = TestApp::new(&Scripted::new("demo"));
    for unsafe_id in ["", "a b", "<script>", "a\"b", &"x".repeat(129)] {
        let answer = get_with(&app, "/health", "x-request-id", unsafe_id).await;
        let id = answer.header("x-request-id").unwrap();
        assert!(id != unsafe_id && id.len() == 36, "{id}");
    }
}

#[tokio::test]
async fn any_page_may_ask() {
    let app = TestApp::new(&Scripted::new("demo"));
    let answer = get_with(&app, "/health", "origin", "https://example.org").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let mut preflight = request(Method::OPTIONS, "/v1/chat/completions", Body::empty());
    preflight.headers_mut().insert("origin", "https://example.org".parse().unwrap());
    preflight.headers_mut().insert("access-control-request-method", "POST".parse().unwrap());
    let asked = "authorization,x-api-key,content-type";
    preflight.headers_mut().insert("access-control-request-headers", asked.parse().unwrap());
    let answer = app.send(preflight).await.ok();
    // A star would not stand for `authorization`.
    assert_eq!(answer.header("access-control-allow-headers"), Some(asked));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn only_these_pages_may_ask() {
    let origins = Origins::These(vec!["https://example.org".parse().unwrap()]);
    let models = vec![Model::new(Arc::new(Scripted::new("demo")))];
    let app = TestApp::with(models, serving::Settings::default(), api::Settings { origins, ..settings() });
    let allowed = get_with(&app, "/health", "origin", "https://example.org").await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://example.org"));
    assert_eq!(
        allowed.header("access-control-expose-headers"),
        Some(
            "x-request-id,retry-after,x-router-scores,\
             x-ratelimit-limit-requests,x-ratelimit-remaining-requests,x-ratelimit-reset-requests,\
             x-ratelimit-limit-tokens,x-ratelimit-remaining-tokens,x-ratelimit-reset-tokens"
        )
    );
    // A cache must not give one page what was allowed to another.
    assert!(allowed.header("vary").is_some_and(|vary| vary.contains("origin")));
    let refused = get_with(&app, "/health", "origin", "https://evil.example").await;
    assert_eq!(refused.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_refusal_can_be_read_by_a_page() {
    let app = TestApp::new(&Scripted::new("demo"));
    let answer = get_with(&app, "/nothing", "origin", "https://example.org").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}
