//! Models on other servers, from the settings file to an answer.

use std::collections::BTreeMap;

use serde_json::json;
use testkit::TestApp;
use testkit::upstream::{Act, Upstream};

use super::*;
use crate::assemble;
use crate::settings::{Arguments, Environment, File, Machine, Purpose, resolve, show};

fn settings(file: &str) -> Settings {
    let variables = BTreeMap::from([("BACKEND_KEY".to_owned(), "its-key".to_owned())]);
    let file = File::parse("serving_config.yaml", file, &variables);
    let environment = Environment::from_map(&BTreeMap::new());
    resolve(Arguments::default(), environment, file, &Machine::look(), Purpose::Serve).unwrap()
}

/// A server with all that a file declares.
fn served(file: &str) -> TestApp {
    let settings = settings(file);
    let catalogue = assemble::catalogue(&settings.models).unwrap();
    let selection = assemble::selection(&catalogue, &settings).unwrap();
    let groups = groups(&selection, &settings).unwrap();
    let here: Vec<_> = selection.iter().filter(|entry| entry.size > 0).cloned().collect();
    let parked = assemble::parked(&here, None, &settings, &crate::fetching::sources(&settings)).unwrap();
    let service = assemble::service(in_order(&selection, &parked, &groups), &settings, None, serving::Besides::default());
    TestApp::serving(service, api::Settings::default())
}

#[tokio::test]
async fn a_declared_model_is_asked_where_it_runs_under_the_name_that_it_has_there() {
    let upstream = Upstream::start().await;
    upstream.then(Act::says(&["SELECT 1;"]));
    let app = served(&format!(
        "models:\n  - {{id: small, source: embedded}}\n  - id: acme/sql\n    group: text2sql\n    aliases: [sql]\n    upstreams: \
         [{{url: '{}/v1', model: theirs, api_key: '${{BACKEND_KEY}}'}}]\n    fallbacks: [small]\n",
        upstream.url()
    ));
    let body = json!({"messages": [{"role": "user", "content": "How many?"}]});
    let answer = app.post("/text2sql", &body).await.ok().json();
    assert_eq!((&answer["model"], &answer["choices"][0]["message"]["content"]), (&json!("acme/sql"), &json!("SELECT 1;")));
    let received = upstream.only();
    assert_eq!(received.header("authorization"), Some("Bearer its-key"));
    assert_eq!(received.json()["model"], "theirs");
    let backends = app.get("/health").await.json()["backends"].clone();
    assert_eq!(backends, json!({"chat": ["in-process:small"], "text2sql": [upstream.url()]}));
}

#[test]
fn what_the_file_says_of_servers_is_what_they_are_asked_with_and_the_name_there_is_ours_unless_it_is_said() {
    let settings = settings(
        "models:\n  - id: big\n    upstreams:\n      - {url: 'http://a:1', weight: 3, max_concurrent: 8, cache_salt: false}\n      - \
         {url: 'https://b/llm/', model: other, api_key: '${BACKEND_KEY}'}\n    timeouts: {connect_seconds: 0.5, total_seconds: \
         1200, hedge_seconds: 1.5}\n    balance: prefix\n    refused_fields: [logit_bias]\n",
    );
    insta::assert_debug_snapshot!(settings.declared("big").unwrap().remote.as_ref().unwrap(), @r#"
    RemoteModel {
        upstreams: [
            UpstreamSettings {
                address: http://a:1,
                model: "big",
                api_key: None,
                weight: 3,
                max_concurrent: Some(
                    8,
                ),
                cache_salt: false,
            },
            UpstreamSettings {
                address: https://b/llm,
                model: "other",
                api_key: Some(
                    ApiKey(hidden),
                ),
                weight: 1,
                max_concurrent: None,
                cache_salt: true,
            },
        ],
        timeouts: Timeouts {
            connect: 500ms,
            first_byte: 60s,
            idle: 30s,
            total: 1200s,
            hedge: Some(
                1.5s,
            ),
        },
        balance: Prefix,
        refused_fields: [
            "logit_bias",
        ],
    }
    "#);
    assert!(!show(&settings).contains("its-key"));
}

#[test]
fn what_is_not_handed_on_is_what_the_file_says() {
    let refused = |more: &str| {
        let settings = settings(&format!("models:\n  - {{id: big, upstreams: [{{url: 'http://a'}}]{more}}}\n"));
        settings.declared("big").unwrap().remote.clone().unwrap().refused_fields
    };
    assert_eq!(refused(""), gateway::REFUSED_FIELDS);
    assert_eq!(refused(", refused_fields: []"), [""; 0]);
    assert_eq!(refused(", refused_fields: [kv_transfer_params, top_k]"), ["kv_transfer_params", "top_k"]);
}

#[test]
fn contradictions_are_told() {
    let told = |file: &str| {
        let file = File::parse("c.yaml", file, &BTreeMap::new());
        file.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let file = "models:\n  - {id: one, source: embedded, upstreams: [{url: 'http://a'}]}\n  - {id: two, upstreams: []}\n  - {id: three, source: embedded, balance: prefix}\n  - {id: four, upstreams: [{model: x}]}\n  - {id: five, upstreams: [{url: 'http://me:secret@a', api_key: '${BACKEND_KEY}', keys: 1}]}\n";
    insta::assert_snapshot!(told(file), @r#"
        c.yaml:2: a model with upstreams runs there: it has no source, no quantization, no engine and no device here
        c.yaml:3: models.upstreams is empty, expected at least one server
        c.yaml:4: timeouts, balance and refused_fields are for a model with upstreams, and this one has none
        c.yaml:5: a server needs a url: {url: "http://host:8000", model: NAME}
        c.yaml:6: models.upstreams.url is one that is not shown, expected an address without a name or password: a key goes into api_key
        c.yaml:6: models.upstreams.api_key takes its value from ${BACKEND_KEY}, but that variable is not set; set it, or write $${BACKEND_KEY} for the text itself
        c.yaml:6: there is no key models.upstreams.keys; there are: url, model, api_key, weight, max_concurrent, cache_salt
    "#);
}
