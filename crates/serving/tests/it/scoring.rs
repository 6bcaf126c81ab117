//! Scores, by scorers that lie in a directory.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use backend::Error;
use scorer::data::{Dataset, Format};
use scorer::files::{Directory, Provenance};
use scorer::measure::measure;
use scorer::prompt::{Encoder, Encoders, HashedNgrams, Identity, Sentences};
use scorer::{Training, Type};
use serving::{Besides, Scorers, Scoring, Service, Settings, Unscored};
use telemetry::Metrics;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Keeps a scorer to which `best` has won nine of ten times.
fn train(directory: &Path, name: &str, best: &str) {
    train_on(Type::Elo, directory, name, best, Encoder::HashedNgrams(HashedNgrams::new(16).unwrap()));
}

fn train_on(of: Type, directory: &Path, name: &str, best: &str, encoder: Encoder) {
    let line = |index: usize| {
        let winner = if index.is_multiple_of(10) == (best == "a") { "model_b" } else { "model_a" };
        format!(r#"{{"prompt": "question {index}", "model_a": "a", "model_b": "b", "winner": "{winner}"}}"#)
    };
    let text = (0..100).map(line).collect::<Vec<_>>().join("\n");
    let dataset = Dataset::read(text.clone(), Format::JsonLines).unwrap();
    let training = Training::new(of, encoder, 1);
    let scorer = scorer::fit(&dataset, &training, |_| ()).unwrap();
    let report = measure(&scorer, &dataset, &training).unwrap().report;
    let provenance = Provenance::new(text.as_bytes(), &dataset, &training);
    Directory::new(directory).save(name, &scorer, provenance, report).unwrap();
}

fn service(directory: &Path) -> Service {
    service_with(Scorers::within(directory))
}

fn service_with(scorers: Scorers) -> Service {
    let besides = Besides { scorers, ..Besides::default() };
    Service::with(Vec::new(), Settings::default(), Arc::new(Metrics::new(["demo"])), besides)
}

async fn score(service: &Service, scorer: &str) -> Result<Vec<Vec<f32>>, Unscored> {
    let (models, prompts) = (vec!["a".to_owned(), "b".to_owned()], vec!["Why?".to_owned(); 5]);
    let batch = NonZeroUsize::new(2).unwrap();
    service.score(Scoring { scorer: scorer.to_owned(), models, prompts, batch }).await
}

#[tokio::test]
async fn a_scorer_that_is_trained_again_answers_from_then_on() {
    let directory = tempfile::tempdir().unwrap();
    let service = service(directory.path());
    assert!(matches!(score(&service, "elo/mine").await, Err(Unscored::UnknownScorer { .. })));
    train(directory.path(), "mine", "a");
    let scores = score(&service, "elo/mine").await.unwrap();
    assert_eq!(scores.len(), 5);
    assert!(scores.iter().all(|scores| scores[0] > scores[1]), "{scores:?}");
    train(directory.path(), "mine", "b");
    let scores = score(&service, "elo/mine").await.unwrap();
    assert!(scores.iter().all(|scores| scores[0] < scores[1]), "{scores:?}");
}

#[tokio::test]
async fn the_last_one_stays_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    train(directory.path(), "mine", "a");
    train(directory.path(), "other", "b");
    let service = service(directory.path());
    let scores = score(&service, "elo/mine").await.unwrap();
    for file in fs::read_dir(directory.path().join("elo")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "safetensors") {
            fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(score(&service, "elo/mine").await, Ok(scores));
    assert!(matches!(score(&service, "elo/other").await, Err(Unscored::Refused(Error::Unavailable { .. }))));
}

/// Encoders that take long to come, as one that has to be downloaded.
#[derive(Debug)]
struct Slow {
    asked: AtomicUsize,
    begun: Mutex<Option<oneshot::Sender<()>>>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl Encoders for Slow {
    fn find(&self, _: &Identity) -> Result<Arc<dyn Sentences>, String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(begun) = self.begun.lock().unwrap().take() {
            begun.send(()).unwrap();
        }
        self.gate.lock().unwrap().recv().map_err(|error| error.to_string())?;
        Ok(Arc::new(One))
    }
}

/// The same for every text.
#[derive(Debug)]
struct One;

impl Sentences for One {
    fn identity(&self) -> Identity {
        Identity::new("one", "1", 1)
    }

    fn encode(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        vec![vec![1.0]; texts.len()]
    }
}

fn of(directory: &TempDir, encoders: Arc<dyn Encoders>) -> Scorers {
    Scorers::of(Directory::new(directory.path()).with_encoders(encoders), NonZeroUsize::MIN)
}

/// Stops where many texts are encoded, until the gate is opened.
#[derive(Debug)]
struct Stopping {
    begun: Mutex<Option<oneshot::Sender<()>>>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl Sentences for Stopping {
    fn identity(&self) -> Identity {
        One.identity()
    }

    fn encode(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        if texts[0].starts_with("One of many") {
            if let Some(begun) = self.begun.lock().unwrap().take() {
                begun.send(()).unwrap();
            }
            self.gate.lock().unwrap().recv().unwrap();
        }
        One.encode(texts)
    }
}

#[derive(Debug)]
struct These(Arc<dyn Sentences>);

impl Encoders for These {
    fn find(&self, _: &Identity) -> Result<Arc<dyn Sentences>, String> {
        Ok(Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn who_has_one_prompt_does_not_wait_for_who_has_many() {
    let directory = tempfile::tempdir().unwrap();
    train_on(Type::Linear, directory.path(), "slow", "a", Encoder::Sentences(Arc::new(One)));
    let (begun, has_begun) = oneshot::channel();
    let (open, gate) = mpsc::sync_channel(5);
    let stopping = Arc::new(Stopping { begun: Mutex::new(Some(begun)), gate: Mutex::new(gate) });
    let service = service_with(of(&directory, Arc::new(These(stopping))));
    let scoring = |prompts: Vec<String>| Scoring {
        scorer: "linear/slow".into(),
        models: vec!["a".into(), "b".into()],
        prompts,
        batch: NonZeroUsize::MIN,
    };
    let many = service.score(scoring((0..5).map(|number| format!("One of many: {number}")).collect()));
    let one = async {
        has_begun.await.unwrap();
        let scores = service.score(scoring(vec!["Why?".into()])).await.unwrap();
        (0..5).for_each(|_| open.send(()).unwrap());
        scores
    };
    let (many, one) = tokio::join!(many, one);
    assert_eq!((many.unwrap().len(), one.len()), (5, 1));
}

#[tokio::test]
async fn a_scorer_is_loaded_once_also_where_who_asked_first_has_left() {
    let directory = tempfile::tempdir().unwrap();
    train_on(Type::Elo, directory.path(), "slow", "a", Encoder::Sentences(Arc::new(One)));
    let (begun, has_begun) = oneshot::channel();
    let (open, gate) = mpsc::sync_channel(1);
    let slow = Slow { asked: AtomicUsize::new(0), begun: Mutex::new(Some(begun)), gate: Mutex::new(gate) };
    let slow = Arc::new(slow);
    let encoders = Arc::clone(&slow) as Arc<dyn Encoders>;
    let service = service_with(of(&directory, encoders));
    tokio::select! {
        _ = score(&service, "elo/slow") => panic!("it cannot be loaded yet"),
        begun = has_begun => begun.unwrap(),
    }
    open.send(()).unwrap();
    let scores = score(&service, "elo/slow").await.unwrap();
    assert!(scores.iter().all(|scores| scores[0] > scores[1]), "{scores:?}");
    assert_eq!(slow.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn one_that_could_not_be_loaded_is_let_be_for_a_moment() {
    let directory = tempfile::tempdir().unwrap();
    train_on(Type::Elo, directory.path(), "slow", "a", Encoder::Sentences(Arc::new(One)));
    let (open, gate) = mpsc::sync_channel(1);
    drop(open);
    let slow = Arc::new(Slow { asked: AtomicUsize::new(0), begun: Mutex::new(None), gate: Mutex::new(gate) });
    let encoders = Arc::clone(&slow) as Arc<dyn Encoders>;
    let service = service_with(of(&directory, encoders));
    for _ in 0..3 {
        assert!(matches!(score(&service, "elo/slow").await, Err(Unscored::Refused(Error::Unavailable { .. }))));
    }
    assert_eq!(slow.asked.load(Ordering::Relaxed), 1);
}
