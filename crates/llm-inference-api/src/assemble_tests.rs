//! Settings that reach what answers.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use testkit::TestApp;

use super::*;
use crate::settings::{Arguments, EngineArguments, Environment, File, Machine, Purpose, resolve};

/// What a file says, and nothing else.
fn settings(file: &str) -> Settings {
    let variables = BTreeMap::new();
    let file = File::parse("serving_config.yaml", file, &variables);
    resolve(Arguments::default(), Environment::from_map(&variables), file, &Machine::look(), Purpose::Serve).unwrap()
}

/// A server with all that a file declares.
fn declared(file: &str) -> TestApp {
    let settings = settings(file);
    let catalogue = catalogue(&settings.models).unwrap();
    let selection = selection(&catalogue, &settings).unwrap();
    let parked = parked(&selection, None, &settings, &crate::fetching::sources(&settings)).unwrap();
    let models = parked.iter().map(|parked| offered(parked.model(), &settings)).collect();
    TestApp::with(models, serving_settings(&settings), api::Settings::default())
}

/// The embedded model.
fn loaded(engine: EngineArguments) -> Result<Loaded> {
    let arguments = Arguments { engine, ..Arguments::default() };
    let environment = Environment::from_map(&BTreeMap::new());
    let settings = resolve(arguments, environment, File::none(), &Machine::look(), Purpose::Answer)?;
    let catalogue = catalogue(&settings.models)?;
    let draft = draft(&catalogue, &settings.engine)?;
    let entry = selection(&catalogue, &settings)?.remove(0);
    load(entry, draft.as_ref(), &settings.engine, settings.engine.kv_cache_bytes.value.get(), &mut |_| {})
}

/// A server with it.
fn app(engine: EngineArguments) -> TestApp {
    TestApp::with_models(vec![loaded(engine).unwrap().model()])
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models").join(name)
}

#[test]
fn what_was_trained_and_not_merged_is_not_left_out() {
    let place = tempfile::tempdir().unwrap();
    for file in ["mlflow/peft/model/config.json", "mlflow/peft/model/model.safetensors", "hf/llama/tokenizer.json"] {
        fs::copy(fixture(file), place.path().join(Path::new(file).file_name().unwrap())).unwrap();
    }
    let entry = Entry::new("half", Source::Path(place.path().to_owned()));
    let refused = open(&entry).unwrap_err().to_string();
    assert!(refused.contains("what was trained is not merged into it (model.layers.0."), "{refused}");
    open(&Entry { adapter: Some(fixture("mlflow/peft/peft")), ..entry }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_of_the_catalogue_says_what_peft_says() {
    let places = ["hf/llama", "adapters/llama", "adapters/mistral"].map(|name| fixture(name).display().to_string());
    let [model, tuned, misfit] = places;
    let adapters = format!("[{{id: tuned, source: {tuned}}}, {{id: misfit, source: {misfit}}}]");
    let app = declared(&format!("models:\n  - {{id: tiny, source: {model}, adapters: {adapters}}}\n"));
    let expected: Value = serde_json::from_slice(&fs::read(fixture("adapters/llama/expected.json")).unwrap()).unwrap();
    let tokenizer = Checkpoint::open(&fixture("hf/llama")).unwrap().tokenizer;
    for prompt in expected["prompts"].as_array().unwrap() {
        let greedy: Vec<u32> = serde_json::from_value(prompt["greedy"].clone()).unwrap();
        let fields = json!({"prompt": prompt["prompt"], "temperature": 0, "max_tokens": greedy.len(), "ignore_eos": true});
        let ask = async |model: &str| {
            let mut body = fields.clone();
            body["model"] = model.into();
            app.post("/v1/completions", &body).await
        };
        let text = ask("tuned").await.ok().json()["choices"][0]["text"].clone();
        assert_eq!(text, tokenizer.decode(&greedy));
        assert_ne!(ask("tiny").await.ok().json()["choices"][0]["text"], text);
        let refusal = ask("misfit").await;
        assert_eq!(refusal.status.as_u16(), 503);
        assert_eq!(
            refusal.json()["error"]["message"],
            "the adapter \"misfit\" could not be loaded: its files cannot be used"
        );
    }
    let card = app.service.card("tuned").unwrap();
    assert_eq!(card.description, "LoRA, rank 6, 14 modules, 4.2 k parameters, for hf/llama");
}

/// A question whose answer stands in the conversation already.
fn conversation() -> Value {
    let question = json!({"role": "user", "content": "Get top 10 customers by revenue"});
    let answer = "SELECT customers.name, SUM(orders.amount) AS revenue FROM customers JOIN orders ON \
        orders.customer_id = customers.id GROUP BY customers.id ORDER BY revenue DESC LIMIT 10;";
    let messages = json!([question, {"role": "assistant", "content": answer}, question]);
    json!({"model": embedded::ID, "temperature": 0, "max_tokens": 200, "messages": messages, "logprobs": true})
}

/// What a client is told, but for the call's own id and time.
async fn answer(app: &TestApp) -> Value {
    let answer = app.post("/v1/chat/completions", &conversation()).await.ok().json();
    json!([answer["choices"], answer["usage"]])
}

async fn metric(app: &TestApp, name: &str) -> u64 {
    let metrics = app.get("/metrics").await.ok();
    let line = metrics.text().lines().find(|line| line.starts_with(name)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn guessing_ahead_shows_in_the_metrics_and_not_in_the_answer() {
    let plain = app(EngineArguments::default());
    let guessing = app(EngineArguments { speculation: Some(Speculation::Ngram), ..EngineArguments::default() });
    assert_eq!(answer(&guessing).await, answer(&plain).await);
    assert_eq!(metric(&plain, "vllm:spec_decode_num_drafts_total").await, 0);
    let drafts = metric(&guessing, "vllm:spec_decode_num_drafts_total").await;
    let drafted = metric(&guessing, "vllm:spec_decode_num_draft_tokens_total").await;
    let accepted = metric(&guessing, "vllm:spec_decode_num_accepted_tokens_total").await;
    assert!(drafts > 0 && accepted > 0 && accepted <= drafted, "{drafts} {drafted} {accepted}");
}

#[tokio::test]
async fn a_draft_model_is_found_by_its_id_and_changes_no_answer() {
    let plain = app(EngineArguments::default());
    let drafted = app(EngineArguments { draft_model: Some(embedded::ID.into()), ..EngineArguments::default() });
    assert_eq!(answer(&drafted).await, answer(&plain).await);
}

#[test]
fn a_draft_model_of_another_vocabulary_is_refused() {
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models/hf/llama");
    let arguments = EngineArguments { draft_model: Some(other), ..EngineArguments::default() };
    let refusal = loaded(arguments).unwrap_err();
    insta::assert_snapshot!(format!("{refusal:#}"), @r#"the model "demo" cannot be started: the draft model does not fit: its token 0 is "!" and the model's "<|endoftext|>"; what is needed is the same vocabulary, as a smaller model of the same family has it"#);
}

/// Description A's models under their own names, with their limits.
const CATALOGUE: &str = "\
models:
  - {id: llama3-8b-ft-v2, aliases: [llama3], source: embedded, max_tokens: 4096}
  - {id: mistral-7b-ft-v1, source: embedded, max_tokens: 8192, quantization: q4_0}
  - {id: gpt2-custom-v3, source: embedded, max_tokens: 2048, group: text2sql}
  - {id: other, source: embedded}
";

#[tokio::test]
async fn declared_models_answer_under_their_names_within_their_limits() {
    let app = declared(CATALOGUE);
    let models = app.get("/v1/models").await.ok().json();
    let ids: Vec<&str> = models["data"].as_array().unwrap().iter().filter_map(|card| card["id"].as_str()).collect();
    assert_eq!(ids, ["llama3-8b-ft-v2", "mistral-7b-ft-v1", "gpt2-custom-v3", "other"]);
    let ask = async |model: &str, max_tokens: u32| {
        let body = json!({"model": model, "max_tokens": max_tokens, "messages": [{"role": "user", "content": "hello"}]});
        app.post("/v1/chat/completions", &body).await.json()
    };
    for (model, limit) in [("llama3", 4096), ("mistral-7b-ft-v1", 8192), ("gpt2-custom-v3", 2048), ("other", 4096)] {
        let refusal = ask(model, limit + 1).await["error"]["message"].as_str().unwrap().to_owned();
        assert!(refusal.contains(&format!("at most {limit}")), "{model}: {refusal}");
    }
    assert!(ask("llama3", 4).await["choices"][0]["message"]["content"].is_string());
}

#[test]
fn a_model_is_requantised_as_it_is_loaded_and_says_so() {
    let stored = loaded(EngineArguments::default()).unwrap();
    let quantization = Some(crate::settings::Quantization(Some(kernels::Format::Q4_0)));
    let small = loaded(EngineArguments { quantization, ..EngineArguments::default() }).unwrap();
    assert!(small.memory().weights * 10 < stored.memory().weights * 8, "{:?} of {:?}", small.memory(), stored.memory());
    assert!(small.backend().card().description.ends_with("Q8_0 encoded as Q4_0"), "{}", small.backend().card().description);
    let quantization = Some(crate::settings::Quantization(Some(kernels::Format::Bf16)));
    let kept = loaded(EngineArguments { quantization, ..EngineArguments::default() }).unwrap();
    assert_eq!(kept.memory(), stored.memory());
    insta::assert_snapshot!(kept.warnings.join("\n"), @"the weights stay in Q8_0, as they are stored: BF16 has no fewer bits, and more do not bring back what is lost");
}

/// Description A's classifier, by a tiny one.
fn classifier() -> TestApp {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models/hf/gpt2-classifier");
    declared(&format!("models: [{{id: gpt2-custom-v3, source: {path:?}}}]\n"))
}

#[tokio::test]
async fn a_classifier_says_the_same_to_all_who_ask() {
    let app = classifier();
    let offered = app.get("/api/llms").await.ok().json();
    assert_eq!(offered[0]["capabilities"], json!(["classify", "chat", "stream"]), "before it is loaded");
    let text = "I want my money back";
    let asked = json!({"model": "gpt2-custom-v3", "input": [text, text]});
    let answer = app.post("/v1/classify", &asked).await.ok().json();
    let class = &answer["data"][1];
    // As transformers has it: `expected.json` of the fixture.
    assert_eq!(class["label"], "delivery");
    let probability = class["probs"][1].as_f64().unwrap();
    assert!((probability - 0.604_415).abs() < 1e-3, "{class}");
    assert_eq!(class["probs"], answer["data"][0]["probs"]);

    let chat = json!({"model": "gpt2-custom-v3", "messages": [{"role": "user", "content": text}], "logprobs": true});
    let answer = app.post("/v1/chat/completions", &chat).await.ok().json();
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["content"], "delivery");
    let logprob = choice["logprobs"]["content"][0]["logprob"].as_f64().unwrap();
    assert!((logprob.exp() - probability).abs() < 1e-6, "{choice}");
}

#[tokio::test]
async fn a_model_of_the_hub_is_served_from_where_the_hubs_client_left_it() {
    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    let home = tempfile::tempdir().unwrap();
    let repository = home.path().join("hub/models--acme--tiny");
    let snapshot = repository.join("snapshots").join(COMMIT);
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::write(repository.join("refs/main"), COMMIT).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models/hf/llama");
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::copy(fixture.join(file), snapshot.join(file)).unwrap();
    }
    let app = declared(&format!(
        "hub: {{home: {:?}, offline: true}}\nmodels: [{{id: tiny, source: 'hf:acme/tiny'}}, {{id: absent, source: 'hf:acme/absent'}}]",
        home.path()
    ));
    let answer = app.post("/v1/completions", &json!({"model": "tiny", "prompt": "a", "max_tokens": 2})).await.ok().json();
    assert_eq!(answer["model"], "tiny");
    assert_eq!(app.get("/info").await.ok().json()["version"], COMMIT);
    let refused = app.post("/v1/completions", &json!({"model": "absent", "prompt": "a", "max_tokens": 2})).await;
    assert_eq!(refused.status, 503);
}
