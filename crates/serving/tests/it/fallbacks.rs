//! Models that answer in the place of others.

use std::sync::Arc;
use std::time::Duration;

use backend::{Error, Generation, Kind, MaxTokens};
use serving::{Model, Service};
use testkit::{Reply, Scripted, TestApp};

use crate::generation;

/// `demo`, and those that may answer for it.
fn service(demo: &Scripted, others: &[&Scripted]) -> Service {
    let id = |backend: &Scripted| Model::new(Arc::new(backend.clone())).card().id.clone();
    let named = Model { fallbacks: others.iter().map(|other| id(other)).collect(), ..Model::new(Arc::new(demo.clone())) };
    let others = others.iter().map(|other| Model::new(Arc::new((*other).clone())));
    TestApp::with_models([named].into_iter().chain(others).collect()).service
}

fn down() -> Reply {
    Reply::Refuse(Error::Upstream { reason: "it hung up".into() })
}

#[tokio::test]
async fn the_first_that_can_answers_in_the_place_of_a_model_that_cannot() {
    let [demo, ill, well, last] = ["demo", "ill", "well", "last"].map(Scripted::new);
    demo.reply(down());
    ill.reply(down());
    well.reply(Reply::text(&["Hi"]));
    drop(service(&demo, &[&ill, &well, &last]).generate(generation()).await.unwrap());
    let asked = [&demo, &ill, &well, &last].map(|backend| backend.requests().len());
    assert_eq!(asked, [1, 1, 1, 0]);
}

#[tokio::test]
async fn what_a_fallback_has_against_a_request_is_not_the_clients_doing() {
    let [demo, small, other] = ["demo", "small", "other"].map(Scripted::new);
    let too_long = Error::ContextLength { parameter: "messages".into(), context: 8, prompt: 9, completion: 1 };
    demo.reply(down()).reply(down());
    small.reply(Reply::Refuse(too_long.clone())).reply(Reply::Refuse(too_long));
    other.reply(Reply::text(&["Hi"])).reply(Reply::Refuse(Error::unsupported("logit_bias", "not here")));
    let service = service(&demo, &[&small, &other]);
    drop(service.generate(generation()).await.unwrap());
    let told = service.generate(generation()).await.err().unwrap();
    assert_eq!(told, Error::Upstream { reason: "it hung up".into() }, "what was asked is the model that was named");
}

#[tokio::test]
async fn a_request_that_its_model_refuses_is_refused() {
    let [demo, small] = ["demo", "small"].map(Scripted::new);
    demo.reply(Reply::Refuse(Error::unsupported("logit_bias", "not here")));
    let service = service(&demo, &[&small]);
    assert_eq!(service.generate(generation()).await.err().unwrap().kind(), Kind::Unsupported);
    let too_much = Generation { max_tokens: MaxTokens::new(1_000_000), ..generation() };
    assert_eq!(service.generate(too_much).await.err().unwrap().kind(), Kind::Invalid);
    assert_eq!(small.requests().len(), 0);
}

#[tokio::test]
async fn nobody_answers_for_a_server_that_shuts_down_or_does_not_know_who_asks() {
    let [demo, small] = ["demo", "small"].map(Scripted::new);
    let retry_after = Duration::from_secs(1);
    demo.reply(Reply::Refuse(Error::AccountsDown { reason: "no quotas".into(), retry_after })).reply(Reply::Queue);
    let service = service(&demo, &[&small]);
    assert_eq!(service.generate(generation()).await.err().unwrap().kind(), Kind::Unavailable);
    let mut waiting = Box::pin(service.generate(generation()));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    service.cancel();
    assert!(matches!(waiting.await.err(), Some(Error::CutOff { .. })));
    assert_eq!(small.requests().len(), 0);
}
