//! What a file says, and what is said about a file.

use super::*;
use crate::settings::parse;
use crate::settings::placement::{Device, EngineName, Placement};

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Every problem of a file, a line each.
fn told(text: &str) -> String {
    let file = File::parse("serving_config.yaml", text, &variables(&[("PORT", "9000")]));
    file.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn port(file: &File) -> Option<Text> {
    file.values.http.port.set.clone().map(|written| written.text)
}

#[test]
fn a_value_is_the_same_however_yaml_writes_it() {
    let texts = ["api: {port: 9000}", "api:\n  port: '9000'", "api:\n    port: \"9000\" # here", "api: {port: '${PORT}'}"];
    for text in texts {
        let file = File::parse("f.yaml", text, &variables(&[("PORT", "9000")]));
        let Some(Text::Value { text, .. }) = port(&file) else { panic!("{text}") };
        assert_eq!((text.as_str(), file.problems.len()), ("9000", 0));
    }
}

#[test]
fn a_key_without_a_value_says_nothing() {
    for text in ["api: {port: }", "api:\n  port:\n", "api: {port: ~}", "api:", ""] {
        let file = File::parse("f.yaml", text, &variables(&[]));
        assert_eq!((port(&file), file.problems.len()), (None, 0), "{text}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    insta::assert_snapshot!(
        told(
            "\
api:
  prot: 8091
  hostname: a
port: 8091
api_port: 80
LLM_THREADS: 2
model:
  max_concurrent_requests: 4
  colour: blue
engin:
  threads: 4
temperature: 0
colour: blue
"
        ),
        @r"
        serving_config.yaml:2: there is no key api.prot; did you mean api.port?
        serving_config.yaml:3: there is no key api.hostname; did you mean api.host?
        serving_config.yaml:4: there is no key port; did you mean api.port?
        serving_config.yaml:5: there is no key api_port; did you mean api.port?
        serving_config.yaml:6: there is no key LLM_THREADS; did you mean engine.threads?
        serving_config.yaml:8: there is no key model.max_concurrent_requests; did you mean model.batch_size?
        serving_config.yaml:9: there is no key model.colour; there are: path, directory, allowed, memory_bytes, adapter_root, adapter_memory_bytes, quantization, batch_size, default_temperature, default_top_p, default_max_tokens, max_tokens, default_max_length, max_prompt_length
        serving_config.yaml:10: there is no key engin; did you mean engine?
        serving_config.yaml:12: there is no key temperature; did you mean model.default_temperature?
        serving_config.yaml:13: there is no key colour; there are: model, hub, mlflow, scorers, engine, api, accounts, limits, telemetry, models, organizations
    "
    );
}

#[test]
fn adapters_have_a_name_and_a_place_and_are_for_models_that_run_here() {
    insta::assert_snapshot!(
        told(
            "\
models:
  - id: a
    source: embedded
    adapters: [{id: one}, {id: two, source: embedded}, {id: a, source: ./x, rank: 3}, {id: three, source: hf:org/x}]
  - {id: b, upstreams: [{url: 'http://b:8000'}], adapters: [{id: four, source: ./y}]}
"
        ),
        @r#"
        serving_config.yaml:4: an adapter needs an id and a source: {id: NAME, source: PATH}
        serving_config.yaml:4: models.adapters.source is "embedded", expected a directory, hf:org/name[@revision] or mlflow:models:/name/stage
        serving_config.yaml:4: there is no key models.adapters.rank; there are: id, source
        serving_config.yaml:5: a model with upstreams has its adapters there: each is a model of its own here
        serving_config.yaml:2: the name "a" is taken by the model of line 2; ids and aliases have to differ
    "#
    );
}

#[test]
fn values_of_another_shape_and_variables_that_are_missing_are_refused() {
    insta::assert_snapshot!(
        told(
            "\
api: 8091
model:
  - a
engine:
  threads: ${CORES}
  draft_model: ${oh no}
telemetry: {log_level: '$${LEVEL}'}
"
        ),
        @r"
        serving_config.yaml:1: api is a value, expected a section: api: {name: value}
        serving_config.yaml:2: model is a list, expected a section: model: {name: value}
        serving_config.yaml:5: engine.threads takes its value from ${CORES}, but that variable is not set; set it, or write $${CORES} for the text itself
        serving_config.yaml:6: engine.draft_model has a ${ that is not the beginning of ${NAME}, a variable of letters, digits and _; write $${ for the text itself
    "
    );
    insta::assert_snapshot!(told("just text"), @"serving_config.yaml:1: not settings; expected sections with keys, as api: {port: 8091}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_who_named_it() {
    let directory = tempfile::tempdir().unwrap();
    let told = |file: File| {
        let text = file.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        text.replace(directory.path().to_str().unwrap(), "DIRECTORY")
    };
    let absent = directory.path().join("absent.yaml");
    insta::assert_snapshot!(told(File::find(Some(&absent), &variables(&[]))), @"the settings file DIRECTORY/absent.yaml, named by command line (--config), cannot be read: No such file or directory (os error 2)");
    let named = variables(&[("LLM_CONFIG", directory.path().to_str().unwrap())]);
    insta::assert_snapshot!(told(File::find(None, &named)), @"the settings file DIRECTORY, named by environment (LLM_CONFIG), cannot be read: Is a directory (os error 21)");
    let binary = directory.path().join("binary.yaml");
    fs::write(&binary, [0xff, 0xfe, 0]).unwrap();
    insta::assert_snapshot!(told(File::find(Some(&binary), &variables(&[]))), @"the settings file DIRECTORY/binary.yaml, named by command line (--config), cannot be read: it is not UTF-8 text");
}

#[test]
fn a_flag_names_the_file_before_the_variable() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, port: u16| {
        let path = directory.path().join(name);
        fs::write(&path, format!("api: {{port: {port}}}")).unwrap();
        path
    };
    let (one, two) = (file("one.yaml", 1), file("two.yaml", 2));
    let named = variables(&[("LLM_CONFIG", two.to_str().unwrap())]);
    let value = |text: &str| Some(Text::Value { text: text.to_owned(), written: None });
    assert_eq!(port(&File::find(Some(&one), &named)), value("1"));
    assert_eq!(port(&File::find(None, &named)), value("2"));
}

/// Description A's three models, over whatever is there.
const CATALOGUE: &str = "\
models:
  - id: llama3-8b-ft-v2
    aliases: [llama3, llama]
    source: hf:acme/llama3@v2
    quantization: q8_0
    max_tokens: 4096
    defaults: {temperature: 0.2, top_p: 0.95, max_tokens: 256}
  - {id: mistral-7b-ft-v1, source: ./mistral, max_tokens: 8192}
  - {id: gpt2-custom-v3, source: embedded, max_tokens: 2048, group: text2sql}
";

#[test]
fn a_catalogue_says_what_each_model_has_of_its_own() {
    let file = File::parse("f.yaml", CATALOGUE, &variables(&[]));
    assert_eq!(file.problems, []);
    let [llama, mistral, gpt2] = file.declared.as_slice() else { panic!("{:?}", file.declared) };
    assert_eq!((llama.id.as_str(), llama.place.line), ("llama3-8b-ft-v2", 2));
    assert_eq!(llama.aliases, ["llama3", "llama"]);
    assert_eq!(llama.source.to_string(), "hf:acme/llama3@v2");
    assert_eq!(llama.quantization.map(parse::Quantization::name), Some("q8_0"));
    assert_eq!(llama.defaults.top_p.map(backend::TopP::get), Some(0.95));
    assert_eq!([llama, mistral, gpt2].map(|model| model.max_tokens.unwrap().get()), [4096, 8192, 2048]);
    assert_eq!((mistral.group, gpt2.group), (serving::Group::Chat, serving::Group::TextToSql));
}

#[test]
fn a_route_says_between_whom_a_scorer_chooses_and_how() {
    let file = File::parse(
        "f.yaml",
        "models:
  - id: auto
    aliases: [any]
    fallbacks: [large]
    route: {scorer: dense_network/mine, candidates: [small, large], costs: [1, 4.5], rule: cheapest, threshold: 0.7}
",
        &variables(&[]),
    );
    assert_eq!(file.problems, []);
    assert!(file.declared.is_empty());
    let [DeclaredRoute { route, place }] = file.routes.as_slice() else { panic!("{:?}", file.routes) };
    assert_eq!((place.line, route.id.as_str(), route.scorer.as_str()), (2, "auto", "dense_network/mine"));
    let candidate = |model: &str, cost| serving::Candidate { model: model.into(), cost };
    assert_eq!(route.candidates, [candidate("small", 1.0), candidate("large", 4.5)]);
    assert_eq!(route.rule, serving::Rule::Cheapest { threshold: 0.7 });
    assert_eq!((route.aliases.as_slice(), route.fallbacks.as_slice()), (&["any".to_owned()][..], &["large".to_owned()][..]));
}

#[test]
fn mistakes_in_routes_are_told_together() {
    insta::assert_snapshot!(
        told(
            "\
models:
  - {id: a, route: {candidates: [x]}}
  - {id: b, route: {scorer: elo/mine}}
  - {id: c, route: {scorer: elo/mine, candidates: [x], rule: cheapest}}
  - {id: d, route: {scorer: elo/mine, candidates: [x, y], rule: less_cost, cost_weight: 1, costs: [1]}}
  - {id: e, route: {scorer: elo/mine, candidates: [x], costs: [-1]}}
  - {id: f, route: {scorer: elo/mine, candidates: [x], costs: [1]}}
  - {id: g, source: embedded, route: {scorer: elo/mine, candidates: [x]}}
  - {id: h, aliases: [h], route: {scorer: elo/mine, candidates: [x], weight: 1}}
  - {route: {scorer: elo/mine, candidates: [x]}}
"
        ),
        @r#"
        serving_config.yaml:2: models.route needs a scorer: {scorer: dense_network/mine, candidates: [a, b]}
        serving_config.yaml:3: models.route needs candidates, a list of models
        serving_config.yaml:4: models.route has the rule cheapest, which needs a threshold and takes no cost_weight
        serving_config.yaml:5: models.route needs costs, a list of one for each candidate
        serving_config.yaml:6: models.route.costs is "-1", expected a number, at least 0
        serving_config.yaml:7: models.route has costs, which the rule best does not look at
        serving_config.yaml:8: a route has an id, aliases and fallbacks, and nothing else: its candidates have the rest
        serving_config.yaml:9: there is no key models.route.weight; there are: scorer, candidates, costs, rule, threshold, cost_weight
        serving_config.yaml:10: a route needs an id: {id: auto, route: {scorer: …}}
    "#
    );
}

#[test]
fn mistakes_in_the_catalogue_are_told_together() {
    insta::assert_snapshot!(
        told(
            "\
models:
  - id: one
    source: https://example.org/model.gguf
    alias: uno
    max_tokens: 0
  - {id: 'a b', source: embedded, defaults: {temprature: 1, top_p: 2}}
  - {id: two, source: embedded, group: sql, quantization: q4_k_m}
  - {id: three, source: embedded, aliases: [two, four]}
  - {id: four, source: embedded, max_tokens: 5, defaults: {max_tokens: 6}}
  - {source: embedded}
  - {id: five, upstreams: [{url: 'gpu:8000', weight: 0}], timeouts: {idle: 5}, balance: best, fallbacks: [five, none]}
  - {id: auto, route: {scorer: s}}
  - six
"
        ),
        @r#"
        serving_config.yaml:13: not one of models, expected {id: NAME, source: PATH}
        serving_config.yaml:3: models.source is "https://example.org/model.gguf", expected a path, embedded, hf:org/name[@revision], hf:org/name:file.gguf or mlflow:models:/name/stage
        serving_config.yaml:4: there is no key models.alias; did you mean aliases?
        serving_config.yaml:5: models.max_tokens is "0", expected a number of tokens, at least 1
        serving_config.yaml:6: models.id is "a b", expected the name of a model, as llama3 or org/name, without spaces and commas
        serving_config.yaml:6: there is no key models.defaults.temprature; did you mean temperature?
        serving_config.yaml:6: models.defaults.top_p is "2", expected a number between 0 and 1
        serving_config.yaml:7: models.group is "sql", expected chat or text2sql
        serving_config.yaml:7: models.quantization is "q4_k_m", expected stored, f16, bf16, q8_0, q6_k, q5_k, q4_k or q4_0
        serving_config.yaml:9: the default max_tokens of four is 6, more than the 5 of its max_tokens
        serving_config.yaml:10: a model needs an id, and a source or upstreams: {id: NAME, source: PATH}
        serving_config.yaml:11: models.upstreams.url is "gpu:8000", expected an address such as http://host:8000
        serving_config.yaml:11: models.upstreams.weight is "0", expected a whole number, at least 1
        serving_config.yaml:11: there is no key models.timeouts.idle; did you mean idle_seconds?
        serving_config.yaml:11: models.balance is "best", expected least_loaded, round_robin or prefix
        serving_config.yaml:12: models.route.scorer is "s", expected type/name, as dense_network/mine
        serving_config.yaml:8: the name "two" is taken by the model of line 7; ids and aliases have to differ
        serving_config.yaml:9: the name "four" is taken by the model of line 8; ids and aliases have to differ
        serving_config.yaml:11: models.fallbacks names "five", which is no other model of the catalogue
        serving_config.yaml:11: models.fallbacks names "none", which is no other model of the catalogue
    "#
    );
    insta::assert_snapshot!(told("models: {id: one}"), @"serving_config.yaml:1: models is not a list, expected - {id: NAME, source: PATH} for each");
}

#[test]
fn a_model_says_what_runs_it_and_on_what() {
    let file = File::parse("f.yaml", "models: [{id: a, source: embedded, engine: native, device: CPU}]", &variables(&[]));
    assert_eq!(file.problems, []);
    let Placement { engine, device } = file.declared[0].placement;
    assert_eq!((engine, device), (Some(EngineName::Native), Some(Device::Cpu)));
    insta::assert_snapshot!(
        told(
            "\
models:
  - {id: a, source: embedded, engine: vllm}
  - {id: b, source: embedded, device: gpu}
  - {id: c, engine: native, upstreams: [{url: 'http://gpu:8000'}]}
  - {id: d, device: cpu, route: {scorer: dense_network/mine, candidates: [a], rule: best}}
"
        ),
        @r#"
        serving_config.yaml:2: models.engine is "vllm", expected native or mistralrs
        serving_config.yaml:3: models.device is "gpu", expected cpu, cuda, cuda:1 or metal
        serving_config.yaml:4: a model with upstreams runs there: it has no source, no quantization, no engine and no device here
        serving_config.yaml:5: a route has an id, aliases and fallbacks, and nothing else: its candidates have the rest
        "#
    );
}

#[cfg(not(feature = "mistralrs"))]
#[test]
fn an_engine_that_was_not_built_in_is_refused_with_how_to_build_it() {
    insta::assert_snapshot!(
        told("models: [{id: a, source: embedded, engine: mistralrs}]"),
        @"serving_config.yaml:1: models.engine is mistralrs, which this program was built without; build it with --features mistralrs (or cuda, or metal)"
    );
}

#[cfg(feature = "mistralrs")]
#[test]
fn adapters_are_for_the_native_engine() {
    insta::assert_snapshot!(
        told("models: [{id: a, source: embedded, engine: mistralrs, adapters: [{id: b, source: ./b}]}]"),
        @"serving_config.yaml:1: adapters are for the native engine: leave them, or engine and device, out"
    );
}

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

#[test]
fn an_organisation_has_limits_and_keys() {
    let text = "\
organizations:
  - id: acme
    limits: {tokens_per_day: 20000000, requests_per_day: none, tokens_per_month: 0}
    keys:
      - {name: ci, sha256: '${CI_HASH}', role: admin, models: [demo, acme/large], expires: 2030-01-01T00:00:00Z}
  - {id: other}
";
    let file = File::parse("f.yaml", text, &variables(&[("CI_HASH", HASH)]));
    assert_eq!(file.problems, []);
    let limits = file.organizations[0].limits;
    assert_eq!(limits.tokens_per_day, Some(accounts::Limit::At(20_000_000)));
    assert_eq!(limits.requests_per_day, Some(accounts::Limit::None));
    assert_eq!((limits.tokens_per_month, limits.requests_per_month), (Some(accounts::Limit::At(0)), None));
    let [key] = file.listed.as_slice() else { panic!("{:?}", file.listed) };
    assert_eq!((key.hash.to_hex().as_str(), key.name.as_str(), key.organization.as_str()), (HASH, "ci", "acme"));
    assert_eq!((key.role, key.models.to_text().as_str()), (accounts::Role::Admin, "demo,acme/large"));
    assert!(key.expires.is_some());
}

#[test]
fn mistakes_in_organisations_are_told_without_a_key() {
    insta::assert_snapshot!(
        told(&format!(
            "\
organizations:
  - {{id: acme, keys: [{{name: ci, sha256: the-key-itself}}], plan: gold}}
  - {{id: acme, limits: {{tokens_per_dya: 5, requests_per_day: many}}}}
  - {{keys: []}}
  - id: other
    keys:
      - {{name: one, sha256: {HASH}, role: owner, expires: tomorrow}}
      - {{name: two, sha256: {HASH}}}
      - {{sha256: {HASH}}}
      - three
"
        )),
        @r#"
        serving_config.yaml:2: there is no key organizations.plan; there are: id, limits, keys
        serving_config.yaml:2: organizations.keys.sha256 is something else, expected the 64 hexadecimal digits that `printf %s KEY | sha256sum` prints
        serving_config.yaml:3: there is no key organizations.limits.tokens_per_dya; did you mean tokens_per_day?
        serving_config.yaml:3: organizations.limits.requests_per_day is "many", expected a whole number, or none
        serving_config.yaml:3: the organisation "acme" is there twice
        serving_config.yaml:4: an organisation needs an id: {id: NAME}
        serving_config.yaml:10: not one of organizations.keys, expected {name: NAME, sha256: HASH}
        serving_config.yaml:7: organizations.keys.role is "owner", expected user or admin
        serving_config.yaml:7: organizations.keys.expires is "tomorrow", expected a time, as 2027-01-01T00:00:00Z
        serving_config.yaml:8: the key "two" is there under another name too
        serving_config.yaml:9: a key needs a name and a hash: {name: NAME, sha256: HASH}
    "#
    );
}
