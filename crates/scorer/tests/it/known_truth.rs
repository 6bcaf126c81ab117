//! On made-up preferences, of which the truth is known, the network learns what there is to learn.

use scorer::measure::{Figures, Report, draw, measure};
use scorer::prompt::{Encoder, HashedNgrams};
use scorer::synthetic;
use scorer::{Training, Type, fit};

fn training() -> Training {
    let encoder = Encoder::HashedNgrams(HashedNgrams::new(256).expect("256 is neither none nor too many"));
    let mut training = Training::new(Type::DenseNetwork, encoder, 1);
    training.options.epochs = 7;
    training
}

fn beside<'a>(report: &'a Report, name: &str) -> &'a Figures {
    report.beside.get(name).expect("every report has all simple ways")
}

#[test]
fn the_network_beats_the_simple_ways_and_comes_close_to_the_truth() {
    let made = synthetic::pairs(8_000, 5);
    let scorer = fit(&made.dataset, &training(), |_| ()).expect("the training converges");
    let report = measure(&scorer, &made.dataset, &training()).expect("the baselines converge").report;
    let accuracy = |figures: &Figures| figures.pairwise_accuracy.unwrap_or_default();
    let (own, ceiling) = (accuracy(&report.scorer), made.ceiling(training().split));
    let figures = format!("ceiling {ceiling:.3}, {report:#?}");
    assert!(own > accuracy(beside(&report, "elo")) + 0.15, "{figures}");
    assert!(own > accuracy(beside(&report, "linear")) + 0.04, "{figures}");
    assert!(own > accuracy(beside(&report, "knn")) + 0.04, "{figures}");
    assert!((accuracy(beside(&report, "random")) - 0.5).abs() < 0.05, "{figures}");
    // Of what there is above chance, not of a share that chance would have nearly, too.
    assert!((own - 0.5) / (ceiling - 0.5) > 0.9, "{figures}");
    assert!(report.scorer.apgr > beside(&report, "elo").apgr, "{figures}");
    assert!(report.scorer.calibration_error < Some(0.1), "{figures}");
}

#[test]
fn with_scores_and_costs_it_gets_more_for_less() {
    let made = synthetic::scores(900, 6);
    let scorer = fit(&made.dataset, &training(), |_| ()).expect("the training converges");
    let measured = measure(&scorer, &made.dataset, &training()).expect("the baselines converge");
    let report = &measured.report;
    assert!(report.scorer.aiq > Some(beside(report, "elo").aiq.unwrap_or(1.0) + 0.1), "{report:#?}");
    assert!(report.scorer.cpt50 < beside(report, "elo").cpt50, "{report:#?}");
    let svg = draw(&measured).expect("there are costs");
    assert_eq!(svg.matches("<polyline").count(), 6);
    assert_eq!(svg.matches("<circle").count(), synthetic::MODELS.len());
}

#[test]
fn the_same_seed_makes_the_same_preferences() {
    assert_eq!(synthetic::pairs(50, 1).dataset, synthetic::pairs(50, 1).dataset);
    assert_ne!(synthetic::pairs(50, 1).dataset, synthetic::pairs(50, 2).dataset);
}
