//! Every metric that the server counts, as the fields of one struct, and the two events that move them.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use opentelemetry::metrics::Meter;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram as Scraped;
use prometheus_client::registry::Registry;

use crate::buckets;
use crate::ended::{GenerationEnded, RequestEnded};
use crate::gpus::Gpus;
use crate::histogram::Histogram;
use crate::labels::{
    GenAiDurationLabels, GenAiLabels, OrganizationLabels, OrganizationTokenLabels, RefusalLabels, RequestLabels,
    RouteLabels, TokenUsageLabels, bounded_method,
};
use crate::names;
use crate::reading::{self, Reading};

/// The label value of a model that is not served here: clients may ask for any name, and each would be a new time series.
const OTHER: &str = "other";

/// So many organisations have series of their own; a scrape has to end.
const MOST_ORGANIZATIONS: usize = 1000;

/// The same of models: adapters come and go.
const MOST_MODELS: usize = 1000;

/// What the OpenTelemetry convention calls the provider: who runs the model.
pub(crate) const PROVIDER: &str = "llm-inference-api";

/// Everything that is counted over the life of the process. Shared behind an `Arc`; recording takes a short lock at most.
///
/// Numbers that a model keeps itself (`model_loaded`, `tokens_per_second`, all of `vllm:*`) are not here: they come into
/// [`encode`](Self::encode) as [`Reading`]s.
pub struct Metrics {
    /// `api_requests_total{method,route,status,model}`: answers whose body has ended, by whatever end.
    api_requests: Family<RequestLabels, Counter>,
    /// `api_request_duration_seconds{method,route}`: from the request's head to the end of the answer's body.
    api_request_duration: Histogram<RouteLabels>,
    /// `gpu_memory_usage_bytes`: 0 without a GPU.
    gpu_memory_usage: Gauge,
    gpus: Option<Arc<dyn Gpus>>,
    /// `gen_ai_server_time_to_first_token_seconds`
    time_to_first_token: Histogram<GenAiLabels>,
    /// `gen_ai_server_time_per_output_token_seconds`: of the tokens after the first.
    time_per_output_token: Histogram<GenAiLabels>,
    /// `gen_ai_server_request_duration_seconds`: from the request to its last token, `error_type` if there was an error.
    request_duration: Histogram<GenAiDurationLabels>,
    /// `gen_ai_client_token_usage`: tokens in (`input`) and out (`output`) of each request.
    token_usage: Histogram<TokenUsageLabels>,

    /// `llm_organization_requests_total{organization}`: those that a quota let in.
    organization_requests: Family<OrganizationLabels, Counter>,
    /// `llm_organization_tokens_total{organization,token_type}`: of prompts (`input`; `cached` among them) and answers (`output`).
    organization_tokens: Family<OrganizationTokenLabels, Counter>,
    /// `llm_quota_refusals_total{organization,reason,shadow}`: where `shadow` is true it was let in nevertheless.
    quota_refusals: Family<RefusalLabels, Counter>,
    /// `llm_drain_refusals_total`: those that came when the server was about to end. They are not in `api_requests_total`.
    drain_refusals: Counter,

    /// The values that an `organization` label has.
    organizations: Mutex<HashSet<String>>,
    /// The values that a `model` label can have, beside [`OTHER`] and nothing.
    models: RwLock<HashSet<String>>,
    registry: Registry,
}

impl Metrics {
    /// `models` are the ids that may appear as a label.
    pub fn new(models: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut metrics = Self {
            api_requests: Family::default(),
            api_request_duration: Histogram::new(names::API_REQUEST_DURATION, || {
                Scraped::new(buckets::API_REQUEST_DURATION)
            }),
            gpu_memory_usage: Gauge::default(),
            gpus: None,
            time_to_first_token: Histogram::new(names::TIME_TO_FIRST_TOKEN, || Scraped::new(buckets::TIME_TO_FIRST_TOKEN)),
            time_per_output_token: Histogram::new(names::TIME_PER_OUTPUT_TOKEN, || {
                Scraped::new(buckets::TIME_PER_OUTPUT_TOKEN)
            }),
            request_duration: Histogram::new(names::REQUEST_DURATION, || Scraped::new(buckets::REQUEST_DURATION)),
            token_usage: Histogram::new(names::TOKEN_USAGE, || Scraped::new(buckets::TOKEN_USAGE)),
            organization_requests: Family::default(),
            organization_tokens: Family::default(),
            quota_refusals: Family::default(),
            drain_refusals: Counter::default(),
            organizations: Mutex::default(),
            models: RwLock::new(models.into_iter().map(Into::into).collect()),
            registry: Registry::default(),
        };
        metrics.register();
        metrics
    }

    /// Sends the histograms to a collector too.
    #[must_use]
    pub fn sent_by(mut self, meter: &Meter) -> Self {
        self.api_request_duration.send(meter);
        self.time_to_first_token.send(meter);
        self.time_per_output_token.send(meter);
        self.request_duration.send(meter);
        self.token_usage.send(meter);
        self
    }

    /// Looks at these GPUs each time that somebody asks.
    #[must_use]
    pub fn watching(mut self, gpus: Option<Arc<dyn Gpus>>) -> Self {
        self.gpus = gpus;
        self
    }

    /// Whether this machine has a GPU.
    pub fn has_gpus(&self) -> bool {
        self.gpus.is_some()
    }

    /// Names are given as they are shown, but for a counter's `_total`, which the encoder adds.
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("api_requests", "Requests answered", self.api_requests.clone());
        self.api_request_duration.register(registry);
        registry.register("gpu_memory_usage_bytes", "GPU memory in use", self.gpu_memory_usage.clone());
        self.time_to_first_token.register(registry);
        self.time_per_output_token.register(registry);
        self.request_duration.register(registry);
        self.token_usage.register(registry);
        let requests = self.organization_requests.clone();
        registry.register("llm_organization_requests", "Requests let in, by organisation", requests);
        registry.register("llm_organization_tokens", "Tokens used, by organisation", self.organization_tokens.clone());
        registry.register("llm_quota_refusals", "Requests over a quota, by organisation", self.quota_refusals.clone());
        let refusals = self.drain_refusals.clone();
        registry.register("llm_drain_refusals", "Requests turned away since the server shuts down", refusals);
    }

    /// To be called once for each request, when its answer's body has ended or was dropped.
    pub fn request_ended(&self, request: &RequestEnded<'_>) {
        let RequestEnded { method, route, status, model, took, .. } = *request;
        let method = bounded_method(method);
        let model = model.map_or("", |model| self.bounded_model(model)).to_owned();
        let labels = RequestLabels { method, route: route.to_owned(), status, model };
        let of_route = RouteLabels { method, route: route.to_owned() };
        self.api_request_duration.observe_as(&of_route, &labels, took.as_secs_f64());
        self.api_requests.get_or_create(&labels).inc();
    }

    /// To be called in place of [`request_ended`](Self::request_ended) for a request that is turned away because the server is about to
    /// end: whoever balances the load gives it to another one, where it is counted.
    pub fn refused_to_drain(&self) {
        self.drain_refusals.inc();
    }

    /// To be called once for each generation, whatever its end.
    pub fn generation_ended(&self, generation: &GenerationEnded<'_>) {
        let GenerationEnded { operation, model, took, to_first_token, input_tokens, output_tokens, error, .. } = *generation;
        let common = GenAiLabels {
            gen_ai_operation_name: operation.as_str(),
            gen_ai_provider_name: PROVIDER,
            gen_ai_request_model: self.bounded_model(model).to_owned(),
        };
        if let Some(first) = to_first_token {
            self.time_to_first_token.observe(&common, first.as_secs_f64());
            if output_tokens > 1 {
                let each = took.saturating_sub(first) / (output_tokens - 1);
                self.time_per_output_token.observe(&common, each.as_secs_f64());
            }
        }
        for (gen_ai_token_type, tokens) in [("input", input_tokens), ("output", output_tokens)] {
            let labels = TokenUsageLabels { common: common.clone(), gen_ai_token_type };
            self.token_usage.observe(&labels, f64::from(tokens));
        }
        let labels = GenAiDurationLabels { common, error_type: error.unwrap_or_default() };
        self.request_duration.observe(&labels, took.as_secs_f64());
    }

    /// To be called once for each answer that somebody pays for; `requests` is 0 if its request was counted with another.
    pub fn paid(&self, organization: &str, requests: u64, answer: &GenerationEnded<'_>) {
        let GenerationEnded { input_tokens, cached_tokens, output_tokens, .. } = *answer;
        let organization = self.bounded_organization(organization);
        self.organization_requests
            .get_or_create(&OrganizationLabels { organization: organization.clone() })
            .inc_by(requests);
        for (kind, tokens) in [("input", input_tokens), ("cached", cached_tokens), ("output", output_tokens)] {
            let labels = OrganizationTokenLabels { organization: organization.clone(), token_type: kind };
            self.organization_tokens.get_or_create(&labels).inc_by(u64::from(tokens));
        }
    }

    /// To be called for each request that a quota refuses, or would refuse.
    pub fn quota_refused(&self, organization: &str, reason: &'static str, shadow: bool) {
        let organization = self.bounded_organization(organization);
        let shadow = if shadow { "true" } else { "false" };
        self.quota_refusals.get_or_create(&RefusalLabels { organization, reason, shadow }).inc();
    }

    /// Everything as OpenMetrics, with what each model says of itself now: see [`Exposition`](crate::Exposition).
    pub fn encode(&self, readings: impl IntoIterator<Item = Reading>) -> String {
        if let Some(gpus) = &self.gpus {
            self.gpu_memory_usage.set(i64::try_from(gpus.memory_in_use()).unwrap_or(i64::MAX));
        }
        let mut out = String::with_capacity(8 * 1024);
        // Writing to a `String` cannot fail, and no label's encoder refuses a value.
        let written = text::encode_registry(&mut out, &self.registry)
            .and_then(|()| text::encode_registry(&mut out, &reading::registry_of(readings)))
            .and_then(|()| text::encode_eof(&mut out));
        if let Err(error) = written {
            tracing::error!(%error, "the metrics could not be written");
        }
        out
    }

    /// Those of whom much is heard first have their own series.
    fn bounded_organization(&self, organization: &str) -> String {
        let mut known = self.organizations.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(organization) {
            if known.len() >= MOST_ORGANIZATIONS {
                return OTHER.to_owned();
            }
            known.insert(organization.to_owned());
        }
        organization.to_owned()
    }

    /// From now on this may appear as a label, too, unless too many do already.
    pub fn add_model(&self, model: &str) {
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        if models.len() < MOST_MODELS {
            models.insert(model.to_owned());
        }
    }

    fn bounded_model<'a>(&self, model: &'a str) -> &'a str {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        if models.contains(model) { model } else { OTHER }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").field("models", &self.models).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
