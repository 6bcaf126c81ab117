//! Newer versions take the place of older ones without a break.

use std::time::Duration;

use backend::{Error, Kind, ModelState};
use futures_util::StreamExt;
use serving::{Service, Settings};
use testkit::{MemoryInUse, Parked, Reply, TestApp, settings};

use crate::generation;

fn service(model: &Parked, memory: u64) -> Service {
    TestApp::with(vec![model.model()], Settings { memory, ..Settings::default() }, settings()).service
}

/// One whole answer, of the text that the model was given to say.
async fn ask(service: &Service, model: &Parked) {
    model.backend.reply(Reply::text(&["Hi"]));
    service.generate(generation()).await.unwrap().for_each(|event| async { drop(event.unwrap()) }).await;
}

fn is_outdated(service: &Service) -> bool {
    let health = service.health();
    assert!(health.is_ready() && health.models[0].state == ModelState::Ready);
    health.models[0].outdated
}

#[tokio::test]
async fn a_newer_version_takes_the_place_and_what_runs_ends_on_the_old_one() {
    let memory = MemoryInUse::default();
    let model = Parked::within(&memory, "demo", 4);
    let service = service(&model, 8);
    model.backend.reply(Reply::text(&["Hi", " there"]));
    let mut running = service.generate(generation()).await.unwrap();
    assert!(running.next().await.unwrap().is_ok());

    assert!(!service.reload("demo").await.unwrap().changed, "there is nothing newer");
    model.has(Ok(true));
    model.backend.reply(Reply::text(&["It answers"]));
    assert!(service.reload("demo").await.unwrap().changed);
    assert_eq!((model.history().begun, model.history().closed), (2, 0));
    model.has(Ok(false));
    ask(&service, &model).await;
    while let Some(event) = running.next().await {
        event.unwrap();
    }
    drop(running);
    model.until(|history| history.closed == 1).await;
    assert_eq!((memory.most(), model.history().torn_away), (8, 0));
    ask(&service, &model).await;
}

#[tokio::test]
async fn one_that_cannot_be_opened_leaves_the_old_one_where_it_is() {
    let model = Parked::new("demo", 4);
    let service = service(&model, 8);
    ask(&service, &model).await;
    model.has(Ok(true));
    model.fails("the file is cut in half");
    assert_eq!(service.refresh("demo").await.unwrap_err().details, "the file is cut in half");
    assert!(is_outdated(&service));
    let reason = || service.health().models.remove(0).reason;
    assert_eq!(reason().unwrap(), "no newer version can be had: the log says why");
    ask(&service, &model).await;
    model.panics("somewhere");
    assert_eq!(service.reload("demo").await.unwrap_err().kind(), Kind::Unavailable);
    ask(&service, &model).await;
    model.backend.reply(Reply::text(&["It answers"]));
    assert!(service.refresh("demo").await.unwrap());
    assert!(!is_outdated(&service) && reason().is_none());
}

#[tokio::test]
async fn one_that_does_not_answer_does_not_take_the_place() {
    let model = Parked::new("demo", 4);
    let service = service(&model, 8);
    ask(&service, &model).await;
    model.has(Ok(true));
    let (reply, remote) = Reply::steered();
    model.backend.reply(reply);
    remote.fail(Error::internal("the step has failed"));
    let reason = service.refresh("demo").await.unwrap_err().details;
    assert!(reason.starts_with("it was loaded and does not answer: "), "{reason}");
    let history = model.until(|history| history.closed == 1).await;
    assert_eq!((history.begun, history.silent), (2, 1));
    ask(&service, &model).await;
}

#[tokio::test]
async fn after_a_start_the_last_one_that_was_good_answers_in_the_place_of_a_broken_one() {
    let model = Parked::new("demo", 4);
    model.keeps_last_good();
    let service = service(&model, 8);
    model.fails("the file is cut in half");
    ask(&service, &model).await;
    assert_eq!(model.history().begun, 2);
    assert!(is_outdated(&service));
}

#[tokio::test]
async fn who_comes_while_a_newer_version_is_opened_gets_that_one() {
    let model = Parked::new("demo", 4);
    let service = service(&model, 8);
    ask(&service, &model).await;
    model.has(Ok(true));
    let gate = model.gated();
    model.backend.reply(Reply::text(&["It answers"]));
    let first = service.reload("demo");
    let second = async {
        model.until(|history| history.begun == 2).await;
        model.has(Ok(false));
        let second = service.reload("demo");
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending(), "the newest does not answer yet");
        drop(gate);
        second.await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(first.unwrap().changed && !second.unwrap().changed);
    assert_eq!(model.history().begun, 2);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_the_newest_of_a_model_that_there_is_no_room_for_is_told_so() {
    let memory = MemoryInUse::default();
    let models = ["demo", "other"].map(|id| Parked::within(&memory, id, 5));
    let settings = Settings { memory: 5, ..Settings::default() };
    let service = TestApp::with(models.iter().map(Parked::model).collect(), settings, testkit::settings()).service;
    models[0].backend.reply(Reply::text(&["Hi"]));
    let _running = service.generate(generation()).await.unwrap();
    assert_eq!(service.reload("other").await.unwrap_err().kind(), Kind::Unavailable);
}

#[tokio::test]
async fn while_the_registry_is_away_the_old_one_answers() {
    let model = Parked::new("demo", 4);
    let service = service(&model, 8);
    ask(&service, &model).await;
    model.has(Err("nobody answers at mlflow:5000"));
    for _ in 0..2 {
        assert_eq!(service.refresh("demo").await.unwrap_err().details, "nobody answers at mlflow:5000");
    }
    assert!(is_outdated(&service));
    model.has(Ok(false));
    assert!(!service.refresh("demo").await.unwrap() && !is_outdated(&service));
}

#[tokio::test]
async fn two_that_are_more_than_the_memory_are_not_tried() {
    let model = Parked::new("demo", 5);
    let service = service(&model, 8);
    ask(&service, &model).await;
    model.has(Ok(true));
    let reason = service.refresh("demo").await.unwrap_err().details;
    assert!(reason.contains("LLM_MODEL_MEMORY_BYTES"), "{reason}");
    assert_eq!(model.history().begun, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_in_memory_is_opened_when_somebody_wants_it_and_not_before() {
    let model = Parked::new("demo", 4);
    let service = service(&model, 8);
    assert!(!service.refresh("demo").await.unwrap());
    assert_eq!(model.history().begun, 0);
    // A failure is not waited out by somebody who knows that it is mended.
    model.fails("the disk is full");
    assert!(service.generate(generation()).await.is_err());
    assert!(service.generate(generation()).await.is_err());
    assert_eq!(model.history().begun, 1);
    assert!(tokio::time::timeout(Duration::from_secs(1), service.reload("demo")).await.unwrap().is_ok());
    assert_eq!(model.history().begun, 2);
}
