//! Settings that reach what answers.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use testkit::TestApp;

use super::*;
use crate::settings::{Arguments, EngineArguments, Environment, File, Machine, Purpose, resolve};

/// The embedded model.
fn loaded(engine: EngineArguments) -> Result<Loaded> {
    let arguments = Arguments { engine, ..Arguments::default() };
    let environment = Environment::from_map(&BTreeMap::new());
    let settings = resolve(arguments, environment, File::none(), &Machine::look(), Purpose::Answer)?;
    let catalogue = catalogue(&settings.models)?;
    let draft = draft(&catalogue, &settings.engine)?;
    let entry = selection(&catalogue, &settings.models)?.remove(0);
    load(entry, draft.as_ref(), &settings.engine, 1, &mut |_| {})
}

/// A server with it.
fn app(engine: EngineArguments) -> TestApp {
    TestApp::with_models(vec![Model::new(loaded(engine).unwrap().engine)])
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
