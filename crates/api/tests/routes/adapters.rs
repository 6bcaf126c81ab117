//! `POST /v1/load_lora_adapter`, `POST /v1/unload_lora_adapter`, and adapters in the place of models.

use std::fs;

use serde_json::{Value, json};
use serving::{AdapterSource, Model};
use tempfile::TempDir;
use testkit::{Answer, Parked, Reply, TestApp, settings};

const LOAD: &str = "/v1/load_lora_adapter";
const UNLOAD: &str = "/v1/unload_lora_adapter";

/// A server with an adapter root that has two adapters, and one of the catalogue.
struct World {
    model: Parked,
    app: TestApp,
    root: TempDir,
}

impl World {
    fn new() -> Self {
        let (model, root) = (Parked::new("demo", 1), tempfile::tempdir().unwrap());
        for name in ["legal", "poems", "broken"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let adapters = vec![("declared".to_owned(), AdapterSource::new("hf:org/adapter"))];
        let api = api::Settings { adapter_root: Some(root.path().to_owned()), ..settings() };
        let app = TestApp::with(vec![Model { adapters, ..model.model() }], serving::Settings::default(), api);
        Self { model, app, root }
    }

    async fn load(&self, body: Value) -> Answer {
        self.app.post(LOAD, &body).await
    }

    /// The source that the adapter of an answer had.
    async fn ask(&self, path: &str, body: Value) -> Option<String> {
        self.model.backend.reply(Reply::text(&["Hi"]));
        self.app.post(path, &body).await.ok();
        self.model.backend.adapters().pop().flatten()
    }
}

fn told(answer: &Answer) -> String {
    format!("{} {}", answer.status.as_u16(), answer.text())
}

#[tokio::test]
async fn an_adapter_is_asked_by_its_name_on_every_surface() {
    let world = World::new();
    let legal = fs::canonicalize(world.root.path().join("legal")).unwrap().to_str().unwrap().to_owned();
    let loaded = world.load(json!({"lora_name": "legal", "lora_path": "legal"})).await;
    assert_eq!(told(&loaded), "200 Success: LoRA adapter 'legal' added successfully.");
    let chat = json!({"model": "legal", "messages": [{"role": "user", "content": "Hello!"}]});
    let text = json!({"model": "legal", "prompt": "Once"});
    let predict = json!({"prompt": "Once", "adapter": "legal"});
    for (path, body) in [
        ("/v1/chat/completions", &chat),
        ("/v1/completions", &text),
        ("/api/chat", &chat),
        ("/api/generate", &text),
        ("/predict", &predict),
        ("/predict/batch", &json!({"prompts": ["Once"], "adapter": "legal"})),
    ] {
        assert_eq!(world.ask(path, body.clone()).await.as_ref(), Some(&legal), "{path}");
    }
    assert_eq!(world.ask("/predict", json!({"prompt": "Once"})).await, None);
    assert_eq!(world.ask("/predict", json!({"prompt": "Once", "adapter": "declared"})).await.unwrap(), "hf:org/adapter");
}

#[tokio::test]
async fn adapters_have_cards_with_a_parent() {
    let world = World::new();
    world.load(json!({"lora_name": "legal", "lora_path": "legal", "base_model_name": "demo"})).await.ok();
    let cards = world.app.get("/v1/models").await.ok().json();
    let cards: Vec<_> = cards["data"].as_array().unwrap().iter().map(|card| (&card["id"], &card["parent"])).collect();
    assert_eq!(
        format!("{cards:?}"),
        r#"[(String("demo"), Null), (String("declared"), String("demo")), (String("legal"), String("demo"))]"#
    );
    assert_eq!(world.app.get("/v1/models/legal").await.ok().json()["max_model_len"], 2048);
    assert_eq!(world.app.get("/v1/lora_adapters").await.ok().json()["data"].as_array().unwrap().len(), 2);
    world.app.post(UNLOAD, &json!({"lora_name": "declared"})).await.ok();
    assert_eq!(world.app.get("/v1/lora_adapters").await.ok().json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_what_lies_below_the_root_is_loaded() {
    let world = World::new();
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), world.root.path().join("link")).unwrap();
    for path in ["../x", "/etc", "link", "nothing", outside.path().to_str().unwrap(), "hf:org/other"] {
        let answer = world.load(json!({"lora_name": "x", "lora_path": path})).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status.as_u16(), &error["param"]), (400, &json!("lora_path")), "{path}");
        assert_eq!(
            error["message"], "lora_path does not lead to an adapter's directory or GGUF file below the adapter root",
            "{path}"
        );
    }
    let nowhere = TestApp::with(vec![world.model.model()], serving::Settings::default(), settings());
    let answer = nowhere.post(LOAD, &json!({"lora_name": "x", "lora_path": "legal"})).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["code"]), (403, &json!("forbidden")));
}

#[tokio::test]
async fn what_is_wrong_with_it_is_said() {
    let world = World::new();
    world.load(json!({"lora_name": "legal", "lora_path": "legal"})).await.ok();
    let message = async |body: Value| {
        let answer = world.load(body).await;
        format!("{} {}", answer.status.as_u16(), answer.json()["error"]["message"].as_str().unwrap())
    };
    insta::assert_snapshot!(message(json!({"lora_name": "legal", "lora_path": "poems"})).await, @r#"400 lora_name: the adapter "legal" has already been loaded; with load_inplace it is replaced"#);
    insta::assert_snapshot!(message(json!({"lora_name": "new", "lora_path": "broken"})).await, @"400 lora_path: it is for another model");
    insta::assert_snapshot!(message(json!({"lora_name": "demo", "lora_path": "poems"})).await, @r#"400 lora_name: "demo" is the name of a model"#);
    insta::assert_snapshot!(message(json!({"lora_name": "a b", "lora_path": "poems"})).await, @"400 lora_name must be the name of a model: 1 to 256 characters, without spaces and commas");
    insta::assert_snapshot!(message(json!({"lora_name": "new", "lora_path": "poems", "base_model_name": "x"})).await, @r#"404 the model "x" does not exist; there are: demo, declared, legal"#);
    let answer = world.load(json!({"lora_name": "new", "lora_path": "poems", "base_model_name": "x"})).await;
    assert_eq!(answer.json()["error"]["param"], "base_model_name");
    insta::assert_snapshot!(message(json!({"lora_name": "new", "lora_path": "poems", "lora_int_id": 1})).await, @"400 there is no parameter lora_int_id");
    world.load(json!({"lora_name": "legal", "lora_path": "poems", "load_inplace": true})).await.ok();
    let gone = world.app.post(UNLOAD, &json!({"lora_name": "x"})).await;
    insta::assert_snapshot!(told(&gone), @r#"404 {"error":{"message":"the adapter \"x\" does not exist; there are: declared, legal","type":"invalid_request_error","param":"lora_name","code":"model_not_found"}}"#);
    let gone = world.app.post("/v1/completions", &json!({"model": "x", "prompt": "Once"})).await;
    insta::assert_snapshot!(told(&gone), @r#"404 {"error":{"message":"the model \"x\" does not exist; there are: demo, declared, legal","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#);
}

#[tokio::test]
async fn what_the_settings_name_can_be_loaded_again() {
    let world = World::new();
    assert_eq!(world.app.post(UNLOAD, &json!({"lora_name": "declared"})).await.status, 200);
    let loaded = world.load(json!({"lora_name": "declared", "lora_path": "hf:org/adapter"})).await;
    assert_eq!(told(&loaded), "200 Success: LoRA adapter 'declared' added successfully.");
    let predict = json!({"prompt": "Once", "adapter": "declared"});
    assert_eq!(world.ask("/predict", predict).await.unwrap(), "hf:org/adapter");
}

#[tokio::test]
async fn the_registry_is_a_source_without_a_root() {
    let model = Parked::new("demo", 1);
    let app = TestApp::with_models(vec![model.model()]);
    let load = async |path: &str| app.post(LOAD, &json!({"lora_name": "live", "lora_path": path})).await;
    assert_eq!(load("hf:org/adapter").await.status, 403);
    assert_eq!(load("mlflow:models:/sql/1").await.status, 200);
    let listed = app.get("/v1/lora_adapters").await.ok().json();
    assert_eq!(listed["data"][0]["id"], "live");
}
