//! `/docs`, `/swagger-ui` and `/redoc`, as far as that can be seen without a browser. `tests/browser` has one.

use axum::http::StatusCode;
use testkit::{Answer, Scripted, TestApp};

async fn get(path: &str) -> Answer {
    TestApp::new(&Scripted::new("demo")).get(path).await
}

/// What a page loads.
fn links(page: &str) -> Vec<&str> {
    let after = page.split(['"']).collect::<Vec<_>>();
    let pairs = after.windows(2).filter(|pair| pair[0].ends_with("src=") || pair[0].ends_with("href="));
    pairs.map(|pair| pair[1]).filter(|link| !link.starts_with("data:")).collect()
}

#[tokio::test]
async fn every_page_loads_only_what_the_server_has() {
    for path in ["/docs", "/swagger-ui", "/redoc"] {
        let page = get(path).await.ok();
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.contains("connect-src 'self';"), "{policy}");
        let links = links(page.text());
        assert!(links.len() >= 2, "{links:?}");
        for link in links {
            assert!(!link.starts_with('/'), "{link} leaves the path below which a proxy serves this");
            get(&format!("/{link}")).await.ok();
        }
    }
}

#[tokio::test]
async fn a_large_file_is_compressed() {
    let answer = get("/docs/swagger-ui.css").await.ok();
    assert_eq!(answer.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn another_file_is_not_there() {
    let answer = get("/docs/passwd").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["message"], "there is nothing at GET /docs/passwd");
}
