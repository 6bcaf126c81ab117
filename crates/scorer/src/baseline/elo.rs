//! `elo`: one strength for each model, whatever the prompt.

use crate::data::Example;

/// Every model begins with so many half-won games against its prior, so that one game is no certainty.
const PRIOR_GAMES: f64 = 1.0;

/// Far more than it takes: the steps are Newton's, one model at a time.
const ROUNDS: usize = 100;
const CLOSE_ENOUGH: f64 = 1e-6;

/// Strengths in log odds (an Elo point is ln 10 / 400 of one).
#[derive(Debug, Clone, PartialEq)]
pub struct Elo {
    pub strengths: Vec<f32>,
}

impl Elo {
    /// Bradley and Terry (1952) for pairs, the most probable strengths under a prior; for scores the log odds of their mean.
    pub fn fit(models: usize, examples: &[Example]) -> Self {
        let weighted: Vec<_> = examples.iter().map(|example| (example, 1.0)).collect();
        Self { strengths: strengths(&vec![0.0; models], &weighted) }
    }
}

/// The most probable strengths by examples with weights, where each model's prior is a number of half-won games against
/// a model of its prior strength. Always finite.
pub(super) fn strengths(prior: &[f32], examples: &[(&Example, f64)]) -> Vec<f32> {
    let prior: Vec<f64> = prior.iter().map(|strength| f64::from(*strength)).collect();
    let mut games = vec![Vec::new(); prior.len()];
    for (example, weight) in examples {
        let credit = f64::from(example.credit);
        games[example.model].push((example.rival, credit, *weight));
        if let Some(rival) = example.rival {
            games[rival].push((Some(example.model), 1.0 - credit, *weight));
        }
    }
    let mut strengths = prior.clone();
    for _ in 0..ROUNDS {
        let mut farthest = 0.0_f64;
        for model in 0..strengths.len() {
            let step = newton_step(&strengths, model, prior[model], &games[model]);
            strengths[model] += step;
            farthest = farthest.max(step.abs());
        }
        if farthest < CLOSE_ENOUGH {
            break;
        }
    }
    strengths.iter().map(|strength| *strength as f32).collect()
}

fn newton_step(strengths: &[f64], model: usize, prior: f64, games: &[(Option<usize>, f64, f64)]) -> f64 {
    let own = strengths[model];
    let against_prior = (prior, 0.5, PRIOR_GAMES);
    let against_rivals =
        games.iter().map(|(rival, credit, weight)| (rival.map_or(0.0, |rival| strengths[rival]), *credit, *weight));
    let (mut slope, mut bend) = (0.0, 0.0);
    for (rival, credit, weight) in std::iter::once(against_prior).chain(against_rivals) {
        let expected = 1.0 / (1.0 + (rival - own).exp());
        slope += weight * (credit - expected);
        bend += weight * expected * (1.0 - expected);
    }
    // A step of more than 1 would be one on which the parabola no longer resembles the curve.
    (slope / bend.max(1e-9)).clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logistic;

    fn game(model: usize, rival: usize, credit: f32) -> Example {
        Example { prompt: 0, model, rival: Some(rival), credit, cost: None }
    }

    #[test]
    fn strengths_say_how_often_one_wins() {
        let examples: Vec<_> = (0..4000).map(|at| game(0, 1, if at % 4 == 0 { 0.0 } else { 1.0 })).collect();
        let elo = Elo::fit(2, &examples);
        let wins = logistic::probability(elo.strengths[0] - elo.strengths[1]);
        assert!((wins - 0.75).abs() < 0.001, "{wins}");
    }

    #[test]
    fn who_always_wins_is_strong_but_not_infinitely_so() {
        let elo = Elo::fit(3, &[game(0, 1, 1.0), game(0, 1, 1.0)]);
        assert!(elo.strengths[0] > 0.3 && elo.strengths[0] < 3.0 && elo.strengths[1] < -0.3, "{elo:?}");
        assert!(elo.strengths[2].abs() < 1e-6, "nobody knows it");
    }

    #[test]
    fn by_scores_it_is_the_mean() {
        let score = |credit| Example { prompt: 0, model: 0, rival: None, credit, cost: None };
        let examples: Vec<_> = [0.9, 0.7].into_iter().cycle().take(1000).map(score).collect();
        let mean = logistic::probability(Elo::fit(1, &examples).strengths[0]);
        assert!((mean - 0.8).abs() < 0.001, "{mean}");
    }
}
