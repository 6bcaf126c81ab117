//! What quality for what cost, when each prompt goes to the model with the best score minus λ · cost.
//!
//! As in RouterBench (Hu et al. 2024, arXiv 2403.12031): AIQ is the mean, over the costs between the cheapest and the dearest
//! model, of the non-decreasing convex hull of what all λ give.

use std::collections::BTreeMap;

use super::{Curve, Predictions};
use crate::data::Example;
use crate::logistic;

/// λ from next to nothing to where cost alone decides; each some quarter more than the last.
const STEPS: i32 = 60;

pub(super) struct Budget {
    /// prompt → (quality, cost) of each model
    answers: BTreeMap<usize, Vec<(f64, f64)>>,
    /// What a model is thought to cost before it is asked: its mean on what was trained on.
    expected: Vec<f64>,
}

impl Budget {
    /// From prompts that every model answered at a cost. `None` without any, or if all models cost the same.
    pub(super) fn find(trained: &[Example], held_out: &[Example], models: usize) -> Option<Self> {
        let expected: Option<Vec<f64>> = (0..models).map(|model| super::mean(costs(trained, model))).collect();
        let mut answers: BTreeMap<usize, Vec<Option<(f64, f64)>>> = BTreeMap::new();
        for example in held_out.iter().filter(|example| example.rival.is_none()) {
            let answer = example.cost.map(|cost| (f64::from(example.credit), f64::from(cost)));
            answers.entry(example.prompt).or_insert_with(|| vec![None; models])[example.model] = answer;
        }
        let whole =
            |(prompt, answers): (usize, Vec<Option<_>>)| Some((prompt, answers.into_iter().collect::<Option<Vec<_>>>()?));
        let budget = Self { answers: answers.into_iter().filter_map(whole).collect(), expected: expected? };
        let (least, most) = budget.range();
        (!budget.answers.is_empty() && most > least).then_some(budget)
    }

    /// (mean cost, mean quality) of each model alone.
    pub(super) fn singles(&self) -> Vec<(f64, f64)> {
        (0..self.expected.len()).map(|model| self.point(|_| model)).collect()
    }

    /// The mean cost of the cheapest and of the dearest model.
    fn range(&self) -> (f64, f64) {
        let singles = self.singles();
        let costs = singles.iter().map(|(cost, _)| *cost);
        (costs.clone().fold(f64::INFINITY, f64::min), costs.fold(0.0, f64::max))
    }

    pub(super) fn curve(&self, predictions: &Predictions) -> Curve {
        let (least, most) = self.range();
        let lambdas = (0..STEPS).map(|step| 1e-3 * 1.25_f64.powi(step) / (most - least));
        let mut points: Vec<(f64, f64)> = std::iter::once(0.0)
            .chain(lambdas)
            .map(|lambda| self.point(|prompt| self.best(&predictions[prompt], lambda)))
            .collect();
        points.push(self.point(|_| self.cheapest()));
        Curve::hull(points).carried_to(most)
    }

    pub(super) fn aiq(&self, curve: &Curve) -> f64 {
        let (least, most) = self.range();
        curve.area() / (most - least)
    }

    fn best(&self, scores: &[f32], lambda: f64) -> usize {
        let value = |model: &usize| f64::from(logistic::probability(scores[*model])) - lambda * self.expected[*model];
        (0..scores.len()).max_by(|one, other| value(one).total_cmp(&value(other))).unwrap_or(0)
    }

    fn cheapest(&self) -> usize {
        let singles = self.singles();
        (0..singles.len()).min_by(|one, other| singles[*one].0.total_cmp(&singles[*other].0)).unwrap_or(0)
    }

    fn point(&self, choose: impl Fn(usize) -> usize) -> (f64, f64) {
        let chosen = self.answers.iter().map(|(prompt, answers)| answers[choose(*prompt)]);
        let (quality, cost) = chosen.fold((0.0, 0.0), |(quality, cost), answer| (quality + answer.0, cost + answer.1));
        let count = self.answers.len().max(1) as f64;
        (cost / count, quality / count)
    }
}

fn costs(examples: &[Example], model: usize) -> impl Iterator<Item = f64> {
    examples.iter().filter(move |example| example.model == model).filter_map(|example| example.cost).map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Model 1 costs three times as much, and is right on even prompts where model 0 is wrong.
    fn budget() -> Budget {
        let answer = |prompt: usize, model: usize| Example {
            prompt,
            model,
            rival: None,
            credit: f32::from(prompt.is_multiple_of(2) == (model == 1)),
            cost: Some([1.0, 3.0][model]),
        };
        let examples: Vec<_> = (0..40).flat_map(|prompt| [answer(prompt, 0), answer(prompt, 1)]).collect();
        Budget::find(&examples, &examples, 2).unwrap()
    }

    #[test]
    fn who_knows_pays_only_where_it_helps() {
        let budget = budget();
        let knows: Vec<_> =
            (0..40_usize).map(|prompt| if prompt.is_multiple_of(2) { vec![-3.0, 3.0] } else { vec![3.0, -3.0] }).collect();
        let curve = budget.curve(&knows);
        assert_eq!(curve.0, [(1.0, 0.5), (2.0, 1.0), (3.0, 1.0)]);
        assert!((budget.aiq(&curve) - 0.875).abs() < 1e-9);
        assert_eq!(budget.singles(), [(1.0, 0.5), (3.0, 0.5)]);
    }

    #[test]
    fn who_sees_no_difference_gets_what_the_cheapest_gives() {
        let budget = budget();
        assert!((budget.aiq(&budget.curve(&vec![vec![0.0, 0.0]; 40])) - 0.5).abs() < 1e-9);
    }
}
