//! Models that are opened when somebody asks, and closed when their memory is wanted.

use std::time::Duration;

use backend::{Error, Generation, Kind, ModelState};
use futures_util::future::{join_all, select_all};
use futures_util::{FutureExt, StreamExt, poll};
use proptest::prelude::*;
use serving::{Service, Settings};
use testkit::{MemoryInUse, Parked, Reply, TestApp, settings};
use tokio::time::advance;

use crate::generation;

/// What anybody is told of a failure.
const UNTOLD: &str = "the log says why";

/// A service of these models, with so many bytes for all of them.
fn service(models: &[&Parked], memory: u64) -> Service {
    let serving = Settings { memory, most_waiting: 4, ..Settings::default() };
    TestApp::with(models.iter().map(|model| model.model()).collect(), serving, settings()).service
}

fn of(model: &Parked) -> Generation {
    let id = backend::Backend::card(&model.backend).id.clone();
    Generation { model: id, ..generation() }
}

/// One whole answer.
async fn ask(service: &Service, model: &Parked) -> Result<(), Error> {
    model.backend.reply(Reply::text(&["Hi"]));
    service.generate(of(model)).await?.for_each(|event| async { drop(event.unwrap()) }).await;
    Ok(())
}

fn states(service: &Service) -> Vec<ModelState> {
    service.health().models.into_iter().map(|model| model.state).collect()
}

#[tokio::test(start_paused = true)]
async fn however_many_ask_it_is_opened_once() {
    let model = Parked::new("demo", 1);
    let gate = model.gated();
    let service = service(&[&model], 1);
    assert_eq!(states(&service), [ModelState::Idle]);
    let mut asked = Box::pin(join_all((0..4).map(|_| ask(&service, &model))));
    assert!(poll!(&mut asked).is_pending());
    model.until(|history| history.begun == 1).await;
    assert_eq!(states(&service), [ModelState::Loading]);
    // More would be too many.
    assert_eq!(service.generate(of(&model)).await.err().map(|error| error.kind()), Some(Kind::QueueFull));
    gate.send(()).unwrap();
    assert!(asked.await.iter().all(Result::is_ok));
    assert_eq!(model.history().begun, 1);
    assert_eq!(states(&service), [ModelState::Ready]);
}

#[tokio::test(start_paused = true)]
async fn what_is_opened_at_the_start_takes_nobodys_place() {
    let model = Parked::new("demo", 1);
    let gate = model.gated();
    let service = service(&[&model], 1);
    let mut start = Box::pin(service.open_first());
    assert!(poll!(&mut start).is_pending());
    let mut asked = Box::pin(join_all((0..4).map(|_| ask(&service, &model))));
    assert!(poll!(&mut asked).is_pending());
    model.until(|history| history.begun == 1).await;
    assert_eq!(service.generate(of(&model)).await.err().map(|error| error.kind()), Some(Kind::QueueFull));
    gate.send(()).unwrap();
    start.await.unwrap();
    assert!(asked.await.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn others_answer_while_one_is_opened() {
    let (slow, quick) = (Parked::new("slow", 1), Parked::new("quick", 1));
    let gate = slow.gated();
    let service = service(&[&slow, &quick], 2);
    let mut waiting = Box::pin(ask(&service, &slow));
    assert!(poll!(&mut waiting).is_pending());
    for _ in 0..3 {
        ask(&service, &quick).await.unwrap();
    }
    drop(gate);
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wait_has_an_end_and_what_was_begun_goes_on() {
    let model = Parked::new("demo", 1);
    let gate = model.gated();
    let service = service(&[&model], 1);
    let refusal = service.generate(of(&model));
    tokio::pin!(refusal);
    assert!(poll!(&mut refusal).is_pending());
    advance(Duration::from_secs(30)).await;
    let error = refusal.await.err().unwrap();
    assert_eq!((error.kind(), error.retry_after()), (Kind::Unavailable, Some(Duration::from_secs(5))));
    assert_eq!(error.to_string(), "the model \"demo\" is being loaded");
    drop(gate);
    ask(&service, &model).await.unwrap();
    assert_eq!(model.history().begun, 1);
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_while_waiting_costs_nothing() {
    let model = Parked::new("demo", 1);
    let gate = model.gated();
    let service = service(&[&model], 1);
    for _ in 0..100 {
        assert!(service.generate(of(&model)).now_or_never().is_none());
    }
    drop(gate);
    ask(&service, &model).await.unwrap();
    assert_eq!((model.history().begun, model.backend.requests().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_least_recently_used_makes_room() {
    let memory = MemoryInUse::default();
    let [a, b, c] = ["a", "b", "c"].map(|id| Parked::within(&memory, id, 2));
    let service = service(&[&a, &b, &c], 5);
    for model in [&a, &b, &a, &c] {
        ask(&service, model).await.unwrap();
    }
    assert_eq!(states(&service), [ModelState::Ready, ModelState::Idle, ModelState::Ready]);
    assert_eq!((a.history().closed, b.history().closed, memory.most()), (0, 1, 4));
    ask(&service, &b).await.unwrap();
    assert_eq!(states(&service), [ModelState::Idle, ModelState::Ready, ModelState::Ready]);
}

/// lemonade #2698
#[tokio::test(start_paused = true)]
async fn two_that_fit_together_do_not_take_turns() {
    let (router, answerer) = (Parked::new("router", 1), Parked::new("answerer", 1));
    let service = service(&[&router, &answerer], 2);
    for _ in 0..10 {
        ask(&service, &router).await.unwrap();
        ask(&service, &answerer).await.unwrap();
    }
    assert_eq!((router.history().begun, answerer.history().begun), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn one_that_answers_stays_until_its_stream_is_dropped() {
    let (used, wanted) = (Parked::new("used", 1), Parked::new("wanted", 1));
    let service = service(&[&used, &wanted], 1);
    let (reply, remote) = Reply::steered();
    used.backend.reply(reply);
    let mut answer = service.generate(of(&used)).await.unwrap();
    let error = ask(&service, &wanted).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let expected = "the model \"wanted\" is not loaded, and all models that could make room for it are in use";
    assert_eq!(error.to_string(), expected);
    // Its reader hangs up in the middle.
    assert!(remote.send(testkit::events::prompt(1)));
    answer.next().await.unwrap().unwrap();
    let mut waiting = Box::pin(ask(&service, &wanted));
    assert!(poll!(&mut waiting).is_pending());
    drop(answer);
    waiting.await.unwrap();
    assert_eq!((used.history().closed, used.history().torn_away), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_queue_in_the_backend_holds_the_model_too() {
    let (used, wanted) = (Parked::new("used", 1), Parked::new("wanted", 1));
    let service = service(&[&used, &wanted], 1);
    used.backend.reply(Reply::Queue);
    let mut queued = Box::pin(service.generate(of(&used)));
    assert!(poll!(&mut queued).is_pending());
    used.until(|history| history.begun == 1).await;
    let mut waiting = Box::pin(ask(&service, &wanted));
    while used.backend.counts().waiting == 0 {
        assert!(poll!(&mut queued).is_pending() && poll!(&mut waiting).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(used.history().closed, 0);
    drop(queued);
    waiting.await.unwrap();
    assert_eq!(used.history().torn_away, 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_remembered_for_a_while() {
    let model = Parked::new("demo", 1);
    model.fails("/secret/path is gone");
    let service = service(&[&model], 1);
    let error = service.generate(of(&model)).await.err().unwrap();
    assert_eq!((error.kind(), error.retry_after()), (Kind::Unavailable, Some(Duration::from_secs(5))));
    assert_eq!(error.to_string(), format!("the model \"demo\" could not be loaded: {UNTOLD}"));
    assert_eq!(states(&service), [ModelState::Failed { reason: UNTOLD.into() }]);
    assert!(!service.health().is_ready());
    advance(Duration::from_secs(4)).await;
    assert!(service.generate(of(&model)).await.is_err());
    assert_eq!(model.history().begun, 1);
    advance(Duration::from_secs(1)).await;
    let reason = || service.health().models.remove(0).reason;
    assert!(service.health().is_ready() && reason().as_deref() == Some(UNTOLD));
    ask(&service, &model).await.unwrap();
    assert_eq!((model.history().begun, reason()), (2, None));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_and_the_next_attempt_is_free() {
    let model = Parked::new("demo", 1);
    model.panics("out of cheese");
    let service = service(&[&model], 1);
    assert_eq!(ask(&service, &model).await.unwrap_err().kind(), Kind::Unavailable);
    advance(Duration::from_secs(5)).await;
    ask(&service, &model).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_has_died_is_opened_anew() {
    let model = Parked::new("demo", 1);
    let service = service(&[&model], 1);
    ask(&service, &model).await.unwrap();
    model.dies();
    assert_eq!(states(&service), [ModelState::Idle]);
    assert!(service.health().is_ready());
    ask(&service, &model).await.unwrap();
    assert_eq!((model.history().begun, model.history().closed), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn one_that_dies_as_soon_as_it_is_there_has_failed() {
    let model = Parked::new("demo", 1);
    model.never_lives();
    let service = service(&[&model], 1);
    assert_eq!(
        ask(&service, &model).await.unwrap_err().to_string(),
        format!("the model \"demo\" could not be loaded: {UNTOLD}")
    );
    assert_eq!((model.history().begun, model.history().closed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn one_that_never_fits_is_refused_at_once() {
    let model = Parked::new("huge", 100);
    let service = service(&[&model], 10);
    let error = service.generate(of(&model)).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Unavailable);
    let expected = "the model \"huge\" takes 100 bytes of memory, more than the 10 that all models may take together";
    assert_eq!(error.to_string(), expected);
    assert_eq!(model.history().begun, 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_answered_opens_nothing() {
    let model = Parked::new("demo", 1);
    let service = service(&[&model], 1);
    let generation = Generation { max_tokens: backend::MaxTokens::new(1_000_000), ..of(&model) };
    assert_eq!(service.generate(generation).await.err().map(|error| error.kind()), Some(Kind::Invalid));
    assert_eq!(model.history().begun, 0);
}

#[tokio::test(start_paused = true)]
async fn the_card_is_what_is_known() {
    let model = Parked::new("demo", 1);
    let service = service(&[&model], 1);
    assert_eq!(service.card("demo").unwrap().description, "what its file says");
    ask(&service, &model).await.unwrap();
    assert_eq!(service.card("demo").unwrap().description, "a script");
}

#[tokio::test(start_paused = true)]
async fn the_first_is_there_before_the_service_is_ready() {
    let (first, second) = (Parked::new("first", 1), Parked::new("second", 1));
    let gate = first.gated();
    let service = service(&[&first, &second], 2);
    let mut opened = Box::pin(service.open_first());
    assert!(!service.health().is_ready() && service.health().is_loading());
    assert!(poll!(&mut opened).is_pending());
    assert!(!service.health().is_ready() && service.health().is_loading());
    drop(gate);
    opened.await.unwrap();
    assert!(service.health().is_ready());
    assert_eq!(states(&service), [ModelState::Ready, ModelState::Idle]);
    service.open_others().await;
    assert_eq!((first.history().begun, second.history().begun), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn where_not_all_fit_only_the_first_is_opened_at_the_start() {
    let models = ["a", "b", "c"].map(|id| Parked::new(id, 1));
    let service = service(&models.each_ref(), 2);
    service.open_first().await.unwrap();
    service.open_others().await;
    assert_eq!(models.each_ref().map(|model| model.history().begun), [1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_first_model_that_cannot_be_opened_fails_the_start() {
    let model = Parked::new("demo", 1);
    model.fails("/models/demo.gguf is gone");
    let service = service(&[&model], 1);
    assert_eq!(service.open_first().await.unwrap_err().to_string(), "/models/demo.gguf is gone");
}

#[tokio::test(start_paused = true)]
async fn the_service_is_not_ready_while_its_only_model_is_tried_again() {
    let model = Parked::new("demo", 1);
    model.fails("nobody answers at mlflow:5000");
    let service = service(&[&model], 1);
    service.open_first().await.unwrap_err();
    let gate = model.gated();
    for _ in 0..3 {
        assert!(!service.health().is_ready() && service.health().is_loading());
        advance(Duration::from_secs(3)).await;
    }
    let mut again = Box::pin(service.open_first_again());
    assert!(poll!(&mut again).is_pending());
    assert_eq!(states(&service), [ModelState::Loading]);
    assert!(!service.health().is_ready() && service.health().models[0].reason.as_deref() == Some(UNTOLD));
    drop(gate);
    again.await.unwrap();
    assert!(service.health().is_ready());
}

#[tokio::test(start_paused = true)]
async fn draining_lets_those_have_their_answers_who_wait_for_a_model() {
    let model = Parked::new("demo", 1);
    let gate = model.gated();
    let service = service(&[&model], 1);
    let mut waiting = Box::pin(ask(&service, &model));
    assert!(poll!(&mut waiting).is_pending());
    service.drain();
    assert_eq!(service.generate(of(&model)).await.err().map(|error| error.kind()), Some(Kind::Unavailable));
    drop(gate);
    waiting.await.unwrap();
    service.idle().await;
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_those_who_wait_for_a_model() {
    let model = Parked::new("demo", 1);
    let _gate = model.gated();
    let service = service(&[&model], 1);
    let mut waiting = Box::pin(ask(&service, &model));
    assert!(poll!(&mut waiting).is_pending());
    service.drain();
    service.cancel();
    assert_eq!(waiting.await.unwrap_err().to_string(), "the server is shutting down");
    service.idle().await;
}

/// What a client does.
#[derive(Debug, Clone)]
enum Act {
    Ask(usize),
    /// Until one of those who ask has an answer.
    Wait,
    /// Whether the answer has begun or not.
    HangUp(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let number = 0..8_usize;
    prop_oneof![
        4 => number.clone().prop_map(Act::Ask),
        2 => Just(Act::Wait),
        1 => number.prop_map(Act::HangUp),
    ]
}

/// Does them one after the other, and then finishes all that is left.
async fn play(bytes: Vec<u64>, budget: u64, acts: Vec<Act>) {
    let memory = MemoryInUse::default();
    let models: Vec<_> =
        bytes.iter().enumerate().map(|(index, bytes)| Parked::within(&memory, &format!("m{index}"), *bytes)).collect();
    let service = service(&models.iter().collect::<Vec<_>>(), budget);
    let mut asking = Vec::new();
    for act in acts.into_iter().chain(std::iter::repeat_n(Act::Wait, 100)) {
        match act {
            Act::Ask(model) => asking.push(Box::pin(ask(&service, &models[model % models.len()]))),
            Act::HangUp(index) if index < asking.len() => drop(asking.swap_remove(index)),
            Act::Wait if !asking.is_empty() => asking = select_all(asking).await.2,
            Act::HangUp(_) | Act::Wait => {}
        }
        asking.retain_mut(|asked| asked.now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    assert!(memory.most() <= budget, "{} bytes were taken", memory.most());
    assert!(models.iter().all(|model| model.history().torn_away == 0), "one was closed while it was used");
    service.drain();
    service.idle().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_clients_do_memory_suffices_and_everybody_gets_an_end(
        bytes in prop::collection::vec(1..6_u64, 1..5),
        budget in 3..12_u64,
        acts in prop::collection::vec(act(), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(play(bytes, budget, acts));
    }
}
