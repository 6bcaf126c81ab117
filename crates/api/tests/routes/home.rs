//! `GET /` and the files of its page, as far as that can be seen without a browser. `tests/console` has one.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use testkit::{Answer, Scripted, TestApp, request};

async fn as_browser() -> Answer {
    let mut request = request(Method::GET, "/", Body::empty());
    request.headers_mut().insert("accept", "text/html,*/*;q=0.8".parse().unwrap());
    TestApp::new(&Scripted::new("demo")).send(request).await.ok()
}

#[tokio::test]
async fn to_a_program() {
    let answer = TestApp::new(&Scripted::new("demo")).get("/").await.ok();
    insta::assert_snapshot!(answer.text(), @r#"{"message":"llm-inference-api test: chat completions are at POST /v1/chat/completions","docs":"/docs","health":"/health"}"#);
    assert_eq!(answer.header("vary"), Some("accept"), "a cache would show it to browsers");
}

#[tokio::test]
async fn to_a_browser() {
    let page = as_browser().await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("vary"), Some("accept"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    insta::assert_snapshot!(page.header("content-security-policy").unwrap(), @"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'");
}

#[tokio::test]
async fn the_page_consists_of_what_the_server_has() {
    let page = as_browser().await;
    let words = page.text().split('"').collect::<Vec<_>>();
    let links = words.windows(2).filter(|pair| pair[0].ends_with("src=") || pair[0].ends_with("href="));
    let files: Vec<_> = links.filter_map(|pair| pair[1].strip_prefix("./")).collect();
    assert_eq!(files, ["console/icon.svg", "console/console.js", "console/console.css"]);
    for (file, content_type, encoding) in [
        ("console/icon.svg", "image/svg+xml", None),
        ("console/console.js", "text/javascript; charset=utf-8", Some("gzip")),
        ("console/console.css", "text/css; charset=utf-8", Some("gzip")),
    ] {
        let answer = TestApp::new(&Scripted::new("demo")).get(&format!("/{file}")).await.ok();
        assert_eq!((answer.header("content-type"), answer.header("content-encoding")), (Some(content_type), encoding));
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "page and files have to be of one version");
    }
}

#[tokio::test]
async fn another_file_is_not_there() {
    let answer = TestApp::new(&Scripted::new("demo")).get("/console/passwd").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["message"], "there is nothing at GET /console/passwd");
}
