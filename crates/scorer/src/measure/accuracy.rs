//! Is the better model of two scored higher?

use super::{Predictions, mean, predicted};
use crate::data::Example;

/// Every comparison that can be made: pairs as they are, and of scores all two models that answered one prompt.
pub(super) fn comparisons(examples: &[Example]) -> Vec<Example> {
    let mut comparisons: Vec<Example> = examples.iter().filter(|example| example.rival.is_some()).copied().collect();
    let mut scores: Vec<&Example> = examples.iter().filter(|example| example.rival.is_none()).collect();
    scores.sort_by_key(|example| (example.prompt, example.model));
    for answers in scores.chunk_by(|one, other| one.prompt == other.prompt) {
        for (at, first) in answers.iter().enumerate() {
            comparisons.extend(answers[at + 1..].iter().filter(|second| second.model != first.model).map(|second| {
                let credit =
                    0.5 + (first.credit - second.credit).partial_cmp(&0.0).map_or(0.0, |order| order as i8 as f32) / 2.0;
                Example { rival: Some(second.model), credit, ..**first }
            }));
        }
    }
    comparisons
}

/// The share of comparisons in which the winner is scored higher; scored alike is half right. Ties are left out.
pub(super) fn pairwise(predictions: &Predictions, comparisons: &[Example]) -> Option<f64> {
    mean(decided(comparisons).map(|example| right(predictions, example)))
}

/// The same with ties as comparisons that nobody can get right.
pub(super) fn ties_wrong(predictions: &Predictions, comparisons: &[Example]) -> Option<f64> {
    mean(comparisons.iter().map(|example| if is_tie(example) { 0.0 } else { right(predictions, example) }))
}

/// The probability that a comparison that was won is scored higher than one that was lost. Each counts from both sides, so
/// that it does not matter which model a file names first.
pub(super) fn auc(predictions: &Predictions, comparisons: &[Example]) -> Option<f64> {
    let mut won: Vec<f32> = decided(comparisons)
        .map(|example| predicted(predictions, example) * if example.credit > 0.5 { 1.0 } else { -1.0 })
        .collect();
    won.sort_by(f32::total_cmp);
    // What is lost is what is won, from the other side.
    let lost: Vec<f32> = won.iter().rev().map(|difference| -difference).collect();
    let below = |difference: f32| {
        let less = lost.partition_point(|other| *other < difference);
        let not_more = lost.partition_point(|other| *other <= difference);
        (less + not_more) as f64 / 2.0 / lost.len() as f64
    };
    mean(won.iter().map(|difference| below(*difference)))
}

fn decided(comparisons: &[Example]) -> impl Iterator<Item = &Example> {
    comparisons.iter().filter(|example| !is_tie(example))
}

fn is_tie(example: &Example) -> bool {
    (example.credit - 0.5).abs() < f32::EPSILON
}

fn right(predictions: &Predictions, example: &Example) -> f64 {
    let difference = predicted(predictions, example);
    if difference == 0.0 {
        return 0.5;
    }
    if (difference > 0.0) == (example.credit > 0.5) { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(prompt: usize, credit: f32) -> Example {
        Example { prompt, model: 0, rival: Some(1), credit, cost: None }
    }

    fn close(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-9)
    }

    #[test]
    fn the_winner_ought_to_be_scored_higher() {
        let predictions = vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![2.0, 2.0]];
        let comparisons = [pair(0, 1.0), pair(1, 1.0), pair(2, 0.0), pair(0, 0.5)];
        assert!(close(pairwise(&predictions, &comparisons), 0.5));
        assert!(close(ties_wrong(&predictions, &comparisons), 0.375));
    }

    #[test]
    fn auc_is_one_for_who_knows_and_half_for_who_does_not() {
        let comparisons = [pair(0, 1.0), pair(1, 0.0)];
        assert!(close(auc(&[vec![0.3, 0.0], vec![0.0, 0.1]], &comparisons), 1.0));
        assert!(close(auc(&[vec![0.0, 0.0], vec![0.0, 0.0]], &comparisons), 0.5));
        assert!(close(auc(&[vec![0.0, 0.3], vec![0.1, 0.0]], &comparisons), 0.0));
    }

    #[test]
    fn scores_on_one_prompt_are_comparisons() {
        let score = |model, credit| Example { prompt: 0, model, rival: None, credit, cost: None };
        let found = comparisons(&[score(0, 0.5), score(1, 0.75), score(2, 0.5)]);
        let found: Vec<_> = found.iter().map(|example| (example.model, example.rival, example.credit)).collect();
        assert_eq!(found, [(0, Some(1), 0.0), (0, Some(2), 0.5), (1, Some(2), 1.0)]);
    }
}
