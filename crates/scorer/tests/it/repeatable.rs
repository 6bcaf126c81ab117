//! The same training twice gives the same network, to the bit; and a score does not depend on what else is asked.

use proptest::prelude::*;
use scorer::baseline::Linear;
use scorer::chance::Chance;
use scorer::data::Example;
use scorer::network::{DenseNetwork, Options, Parameters, Shape, train};

/// Model 1 wins where the first number is positive; in one row of two by chance.
fn examples(count: usize) -> (Vec<Vec<f32>>, Vec<Example>) {
    let mut chance = Chance::new(3);
    let rows: Vec<Vec<f32>> = (0..count).map(|_| (0..6).map(|_| chance.within(1.0)).collect()).collect();
    let pair = |prompt: usize| {
        let credit = if rows[prompt][0] > 0.0 { 1.0 } else { 0.0 };
        Example { prompt, model: 1, rival: Some(0), credit, cost: None }
    };
    let examples = (0..count).map(pair).collect();
    (rows, examples)
}

fn options(seed: u64) -> Options {
    Options { hidden: vec![16, 8], model_embedding: 4, epochs: 8, learning_rate: 1e-2, seed, ..Options::default() }
}

#[test]
fn training_can_be_repeated() {
    let (rows, examples) = examples(200);
    let once = |seed| train(&rows, 2, &examples[..150], &examples[150..], &options(seed), |_| ());
    assert_eq!(once(1), once(1));
    assert_ne!(once(1), once(2));
    let linear = |seed| Linear::fit(&rows, 6, 2, &examples[..150], &examples[150..], seed);
    assert_eq!(linear(1), linear(1));
}

#[test]
fn training_learns() {
    let (rows, examples) = examples(400);
    let mut losses = Vec::new();
    let parameters =
        train(&rows, 2, &examples[..300], &examples[300..], &options(1), |progress| losses.push(progress.validation_loss));
    let network = DenseNetwork::new(parameters);
    let right = (300..400).filter(|prompt| {
        let scores = network.score(&rows[*prompt], &[0, 1]);
        (scores[1] > scores[0]) == (rows[*prompt][0] > 0.0)
    });
    let right = right.count();
    assert!(right > 90, "{right} of 100, losses {losses:?}");
}

#[test]
fn training_ends_when_held_back_prompts_get_no_better() {
    let (rows, mut examples) = examples(200);
    let mut chance = Chance::new(9);
    for example in &mut examples {
        example.credit = if chance.unit() < 0.5 { 0.0 } else { 1.0 };
    }
    let mut epochs = 0;
    let options = Options { epochs: 100, patience: 3, ..options(1) };
    train(&rows, 2, &examples[..150], &examples[150..], &options, |progress| epochs = progress.epoch);
    assert!(epochs < 50, "{epochs}");
}

proptest! {
    #[test]
    fn a_score_depends_on_its_prompt_and_model_alone(seed: u64, models in prop::collection::vec(0_usize..5, 1..6)) {
        let mut chance = Chance::new(seed);
        let shape = Shape { inputs: 30, models: 5, model_embedding: 8, hidden: vec![33, 10] };
        let network = DenseNetwork::new(Parameters::random(&shape, &mut chance));
        let row: Vec<f32> = (0..30).map(|_| chance.within(2.0)).collect();
        let together = network.score(&row, &models);
        let alone: Vec<f32> = models.iter().flat_map(|model| network.score(&row, &[*model])).collect();
        prop_assert_eq!(together, alone);
    }
}
