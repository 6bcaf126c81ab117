//! Numbers that a model keeps itself, read at the moment of a scrape: nothing has to push them, and nothing can go stale.

use std::sync::atomic::AtomicU64;

use backend::{Activity, UpstreamReading};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::labels::{ModelLabels, ModelNameLabels};
use crate::upstreams::UpstreamMetrics;

/// One model as it is right now.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The id in the model's card.
    pub model: String,
    /// Whether it can answer.
    pub loaded: bool,
    /// Whether a newer version of it was looked for in vain.
    pub outdated: bool,
    pub activity: Activity,
    /// The servers that it runs on, where it does not run here.
    pub upstreams: Vec<UpstreamReading>,
}

pub(crate) type FloatGauge = Gauge<f64, AtomicU64>;

/// The metrics of one scrape. They live as long as the scrape does.
#[derive(Debug, Default)]
struct ReadingMetrics {
    model_loaded: Family<ModelLabels, Gauge>,
    model_outdated: Family<ModelLabels, Gauge>,
    tokens_per_second: Family<ModelLabels, FloatGauge>,
    num_requests_running: Family<ModelNameLabels, Gauge>,
    num_requests_waiting: Family<ModelNameLabels, Gauge>,
    kv_cache_usage_perc: Family<ModelNameLabels, FloatGauge>,
    prefix_cache_queries: Family<ModelNameLabels, Counter>,
    prefix_cache_hits: Family<ModelNameLabels, Counter>,
    prompt_tokens: Family<ModelNameLabels, Counter>,
    generation_tokens: Family<ModelNameLabels, Counter>,
    num_preemptions: Family<ModelNameLabels, Counter>,
    num_drafts: Family<ModelNameLabels, Counter>,
    num_draft_tokens: Family<ModelNameLabels, Counter>,
    num_accepted_tokens: Family<ModelNameLabels, Counter>,
    upstreams: UpstreamMetrics,
}

/// A registry that holds what these readings say, and nothing else.
pub(crate) fn registry_of(readings: impl IntoIterator<Item = Reading>) -> Registry {
    let metrics = ReadingMetrics::default();
    for reading in readings {
        metrics.set(&reading);
    }
    metrics.register()
}

impl ReadingMetrics {
    fn set(&self, reading: &Reading) {
        // Named in full: a number that is added to `Activity` must be shown here or be left out on purpose.
        let Activity {
            running,
            waiting,
            kv_cache_usage,
            kv_blocks_in_use: _,
            prefix_cache_queries,
            prefix_cache_hits,
            prompt_tokens,
            generation_tokens,
            preemptions,
            drafts,
            draft_tokens,
            accepted_tokens,
            tokens_per_second,
            stalled_for: _,
        } = reading.activity;
        self.upstreams.set(reading);
        let model = ModelLabels { model: reading.model.clone() };
        self.model_loaded.get_or_create(&model).set(i64::from(reading.loaded));
        self.model_outdated.get_or_create(&model).set(i64::from(reading.outdated));
        self.tokens_per_second.get_or_create(&model).set(tokens_per_second);

        let name = ModelNameLabels { model_name: reading.model.clone() };
        self.num_requests_running.get_or_create(&name).set(i64::from(running));
        self.num_requests_waiting.get_or_create(&name).set(i64::from(waiting));
        self.kv_cache_usage_perc.get_or_create(&name).set(kv_cache_usage);
        self.prefix_cache_queries.get_or_create(&name).inc_by(prefix_cache_queries);
        self.prefix_cache_hits.get_or_create(&name).inc_by(prefix_cache_hits);
        self.prompt_tokens.get_or_create(&name).inc_by(prompt_tokens);
        self.generation_tokens.get_or_create(&name).inc_by(generation_tokens);
        self.num_preemptions.get_or_create(&name).inc_by(preemptions);
        self.num_drafts.get_or_create(&name).inc_by(drafts);
        self.num_draft_tokens.get_or_create(&name).inc_by(draft_tokens);
        self.num_accepted_tokens.get_or_create(&name).inc_by(accepted_tokens);
    }

    fn register(self) -> Registry {
        let mut registry = Registry::default();
        registry.register("model_loaded", "1 if the model can answer, else 0", self.model_loaded);
        registry.register(
            "model_outdated",
            "1 if a newer version was looked for and cannot be had, else 0",
            self.model_outdated,
        );
        registry.register("tokens_per_second", "Tokens generated in the last second that had any", self.tokens_per_second);
        registry.register("vllm:num_requests_running", "Sequences being run", self.num_requests_running);
        registry.register("vllm:num_requests_waiting", "Requests waiting for their turn", self.num_requests_waiting);
        registry.register(
            "vllm:kv_cache_usage_perc",
            "Share of the KV cache in use; 1 is all of it",
            self.kv_cache_usage_perc,
        );
        registry.register(
            "vllm:prefix_cache_queries",
            "Prompt tokens looked up in the prefix cache",
            self.prefix_cache_queries,
        );
        registry.register("vllm:prefix_cache_hits", "Prompt tokens found in the prefix cache", self.prefix_cache_hits);
        registry.register("vllm:prompt_tokens", "Prompt tokens taken in", self.prompt_tokens);
        registry.register("vllm:generation_tokens", "Tokens generated", self.generation_tokens);
        registry.register("vllm:num_preemptions", "Sequences set back for want of KV blocks", self.num_preemptions);
        registry.register("vllm:spec_decode_num_drafts", "Times that tokens were guessed ahead", self.num_drafts);
        registry.register("vllm:spec_decode_num_draft_tokens", "Tokens guessed ahead", self.num_draft_tokens);
        registry.register("vllm:spec_decode_num_accepted_tokens", "Tokens guessed rightly", self.num_accepted_tokens);
        self.upstreams.register(&mut registry);
        registry
    }
}
