//! What is asked of `/predict`.

use backend::{Generation, MaxTokens, OutOfRange, Prompt, Stop, Temperature, TopP};
use openai::body::{Fields, refuse_leftovers, take};
use openai::{Body, Error, within};
use serde::Deserialize;

use crate::PredictSettings;

/// How many prompts a batch may hold.
const MOST: usize = 64;

/// `InferenceRequest`: a prompt to be continued. What is left out is the surface's default, not the model's.
#[derive(Debug, Clone)]
pub(crate) struct InferenceRequest {
    /// Continued as it stands.
    pub(super) prompt: String,
    parameters: Parameters,
    /// The name of an adapter of the default model.
    pub(super) adapter: Option<String>,
}

/// Types are right, ranges are not yet known to be.
#[derive(Debug, Clone, Deserialize)]
struct Parameters {
    /// Tokens to generate.
    max_length: Option<i64>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    /// Texts before which the answer ends.
    stop_tokens: Option<Vec<String>>,
    seed: Option<i64>,
    adapter: Option<String>,
    #[serde(flatten)]
    rest: Fields,
}

#[derive(Deserialize)]
struct Prompted {
    prompt: Option<String>,
    #[serde(flatten)]
    rest: Fields,
}

/// Either `prompts`, which share their parameters, or `requests`, each with its own. There is at least one.
#[derive(Debug)]
pub(crate) struct BatchRequest {
    form: Form,
    requests: Vec<InferenceRequest>,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Prompts,
    Requests,
}

#[derive(Deserialize)]
struct Several {
    prompts: Option<Vec<String>>,
    requests: Option<Vec<Fields>>,
    #[serde(flatten)]
    rest: Fields,
}

impl Body for InferenceRequest {
    fn read(fields: Fields) -> Result<Self, Error> {
        let Prompted { prompt, rest } = take(fields)?;
        Ok(Self::new(prompt.ok_or_else(|| Error::missing("prompt"))?, Parameters::read(rest)?))
    }
}

impl Body for Parameters {
    fn read(fields: Fields) -> Result<Self, Error> {
        let parameters: Self = take(fields)?;
        refuse_leftovers(&parameters.rest)?;
        Ok(parameters)
    }
}

impl Body for BatchRequest {
    fn read(fields: Fields) -> Result<Self, Error> {
        match take(fields)? {
            Several { prompts: Some(prompts), requests: None, rest } => Self::sharing(prompts, &Parameters::read(rest)?),
            Several { prompts: None, requests: Some(requests), rest } => {
                refuse_leftovers(&rest)?;
                Self::each(requests)
            }
            Several { prompts: None, requests: None, .. } => Err(Error::missing("prompts")),
            Several { .. } => Err(Error::invalid("requests", "cannot stand beside prompts; give one of them")),
        }
    }
}

impl BatchRequest {
    fn sharing(prompts: Vec<String>, parameters: &Parameters) -> Result<Self, Error> {
        check_count("prompts", prompts.len())?;
        let requests = prompts.into_iter().map(|prompt| InferenceRequest::new(prompt, parameters.clone())).collect();
        Ok(Self { form: Form::Prompts, requests })
    }

    fn each(requests: Vec<Fields>) -> Result<Self, Error> {
        check_count("requests", requests.len())?;
        let form = Form::Requests;
        let read =
            |(index, fields)| InferenceRequest::read(fields).map_err(|error| error.renamed(|it| form.place(index, it)));
        let requests = requests.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { form, requests })
    }

    pub(super) fn requests(&self) -> &[InferenceRequest] {
        &self.requests
    }

    /// Where in the batch a field of one request stands.
    pub(super) fn place(&self, index: usize, field: &str) -> String {
        self.form.place(index, field)
    }
}

impl Form {
    fn place(self, index: usize, field: &str) -> String {
        match self {
            Self::Prompts if field == "prompt" => format!("prompts[{index}]"),
            Self::Prompts => field.into(),
            Self::Requests => format!("requests[{index}].{field}"),
        }
    }
}

fn check_count(field: &str, count: usize) -> Result<(), Error> {
    if (1..=MOST).contains(&count) { Ok(()) } else { Err(Error::out_of_range(field, count.to_string(), "between 1 and 64")) }
}

impl InferenceRequest {
    fn new(prompt: String, mut parameters: Parameters) -> Self {
        let adapter = parameters.adapter.take();
        Self { prompt, parameters, adapter }
    }

    /// The same, asked of a model.
    pub(super) fn of(self, model: &str, settings: &PredictSettings) -> Result<Generation, Error> {
        let Self { prompt, parameters, adapter: _ } = self; // The adapter is the model.
        if prompt.is_empty() {
            return Err(Error::invalid("prompt", "must not be empty"));
        }
        let Parameters { max_length, temperature, top_p, stop_tokens, seed, adapter: _, rest: _ } = parameters;
        let max_length = within("max_length", max_length, |value| length(value, settings.most_length))?;
        let stop = Stop::new(stop_tokens.unwrap_or_default(), false)
            .map_err(|reason| Error::OutOfRange { field: "stop_tokens".into(), reason })?;
        let mut generation = Generation::new(model, Prompt::Text(prompt));
        generation.most_prompt_tokens = Some(settings.most_prompt_tokens);
        generation.max_tokens = max_length.or(Some(settings.max_length));
        generation.stop = stop;
        let sampling = &mut generation.sampling;
        sampling.temperature = within("temperature", temperature, Temperature::new)?.or(settings.temperature);
        sampling.top_p = within("top_p", top_p, TopP::new)?.or(settings.top_p);
        sampling.seed = seed.map(i64::cast_unsigned);
        Ok(generation)
    }
}

fn length(value: i64, most: MaxTokens) -> Result<MaxTokens, OutOfRange> {
    let length = u32::try_from(value).ok().and_then(MaxTokens::new).filter(|length| *length <= most);
    length.ok_or_else(|| OutOfRange::new(value, format!("between 1 and {most}")))
}

/// What this surface calls a parameter of a generation.
pub(super) fn field(parameter: &str) -> String {
    match parameter {
        "max_tokens" => "max_length",
        "stop" => "stop_tokens",
        other => other,
    }
    .into()
}
