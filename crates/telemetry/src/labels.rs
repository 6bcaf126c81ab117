//! The labels that metrics carry. Each takes values from a bounded set: a client must not be able to make new time series.

use prometheus_client::encoding::EncodeLabelSet;

/// What a model was asked to do, in the words of OpenTelemetry's `gen_ai.operation.name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Chat,
    TextCompletion,
}

impl Operation {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::TextCompletion => "text_completion",
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

/// The methods that HTTP defines; whatever else a client invents counts as one.
pub(crate) fn bounded_method(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}
