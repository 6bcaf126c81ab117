//! `POST /text2sql`

use std::sync::Arc;

use backend::{MaxTokens, Prompt, Temperature};
use serde_json::{Value, json};
use serving::{Group, Model, SqlFormat};
use testkit::{Answer, Reply, Scripted, TestApp, events};

const PATH: &str = "/text2sql";
const SQL: &str = "SELECT name FROM users;";
const PROSE: &str = "I cannot say.";

/// A question, with these fields besides.
fn question(fields: Value) -> Value {
    crate::with(json!({"messages": [{"role": "user", "content": "Who is there?"}]}), fields)
}

/// What is answered when the model writes these texts, one an attempt, and what it was asked.
async fn written(texts: &[&str], fields: Value) -> (Answer, Scripted) {
    let backend = Scripted::new("demo");
    for text in texts {
        backend.reply(Reply::text(&[text]));
    }
    (TestApp::new(&backend).post(PATH, &question(fields)).await, backend)
}

fn told(answer: &Answer) -> String {
    format!("{} {}", answer.status.as_u16(), answer.stable_json())
}

async fn judgement(text: &str, fields: Value) -> Value {
    written(&[text], fields).await.0.ok().json()["text2sql"].take()
}

async fn refused(fields: Value) -> String {
    told(&TestApp::new(&Scripted::new("demo")).post(PATH, &question(fields)).await)
}

/// What the model was told, a message a line.
fn prompt(backend: &Scripted) -> String {
    let Prompt::Chat(conversation) = backend.requests().pop().unwrap().prompt else { panic!("it is a chat") };
    let lines = conversation.messages().iter().map(|message| format!("[{}] {}", message.role.as_str(), message.content));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_statement_in_one_piece() {
    insta::assert_snapshot!(told(&written(&[SQL], json!({})).await.0), @r#"200 {"id":"chatcmpl-…","object":"chat.completion","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"message":{"role":"assistant","content":"SELECT name FROM users;","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6,"prompt_tokens_details":{"cached_tokens":0}},"text2sql":{"valid":true,"dialect":"sqlite","error":null}}"#);
}

#[tokio::test]
async fn the_judgement_of_a_stream_comes_with_its_end() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["SELECT", " 1"]));
    let body = question(json!({"stream": true, "stream_options": {"include_usage": true}}));
    insta::assert_snapshot!(TestApp::new(&backend).post(PATH, &body).await.ok().stable_events(), @r#"
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{"content":"SELECT"},"logprobs":null,"finish_reason":null}],"usage":null}
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{"content":" 1"},"logprobs":null,"finish_reason":null}],"usage":null}
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null,"text2sql":{"valid":true,"dialect":"sqlite","error":null}}
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":0}}}
        [DONE]
    "#);
}

#[tokio::test]
async fn what_does_not_parse_is_sent_as_it_was_written_and_said_to_be_wrong() {
    let answer = written(&[PROSE], json!({})).await.0.ok().json();
    assert_eq!(answer["choices"][0]["message"]["content"], PROSE);
    insta::assert_snapshot!(answer["text2sql"], @r#"{"valid":false,"dialect":"sqlite","error":"sql parser error: Expected: an SQL statement, found: I at Line: 1, Column: 1"}"#);
    insta::assert_snapshot!(judgement("SELECT 1; DROP TABLE users", json!({})).await, @r#"{"valid":false,"dialect":"sqlite","error":"there are 2 statements"}"#);
}

#[tokio::test]
async fn an_answer_is_judged_as_the_dialect_that_was_named() {
    let quoted = "SELECT `name` FROM users";
    assert_eq!(
        judgement(quoted, json!({"dialect": "MariaDB"})).await,
        json!({"valid": true, "dialect": "mysql", "error": null})
    );
    let judgement = judgement(quoted, json!({"dialect": "postgres"})).await;
    assert_eq!((&judgement["valid"], &judgement["dialect"]), (&json!(false), &json!("postgresql")));
}

#[tokio::test]
async fn strict_asks_again_warmer_and_with_another_seed_until_it_parses() {
    let fields = json!({"validation": "strict", "temperature": 0, "seed": 7, "max_tokens": 9});
    let (answer, backend) = written(&[PROSE, "SELECT FROM", SQL], fields).await;
    let json = answer.ok().json();
    assert_eq!(json["choices"][0]["message"]["content"], SQL);
    assert_eq!(json["text2sql"]["valid"], true);
    insta::assert_snapshot!(json["usage"], @r#"{"prompt_tokens":15,"completion_tokens":3,"total_tokens":18,"prompt_tokens_details":{"cached_tokens":0}}"#);
    let asked = backend.requests();
    let warmth: Vec<f32> = asked.iter().filter_map(|it| it.sampling.temperature.map(Temperature::get)).collect();
    assert_eq!(warmth, [0.0, 0.4, 0.8]);
    assert_eq!(asked.iter().map(|it| it.sampling.seed).collect::<Vec<_>>(), [Some(7), Some(8), Some(9)]);
    // Each attempt took one token of those that were asked for.
    let most: Vec<_> = asked.iter().map(|it| it.max_tokens.or(it.default_max_tokens)).collect();
    assert_eq!(most, [9, 8, 7].map(MaxTokens::new));
    insta::assert_snapshot!(prompt(&backend), @r"
        [user] Who is there?
        [assistant] I cannot say.
        [user] This is not one statement that parses: sql parser error: Expected: an SQL statement, found: I at Line: 1, Column: 1. Write the statement again, and nothing else.
        [assistant] SELECT FROM
        [user] This is not one statement that parses: sql parser error: Expected an expression, found: FROM. Write the statement again, and nothing else.
    ");
}

#[tokio::test]
async fn strict_begins_at_the_models_own_temperature() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&[PROSE])).reply(Reply::text(&[SQL]));
    let defaults = serving::Defaults { temperature: Temperature::new(1.8).ok(), ..serving::Defaults::default() };
    let model = Model { defaults, ..Model::new(Arc::new(backend.clone())) };
    TestApp::with_models(vec![model]).post(PATH, &question(json!({"validation": "strict"}))).await.ok();
    let warmth: Vec<_> = backend.requests().iter().map(|it| it.sampling.temperature).collect();
    assert_eq!(warmth, [1.8, 1.8].map(|warmth| Temperature::new(warmth).ok()));
}

#[tokio::test]
async fn strict_gives_up_after_three_attempts() {
    let (answer, backend) = written(&[PROSE; 3], json!({"validation": "strict"})).await;
    insta::assert_snapshot!(told(&answer), @r#"422 {"error":{"message":"none of 3 attempts passed; of the last: sql parser error: Expected: an SQL statement, found: I at Line: 1, Column: 1","type":"server_error","param":null,"code":"invalid_model_output"}}"#);
    assert_eq!(backend.requests().len(), 3);
}

#[tokio::test]
async fn strict_gives_up_when_the_tokens_are_used_up() {
    let (answer, backend) = written(&[PROSE; 2], json!({"validation": "strict", "max_tokens": 2})).await;
    assert_eq!((answer.status.as_u16(), backend.requests().len()), (422, 2));
}

#[tokio::test]
async fn a_schema_goes_into_the_question_under_headings() {
    let (_, backend) = written(&[SQL], json!({"schema": "CREATE TABLE users (name TEXT);\n", "dialect": "snowflake"})).await;
    insta::assert_snapshot!(prompt(&backend), @r"
        [user] Database Engine:
        Snowflake

        Database Schema:
        CREATE TABLE users (name TEXT);

        Question:
        Who is there?

        Output Format:
        One Snowflake statement that answers the question and selects nothing that it does not ask for, in a code block:
        ```sql
        -- the statement
        ```
    ");
}

#[tokio::test]
async fn the_demo_model_gets_the_schema_as_it_was_trained() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&[SQL]));
    let model = Model { sql_format: SqlFormat::Bare, ..Model::new(Arc::new(backend.clone())) };
    let body = question(json!({"schema": "CREATE TABLE users (name TEXT);"}));
    TestApp::with_models(vec![model]).post(PATH, &body).await.ok();
    insta::assert_snapshot!(prompt(&backend), @r"
        [system] CREATE TABLE users (name TEXT);
        [user] Who is there?
    ");
}

#[tokio::test]
async fn without_a_schema_the_question_stays_as_it_is() {
    let (_, backend) = written(&[SQL], json!({})).await;
    insta::assert_snapshot!(prompt(&backend), @"[user] Who is there?");
}

#[tokio::test]
async fn the_model_of_the_group_answers_if_none_is_named() {
    let sql = Scripted::new("org/sql");
    sql.reply(Reply::text(&[SQL]));
    let sql = Model { group: Group::TextToSql, ..Model::new(Arc::new(sql)) };
    let demo = Scripted::new("demo");
    demo.reply(Reply::text(&[SQL]));
    let app = TestApp::with_models(vec![Model::new(Arc::new(demo)), sql]);
    assert_eq!(app.post(PATH, &question(json!({}))).await.ok().json()["model"], "org/sql");
    assert_eq!(app.post(PATH, &question(json!({"model": "demo"}))).await.ok().json()["model"], "demo");
}

#[tokio::test]
async fn what_is_refused() {
    insta::assert_snapshot!(refused(json!({"validation": "strict", "stream": true})).await, @r#"400 {"error":{"message":"stream is not supported: an answer that may be taken back (validation: strict) is sent whole","type":"invalid_request_error","param":"stream","code":"unsupported_parameter"}}"#);
    insta::assert_snapshot!(refused(json!({"n": 2})).await, @r#"400 {"error":{"message":"n is not supported: only 1 is; /v1/chat/completions answers several times","type":"invalid_request_error","param":"n","code":"unsupported_parameter"}}"#);
    insta::assert_snapshot!(refused(json!({"dialect": "cobol"})).await, @r#"400 {"error":{"message":"dialect must be ansi, bigquery, clickhouse, databricks, duckdb, generic, hive, mssql, mysql, oracle, postgresql, redshift, snowflake, or sqlite, but is cobol","type":"invalid_request_error","param":"dialect","code":"invalid_value"}}"#);
    insta::assert_snapshot!(refused(json!({"validation": "lenient"})).await, @r#"400 {"error":{"message":"validation must be report or strict, but is lenient","type":"invalid_request_error","param":"validation","code":"invalid_value"}}"#);
    insta::assert_snapshot!(refused(json!({"schema": " "})).await, @r#"400 {"error":{"message":"schema must not be empty; leave it out","type":"invalid_request_error","param":"schema","code":"invalid_value"}}"#);
    insta::assert_snapshot!(refused(json!({"schema": 5})).await, @r#"400 {"error":{"message":"schema: invalid type: integer `5`, expected a string","type":"invalid_request_error","param":"schema","code":"invalid_type"}}"#);
    insta::assert_snapshot!(refused(json!({"scheme": "x"})).await, @r#"400 {"error":{"message":"there is no parameter scheme","type":"invalid_request_error","param":"scheme","code":"unknown_parameter"}}"#);
}

#[tokio::test]
async fn a_failure_of_the_model_is_told_as_openais() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::events(vec![events::prompt(5)]));
    let answer = TestApp::new(&backend).post(PATH, &question(json!({"validation": "strict"}))).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["type"]), (500, &json!("server_error")));
}
