//! What is asked of `/predict`.

use backend::{Generation, MaxTokens, OutOfRange, Prompt, Stop, Temperature, TopP};
use openai::body::{Fields, refuse_leftovers, take};
use openai::{Body, Error, schema, within};
use serde::Deserialize;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

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
#[derive(Debug, Clone, Deserialize, ToSchema)]
struct Parameters {
    /// Tokens to generate; 100 if absent. The server may have another bound.
    #[schema(minimum = 1, maximum = 2048)]
    max_length: Option<i64>,
    /// 0.7 if absent; 0 is greedy.
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f32>,
    /// 0.95 if absent.
    #[schema(minimum = 0, maximum = 1)]
    top_p: Option<f32>,
    /// Texts before which the answer ends.
    #[schema(schema_with = stop_tokens)]
    stop_tokens: Option<Vec<String>>,
    /// Any 64-bit integer.
    seed: Option<i64>,
    /// The name of an adapter of the default model.
    adapter: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

#[derive(Deserialize, ToSchema)]
struct Prompted {
    /// Continued as it stands.
    #[schema(value_type = String, min_length = 1)]
    prompt: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
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

#[derive(Deserialize, ToSchema)]
struct Several {
    /// With the same parameters for all.
    #[schema(schema_with = several_prompts)]
    prompts: Option<Vec<String>>,
    /// Each with its own parameters.
    #[schema(schema_with = several_requests)]
    requests: Option<Vec<Fields>>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

impl PartialSchema for InferenceRequest {
    fn schema() -> RefOr<Schema> {
        schema::closed([Prompted::schema(), Parameters::schema()]).into()
    }
}

impl ToSchema for InferenceRequest {}

impl PartialSchema for BatchRequest {
    /// Either form: `prompts` with parameters, or `requests` that have their own.
    fn schema() -> RefOr<Schema> {
        let mut sharing = schema::closed([Several::schema(), Parameters::schema()]);
        sharing.properties.shift_remove("requests");
        sharing.required.push("prompts".into());
        let mut each = schema::closed([Several::schema()]);
        each.properties.shift_remove("prompts");
        each.required.push("requests".into());
        OneOfBuilder::new().item(sharing).item(each).into()
    }
}

impl ToSchema for BatchRequest {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((InferenceRequest::name().into(), InferenceRequest::schema()));
    }
}

fn several_prompts() -> Schema {
    let prompt = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    ArrayBuilder::new().items(prompt).min_items(Some(1)).max_items(Some(MOST)).into()
}

fn several_requests() -> Schema {
    let request = Ref::from_schema_name(InferenceRequest::name());
    ArrayBuilder::new().items(request).min_items(Some(1)).max_items(Some(MOST)).into()
}

fn stop_tokens() -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    let types = SchemaType::from_iter([Type::Array, Type::Null]);
    ArrayBuilder::new().schema_type(types).items(text).max_items(Some(Stop::MOST)).into()
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
        // Where nobody says how much, what there is room for will do.
        (generation.max_tokens, generation.default_max_tokens) = (max_length, Some(settings.max_length));
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
