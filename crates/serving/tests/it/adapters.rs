//! Adapters of a model: loaded when somebody asks for them, replaced and unloaded while others are answered.

use std::time::Duration;

use backend::{Error, Events, Generation, Kind};
use futures_util::StreamExt;
use futures_util::future::join_all;
use serving::{AdapterSource, LoadAdapter, Model, Service, Settings};
use testkit::{ADAPTER_BYTES, Parked, Reply, Scripted, TestApp, settings};
use tokio::time::sleep;

use crate::generation;

/// A model with these adapters in the catalogue, and room for two of them.
fn service(model: &Parked, adapters: &[&str]) -> Service {
    let adapters = adapters.iter().map(|id| ((*id).to_owned(), AdapterSource::new(format!("/{id}")))).collect();
    let serving = Settings { adapter_memory: 2 * ADAPTER_BYTES, most_waiting: 4, ..Settings::default() };
    TestApp::with(vec![Model { adapters, ..model.model() }], serving, settings()).service
}

fn asked(adapter: &str) -> Generation {
    Generation { model: adapter.into(), ..generation() }
}

async fn begin(service: &Service, model: &Parked, adapter: &str) -> Result<Events, Error> {
    model.backend.reply(Reply::text(&["Hi"]));
    service.generate(asked(adapter)).await
}

/// One whole answer.
async fn ask(service: &Service, model: &Parked, adapter: &str) -> Result<(), Error> {
    begin(service, model, adapter).await?.for_each(|event| async { drop(event.unwrap()) }).await;
    Ok(())
}

fn load(id: &str, path: &str, in_place: bool) -> LoadAdapter {
    LoadAdapter { id: id.into(), model: None, source: AdapterSource::new(path), in_place }
}

fn ids(service: &Service) -> Vec<String> {
    service.cards().iter().map(|card| card.id.clone()).collect()
}

#[tokio::test]
async fn an_adapter_comes_with_the_first_request_for_it_and_stays() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &["legal"]);
    assert_eq!(ids(&service), ["demo", "legal"]);
    assert_eq!(service.card("legal").unwrap().parent.as_deref(), Some("demo"));
    ask(&service, &model, "demo").await.unwrap();
    assert_eq!(model.history().adapted, 0);
    for _ in 0..4 {
        model.backend.reply(Reply::text(&["Hi"]));
    }
    for answer in join_all((0..4).map(|_| service.generate(asked("legal")))).await {
        answer.unwrap().for_each(|event| async { drop(event.unwrap()) }).await;
    }
    assert_eq!(model.history().adapted, 1);
    let legal = Some("/legal".to_owned());
    assert_eq!(model.backend.adapters(), [None, legal.clone(), legal.clone(), legal.clone(), legal]);
    assert_eq!(service.card("legal").unwrap().description, "a scripted adapter");
}

#[tokio::test]
async fn the_one_that_nobody_has_used_for_longest_makes_room() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &["a", "b", "c"]);
    for adapter in ["a", "b", "a", "c"] {
        ask(&service, &model, adapter).await.unwrap();
    }
    assert_eq!(model.history().adapted, 3);
    ask(&service, &model, "a").await.unwrap();
    assert_eq!(model.history().adapted, 3, "it was used after the other");
    ask(&service, &model, "b").await.unwrap();
    assert_eq!(model.history().adapted, 4);
}

#[tokio::test(start_paused = true)]
async fn one_in_use_stays_and_who_waits_for_room_in_vain_is_told_so() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &["a", "b", "c"]);
    let running = [begin(&service, &model, "a").await.unwrap(), begin(&service, &model, "b").await.unwrap()];
    let error = begin(&service, &model, "c").await.err().unwrap();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(error.to_string(), "the adapter \"c\" is not loaded, and all that could make room for it are in use");
    let (waits, ()) = tokio::join!(ask(&service, &model, "c"), async {
        sleep(Duration::from_secs(1)).await;
        drop(running);
    });
    waits.unwrap();
}

#[tokio::test]
async fn a_newer_version_of_an_adapter_takes_its_place() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &["legal"]);
    assert!(!service.refresh("legal").await.unwrap(), "nobody has asked for it yet");
    let running = begin(&service, &model, "legal").await.unwrap();
    assert!(!service.refresh("legal").await.unwrap());
    model.has_newer_adapters();
    assert!(service.refresh("legal").await.unwrap());
    assert_eq!((service.card("legal").unwrap().version.as_str(), model.history().adapted), ("2", 2));
    ask(&service, &model, "legal").await.unwrap();
    assert_eq!(model.history().adapted, 2);
    assert_eq!(model.backend.adapters(), ["/legal", "/legal of version 2"].map(|adapter| Some(adapter.to_owned())));
    assert!(running.all(|event| async move { event.is_ok() }).await);
}

#[tokio::test]
async fn a_newer_version_that_cannot_be_loaded_leaves_the_old_one_where_it_is() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &["legal"]);
    ask(&service, &model, "legal").await.unwrap();
    model.has_broken_adapters();
    for _ in 0..3 {
        assert_eq!(service.refresh("legal").await.unwrap_err().details, "it is for another model");
    }
    assert_eq!(model.history().adapted, 2, "it is not tried again");
    let trouble = || service.health().adapters.remove("legal");
    assert_eq!(trouble().unwrap(), "no newer version can be had: the log says why");
    ask(&service, &model, "legal").await.unwrap();
    model.has_newer_adapters();
    assert!(service.refresh("legal").await.unwrap());
    assert_eq!(trouble(), None);
    ask(&service, &model, "legal").await.unwrap();
    let answered = ["/legal", "/legal", "/legal of version 3"].map(|adapter| Some(adapter.to_owned()));
    assert_eq!(model.backend.adapters(), answered);
}

#[tokio::test]
async fn whoever_comes_when_the_newest_version_is_broken_gets_the_last_good_one() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &["legal"]);
    model.has_broken_adapters();
    ask(&service, &model, "legal").await.unwrap();
    assert_eq!(service.card("legal").unwrap().version, "1");
    assert!(service.health().adapters["legal"].starts_with("no newer version can be had"));
    let error = service.load_adapter(load("live", "/one", false)).await.unwrap_err();
    assert_eq!(error.to_string(), "lora_path: it is for another model", "whoever loads one wants the newest");
}

#[tokio::test]
async fn a_newer_version_that_is_too_large_does_not_end_an_adapter() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &["legal", "a", "b"]);
    ask(&service, &model, "legal").await.unwrap();
    model.has_large_adapters();
    let error = service.refresh("legal").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the adapter \"legal\" takes 10000 bytes of memory, more than the 20 that all adapters may take together"
    );
    for adapter in ["a", "b"] {
        service.load_adapter(load(adapter, "/one", true)).await.unwrap_err();
    }
    ask(&service, &model, "legal").await.unwrap();
    model.has_newer_adapters();
    assert!(service.refresh("legal").await.unwrap());
    ask(&service, &model, "legal").await.unwrap();
    assert_eq!(model.backend.adapters().pop().flatten().unwrap(), "/legal of version 3");
}

#[tokio::test]
async fn a_newer_version_for_which_there_is_no_room_now_is_tried_again() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &["legal", "other"]);
    let running = [begin(&service, &model, "legal").await.unwrap(), begin(&service, &model, "other").await.unwrap()];
    model.has_newer_adapters();
    service.refresh("legal").await.unwrap_err();
    drop(running);
    assert!(service.refresh("legal").await.unwrap());
}

#[tokio::test]
async fn what_is_loaded_anew_by_a_request_is_the_newest_again() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &["legal", "a", "b"]);
    model.has_broken_adapters();
    ask(&service, &model, "legal").await.unwrap();
    assert!(service.health().adapters.contains_key("legal"));
    model.has_newer_adapters();
    for adapter in ["a", "b", "legal"] {
        ask(&service, &model, adapter).await.unwrap();
    }
    assert_eq!(service.card("legal").unwrap().version, "3");
    assert!(service.health().adapters.is_empty());
}

#[tokio::test]
async fn what_cannot_be_loaded_is_not_tried_for_every_request() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &["broken"]);
    for _ in 0..3 {
        let error = ask(&service, &model, "broken").await.unwrap_err();
        assert_eq!(error.to_string(), "the adapter \"broken\" could not be loaded: the log says why");
    }
    assert_eq!(model.history().adapted, 1);
    ask(&service, &model, "demo").await.unwrap();
}

#[tokio::test]
async fn adapters_come_and_go_while_it_serves() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &[]);
    service.load_adapter(load("legal", "/one", false)).await.unwrap();
    assert_eq!(ids(&service), ["demo", "legal"]);
    let running = begin(&service, &model, "legal").await.unwrap();
    service.unload_adapter("legal").unwrap();
    let gone = begin(&service, &model, "legal").await.err().unwrap();
    assert_eq!(gone.to_string(), "the model \"legal\" does not exist; there are: demo");
    assert_eq!(service.unload_adapter("legal").unwrap_err().kind(), Kind::NotFound);
    assert!(running.all(|event| async move { event.is_ok() }).await);
}

#[tokio::test]
async fn another_one_takes_its_place_only_if_that_was_asked_for() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &[]);
    service.load_adapter(load("legal", "/one", true)).await.unwrap();
    let taken = service.load_adapter(load("legal", "/two", false)).await.unwrap_err();
    assert_eq!((taken.kind(), taken.parameter()), (Kind::Invalid, Some("lora_name")));
    let before = begin(&service, &model, "legal").await.unwrap();
    service.load_adapter(load("legal", "/two", true)).await.unwrap();
    ask(&service, &model, "legal").await.unwrap();
    let broken = service.load_adapter(load("legal", "/broken", true)).await.unwrap_err();
    assert_eq!(broken.to_string(), "lora_path: it is for another model");
    ask(&service, &model, "legal").await.unwrap();
    let sources: Vec<_> = model.backend.adapters().into_iter().flatten().collect();
    assert_eq!(sources, ["/one", "/two", "/two"]);
    assert!(before.all(|event| async move { event.is_ok() }).await);
}

#[tokio::test]
async fn a_newer_version_of_its_model_has_it_made_anew() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &["legal"]);
    let running = begin(&service, &model, "legal").await.unwrap();
    model.has(Ok(true));
    model.backend.reply(Reply::text(&["It answers"]));
    assert!(service.reload("demo").await.unwrap().changed);
    for _ in 0..2 {
        ask(&service, &model, "legal").await.unwrap();
    }
    assert_eq!(model.history().adapted, 2);
    let made: Vec<_> = model.backend.adapters().into_iter().flatten().collect();
    assert_eq!(made, ["/legal", "/legal of opening 2", "/legal of opening 2"]);
    assert!(running.all(|event| async move { event.is_ok() }).await);
}

#[tokio::test]
async fn where_nobody_may_wait_what_is_there_answers_and_the_rest_is_loaded() {
    let model = Parked::new("demo", 1);
    let adapters = vec![("legal".to_owned(), AdapterSource::new("/legal"))];
    let serving = Settings { most_waiting: 0, ..Settings::default() };
    let service = TestApp::with(vec![Model { adapters, ..model.model() }], serving, settings()).service;
    for asked in ["demo", "demo", "legal", "legal"] {
        ask(&service, &model, asked).await.unwrap();
    }
}

#[tokio::test]
async fn a_name_has_one_meaning_and_a_model_has_to_be_there() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &[]);
    let error = service.load_adapter(load("demo", "/one", true)).await.unwrap_err();
    assert_eq!(error.to_string(), "lora_name: \"demo\" is the name of a model");
    let of_other = LoadAdapter { model: Some("other".into()), ..load("legal", "/one", false) };
    assert_eq!(service.load_adapter(of_other).await.unwrap_err().kind(), Kind::NotFound);
    let running = TestApp::new(&Scripted::new("demo")).service;
    let error = running.load_adapter(load("legal", "/one", false)).await.unwrap_err();
    assert_eq!(error.to_string(), "base_model_name: the model \"demo\" takes no adapters");
}

#[tokio::test]
async fn an_adapter_is_no_model_for_who_names_none_and_does_not_count_for_health() {
    let model = Parked::new("demo", 1);
    let service = service(&model, &["broken"]);
    assert_eq!(service.name(None, serving::Group::TextToSql).unwrap(), "demo");
    assert_eq!(service.health().models.len(), 1);
    assert_eq!(service.readings().len(), 1);
}
