//! How shapes are documented that a derive cannot say: fields gathered from several types, and OpenAI's unions.

use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::body::{self, IGNORED};

/// The name of a model, where a request must have it.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is there to be documented: bodies take the name apart from the rest")]
pub struct ModelField {
    /// An id of `/v1/models`, or an alias.
    model: String,
}

/// The name of a model, where a request may leave it out.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is there to be documented: bodies take the name apart from the rest")]
pub struct OptionalModelField {
    /// An id of `/v1/models`, or an alias. Absent: the first model.
    model: Option<String>,
}

/// Why a text ended.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended it, or a stop string was met.
    Stop,
    /// The tokens that were asked for are used up.
    Length,
}

/// One object of all the fields of these, those that OpenAI's clients send for OpenAI's own books, and no others.
pub fn closed(parts: impl IntoIterator<Item = RefOr<Schema>>) -> Object {
    let mut whole = Object::with_type(Type::Object);
    for part in parts {
        let RefOr::T(Schema::Object(part)) = part else { continue };
        whole.properties.extend(part.properties);
        whole.required.extend(part.required);
    }
    whole.properties.extend(IGNORED.map(|name| (name.to_owned(), ignored().into())));
    whole.additional_properties = Some(Box::new(AdditionalProperties::from(tolerated())));
    whole
}

/// What other fields may hold: those of OpenAI's and vLLM's that are not supported, written by clients that write all they know.
fn tolerated() -> Schema {
    let description = "A parameter of OpenAI's or vLLM's that this server does not have can be null, or ask for what is done anyway. \
         A model that runs on another server takes what that server takes.";
    any_of_these(body::tolerated()).description(Some(description)).build().into()
}

fn any_of_these(values: impl IntoIterator<Item = Value>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).enum_values(Some(values))
}

/// Leaves a field of an object only these values, and null, which is the same as leaving it out.
pub fn allow_only<V: Into<Value>>(object: &mut Object, field: &str, values: impl IntoIterator<Item = V>) {
    let values = values.into_iter().map(Into::into).chain([Value::Null]);
    object.properties.insert(field.to_owned(), Schema::from(any_of_these(values).build()).into());
}

/// Whatever it is.
fn ignored() -> Schema {
    let description = Some("OpenAI's own book-keeping: changes no answer.");
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(description).build().into()
}

/// A string, or an array of at least one of these.
pub(crate) fn text_or_array_of(item: RefOr<Schema>) -> Schema {
    let array = ArrayBuilder::new().items(item).min_items(Some(1));
    OneOfBuilder::new().item(String::schema()).item(array).into()
}

/// False, or null.
pub(crate) fn only_false() -> Schema {
    any_of_these([false.into(), Value::Null]).description(Some("Only false is supported.")).build().into()
}

/// Null, or an empty array.
#[derive(Debug)]
pub(crate) struct Nothing;

impl PartialSchema for Nothing {
    fn schema() -> RefOr<Schema> {
        Schema::from(any_of_these([Value::Null, Value::Array(Vec::new())]).build()).into()
    }
}

impl ToSchema for Nothing {}

/// Always null.
pub(crate) fn null() -> Schema {
    Object::with_type(Type::Null).into()
}
