//! A group of servers is a backend like any other: here before a whole server of our own, with a tiny model.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use backend::{Backend, Generation, Prompt, Sampling, Stop, Temperature};
use checkpoint::Checkpoint;
use engine::{Engine, EngineSettings};
use gateway::{Group, UpstreamSettings};
use serving::Model;
use testkit::{Listening, TestApp, contract};

use crate::fixture::{settings, upstream};

fn engine() -> Arc<Engine> {
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models/hf/llama");
    let mut checkpoint = Checkpoint::open(&fixture).unwrap();
    checkpoint.architecture.context = 2048;
    let settings = EngineSettings {
        id: "tiny".into(),
        created: SystemTime::UNIX_EPOCH,
        version: "1".into(),
        threads: NonZeroUsize::MIN,
        max_running: NonZeroUsize::new(8).unwrap(),
        max_queued: 8,
        queue_timeout: Duration::from_mins(1),
        kv_cache_bytes: 64 << 20,
        kv_element: None,
        step_tokens: NonZeroUsize::new(256).unwrap(),
        speculation: None,
    };
    Engine::start(checkpoint, settings, &mut |_| {}).unwrap()
}

/// With the server that it needs.
async fn remote() -> (Arc<dyn Backend>, Listening) {
    let serving = serving::Settings { max_tokens_limit: backend::MaxTokens::MAX, ..serving::Settings::default() };
    let server = TestApp::with(vec![Model::new(engine())], serving, testkit::settings()).listen().await;
    let there = UpstreamSettings { model: "tiny".into(), ..upstream(&format!("http://{}", server.address)) };
    (Group::new(settings(vec![there])).unwrap(), server)
}

fn endless() -> Generation {
    Generation {
        sampling: Sampling { temperature: Some(Temperature::new(0.0).unwrap()), ..Sampling::default() },
        stop: Stop::new(Vec::new(), true).unwrap(),
        ..Generation::new("tiny", Prompt::Tokens(vec![1, 7, 42, 99]))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_as_long_as_it_may_be() {
    let (remote, _server) = remote().await;
    contract::an_answer_is_as_long_as_it_may_be(remote, endless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_choice_has_its_end() {
    let (remote, _server) = remote().await;
    contract::each_choice_has_its_end(remote, endless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_string_ends_an_answer_and_is_not_part_of_it() {
    let (remote, _server) = remote().await;
    contract::a_stop_string_ends_an_answer_and_is_not_part_of_it(remote, endless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_an_answer_ends_it() {
    let (remote, _server) = remote().await;
    contract::dropping_an_answer_ends_it(remote, endless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_beyond_its_own_bound_is_refused() {
    let (remote, _server) = remote().await;
    contract::a_prompt_beyond_its_own_bound_is_refused(remote, endless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_beyond_the_context_is_refused() {
    let (remote, _server) = remote().await;
    contract::a_prompt_beyond_the_context_is_refused(remote, endless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_refuses_what_comes_and_lets_run_what_runs() {
    let (remote, _server) = remote().await;
    contract::draining_refuses_what_comes_and_lets_run_what_runs(remote, endless()).await;
}
