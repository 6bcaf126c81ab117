//! OpenTelemetry's names for it: the semantic conventions for HTTP servers, and those for generative AI.

use backend::{Generation, Sampling};
use opentelemetry::{Array, KeyValue, StringValue, Value};

use super::RequestStarted;
use crate::labels::bounded_method;
use crate::metrics::PROVIDER;
use crate::{GenerationEnded, RequestEnded};

pub(super) fn request_name(method: &str, route: &str) -> String {
    format!("{} {route}", bounded_method(method))
}

/// The path itself is left out: for an unknown one, nobody knows what a client has put there.
pub(super) fn request_started(request: &RequestStarted<'_>) -> Vec<KeyValue> {
    vec![
        KeyValue::new("http.request.method", bounded_method(request.method)),
        KeyValue::new("http.route", request.route.to_owned()),
        KeyValue::new("http.response.header.x-request-id", strings([request.id.to_owned()])),
    ]
}

pub(super) fn request_ended(request: &RequestEnded<'_>, error: Option<&'static str>) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("http.response.status_code", i64::from(request.status)),
        KeyValue::new("http.response.body.size", request.bytes as i64),
    ];
    attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
    attributes
}

/// The part of a generation that is no content.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    model: String,
    attributes: Vec<KeyValue>,
}

impl Asked {
    pub(super) fn of(generation: &Generation) -> Self {
        let Sampling { temperature, top_p, top_k, frequency_penalty, presence_penalty, seed, .. } = &generation.sampling;
        let max_tokens = generation.max_tokens.or(generation.default_max_tokens);
        let choices = generation.choices.get();
        let float = |value: f32| Value::F64(rounded(value));
        let attributes = [
            ("gen_ai.request.max_tokens", max_tokens.map(|tokens| Value::I64(tokens.get().into()))),
            ("gen_ai.request.temperature", temperature.map(|value| float(value.get()))),
            ("gen_ai.request.top_p", top_p.map(|value| float(value.get()))),
            ("gen_ai.request.top_k", top_k.map(|value| Value::I64(value.get().into()))),
            ("gen_ai.request.frequency_penalty", frequency_penalty.map(|value| float(value.get()))),
            ("gen_ai.request.presence_penalty", presence_penalty.map(|value| float(value.get()))),
            ("gen_ai.request.seed", seed.map(|seed| Value::I64(seed.cast_signed()))),
            ("gen_ai.request.choice.count", (choices > 1).then(|| Value::I64(choices.into()))),
        ];
        let attributes = attributes.into_iter().filter_map(|(name, value)| Some(KeyValue::new(name, value?)));
        Self { model: generation.model.clone(), attributes: attributes.collect() }
    }
}

/// 0.7 as an `f32` is 0.699999988…, which is not what anybody asked for.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e6).round() / 1e6
}

pub(super) fn generation(generation: &GenerationEnded<'_>, asked: Option<&Asked>) -> Vec<KeyValue> {
    let GenerationEnded { operation, model, input_tokens, output_tokens, cached_tokens, finish_reasons, error, .. } =
        *generation;
    let mut attributes = vec![
        KeyValue::new("gen_ai.operation.name", operation.as_str()),
        KeyValue::new("gen_ai.provider.name", PROVIDER),
        KeyValue::new("gen_ai.request.model", asked.map_or(model, |asked| &asked.model).to_owned()),
        KeyValue::new("gen_ai.response.model", model.to_owned()),
        KeyValue::new("gen_ai.usage.input_tokens", i64::from(input_tokens)),
        KeyValue::new("gen_ai.usage.output_tokens", i64::from(output_tokens)),
        KeyValue::new("gen_ai.usage.cache_read.input_tokens", i64::from(cached_tokens)),
    ];
    attributes.extend(asked.into_iter().flat_map(|asked| asked.attributes.iter().cloned()));
    if !finish_reasons.is_empty() {
        let reasons = finish_reasons.iter().map(|reason| reason.as_str());
        attributes.push(KeyValue::new("gen_ai.response.finish_reasons", strings(reasons)));
    }
    attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
    attributes
}

fn strings<T: Into<StringValue>>(values: impl IntoIterator<Item = T>) -> Value {
    Value::Array(Array::String(values.into_iter().map(Into::into).collect()))
}
