//! What `/metrics` shows.

use std::sync::Arc;
use std::time::Duration;

use backend::{Activity, BreakerState, Durations, UpstreamReading};

use super::Metrics;
use crate::{GenerationEnded, Gpus, Operation, Reading, RequestEnded};

fn request(model: Option<&str>) -> RequestEnded<'_> {
    RequestEnded {
        method: "POST",
        route: "/v1/completions",
        status: 200,
        model,
        took: Duration::from_millis(40),
        bytes: 100,
        error: None,
        complete: true,
    }
}

fn generation() -> GenerationEnded<'static> {
    GenerationEnded {
        operation: Operation::Chat,
        model: "demo",
        took: Duration::from_secs(1),
        to_first_token: Some(Duration::from_millis(100)),
        input_tokens: 20,
        cached_tokens: 16,
        output_tokens: 10,
        finish_reasons: &[backend::FinishReason::Stop],
        error: None,
    }
}

fn reading() -> Reading {
    let activity = Activity {
        running: 3,
        waiting: 2,
        kv_cache_usage: 0.25,
        prefix_cache_queries: 100,
        prefix_cache_hits: 64,
        prompt_tokens: 1_000,
        generation_tokens: 500,
        preemptions: 1,
        drafts: 40,
        draft_tokens: 200,
        accepted_tokens: 150,
        tokens_per_second: 42.5,
        ..Activity::default()
    };
    Reading { model: "demo".into(), loaded: true, outdated: false, activity, upstreams: Vec::new() }
}

/// The lines that a grep for `part` finds.
fn lines(text: &str, part: &str) -> String {
    text.lines().filter(|line| line.contains(part)).collect::<Vec<_>>().join("\n")
}

#[derive(Debug)]
struct Gpu(u64);

impl Gpus for Gpu {
    fn memory_in_use(&self) -> u64 {
        self.0
    }
}

#[test]
fn a_gpus_memory_is_looked_at_when_somebody_asks() {
    let metrics = Metrics::new(["demo"]).watching(Some(Arc::new(Gpu(5 << 30))));
    assert!(metrics.has_gpus() && !Metrics::new(["demo"]).has_gpus());
    let text = metrics.encode([]);
    assert!(text.lines().any(|line| line == "gpu_memory_usage_bytes 5368709120"), "{text}");
}

#[test]
fn every_metric_of_the_contract_is_there_under_its_name() {
    let metrics = Metrics::new(["demo"]);
    metrics.request_ended(&request(Some("demo")));
    metrics.generation_ended(&generation());
    let text = metrics.encode([reading()]);
    let mut samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket{")).collect();
    samples.sort_unstable();
    insta::assert_snapshot!(samples.join("\n"), @r#"
        api_request_duration_seconds_count{method="POST",route="/v1/completions"} 1
        api_request_duration_seconds_sum{method="POST",route="/v1/completions"} 0.04
        api_requests_total{method="POST",route="/v1/completions",status="200",model="demo"} 1
        gen_ai_client_token_usage_count{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo",gen_ai_token_type="input"} 1
        gen_ai_client_token_usage_count{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo",gen_ai_token_type="output"} 1
        gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo",gen_ai_token_type="input"} 20.0
        gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo",gen_ai_token_type="output"} 10.0
        gen_ai_server_request_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo",error_type=""} 1
        gen_ai_server_request_duration_seconds_sum{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo",error_type=""} 1.0
        gen_ai_server_time_per_output_token_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo"} 1
        gen_ai_server_time_per_output_token_seconds_sum{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo"} 0.1
        gen_ai_server_time_to_first_token_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo"} 1
        gen_ai_server_time_to_first_token_seconds_sum{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo"} 0.1
        gpu_memory_usage_bytes 0
        llm_drain_refusals_total 0
        model_loaded{model="demo"} 1
        model_outdated{model="demo"} 0
        tokens_per_second{model="demo"} 42.5
        vllm:generation_tokens_total{model_name="demo"} 500
        vllm:kv_cache_usage_perc{model_name="demo"} 0.25
        vllm:num_preemptions_total{model_name="demo"} 1
        vllm:num_requests_running{model_name="demo"} 3
        vllm:num_requests_waiting{model_name="demo"} 2
        vllm:prefix_cache_hits_total{model_name="demo"} 64
        vllm:prefix_cache_queries_total{model_name="demo"} 100
        vllm:prompt_tokens_total{model_name="demo"} 1000
        vllm:spec_decode_num_accepted_tokens_total{model_name="demo"} 150
        vllm:spec_decode_num_draft_tokens_total{model_name="demo"} 200
        vllm:spec_decode_num_drafts_total{model_name="demo"} 40
    "#);
}

#[test]
fn a_counter_is_described_under_its_name_and_the_text_ends_with_eof() {
    let text = Metrics::new(["demo"]).encode([reading()]);
    insta::assert_snapshot!(lines(&text, "vllm:prefix_cache_hits"), @r#"
        # HELP vllm:prefix_cache_hits Prompt tokens found in the prefix cache.
        # TYPE vllm:prefix_cache_hits counter
        vllm:prefix_cache_hits_total{model_name="demo"} 64
    "#);
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn the_first_token_falls_into_the_buckets_of_the_convention() {
    let metrics = Metrics::new(["demo"]);
    metrics.generation_ended(&generation());
    let text = metrics.encode([]);
    let bounds: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("gen_ai_server_time_to_first_token_seconds_bucket"))
        .filter_map(|line| line.split("le=\"").nth(1)?.split('"').next())
        .collect();
    insta::assert_snapshot!(bounds.join(" "), @"0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1.0 2.5 5.0 7.5 10.0 +Inf");
}

#[test]
fn a_client_cannot_make_new_time_series() {
    let metrics = Metrics::new(["demo"]);
    for model in ["a", "b", "c"] {
        metrics.request_ended(&RequestEnded { method: model, ..request(Some(model)) });
    }
    insta::assert_snapshot!(lines(&metrics.encode([]), "api_requests_total"), @r#"api_requests_total{method="other",route="/v1/completions",status="200",model="other"} 3"#);
}

#[test]
fn a_generation_without_a_token_has_no_time_to_the_first() {
    let metrics = Metrics::new(["demo"]);
    metrics.generation_ended(&GenerationEnded {
        to_first_token: None,
        output_tokens: 0,
        error: Some("cancelled"),
        ..generation()
    });
    let text = metrics.encode([]);
    assert_eq!(lines(&text, "time_to_first_token_seconds_count"), "");
    insta::assert_snapshot!(lines(&text, "request_duration_seconds_count"), @r#"gen_ai_server_request_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo",error_type="cancelled"} 1"#);
}

#[test]
fn a_single_token_has_no_time_per_further_token() {
    let metrics = Metrics::new(["demo"]);
    metrics.generation_ended(&GenerationEnded { output_tokens: 1, ..generation() });
    assert_eq!(lines(&metrics.encode([]), "time_per_output_token_seconds_count"), "");
}

#[test]
fn each_server_that_a_model_runs_on_is_told_apart() {
    let upstream = UpstreamReading {
        address: "http://gpu:8000".into(),
        usable: false,
        breaker: BreakerState::Open,
        in_flight: 3,
        requests: 20,
        failures: vec![("unreachable", 6), ("busy", 0)],
        beginnings: Durations { seconds: 3.5, buckets: vec![(0.25, 13), (f64::INFINITY, 1)] },
        latency_seconds: 0.25,
        without_usage: 1,
    };
    let text = Metrics::new(["demo"]).encode([Reading { upstreams: vec![upstream], ..reading() }]);
    let mut samples: Vec<_> = text.lines().filter(|line| line.starts_with("gateway_")).collect();
    samples.sort_unstable();
    insta::assert_snapshot!(samples.join("\n"), @r#"
        gateway_queue_depth{model="demo"} 2
        gateway_upstream_breaker_state{model="demo",upstream="http://gpu:8000"} 2
        gateway_upstream_failures_total{model="demo",upstream="http://gpu:8000",kind="busy"} 0
        gateway_upstream_failures_total{model="demo",upstream="http://gpu:8000",kind="unreachable"} 6
        gateway_upstream_first_byte_seconds_bucket{le="+Inf",model="demo",upstream="http://gpu:8000"} 14
        gateway_upstream_first_byte_seconds_bucket{le="0.25",model="demo",upstream="http://gpu:8000"} 13
        gateway_upstream_first_byte_seconds_count{model="demo",upstream="http://gpu:8000"} 14
        gateway_upstream_first_byte_seconds_sum{model="demo",upstream="http://gpu:8000"} 3.5
        gateway_upstream_in_flight{model="demo",upstream="http://gpu:8000"} 3
        gateway_upstream_latency_seconds{model="demo",upstream="http://gpu:8000"} 0.25
        gateway_upstream_requests_total{model="demo",upstream="http://gpu:8000"} 20
        gateway_upstream_usable{model="demo",upstream="http://gpu:8000"} 0
        gateway_upstream_without_usage_total{model="demo",upstream="http://gpu:8000"} 1
    "#);
}
