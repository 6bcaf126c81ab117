//! `GET /v1/models` and `GET /v1/models/{id}`

use backend::ModelState;
use serde_json::Value;
use testkit::{Parked, Reply, Scripted, TestApp};

#[tokio::test]
async fn the_list() {
    let answer = TestApp::new(&Scripted::new("org/demo")).get("/v1/models").await.ok();
    insta::assert_json_snapshot!(answer.json(), @r#"
        {
          "object": "list",
          "data": [
            {
              "id": "org/demo",
              "object": "model",
              "created": 1767225600,
              "owned_by": "testkit",
              "parent": null,
              "max_model_len": 2048
            }
          ]
        }
    "#);
}

#[tokio::test]
async fn one_whose_id_holds_a_slash() {
    let app = TestApp::new(&Scripted::new("org/demo"));
    for path in ["/v1/models/org/demo", "/v1/models/org%2Fdemo"] {
        assert_eq!(app.get(path).await.ok().json()["id"], "org/demo");
    }
}

#[tokio::test]
async fn one_that_is_not_there() {
    let answer = TestApp::new(&Scripted::new("org/demo")).get("/v1/models/gpt-5").await;
    assert_eq!(answer.status, 404);
    insta::assert_snapshot!(answer.text(), @r#"{"error":{"message":"the model \"gpt-5\" does not exist; there are: org/demo","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#);
}

#[tokio::test]
async fn one_that_is_being_loaded() {
    let backend = Scripted::new("demo");
    backend.set_state(ModelState::Loading);
    let app = TestApp::new(&backend);
    insta::assert_snapshot!(app.get("/v1/models").await.ok().text(), @r#"{"object":"list","data":[]}"#);
    let answer = app.get("/v1/models/demo").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("5")));
}

#[tokio::test]
async fn one_whose_id_is_not_text() {
    let answer = TestApp::new(&Scripted::new("demo")).get("/v1/models/%FF").await;
    assert_eq!(answer.status, 404);
    insta::assert_snapshot!(answer.text(), @r#"{"error":{"message":"there is nothing at GET /v1/models/%FF","type":"invalid_request_error","param":null,"code":"unknown_url"}}"#);
}

#[tokio::test]
async fn the_newest_version_is_put_in_its_place() {
    let model = Parked::new("org/demo", 1);
    let app = TestApp::with_models(vec![model.model()]);
    let answer = app.post("/v1/models/org/demo/reload", &Value::Null).await.ok();
    insta::assert_snapshot!(answer.text(), @r#"{"id":"org/demo","version":"3","changed":false}"#);
    model.has(Ok(true));
    model.backend.reply(Reply::text(&["It answers"]));
    assert_eq!(app.post("/v1/models/org%2Fdemo/reload", &Value::Null).await.ok().json()["changed"], true);
    model.has(Err("the password is in /etc/mlflow"));
    let refused = app.post("/v1/models/org/demo/reload", &Value::Null).await;
    assert_eq!(refused.status, 503);
    insta::assert_snapshot!(refused.text(), @r#"{"error":{"message":"no newer version of the model \"org/demo\" can be had","type":"server_error","param":null,"code":"service_unavailable"}}"#);
}

#[tokio::test]
async fn what_cannot_be_reloaded() {
    let app = TestApp::new(&Scripted::new("demo"));
    for (path, status) in [("/v1/models/demo/reload", 400), ("/v1/models/gpt-5/reload", 404), ("/v1/models/demo", 405)] {
        assert_eq!(app.post(path, &Value::Null).await.status, status, "{path}");
    }
}
