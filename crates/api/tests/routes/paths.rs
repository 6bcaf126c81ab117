//! Paths that are nearly right, and methods beside GET and POST.

use axum::body::Body;
use axum::http::Method;
use testkit::{Scripted, TestApp, request};

use crate::CHAT;

#[tokio::test]
async fn a_path_is_what_it_is() {
    let app = TestApp::new(&Scripted::new("org/demo"));
    for path in ["/v1/models", "/v1/models/org/demo", "/v1/models/org%2Fdemo", "/v1/models?limit=5"] {
        app.get(path).await.ok();
    }
    for path in ["/v1/models/", "/v1//models", "//v1/models", "/v1%2Fmodels", "/V1/models", "/health/", "/v1/models/%FF"] {
        assert_eq!(app.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_slash_too_many_is_pointed_out() {
    let app = TestApp::new(&Scripted::new("demo"));
    for (path, hint) in [("/v1//models", "/v1/models"), ("/health/", "/health"), ("//v1///models//", "/v1/models")] {
        let text = app.get(path).await.text().to_owned();
        assert!(text.contains(&format!("did you mean {hint}?")), "{text}");
    }
    assert!(!app.get("/nothing").await.text().contains("did you mean"));
}

#[tokio::test]
async fn each_family_has_its_own_body() {
    let app = TestApp::new(&Scripted::new("demo"));
    for (path, openai) in
        [("/v1", true), ("/v1/", true), ("/v1/x", true), ("/text2sql/x", false), ("/v10", false), ("/api/x", false)]
    {
        let body = app.get(path).await.json();
        assert_eq!(body["error"].is_object(), openai, "{path}: {body}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = TestApp::new(&Scripted::new("demo"));
    for path in ["/health", "/v1/models", "/"] {
        let answer = app.send(request(Method::HEAD, path, Body::empty())).await.ok();
        assert_eq!(answer.text(), "", "{path}");
    }
    assert_eq!(app.send(request(Method::HEAD, CHAT, Body::empty())).await.status, 405);
    assert_eq!(app.send(request(Method::HEAD, "/nothing", Body::empty())).await.status, 404);
}

#[tokio::test]
async fn methods_that_nobody_takes() {
    let app = TestApp::new(&Scripted::new("demo"));
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let answer = app.send(request(method.parse().unwrap(), CHAT, Body::empty())).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some("POST")), "{method}");
    }
}

/// Without `Origin` too: a gateway that asks what there is gets the answer of a preflight.
#[tokio::test]
async fn options_answers_everywhere() {
    let app = TestApp::new(&Scripted::new("demo"));
    for path in [CHAT, "/v1/models/demo", "/health", "/nothing"] {
        let answer = app.send(request(Method::OPTIONS, path, Body::empty())).await.ok();
        assert_eq!(answer.header("access-control-allow-methods"), Some("*"), "{path}");
    }
}
