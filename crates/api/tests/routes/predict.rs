//! `POST /predict` and `POST /predict/batch`

use std::sync::Arc;

use backend::{MaxTokens, ModelCard, Prompt, Temperature, TopP};
use serde_json::{Value, json};
use serving::Model;
use testkit::{Answer, Reply, Scripted, TestApp, card, events};

const PREDICT: &str = "/predict";
const BATCH: &str = "/predict/batch";

/// The seconds that something took, which differ from call to call, are checked to be some and said in words.
fn told(answer: &Answer) -> String {
    fn stable(json: &mut Value) {
        for name in ["processing_time", "total_processing_time"] {
            if let Some(time) = json.get_mut(name) {
                assert!(time.is_f64() && time.as_f64() >= Some(0.0), "{time}");
                *time = "…".into();
            }
        }
        json.get_mut("results").and_then(Value::as_array_mut).into_iter().flatten().for_each(stable);
    }
    let mut json = answer.stable_json();
    stable(&mut json);
    format!("{} {json}", answer.status.as_u16())
}

async fn refused(path: &str, body: Value) -> String {
    told(&TestApp::new(&Scripted::new("demo")).post(path, &body).await)
}

#[tokio::test]
async fn one_prompt() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&[" upon", " a", " time"]));
    let answer = TestApp::new(&backend).post(PREDICT, &json!({"prompt": "Once"})).await;
    insta::assert_snapshot!(told(&answer), @r#"200 {"generated_text":" upon a time","prompt":"Once","tokens_generated":3,"processing_time":"…","model_name":"demo","model_version":"3","timestamp":"2026-01-01T00:00:00Z"}"#);
}

#[tokio::test]
async fn what_is_left_out_is_this_surfaces_default() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Hi"]));
    let of_model = serving::Defaults { temperature: Temperature::new(0.1).ok(), ..serving::Defaults::default() };
    let model = Model { defaults: of_model, ..Model::new(Arc::new(backend.clone())) };
    TestApp::with_models(vec![model]).post(PREDICT, &json!({"prompt": "Once"})).await.ok();
    let asked = backend.request();
    assert_eq!(asked.prompt, Prompt::Text("Once".into()));
    assert_eq!((asked.sampling.temperature, asked.sampling.top_p), (Temperature::new(0.7).ok(), TopP::new(0.95).ok()));
    assert_eq!((asked.max_tokens, asked.default_max_tokens), (None, MaxTokens::new(100)));
}

#[tokio::test]
async fn every_parameter_arrives() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Hi"]));
    let body =
        json!({"prompt": "Once", "max_length": 7, "temperature": 0, "top_p": 0.5, "stop_tokens": ["\n", "."], "seed": -1});
    TestApp::new(&backend).post(PREDICT, &body).await.ok();
    let asked = backend.request();
    assert_eq!((asked.sampling.temperature, asked.sampling.top_p), (Temperature::new(0.0).ok(), TopP::new(0.5).ok()));
    assert_eq!((asked.max_tokens, asked.sampling.seed), (MaxTokens::new(7), Some(u64::MAX)));
    assert_eq!(asked.stop.strings(), ["\n", "."]);
}

#[tokio::test]
async fn what_is_out_of_range() {
    let with = |name: &str, value: Value| refused(PREDICT, crate::with(json!({"prompt": "Once"}), json!({ name: value })));
    insta::assert_snapshot!(with("max_length", 0.into()).await, @r#"400 {"error":"validation_error","message":"max_length must be between 1 and 2048, but is 0","details":{"field":"max_length","value":"0","bound":"between 1 and 2048"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(with("max_length", 2049.into()).await, @r#"400 {"error":"validation_error","message":"max_length must be between 1 and 2048, but is 2049","details":{"field":"max_length","value":"2049","bound":"between 1 and 2048"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(with("temperature", 2.5.into()).await, @r#"400 {"error":"validation_error","message":"temperature must be between 0 and 2, but is 2.5","details":{"field":"temperature","value":"2.5","bound":"between 0 and 2"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(with("top_p", (-1).into()).await, @r#"400 {"error":"validation_error","message":"top_p must be between 0 and 1, but is -1","details":{"field":"top_p","value":"-1","bound":"between 0 and 1"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(with("stop_tokens", vec!["a"; 17].into()).await, @r#"400 {"error":"validation_error","message":"stop_tokens must be at most 16 strings, but is 17 strings","details":{"field":"stop_tokens","value":"17 strings","bound":"at most 16 strings"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(with("prompt", "".into()).await, @r#"400 {"error":"validation_error","message":"prompt must not be empty","details":{"field":"prompt"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(with("max_tokens", 5.into()).await, @r#"400 {"error":"validation_error","message":"there is no parameter max_tokens","details":{"field":"max_tokens"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
}

#[tokio::test]
async fn a_prompt_is_measured_in_the_models_tokens() {
    let words = vec!["word"; 2049].join(" ");
    insta::assert_snapshot!(refused(PREDICT, json!({"prompt": words})).await, @r#"400 {"error":"validation_error","message":"prompt must be at most 2048 tokens, but is 2049 tokens","details":{"field":"prompt","value":"2049 tokens","bound":"at most 2048 tokens"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
}

#[tokio::test]
async fn a_limit_of_the_model_is_told_in_this_surfaces_words() {
    let model = Model { max_tokens: MaxTokens::new(50), ..Model::new(Arc::new(Scripted::new("demo"))) };
    let answer = TestApp::with_models(vec![model]).post(PREDICT, &json!({"prompt": "Once", "max_length": 51})).await;
    insta::assert_snapshot!(told(&answer), @r#"400 {"error":"validation_error","message":"max_length must be at most 50, but is 51","details":{"field":"max_length","value":"51","bound":"at most 50"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
}

#[tokio::test]
async fn an_adapter_is_a_model_with_a_parent() {
    let adapter = Scripted::with_card(ModelCard { parent: Some("demo".into()), ..card("legal") });
    adapter.reply(Reply::text(&["Hi"]));
    let models = [Scripted::new("demo"), adapter].map(|backend| Model::new(Arc::new(backend)));
    let app = TestApp::with_models(models.to_vec());
    let ask = async |name: &str| app.post(PREDICT, &json!({"prompt": "Once", "adapter": name})).await;
    assert_eq!(ask("legal").await.ok().json()["model_name"], "legal");
    let batch = json!({"requests": [{"prompt": "Once"}, {"prompt": "Once", "adapter": "x"}]});
    assert_eq!(app.post("/predict/batch", &batch).await.json()["details"]["field"], "requests[1].adapter");
    insta::assert_snapshot!(told(&ask("demo").await), @r#"404 {"error":"not_found","message":"the adapter \"demo\" does not exist; there are: legal","details":{"field":"adapter"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(refused(PREDICT, json!({"prompt": "Once", "adapter": "x"})).await, @r#"404 {"error":"not_found","message":"the adapter \"x\" does not exist; there are: none","details":{"field":"adapter"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order() {
    let backend = Scripted::new("demo");
    // The second is done first.
    let (slow, remote) = Reply::steered();
    backend.reply(slow).reply(Reply::text(&["b"]));
    let app = TestApp::new(&backend);
    let body = json!({"prompts": ["A", "B"], "max_length": 5});
    let answer = async {
        backend.until(|counts| counts.running == 1).await;
        assert!(events::answer(&["a"]).into_iter().all(|event| remote.send(event)));
    };
    let (answer, ()) = tokio::join!(app.post(BATCH, &body), answer);
    insta::assert_snapshot!(told(&answer), @r#"200 {"results":[{"generated_text":"a","prompt":"A","tokens_generated":1,"processing_time":"…","model_name":"demo","model_version":"3","timestamp":"2026-01-01T00:00:00Z"},{"generated_text":"b","prompt":"B","tokens_generated":1,"processing_time":"…","model_name":"demo","model_version":"3","timestamp":"2026-01-01T00:00:00Z"}],"batch_size":2,"total_processing_time":"…","timestamp":"2026-01-01T00:00:00Z"}"#);
    assert!(backend.requests().iter().all(|asked| asked.max_tokens == MaxTokens::new(5)));
}

#[tokio::test]
async fn a_batch_runs_side_by_side() {
    let backend = Scripted::new("demo");
    let remotes: Vec<_> = (0..8).map(|_| Reply::steered()).map(|(reply, remote)| (backend.reply(reply), remote).1).collect();
    let app = TestApp::new(&backend);
    let finish = async {
        backend.until(|counts| counts.running == 8).await;
        for remote in &remotes {
            assert!(events::answer(&["x"]).into_iter().all(|event| remote.send(event)));
        }
    };
    let body = json!({"prompts": vec!["A"; 8]});
    let (answer, ()) = tokio::join!(app.post(BATCH, &body), finish);
    assert_eq!(answer.ok().json()["batch_size"], 8);
}

#[tokio::test]
async fn each_request_of_a_batch_may_have_its_own_parameters() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["a"])).reply(Reply::text(&["b"]));
    let body = json!({"requests": [{"prompt": "A", "max_length": 1}, {"prompt": "B", "max_length": 2, "temperature": 0}]});
    TestApp::new(&backend).post(BATCH, &body).await.ok();
    let asked: Vec<_> = backend.requests().iter().map(|asked| (asked.max_tokens, asked.sampling.temperature)).collect();
    let temperature = |value| Temperature::new(value).ok();
    assert_eq!(asked, [(MaxTokens::new(1), temperature(0.7)), (MaxTokens::new(2), temperature(0.0))]);
}

#[tokio::test]
async fn one_bad_prompt_refuses_the_batch_and_is_named() {
    let long = vec!["word"; 2049].join(" ");
    insta::assert_snapshot!(refused(BATCH, json!({"prompts": ["a", ""]})).await, @r#"400 {"error":"validation_error","message":"prompts[1] must not be empty","details":{"field":"prompts[1]"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Hi"]));
    let answer = TestApp::new(&backend).post(BATCH, &json!({"prompts": ["a", long]})).await;
    insta::assert_snapshot!(told(&answer), @r#"400 {"error":"validation_error","message":"prompts[1] must be at most 2048 tokens, but is 2049 tokens","details":{"field":"prompts[1]","value":"2049 tokens","bound":"at most 2048 tokens"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(refused(BATCH, json!({"prompts": ["a", 5]})).await, @r#"400 {"error":"validation_error","message":"prompts[1]: invalid type: integer `5`, expected a string","details":{"field":"prompts[1]","value":"integer `5`","bound":"a string"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(refused(BATCH, json!({"requests": [{"prompt": "a"}, {"prompt": "b", "top_p": 2}]})).await, @r#"400 {"error":"validation_error","message":"requests[1].top_p must be between 0 and 1, but is 2","details":{"field":"requests[1].top_p","value":"2","bound":"between 0 and 1"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(refused(BATCH, json!({"requests": [{"prompt": "a", "topp": 2}]})).await, @r#"400 {"error":"validation_error","message":"there is no parameter requests[0].topp","details":{"field":"requests[0].topp"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(refused(BATCH, json!({"requests": [{}]})).await, @r#"400 {"error":"validation_error","message":"requests[0].prompt is required","details":{"field":"requests[0].prompt"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
}

#[tokio::test]
async fn a_batch_that_is_none() {
    for body in [json!({}), json!({"prompts": []}), json!({"prompts": vec!["a"; 65]}), json!({"requests": []})] {
        assert!(refused(BATCH, body.clone()).await.starts_with("400"), "{body}");
    }
    let both = json!({"prompts": ["a"], "requests": [{"prompt": "a"}]});
    insta::assert_snapshot!(refused(BATCH, both).await, @r#"400 {"error":"validation_error","message":"requests cannot stand beside prompts; give one of them","details":{"field":"requests"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(refused(BATCH, json!({"requests": [{"prompt": "a"}], "max_length": 5})).await, @r#"400 {"error":"validation_error","message":"there is no parameter max_length","details":{"field":"max_length"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
}
