//! The parameters that all requests for text have in common, as somebody else's server is sent them.

use backend::Generation;
use serde_json::{Map, Value, json};

use crate::body::Fields;

/// A streamed request with its usage. What was left open is left out: the server has defaults of its own.
pub(crate) fn shared(generation: &Generation, model: &str) -> Fields {
    let Generation {
        model: _, // It may have another name there.
        prompt: _,
        adapter: _, // Of a model that runs here.
        encoded: _, // By a tokenizer of this process.
        most_prompt_tokens: _,
        sampling,
        stop,
        max_tokens,
        default_max_tokens,
        choices,
        logprobs: _,
        echo: _,
        priority,
        tenant: _,
        hops: _, // In a header.
    } = generation;
    let mut fields = Fields::new();
    let mut set = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    set("model", model.into());
    set("stream", true.into());
    set("stream_options", json!({"include_usage": true}));
    for (name, value) in [
        ("temperature", sampling.temperature.map(|value| number(value.get()))),
        ("top_p", sampling.top_p.map(|value| number(value.get()))),
        ("top_k", sampling.top_k.filter(|top_k| *top_k != backend::TopK::MAX).map(|value| value.get().into())),
        ("min_p", sampling.min_p.map(|value| number(value.get()))),
        ("presence_penalty", sampling.presence_penalty.map(|value| number(value.get()))),
        ("frequency_penalty", sampling.frequency_penalty.map(|value| number(value.get()))),
        ("repetition_penalty", sampling.repetition_penalty.map(|value| number(value.get()))),
        ("seed", sampling.seed.map(|seed| seed.cast_signed().into())),
        ("max_tokens", max_tokens.or(*default_max_tokens).map(|tokens| tokens.get().into())),
        ("n", (choices.get() > 1).then(|| choices.get().into())),
        ("stop", (!stop.strings().is_empty()).then(|| stop.strings().into())),
        ("ignore_eos", stop.ignore_eos.then_some(Value::Bool(true))),
        ("priority", (priority.0 != 0).then(|| priority.0.into())),
    ] {
        if let Some(value) = value {
            set(name, value);
        }
    }
    let biases = sampling.logit_bias.as_slice();
    if !biases.is_empty() {
        set(
            "logit_bias",
            biases.iter().map(|(token, bias)| (token.to_string(), number(*bias))).collect::<Map<_, _>>().into(),
        );
    }
    fields
}

/// Through text, so that 0.7 is not sent as 0.699999988079071.
fn number(value: f32) -> Value {
    value.to_string().parse().map_or(Value::Null, |number: f64| number.into())
}
