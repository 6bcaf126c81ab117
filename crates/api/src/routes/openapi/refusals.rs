//! With what a route can refuse: each status with its reasons, its body and an example of it.

mod reasons;

use std::collections::BTreeMap;

use jiff::Timestamp;
use openai::problem;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use crate::answer::Error;
use crate::middleware::{asks_for_key, is_for_admins, may_ask_for_key};
use crate::refusal::{Body, Refusal, is_openai};

/// Among the responses of an operation: a model is asked, and may not answer.
pub(in crate::routes) struct ModelRefusals;

/// Stands for them until refusals are described.
const A_MODEL_IS_ASKED: &str = "a model is asked";

impl IntoResponses for ModelRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([(A_MODEL_IS_ASKED.to_owned(), Response::new("").into())])
    }
}

/// Replaces the refusals that operations name by their descriptions, and adds those that every operation has.
pub(super) fn describe(document: &mut OpenApi) {
    let mut shared = Shared::default();
    for (path, item) in &mut document.paths.paths {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            describe_operation(path, operation, &mut shared);
        }
    }
    let components = document.components.get_or_insert_default();
    components.headers.insert(X_REQUEST_ID.into(), request_id().into());
    components.responses.extend(shared.0.into_iter().map(|(name, response)| (name, response.into())));
}

/// The name, with a number behind it if another has taken it.
fn free_name(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut free = name.to_owned();
    for number in 2.. {
        if !is_taken(&free) {
            break;
        }
        free = format!("{name}-{number}");
    }
    free
}

fn describe_operation(path: &str, operation: &mut Operation, shared: &mut Shared) {
    let openai = is_openai(path);
    let mut by_status: BTreeMap<String, Vec<Error>> = BTreeMap::new();
    for error in refusals(path, operation) {
        by_status.entry(status(&error)).or_default().push(error);
    }
    let responses = &mut operation.responses.responses;
    for response in responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        response.headers.insert(X_REQUEST_ID.into(), has_request_id());
    }
    for (status, errors) in by_status {
        let surface = if openai { "OpenAi" } else { "" };
        let refusal = shared.refer(&format!("{surface}Error{status}"), response(&errors, openai));
        responses.insert(status, refusal.into());
    }
}

/// Refusals that are the same for several operations, each once.
#[derive(Default)]
struct Shared(BTreeMap<String, Response>);

impl Shared {
    /// Where the response is to be found.
    fn refer(&mut self, name: &str, response: Response) -> Ref {
        let name = free_name(name, |name| self.0.get(name).is_some_and(|other| *other != response));
        let reference = Ref::from_response_name(&name);
        self.0.insert(name, response);
        reference
    }
}

/// All that an operation can refuse. What is particular to it stands among its responses: its name in place of a description.
fn refusals(path: &str, operation: &mut Operation) -> Vec<Error> {
    let mut errors = reasons::everywhere();
    if asks_for_key(path) || may_ask_for_key(path) {
        errors.extend(reasons::with_key());
    }
    if is_for_admins(path) {
        errors.push(reasons::not_an_admin());
    }
    if operation.request_body.is_some() {
        errors.extend(reasons::with_body());
    }
    if operation.responses.responses.remove(A_MODEL_IS_ASKED).is_some() {
        errors.extend(reasons::with_model());
    }
    let own = reasons::particular().into_iter().filter(|(name, error)| names(operation, name, error));
    errors.extend(own.map(|(_, error)| error));
    errors
}

fn names(operation: &Operation, name: &str, error: &Error) -> bool {
    let response = operation.responses.responses.get(&status(error));
    matches!(response, Some(RefOr::T(response)) if response.description == name)
}

/// One status: its reasons, the body, and one example of each.
fn response(errors: &[Error], openai: bool) -> Response {
    let schema = if openai { problem::Body::name() } else { Refusal::name() };
    let mut examples = BTreeMap::new();
    for error in errors {
        examples.insert(free_name(code(error), |name| examples.contains_key(name)), example(error, openai));
    }
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).examples_from_iter(examples).build();
    let mut response = ResponseBuilder::new().description(codes(errors)).content("application/json", content);
    if errors.iter().any(|error| error.retry_after().is_some()) {
        response = response.header("retry-after", retry_after());
    }
    if errors.iter().any(Error::is_final) {
        response = response.header("x-should-retry", should_retry());
    }
    let mut response = response.build();
    response.headers.insert(X_REQUEST_ID.into(), has_request_id());
    response
}

fn codes(errors: &[Error]) -> String {
    let mut codes: Vec<_> = errors.iter().map(|error| format!("`{}`", code(error))).collect();
    codes.dedup();
    codes.join(", ")
}

fn example(error: &Error, openai: bool) -> RefOr<Example> {
    let body = if openai { Body::openai(error) } else { Body::ours(error, Timestamp::UNIX_EPOCH, REQUEST_ID.into()) };
    ExampleBuilder::new().summary(error.message()).value(serde_json::to_value(body).ok()).into()
}

const X_REQUEST_ID: &str = "x-request-id";
const REQUEST_ID: &str = "7c8e4b0f-5d3a-4d53-9a57-0a3f0d5f2c11";

fn status(error: &Error) -> String {
    error.row().status.as_str().to_owned()
}

/// The narrowest name that there is.
fn code(error: &Error) -> &'static str {
    let row = error.row();
    row.code.unwrap_or(row.name)
}

fn has_request_id() -> RefOr<Header> {
    RefOr::Ref(Ref::new(format!("#/components/headers/{X_REQUEST_ID}")))
}

fn request_id() -> Header {
    let schema = ObjectBuilder::new().schema_type(Type::String).max_length(Some(128));
    HeaderBuilder::new()
        .schema(Some(schema))
        .description(Some("The request's, if it was safe to repeat; else a new one."))
        .build()
}

fn retry_after() -> Header {
    let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    HeaderBuilder::new().schema(Some(schema)).description(Some("Whole seconds.")).build()
}

fn should_retry() -> Header {
    let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["false"]));
    let description = "With a quota that is spent: trying again soon is of no use.";
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}
