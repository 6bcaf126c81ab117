//! `GET /v1/models` and `GET /v1/models/{id}`

use backend::ModelState;
use testkit::{Scripted, TestApp};

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
