//! Who answers what.

mod adapters;
mod asset;
mod chat;
mod choice;
mod classify;
mod completions;
mod console;
mod docs;
mod embeddings;
mod feedback;
mod health;
mod home;
mod infer;
mod info;
mod local;
mod metrics;
mod models;
mod openapi;
mod predict;
mod recorded;
mod relay;
mod status;
mod streams;
mod text2sql;

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

pub(crate) use self::choice::ROUTER_SCORES;
pub(crate) use self::openapi::LatestDocument;
use crate::answer::Error;
use crate::{App, middleware};

/// Every route, ready to be served.
pub fn router(app: App) -> Router {
    let cors = middleware::cors(&app.settings.origins);
    Router::new()
        .route("/", get(home::show))
        .route("/console/{file}", get(console::asset))
        .route("/health", get(health::show))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/info", get(info::show))
        .route("/status", get(status::show))
        .route("/metrics", get(metrics::show))
        .route("/docs", get(docs::swagger_ui))
        .route("/docs/{file}", get(docs::asset))
        .route("/swagger-ui", get(docs::swagger_ui_again))
        .route("/redoc", get(docs::redoc))
        .route("/openapi.json", get(openapi::show))
        .route("/api/llms", get(local::list))
        .route("/api/generate", post(local::generate))
        .route("/api/generate/stream", post(local::generate_stream))
        .route("/api/chat", post(local::chat))
        .route("/api/chat/stream", post(local::chat_stream))
        .route("/predict", post(predict::one))
        .route("/predict/batch", post(predict::batch))
        .route("/infer", post(infer::create))
        .route("/text2sql", post(text2sql::create))
        .route("/v1/chat/completions", post(chat::create))
        .route("/v1/classify", post(classify::create))
        .route("/v1/embeddings", post(embeddings::create))
        .route("/v1/feedback", post(feedback::create))
        .route("/v1/completions", post(completions::create))
        .route("/v1/load_lora_adapter", post(adapters::load))
        .route("/v1/unload_lora_adapter", post(adapters::unload))
        .route("/v1/lora_adapters", get(adapters::list))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::show))
        .route("/v1/models/{*id}", post(models::reload))
        .fallback(no_route)
        .method_not_allowed_fallback(method_not_allowed)
        // The outermost comes last.
        .layer(from_fn_with_state(app.clone(), middleware::guard))
        .layer(cors)
        .layer(from_fn_with_state(app.clone(), middleware::attend))
        .with_state(app)
}

async fn no_route(method: Method, OriginalUri(uri): OriginalUri) -> Error {
    Error::NoRoute { method: method.to_string(), path: uri.path().to_owned() }
}

async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> Error {
    Error::MethodNotAllowed { method: method.to_string(), path: uri.path().to_owned() }
}
