//! `GET /openapi.json`: what every route takes and answers, for programs and for the pages of `docs`.
//!
//! The document is put together from what stands beside each handler and each shape. What a route can refuse is filled in from
//! the table of `answer`, so that a status, its body and its example are those that are sent.

mod event;
mod refusals;
mod security;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use backend::{ModelCard, Task};
use openai::schema::closed;
use serde_json::Value;
use utoipa::OpenApi as _;
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{OpenApi, PathItem, RefOr, Schema, Server};

pub(super) use self::event::Event;
pub(super) use self::refusals::ModelRefusals;
use crate::App;
use crate::answer::Result;

/// Every operation that there is. A test holds the list against the router's.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "llm-inference-api",
        description = "Language models over HTTP: OpenAI's API, and those of four other servers.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        super::chat::create,
        super::completions::create,
        super::classify::create,
        super::embeddings::create,
        super::feedback::create,
        super::text2sql::create,
        super::models::list,
        super::models::show,
        super::models::reload,
        super::adapters::list,
        super::adapters::load,
        super::adapters::unload,
        super::local::list,
        super::local::generate,
        super::local::generate_stream,
        super::local::chat,
        super::local::chat_stream,
        super::predict::one,
        super::predict::batch,
        super::infer::create,
        super::info::show,
        super::status::show,
        super::health::show,
        super::health::live,
        super::health::ready,
        super::metrics::show,
        super::home::show,
        super::console::asset,
        super::docs::swagger_ui,
        super::docs::swagger_ui_again,
        super::docs::redoc,
        super::docs::asset,
        show
    ),
    components(schemas(crate::refusal::Refusal, openai::problem::Body, openai::chat::Part))
)]
struct Operations;

/// The model of the examples as they are written.
const EXAMPLE: &str = "demo";

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "show_openapi",
    tag = "documentation",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object))
)]
pub(super) async fn show(State(app): State<App>) -> Result<impl IntoResponse> {
    let examples = Examples::of(&app.service.cards());
    let text = app.document.text(app.settings.version, &examples).map_err(backend::Error::internal)?;
    Ok(([(CONTENT_TYPE, "application/json")], text))
}

/// The models that the examples name, so that they work as they stand: the first of each kind.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Examples {
    writes: String,
    classifies: String,
    embeds: String,
}

impl Examples {
    fn of(cards: &[Arc<ModelCard>]) -> Self {
        let first = |task| cards.iter().find(|card| card.task == task).or(cards.first());
        let named = |task| first(task).map_or(EXAMPLE, |card| card.id.as_str()).to_owned();
        Self { writes: named(Task::Generate), classifies: named(Task::Classify), embeds: named(Task::Embed) }
    }

    fn on(&self, path: &str) -> &str {
        match path {
            "/v1/classify" => &self.classifies,
            "/v1/embeddings" => &self.embeds,
            _ => &self.writes,
        }
    }
}

/// The document that was asked for last, under its examples' models: to put one together takes milliseconds, and anybody may ask.
#[derive(Debug, Default)]
pub(crate) struct LatestDocument(Mutex<Option<(Examples, Bytes)>>);

impl LatestDocument {
    fn text(&self, version: &str, examples: &Examples) -> serde_json::Result<Bytes> {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, text)) = latest.as_ref().filter(|(of, _)| of == examples) {
            return Ok(text.clone());
        }
        let text = Bytes::from(serde_json::to_vec(&document(version, examples))?);
        *latest = Some((examples.clone(), text.clone()));
        Ok(text)
    }
}

fn document(version: &str, examples: &Examples) -> OpenApi {
    let mut document = Operations::openapi();
    version.clone_into(&mut document.info.version);
    // Relative to the document, so that it holds behind a proxy that serves it below a path.
    document.servers = Some(vec![Server::new("./")]);
    security::declare(&mut document);
    close_bodies(&mut document);
    refusals::describe(&mut document);
    document.paths.paths.iter_mut().for_each(|(path, item)| name_model(item, examples.on(path)));
    document
}

/// A field that is not documented is refused, whatever the body, and within it.
fn close_bodies(document: &mut OpenApi) {
    let items = document.paths.paths.values();
    let bodies = items.filter_map(|item| item.post.as_ref()?.request_body.as_ref());
    let names: BTreeSet<String> = bodies.filter_map(schema_name).collect();
    let schemas = &mut document.components.get_or_insert_default().schemas;
    for name in &names {
        if let Some(schema @ RefOr::T(Schema::Object(_))) = schemas.get_mut(name) {
            *schema = closed([schema.clone()]).into();
        }
    }
    for name in PARTS {
        if let Some(RefOr::T(Schema::Object(part))) = schemas.get_mut(name) {
            part.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

/// Shapes within bodies; that of a message says for itself what else it may hold.
const PARTS: [&str; 2] = ["ContentPart", "StreamOptions"];

fn schema_name(body: &RefOr<RequestBody>) -> Option<String> {
    let RefOr::T(body) = body else { return None };
    let RefOr::T(content) = body.content.get("application/json")? else { return None };
    let RefOr::Ref(reference) = content.schema.as_ref()? else { return None };
    reference.ref_location.rsplit('/').next().map(str::to_owned)
}

fn name_model(item: &mut PathItem, model: &str) {
    let body = item.post.as_mut().and_then(|operation| operation.request_body.as_mut());
    let Some(RefOr::T(body)) = body else { return };
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        if let Some(Value::Object(example)) = &mut content.example
            && example.get("model").is_some_and(|name| name == EXAMPLE)
        {
            example.insert("model".into(), model.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_follow_the_model() {
        let latest = LatestDocument::default();
        let card = |id: &str, task| Arc::new(ModelCard { task, ..testkit::card(id) });
        for writes in ["a/first", "a/first", "a/second", "a/first"] {
            let cards = [card("a/judge", Task::Classify), card(writes, Task::Generate), card("a/place", Task::Embed)];
            let text = latest.text("1", &Examples::of(&cards)).unwrap();
            let document: Value = serde_json::from_slice(&text).unwrap();
            let named = |path: &str| {
                let path = path.replace('/', "~1");
                document.pointer(&format!("/paths/{path}/post/requestBody/content/application~1json/example/model")).cloned()
            };
            assert_eq!(named("/v1/chat/completions").unwrap(), writes);
            assert_eq!(named("/v1/classify").unwrap(), "a/judge");
            assert_eq!(named("/v1/embeddings").unwrap(), "a/place");
        }
    }
}
