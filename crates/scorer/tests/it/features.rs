//! Scorers that learn from what was kept of prompts whose texts were not.

use scorer::data::Dataset;
use scorer::files::{Directory, Provenance};
use scorer::measure::measure;
use scorer::prompt::{Encoder, Prompt};
use scorer::{FitError, Training, Type, fit, synthetic};

use crate::scoring::training;

/// Without any text.
fn dataset() -> Dataset {
    let mut dataset = synthetic::pairs(600, 1).dataset;
    for prompt in &mut dataset.prompts {
        *prompt = Prompt::Features(Box::new(prompt.features()));
    }
    dataset
}

#[test]
fn a_scorer_without_an_encoder_learns_from_features_and_reads_texts() {
    let dataset = dataset();
    let place = tempfile::tempdir().expect("a directory");
    let directory = Directory::new(place.path());
    for kind in Type::ALL {
        let training = Training { encoder: Encoder::None, ..training(kind, 3) };
        let scorer = fit(&dataset, &training, |_| ()).expect("the training converges");
        let report = measure(&scorer, &dataset, &training).expect("it can be measured").report;
        let name = directory.save("kept", &scorer, Provenance::new(b"", &dataset, &training), report).expect("it is saved");
        let loaded = directory.load(&name).expect("it is loaded").scorer;
        let prompts = ["Write a Rust function", "What is 17 times 23?"];
        let scores = |scorer: &scorer::Scorer| scorer.candidates(&synthetic::MODELS).expect("all are known").score(&prompts);
        assert_eq!(scores(&scorer), scores(&loaded), "{kind}");
    }
}

#[test]
fn an_encoder_wants_texts() {
    let (dataset, with_encoder) = (dataset(), training(Type::Linear, 3));
    assert_eq!(fit(&dataset, &with_encoder, |_| ()).expect_err("there is no text"), FitError::NoTexts);
    let scorer = fit(&synthetic::pairs(150, 1).dataset, &with_encoder, |_| ()).expect("the training converges");
    assert_eq!(measure(&scorer, &dataset, &with_encoder).err(), Some(FitError::NoTexts));
}
