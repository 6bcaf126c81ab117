//! The labels that metrics carry. Each takes values from a bounded set: a client must not be able to make new time series.

use opentelemetry::KeyValue;
use prometheus_client::encoding::EncodeLabelSet;

use crate::histogram::Attributes;

/// What a model was asked to do, in the words of OpenTelemetry's `gen_ai.operation.name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Chat,
    TextCompletion,
    Embed,
    /// The convention has no word for it.
    Classify,
    /// Nor for this: what is asked is a scorer.
    Score,
}

impl Operation {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::TextCompletion => "text_completion",
            Self::Embed => "embeddings",
            Self::Classify => "classify",
            Self::Score => "score",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) method: &'static str,
    pub(crate) route: String,
    pub(crate) status: u16,
    pub(crate) model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RouteLabels {
    pub(crate) method: &'static str,
    pub(crate) route: String,
}

/// The model's name as description E has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ModelLabels {
    pub(crate) model: String,
}

/// The model's name as vLLM has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ModelNameLabels {
    pub(crate) model_name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OrganizationLabels {
    pub(crate) organization: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OrganizationTokenLabels {
    pub(crate) organization: String,
    pub(crate) token_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RefusalLabels {
    pub(crate) organization: String,
    pub(crate) reason: &'static str,
    pub(crate) shadow: &'static str,
}

/// The attributes that OpenTelemetry requires on each of its `gen_ai.*` metrics.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
#[expect(clippy::struct_field_names, reason = "a field's name is the label's name")]
pub(crate) struct GenAiLabels {
    pub(crate) gen_ai_operation_name: &'static str,
    pub(crate) gen_ai_provider_name: &'static str,
    pub(crate) gen_ai_request_model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct GenAiDurationLabels {
    #[prometheus(flatten)]
    pub(crate) common: GenAiLabels,
    /// Empty, which Prometheus takes for absent, if it went well.
    pub(crate) error_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct TokenUsageLabels {
    #[prometheus(flatten)]
    pub(crate) common: GenAiLabels,
    /// `input` or `output`.
    pub(crate) gen_ai_token_type: &'static str,
}

impl Attributes for RouteLabels {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![KeyValue::new("http.request.method", self.method), KeyValue::new("http.route", self.route.clone())]
    }
}

impl Attributes for RequestLabels {
    fn attributes(&self) -> Vec<KeyValue> {
        let Self { method, route, status, model: _ } = self;
        vec![
            KeyValue::new("http.request.method", *method),
            KeyValue::new("http.route", route.clone()),
            KeyValue::new("http.response.status_code", i64::from(*status)),
        ]
    }
}

impl Attributes for GenAiLabels {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("gen_ai.operation.name", self.gen_ai_operation_name),
            KeyValue::new("gen_ai.provider.name", self.gen_ai_provider_name),
            KeyValue::new("gen_ai.request.model", self.gen_ai_request_model.clone()),
        ]
    }
}

impl Attributes for GenAiDurationLabels {
    fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = self.common.attributes();
        if !self.error_type.is_empty() {
            attributes.push(KeyValue::new("error.type", self.error_type));
        }
        attributes
    }
}

impl Attributes for TokenUsageLabels {
    fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = self.common.attributes();
        attributes.push(KeyValue::new("gen_ai.token.type", self.gen_ai_token_type));
        attributes
    }
}

/// The methods that HTTP defines; whatever else a client invents counts as one.
pub(crate) fn bounded_method(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}
