//! Scores, by scorers that lie in a directory.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use backend::Error;
use scorer::data::{Dataset, Format};
use scorer::files::{Directory, Provenance};
use scorer::measure::measure;
use scorer::prompt::{Encoder, HashedNgrams};
use scorer::{Training, Type};
use serving::{Besides, Scorers, Scoring, Service, Settings, Unscored};
use telemetry::Metrics;

/// Keeps a scorer to which `best` has won nine of ten times.
fn train(directory: &Path, name: &str, best: &str) {
    let line = |index: usize| {
        let winner = if index.is_multiple_of(10) == (best == "a") { "model_b" } else { "model_a" };
        format!(r#"{{"prompt": "question {index}", "model_a": "a", "model_b": "b", "winner": "{winner}"}}"#)
    };
    let text = (0..100).map(line).collect::<Vec<_>>().join("\n");
    let dataset = Dataset::read(&text, Format::JsonLines).unwrap();
    let training = Training::new(Type::Elo, Encoder::HashedNgrams(HashedNgrams::new(16).unwrap()), 1);
    let scorer = scorer::fit(&dataset, &training, |_| ()).unwrap();
    let report = measure(&scorer, &dataset, &training).unwrap().report;
    let provenance = Provenance::new(text.as_bytes(), &dataset, &training);
    Directory::new(directory).save(name, &scorer, provenance, report).unwrap();
}

fn service(directory: &Path) -> Service {
    let besides = Besides { scorers: Scorers::within(directory), ..Besides::default() };
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
