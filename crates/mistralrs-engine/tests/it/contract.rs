//! mistral.rs is a backend like any other.

use std::sync::Arc;

use backend::{Backend, Generation};
use testkit::contract;

use crate::asking::{greedy, lasting, settings};

fn local() -> Arc<dyn Backend> {
    lasting(settings())
}

fn endless() -> Generation {
    Generation { max_tokens: None, ..greedy(vec![17, 48, 83, 127], 1) }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_as_long_as_it_may_be() {
    contract::an_answer_is_as_long_as_it_may_be(local(), endless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_choice_has_its_end() {
    contract::each_choice_has_its_end(local(), endless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_string_ends_an_answer_and_is_not_part_of_it() {
    contract::a_stop_string_ends_an_answer_and_is_not_part_of_it(local(), endless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_an_answer_ends_it() {
    contract::dropping_an_answer_ends_it(local(), endless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_beyond_its_own_bound_is_refused() {
    contract::a_prompt_beyond_its_own_bound_is_refused(local(), endless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_beyond_the_context_is_refused() {
    contract::a_prompt_beyond_the_context_is_refused(local(), endless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_refuses_what_comes_and_lets_run_what_runs() {
    contract::draining_refuses_what_comes_and_lets_run_what_runs(local(), endless()).await;
}
