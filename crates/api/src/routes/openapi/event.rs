//! How a stream of server-sent events is documented: OpenAPI 3.1 has no words for one, so the schema is that of each event.

use std::borrow::Cow;
use std::marker::PhantomData;

use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An event that carries a `T`, or in the end the refusal `E`.
pub(in crate::routes) struct Event<T, E>(PhantomData<(T, E)>);

impl<T: ToSchema, E: ToSchema> PartialSchema for Event<T, E> {
    fn schema() -> RefOr<Schema> {
        let json = OneOfBuilder::new().item(Ref::from_schema_name(T::name())).item(Ref::from_schema_name(E::name()));
        let piece = text("JSON.").content_media_type("application/json").content_schema(Some(json));
        let end = text("The answer is whole.").enum_values(Some(["[DONE]"]));
        let event = text(
            "`error`: the answer breaks off for the reason in `data`, and no `[DONE]` comes. A refusal is one where it took longer than \
             the time between two pings.",
        );
        ObjectBuilder::new()
            .description(Some("An event of a stream, by its fields."))
            .property("event", event)
            .property("data", OneOfBuilder::new().item(end).item(piece))
            .required("data")
            .into()
    }
}

impl<T: ToSchema, E: ToSchema> ToSchema for Event<T, E> {
    fn name() -> Cow<'static, str> {
        format!("{}Event", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into(), T::schema()));
        T::schemas(schemas);
    }
}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}
