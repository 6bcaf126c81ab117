//! Between a strong and a weak model: how much of the difference is had by how many calls to the strong one.
//!
//! As in RouteLLM (Ong et al. 2024, arXiv 2406.18665): PGR is the share of the quality gap that is recovered, APGR its mean
//! over all shares of calls, and CPT(x) the least share of calls with which PGR reaches x.

use std::collections::BTreeMap;

use super::{Curve, Predictions};
use crate::data::Example;

/// Prompts on which both were seen, at least so many: fewer say nothing.
const FEWEST: usize = 20;

pub(super) struct Gap {
    /// (prompt, quality of the strong, quality of the weak)
    prompts: Vec<(usize, f64, f64)>,
    strong: usize,
    weak: usize,
}

pub(super) struct Recovered {
    pub(super) apgr: f64,
    pub(super) cpt50: Option<f64>,
    pub(super) cpt80: Option<f64>,
    /// (share of calls to the strong model, mean quality)
    pub(super) curve: Curve,
}

impl Gap {
    /// `None` if there are too few prompts that both answered, or the strong one is not the better one on them.
    pub(super) fn find(examples: &[Example], strong: usize, weak: usize) -> Option<Self> {
        let mut prompts: Vec<_> = examples.iter().filter_map(|example| battle(example, strong, weak)).collect();
        prompts.extend(both_scored(examples, strong, weak));
        let gap = Self { prompts, strong, weak };
        (gap.prompts.len() >= FEWEST && gap.quality(|prompt| prompt.1) > gap.quality(|prompt| prompt.2)).then_some(gap)
    }

    fn quality(&self, of: impl Fn(&(usize, f64, f64)) -> f64) -> f64 {
        self.prompts.iter().map(of).sum::<f64>() / self.prompts.len() as f64
    }

    pub(super) fn recovered(&self, predictions: &Predictions) -> Recovered {
        let curve = self.curve(predictions);
        let (weak, strong) = (self.quality(|prompt| prompt.2), self.quality(|prompt| prompt.1));
        let gained = |quality: f64| (quality - weak) / (strong - weak);
        let shares = Curve(curve.0.iter().map(|(share, quality)| (*share, gained(*quality))).collect());
        Recovered { apgr: shares.area(), cpt50: shares.first_at(0.5), cpt80: shares.first_at(0.8), curve }
    }

    /// The strong model is called first where it is thought to be better by most. Where a scorer sees no difference between
    /// prompts, they come together, as if by chance.
    fn curve(&self, predictions: &Predictions) -> Curve {
        let lead = |prompt: usize| predictions[prompt][self.strong] - predictions[prompt][self.weak];
        let mut order: Vec<_> = self.prompts.iter().map(|(prompt, strong, weak)| (lead(*prompt), strong - weak)).collect();
        order.sort_by(|one, other| other.0.total_cmp(&one.0));
        let count = order.len() as f64;
        let (mut called, mut quality) = (0, self.quality(|prompt| prompt.2));
        let mut points = vec![(0.0, quality)];
        for alike in order.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
            called += alike.len();
            quality += alike.iter().map(|(_, gain)| gain).sum::<f64>() / count;
            points.push((called as f64 / count, quality));
        }
        Curve(points)
    }
}

/// A comparison of the two: what one won the other lost.
fn battle(example: &Example, strong: usize, weak: usize) -> Option<(usize, f64, f64)> {
    let credit = f64::from(example.credit);
    match (example.model, example.rival?) {
        (model, rival) if model == strong && rival == weak => Some((example.prompt, credit, 1.0 - credit)),
        (model, rival) if model == weak && rival == strong => Some((example.prompt, 1.0 - credit, credit)),
        _ => None,
    }
}

fn both_scored(examples: &[Example], strong: usize, weak: usize) -> Vec<(usize, f64, f64)> {
    let of = |model: usize| -> BTreeMap<usize, f64> {
        let own = examples.iter().filter(|example| example.rival.is_none() && example.model == model);
        own.map(|example| (example.prompt, f64::from(example.credit))).collect()
    };
    let weak = of(weak);
    of(strong).into_iter().filter_map(|(prompt, quality)| Some((prompt, quality, *weak.get(&prompt)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The strong model (0) wins on every second prompt, and loses on every tenth.
    fn examples() -> Vec<Example> {
        let credit = |prompt: usize| match prompt {
            _ if prompt.is_multiple_of(2) => 1.0,
            _ if prompt % 10 == 5 => 0.0,
            _ => 0.5,
        };
        (0..100).map(|prompt| Example { prompt, model: 0, rival: Some(1), credit: credit(prompt), cost: None }).collect()
    }

    fn recovered(lead: impl Fn(usize) -> f32) -> Recovered {
        let predictions: Vec<_> = (0..100).map(|prompt| vec![lead(prompt), 0.0]).collect();
        Gap::find(&examples(), 0, 1).unwrap().recovered(&predictions)
    }

    #[test]
    fn who_sees_no_difference_gets_half() {
        let found = recovered(|_| 1.0);
        assert!((found.apgr - 0.5).abs() < 1e-9 && (found.cpt80.unwrap() - 0.8).abs() < 1e-9);
    }

    #[test]
    fn who_knows_needs_few_calls() {
        let found = recovered(|prompt| examples()[prompt].credit);
        assert!((found.cpt50.unwrap() - 0.2).abs() < 1e-9, "{:?}", found.cpt50);
        assert!(found.apgr > 0.75, "{}", found.apgr);
    }

    #[test]
    fn it_takes_a_gap_to_recover() {
        assert!(Gap::find(&examples(), 1, 0).is_none());
        assert!(Gap::find(&examples()[..10], 0, 1).is_none());
    }
}
