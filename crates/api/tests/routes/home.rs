//! `GET /`

use axum::body::Body;
use axum::http::Method;
use testkit::{Scripted, TestApp, request};

#[tokio::test]
async fn to_a_program() {
    let answer = TestApp::new(&Scripted::new("demo")).get("/").await.ok();
    insta::assert_snapshot!(answer.text(), @r#"{"message":"llm-inference-api test: chat completions are at POST /v1/chat/completions","docs":"/docs","health":"/health"}"#);
}

#[tokio::test]
async fn to_a_browser() {
    let app = TestApp::new(&Scripted::new("<demo>"));
    let mut request = request(Method::GET, "/", Body::empty());
    request.headers_mut().insert("accept", "text/html,*/*;q=0.8".parse().unwrap());
    request.headers_mut().insert("host", "box:8091\"><script>".parse().unwrap());
    let answer = app.send(request).await.ok();
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.text().contains("&lt;demo&gt;"));
    assert!(answer.text().contains(r#"<a href="docs">"#));
    assert!(answer.text().contains("http://box:8091&quot;&gt;&lt;script&gt;/v1/chat/completions"));
    assert!(!answer.text().contains("{{"), "a placeholder is left");
    assert!(!answer.text().contains("src="), "the page asks for something else");
}
