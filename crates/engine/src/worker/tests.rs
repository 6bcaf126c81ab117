//! What the handle never lets through, given to the worker itself.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use backend::{Event, Kind, Priority, Result, Sampling, Stop, Tenant};
use checkpoint::Checkpoint;
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::job::Reader;

const CACHE_BYTES: usize = 1 << 20;
const OUTSIDE_THE_VOCABULARY: u32 = 1_000_000;

/// A worker that finds these jobs waiting, and the way to hand it more.
fn worker(waiting: impl IntoIterator<Item = Box<Job>>) -> (Worker, SyncSender<Box<Job>>) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models/hf/llama");
    let Checkpoint { architecture, weights, tokenizer, .. } = Checkpoint::open(&directory).unwrap();
    let model = Model::load(architecture, weights, NonZeroUsize::MIN, CACHE_BYTES, None, 4, &mut |_| {}).unwrap();
    let (jobs, receiver) = sync_channel(8);
    waiting.into_iter().for_each(|job| jobs.send(job).unwrap());
    let limits = Limits { running: 4, step_tokens: 64 };
    (Worker::new(model, Arc::new(tokenizer), limits, 8, None, Arc::default(), receiver), jobs)
}

/// One on a thread of its own.
fn start(waiting: impl IntoIterator<Item = Box<Job>>) -> SyncSender<Box<Job>> {
    let (worker, jobs) = worker(waiting);
    thread::spawn(|| worker.run());
    jobs
}

/// A job that no door has checked, and its answer.
fn job(prompt: &[u32], max_new: usize) -> (Box<Job>, mpsc::Receiver<Result<Event>>) {
    job_of_choices(1, prompt, max_new)
}

fn job_of_choices(choices: u16, prompt: &[u32], max_new: usize) -> (Box<Job>, mpsc::Receiver<Result<Event>>) {
    let (sender, events) = mpsc::channel(Job::most_events(max_new, choices));
    let asked = Asked {
        prompt: prompt.to_vec(),
        max_new,
        sampling: Sampling::default(),
        stop: Stop::new(Vec::new(), true).unwrap(),
        choices,
        logprobs: None,
        echo: false,
        continues: true,
        priority: Priority(0),
        adapter: None,
        tenant: Tenant(0),
    };
    (Box::new(Job { asked, admitted: oneshot::channel().0, reader: Reader::Events(sender) }), events)
}

/// The last thing that is heard of a job.
fn end(mut events: mpsc::Receiver<Result<Event>>) -> Result<Event> {
    std::iter::from_fn(|| events.blocking_recv()).last().unwrap()
}

#[test]
fn a_panic_in_a_step_ends_what_runs_and_nothing_else() {
    let (beside, beside_events) = job(&[1, 2, 3], 50);
    let (broken, broken_events) = job(&[OUTSIDE_THE_VOCABULARY], 5);
    let jobs = start([beside, broken]);
    assert_eq!(end(broken_events).unwrap_err().kind(), Kind::Internal);
    assert_eq!(end(beside_events).unwrap_err().kind(), Kind::Internal);

    let (next, events) = job(&[1, 2, 3], 5);
    jobs.send(next).unwrap();
    assert!(matches!(end(events), Ok(Event::Done(usage)) if usage.completion_tokens == 5));
}

#[test]
fn an_answer_that_nobody_reads_any_more_is_gone_before_the_next_step() {
    let (left, events) = job(&[1, 2, 3], 50);
    let (stays, _beside) = job(&[4, 5, 6], 50);
    let (mut worker, _jobs) = worker([left, stays]);
    assert!(worker.receive());
    worker.step();
    let with_both = worker.scheduler.pool().in_use();
    drop(events);
    worker.drop_abandoned();
    assert_eq!((worker.requests.len(), worker.scheduler.running()), (1, 1));
    assert!(worker.scheduler.pool().in_use() < with_both);
}

#[test]
fn of_a_hundred_choices_only_those_are_held_that_can_run() {
    let (many, events) = job_of_choices(100, &[1, 2, 3], 3);
    let (mut worker, jobs) = worker([many]);
    assert!(worker.receive());
    while !worker.requests.is_empty() {
        worker.step();
        assert!(worker.answers.len() <= 2 * worker.limits.running, "{} are held", worker.answers.len());
        assert_eq!(worker.waiting(), 0, "others may wait behind it");
    }
    drop((worker, jobs));
    assert!(matches!(end(events), Ok(Event::Done(usage)) if usage.completion_tokens == 300));
}

#[test]
fn who_asks_for_two_answers_gets_the_second_though_others_keep_coming() {
    let (two, mut events) = job_of_choices(2, &[1, 2, 3], 1);
    let (mut worker, jobs) = worker([two]);
    let mut readers = Vec::new();
    for newcomer in 0..40 {
        for _ in 0..worker.limits.running {
            let (job, events) = job(&[1, newcomer], 1);
            let _ = jobs.try_send(job);
            readers.push(events);
        }
        assert!(worker.receive());
        worker.step();
    }
    let mut last = None;
    while let Ok(event) = events.try_recv() {
        last = Some(event.unwrap());
    }
    assert!(matches!(last, Some(Event::Done(_))), "{last:?}");
}
