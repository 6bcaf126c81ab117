//! How long an answer may be, and what holds if nobody says so.

use std::sync::Arc;

use backend::{Generation, Kind, MaxTokens, Temperature};
use serving::{Defaults, Model, Settings};
use testkit::{Reply, Scripted, TestApp, settings};

use crate::generation;

/// What reaches the backend of a model with its own limit of 100, on a server with a limit of 200 and a default of 50.
async fn prepared(of_model: Defaults, generation: Generation) -> backend::Result<Generation> {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&[]));
    let model = Model { defaults: of_model, max_tokens: MaxTokens::new(100), ..Model::new(Arc::new(backend.clone())) };
    let defaults =
        Defaults { max_tokens: MaxTokens::new(50), temperature: Temperature::new(0.7).ok(), ..Defaults::default() };
    let serving = Settings { defaults, max_tokens_limit: MaxTokens::new(200).unwrap(), ..Settings::default() };
    TestApp::with(vec![model], serving, settings()).service.generate(generation).await.map(drop)?;
    Ok(backend.request())
}

#[tokio::test]
async fn the_lower_limit_holds() {
    let asked = |tokens| Generation { max_tokens: MaxTokens::new(tokens), ..generation() };
    assert_eq!(prepared(Defaults::default(), asked(100)).await.unwrap().max_tokens, MaxTokens::new(100));
    let error = prepared(Defaults::default(), asked(101)).await.unwrap_err();
    assert_eq!((error.kind(), error.parameter()), (Kind::Invalid, Some("max_tokens")));
    assert_eq!(error.to_string(), "max_tokens must be at most 100, but is 101");
}

#[tokio::test]
async fn a_default_yields_to_the_limit() {
    let of_model = Defaults { max_tokens: MaxTokens::new(5000), ..Defaults::default() };
    let request = prepared(of_model, generation()).await.unwrap();
    assert_eq!((request.max_tokens, request.default_max_tokens), (None, MaxTokens::new(100)));
}

#[tokio::test]
async fn request_before_model_before_server() {
    let temperature = |value| Temperature::new(value).ok();
    let of_model = Defaults { temperature: temperature(0.2), ..Defaults::default() };
    let mut asked = generation();
    let filled = async |of_model, asked: &Generation| prepared(of_model, asked.clone()).await.unwrap().sampling.temperature;
    assert_eq!(filled(Defaults::default(), &asked).await, temperature(0.7));
    assert_eq!(filled(of_model, &asked).await, temperature(0.2));
    asked.sampling.temperature = temperature(0.0);
    assert_eq!(filled(of_model, &asked).await, temperature(0.0));
}
