//! By which names the server may be asked.

use std::sync::Arc;

use api::TrustedHosts;
use axum::body::Body;
use axum::http::Method;
use serving::Model;
use testkit::{Answer, Scripted, TestApp, request, settings};

fn app() -> TestApp {
    let trusted_hosts = TrustedHosts::These(vec!["api.example.org".parse().unwrap(), "*.internal".parse().unwrap()]);
    let models = vec![Model::new(Arc::new(Scripted::new("demo")))];
    TestApp::with(models, serving::Settings::default(), api::Settings { trusted_hosts, ..settings() })
}

async fn get(app: &TestApp, path: &str, hosts: &[&str]) -> Answer {
    let mut request = request(Method::GET, path, Body::empty());
    for host in hosts {
        request.headers_mut().append("host", host.parse().unwrap());
    }
    app.send(request).await
}

#[tokio::test]
async fn a_trusted_name_is_answered() {
    for host in ["api.example.org", "API.example.org:8091", "llm.internal"] {
        get(&app(), "/v1/models", &[host]).await.ok();
    }
}

#[tokio::test]
async fn another_name_is_refused_in_the_body_of_the_surface() {
    let refused = get(&app(), "/v1/models", &["evil.example"]).await;
    assert_eq!(refused.status, 400);
    insta::assert_snapshot!(refused.stable_json(), @r#"{"error":{"message":"this server does not answer to the host \"evil.example\"","type":"invalid_request_error","param":null,"code":"untrusted_host"}}"#);
    insta::assert_snapshot!(get(&app(), "/", &[]).await.stable_json(), @r#"{"error":"validation_error","message":"this server does not answer to the host \"\"","details":{},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(get(&app(), "/", &["api.example.org", "evil.example"]).await.stable_json(), @r#"{"error":"validation_error","message":"the header host was sent twice","details":{},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
}

#[tokio::test]
async fn probes_ask_by_address() {
    for path in ["/health", "/health/live", "/health/ready", "/metrics"] {
        get(&app(), path, &["10.1.2.3:8091"]).await.ok();
    }
}
