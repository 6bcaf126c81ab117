//! What is refused or warned of, and in which words.

use clap::Parser as _;

use super::{Flags, refused, resolved, resolved_for, resolved_with};
use crate::settings::{Purpose, parse};

#[test]
fn all_that_cannot_be_read_is_named_at_once() {
    insta::assert_snapshot!(
        refused(&["LLM_INFERENCE_PORT=http", "LLM_DEFAULT_TEMPERATURE=3", "LLM_KV_CACHE_BYTES=4G", "DEBUG=maybe"]),
        @r#"
        LLM_DEFAULT_TEMPERATURE="3": expected a number from 0 to 2
        LLM_KV_CACHE_BYTES="4G": expected bytes, or a number with KB, MB, GB, KiB, MiB or GiB, as 512MiB
        LLM_INFERENCE_PORT="http": expected a port from 1 to 65535, or 0 for any that is free
        DEBUG="maybe": expected true or false
    "#
    );
}

#[test]
fn a_flag_that_cannot_be_read_says_what_was_expected() {
    let error = Flags::try_parse_from(["server", "--kv-cache-bytes", "4G"]).unwrap_err();
    insta::assert_snapshot!(error.to_string().lines().next().unwrap_or_default(), @"error: invalid value '4G' for '--kv-cache-bytes <BYTES>': expected bytes, or a number with KB, MB, GB, KiB, MiB or GiB, as 512MiB");
}

#[test]
fn all_sources_are_told_of_together() {
    let file = "api: {prot: 1, workers: 0}\nmodel: {batch_size: [1], max_tokens: 100, default_max_tokens: 200}\nengine: {threads: '${N}'}";
    let problems =
        resolved_with(file, Purpose::Serve, "", &["LLM_INFERENCE_PORT=http", "N=many", "TRUSTED_HOSTS=example.org"])
            .unwrap_err();
    insta::assert_snapshot!(problems, @r#"
        serving_config.yaml:1: there is no key api.prot; did you mean api.port?
        serving_config.yaml:1: api.workers is "0", expected a whole number, 1 to 1024
        serving_config.yaml:2: model.batch_size is a list, expected a whole number, at least 1
        serving_config.yaml:3: engine.threads is "${N}" (what that stands for is not shown), expected a whole number, 1 to 1024
        model.default_max_tokens (serving_config.yaml:2) is 200, more than the 100 of model.max_tokens (serving_config.yaml:2)
        LLM_INFERENCE_PORT="http": expected a port from 1 to 65535, or 0 for any that is free
    "#);
}

#[test]
fn a_default_over_the_limit_is_refused() {
    insta::assert_snapshot!(refused(&["LLM_DEFAULT_MAX_TOKENS=500", "LLM_MAX_TOKENS_LIMIT=100"]), @"LLM_DEFAULT_MAX_TOKENS is 500, more than the 100 of LLM_MAX_TOKENS_LIMIT");
}

#[test]
fn drafts_without_a_model_are_refused() {
    insta::assert_snapshot!(refused(&["LLM_SPECULATION=draft"]), @"LLM_SPECULATION is draft, but no model is named to draft; name a smaller one of the same vocabulary with LLM_DRAFT_MODEL or --draft-model, or set LLM_SPECULATION to ngram, which needs none");
}

#[test]
fn limits_are_numbers_or_none() {
    let settings = resolved("--tokens-per-day none", &["LLM_LIMIT_REQUESTS_PER_DAY=0"]);
    assert_eq!(settings.limits.tokens_per_day.value, parse::Allowance(None));
    assert_eq!(settings.limits.requests_per_day.value, parse::Allowance(Some(0)));
    assert_eq!(settings.limits.tokens_per_month.value, parse::Allowance(Some(300_000_000)));
    insta::assert_snapshot!(refused(&["LLM_LIMIT_TOKENS_PER_DAY=many"]), @r#"LLM_LIMIT_TOKENS_PER_DAY="many": expected a whole number, or none"#);
}

#[test]
fn tls_needs_both_its_files() {
    let refusal = refused(&["SERVER_SSL_ENABLED=true"]);
    for file in ["TLS_SERVER_CERT_PATH or --tls-certificate", "TLS_SERVER_KEY_PATH or --tls-key"] {
        assert!(refusal.contains(file), "{refusal}");
    }
    let settings = resolved("--tls-key k.pem", &["SERVER_SSL_ENABLED=yes", "TLS_SERVER_CERT_PATH=/etc/tls/c.pem"]);
    assert!(settings.http.tls.value && settings.warnings.is_empty());
    // A command that serves nobody needs none.
    assert!(resolved_for(Purpose::Answer, "", &["SERVER_SSL_ENABLED=true"]).is_ok());
    let warnings = resolved("", &["TLS_SERVER_CERT_PATH=c.pem"]).warnings.join("\n");
    assert!(warnings.contains("speaks plain HTTP as long as SERVER_SSL_ENABLED is not true"), "{warnings}");
}

#[test]
fn hosts_and_proxies_are_names_and_networks() {
    let settings = resolved("--trusted-hosts Api.example.org,*.internal", &["TRUSTED_PROXIES=10.0.0.0/8, ::1"]);
    assert_eq!(settings.http.trusted_hosts.value.to_string(), "api.example.org, *.internal");
    assert_eq!(settings.http.trusted_proxies.value.to_string(), "10.0.0.0/8, ::1/128");
    let refusal = refused(&["TRUSTED_HOSTS=https://a", "TRUSTED_PROXIES=10.0.0.0/33"]);
    assert!(refusal.contains("expected host names as") && refusal.contains("expected networks as"), "{refusal}");
}

#[test]
fn more_threads_than_processors_are_warned_of() {
    let warnings = |flags: &str| resolved(flags, &[]).warnings;
    insta::assert_snapshot!(warnings("--threads 64").join("\n"), @"--threads is 64, and this process has 8 processors: more threads are slower");
    assert_eq!(warnings("--threads 1"), Vec::<String>::new());
}

#[test]
fn what_has_no_effect_yet_or_no_meaning_is_said_once_and_without_its_value() {
    let settings = resolved("", &["CUDA_VISIBLE_DEVICES=/secret", "LLM_MAX_TOKEN_LIMIT=5", "OTEL_EXPORTER_OTLP_TIMEOUT=5"]);
    insta::assert_snapshot!(settings.warnings.join("\n"), @r"
        set, but without effect in this version: CUDA_VISIBLE_DEVICES, OTEL_EXPORTER_OTLP_TIMEOUT
        LLM_MAX_TOKEN_LIMIT is set, but there is no setting of this name; did you mean LLM_MAX_TOKENS_LIMIT?
    ");
}
