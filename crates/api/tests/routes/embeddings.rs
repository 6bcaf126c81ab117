//! `POST /v1/embeddings`

use serde_json::{Value, json};
use testkit::{Reply, Scripted, TestApp};

use crate::with;

const EMBEDDINGS: &str = "/v1/embeddings";

fn app(vectors: &[&[f32]]) -> TestApp {
    let backend = Scripted::embedder("demo");
    backend.reply(Reply::vectors(vectors));
    TestApp::new(&backend)
}

fn text_with(fields: Value) -> Value {
    with(json!({"model": "demo", "input": "Show all users"}), fields)
}

#[tokio::test]
async fn a_text_has_a_vector() {
    let answer = app(&[&[0.6, -0.8]]).post(EMBEDDINGS, &text_with(json!({"user": "u"}))).await.ok();
    insta::assert_snapshot!(answer.text(), @r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.6,-0.8]}],"model":"demo","usage":{"prompt_tokens":5,"total_tokens":5}}"#);
}

#[tokio::test]
async fn several_have_theirs_in_base64_if_that_is_asked() {
    let body = text_with(json!({"input": ["a", "b"], "encoding_format": "base64"}));
    let answer = app(&[&[0.5, -1.0], &[1.0, 0.0]]).post(EMBEDDINGS, &body).await.ok().json();
    assert_eq!(answer["data"][0]["embedding"], "AAAAPwAAgL8=");
    assert_eq!((&answer["data"][1]["index"], &answer["data"][1]["embedding"]), (&json!(1), &json!("AACAPwAAAAA=")));
}

#[tokio::test]
async fn a_model_does_what_it_can_and_nothing_else() {
    let writer = TestApp::new(&Scripted::new("demo"));
    let told = |answer: testkit::Answer| format!("{} {}", answer.status.as_u16(), answer.json()["error"]["message"]);
    let chat = json!({"model": "demo", "messages": [{"role": "user", "content": "Hi"}]});
    let told = [
        told(writer.post(EMBEDDINGS, &text_with(json!({}))).await),
        told(app(&[]).post("/v1/chat/completions", &chat).await),
        told(app(&[]).post("/v1/classify", &text_with(json!({}))).await),
        told(writer.post(EMBEDDINGS, &text_with(json!({"model": "other"}))).await),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
        400 "model is not supported: it makes no embeddings"
        400 "model is not supported: it embeds texts and writes none"
        400 "model is not supported: it embeds texts and classifies none"
        404 "the model \"other\" does not exist; there are: demo"
    "#);
    let models = app(&[]).get("/api/llms").await.ok().json();
    assert_eq!(models[0]["capabilities"], json!(["embed"]));
}

#[tokio::test]
async fn it_is_measured_under_its_name() {
    let app = app(&[&[1.0]]);
    app.post(EMBEDDINGS, &text_with(json!({}))).await.ok();
    let metrics = app.get("/metrics").await.ok();
    let tokens = "gen_ai_client_token_usage_sum{gen_ai_operation_name=\"embeddings\"";
    let line = metrics.text().lines().find(|line| line.starts_with(tokens) && line.contains("\"input\"")).unwrap();
    assert!(line.ends_with(" 5.0"), "{line}");
}
