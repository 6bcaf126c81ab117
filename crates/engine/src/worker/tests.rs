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

/// A worker on a thread of its own that finds these jobs waiting, and the way to hand it more.
fn start(waiting: impl IntoIterator<Item = Box<Job>>) -> SyncSender<Box<Job>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models/hf/llama");
    let Checkpoint { architecture, weights, tokenizer, .. } = Checkpoint::open(&directory).unwrap();
    let model = Model::load(architecture, weights, NonZeroUsize::MIN, CACHE_BYTES, None, 4, &mut |_| {}).unwrap();
    let (jobs, receiver) = sync_channel(8);
    waiting.into_iter().for_each(|job| jobs.send(job).unwrap());
    let limits = Limits { running: 4, step_tokens: 64 };
    let worker = Worker::new(model, Arc::new(tokenizer), limits, 8, None, Arc::default(), receiver);
    thread::spawn(|| worker.run());
    jobs
}

/// A job that no door has checked, and its answer.
fn job(prompt: &[u32], max_new: usize) -> (Box<Job>, mpsc::Receiver<Result<Event>>) {
    let (sender, events) = mpsc::channel(Job::most_events(max_new, 1));
    let job = Job {
        prompt: prompt.to_vec(),
        max_new,
        sampling: Sampling::default(),
        stop: Stop::new(Vec::new(), true).unwrap(),
        choices: 1,
        logprobs: None,
        echo: false,
        continues: true,
        priority: Priority(0),
        adapter: None,
        tenant: Tenant(0),
        admitted: oneshot::channel().0,
        reader: Reader::Events(sender),
    };
    (Box::new(job), events)
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
