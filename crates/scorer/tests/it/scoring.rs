//! A scorer answers for each prompt and model alone, and for no model that it does not know.

use std::sync::LazyLock;

use proptest::prelude::*;
use scorer::prompt::{Encoder, HashedNgrams, Prompt};
use scorer::{Scorer, Training, Type, fit, synthetic};

/// One of each type, trained on a few made-up prompts.
static SCORERS: LazyLock<Vec<Scorer>> = LazyLock::new(|| Type::ALL.map(|kind| trained(kind, 7)).to_vec());

pub(crate) fn training(kind: Type, seed: u64) -> Training {
    let encoder = Encoder::HashedNgrams(HashedNgrams::new(32).expect("32 is neither none nor too many"));
    let mut training = Training::new(kind, encoder, seed);
    training.options.hidden = vec![16, 8];
    training.options.epochs = 2;
    training
}

pub(crate) fn trained(kind: Type, seed: u64) -> Scorer {
    fit(&synthetic::pairs(150, 1).dataset, &training(kind, seed), |_| ()).expect("the training converges")
}

fn check(prompts: &[String], models: &[&str]) {
    for scorer in SCORERS.iter() {
        let candidates = scorer.candidates(models).expect("all models are known");
        let together = candidates.score(prompts);
        let alone: Vec<Vec<f32>> = prompts.iter().flat_map(|prompt| candidates.score(&[prompt])).collect();
        assert_eq!(together, alone, "{}", scorer.method.kind());
        assert!(together.iter().flatten().all(|score| score.is_finite()));
        for (at, model) in models.iter().enumerate() {
            let single = scorer.candidates(&[model]).expect("it is known").score(prompts);
            assert!(single.iter().zip(&together).all(|(single, together)| single[0].to_bits() == together[at].to_bits()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_score_does_not_depend_on_the_other_prompts_and_models(
        prompts in prop::collection::vec(".{0,80}", 1..5),
        models in prop::sample::subsequence(synthetic::MODELS.to_vec(), 1..=5).prop_shuffle(),
    ) {
        check(&prompts, &models);
    }
}

#[test]
fn a_model_that_was_not_trained_with_gets_no_score() {
    let unknown = SCORERS[0].candidates(&["coder", "gpt-4", "claude-2"]).expect_err("two are unknown");
    insta::assert_snapshot!(unknown, @"this scorer does not know gpt-4, claude-2; it knows allround, author, coder, polyglot, solver");
}

#[test]
fn scores_that_were_learned_are_scores() {
    let made = synthetic::scores(100, 2);
    let scorer = fit(&made.dataset, &training(Type::Linear, 1), |_| ()).expect("the training converges");
    let texts: Vec<&str> = made.dataset.prompts.iter().filter_map(Prompt::text).collect();
    let scores = scorer.candidates(&["coder"]).expect("it is known").score(&texts);
    assert!(scores.iter().flatten().all(|score| (0.0..=1.0).contains(score)));
}

#[test]
fn the_same_training_gives_the_same_scorer() {
    for kind in Type::ALL {
        assert_eq!(trained(kind, 3).method.tensors(), trained(kind, 3).method.tensors());
    }
}
