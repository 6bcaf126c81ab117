//! Preferences that are made up, so that the truth behind them is known. Nobody ever judged these answers, and the models do
//! not exist: what a scorer reaches here says that it learns what there is to learn, and nothing about real models.
//!
//! Five models, four of which shine or fail where two things come together: `coder` at code that is asked for in English,
//! `solver` at maths that fits in a few lines and at long programs, `author` at texts that may be long, `polyglot` at what is
//! not technical and not in English; `allround` is the same everywhere. A linear scorer cannot know such things.

mod phrases;
mod prompt;

use crate::chance::Chance;
use crate::data::{Dataset, Example, Kind, Part, Split};
use crate::logistic;
use crate::prompt::Prompt;

pub use prompt::{Language, Length, Subject, Topic};

pub const MODELS: [&str; 5] = ["allround", "author", "coder", "polyglot", "solver"];

/// What an answer costs, by model; a long one three times as much.
const COSTS: [f32; 5] = [4.0, 3.0, 2.0, 1.5, 2.5];

/// Differences in quality so small that the judge sees a tie, in log odds.
const TIE: f32 = 0.25;

/// The quality of a model's answer, in log odds: what is certain, before the judge's noise.
pub fn quality(model: usize, topic: Topic) -> f32 {
    let foreign = topic.language != Language::English;
    let long = topic.length == Length::Long;
    let technical = matches!(topic.subject, Subject::Code | Subject::Maths);
    match MODELS[model] {
        "coder" => match (topic.subject, foreign) {
            (Subject::Code, false) => 3.0,
            (Subject::Code, true) => -2.5,
            (Subject::Maths, true) => 1.5,
            _ => -1.5,
        },
        "solver" => match (topic.subject, long) {
            (Subject::Maths, false) | (Subject::Code, true) => 3.0,
            (Subject::Maths, true) => -2.5,
            _ => -1.5,
        },
        "author" => match (topic.subject, long) {
            (Subject::Writing, true) => 3.0,
            (Subject::Writing, false) => -2.5,
            (Subject::Facts, false) => 1.5,
            _ => -1.5,
        },
        "polyglot" => match (technical, foreign) {
            (false, true) => 2.5,
            (true, false) => 0.0,
            _ => -2.0,
        },
        _ => 0.5,
    }
}

/// What the models' answers are worth to a judge who knows the truth.
#[derive(Debug)]
pub struct Synthetic {
    pub dataset: Dataset,
    /// What each of [`Dataset::prompts`] is about.
    pub topics: Vec<Topic>,
}

impl Synthetic {
    /// The share of held-out comparisons that who knows the truth gets right, ties left out: the judge's noise is in the others.
    pub fn ceiling(&self, split: Split) -> f64 {
        let held_out = self.dataset.part(split, Part::HeldOut);
        let decided = held_out.iter().filter(|example| (example.credit - 0.5).abs() > 0.1);
        let right: Vec<bool> = decided
            .map(|example| {
                let quality = |model: usize| quality(model, self.topics[example.prompt]);
                let difference = quality(example.model) - example.rival.map_or(0.0, quality);
                (difference > 0.0) == (example.credit > 0.5)
            })
            .collect();
        right.iter().filter(|right| **right).count() as f64 / right.len() as f64
    }
}

/// `count` prompts with one comparison of two models each. The judge errs as the logistic model says, and calls close ones ties.
pub fn pairs(count: usize, seed: u64) -> Synthetic {
    make(count, seed, Kind::Pairs, |prompt, topic, chance| {
        let model = chance.below(MODELS.len());
        let rival = (model + 1 + chance.below(MODELS.len() - 1)) % MODELS.len();
        let credit = judge(quality(model, topic) - quality(rival, topic), chance);
        vec![Example { prompt, model, rival: Some(rival), credit, cost: None }]
    })
}

/// `count` prompts, each answered by every model: right or wrong (by chance, as good as the model is), with what it cost.
pub fn scores(count: usize, seed: u64) -> Synthetic {
    make(count, seed, Kind::Scores, |prompt, topic, chance| {
        let mut answer = |model: usize| {
            let right = chance.unit() < f64::from(logistic::probability(quality(model, topic)));
            let cost = COSTS[model] * if topic.length == Length::Long { 3.0 } else { 1.0 };
            Example { prompt, model, rival: None, credit: if right { 1.0 } else { 0.0 }, cost: Some(cost) }
        };
        (0..MODELS.len()).map(&mut answer).collect()
    })
}

fn make(count: usize, seed: u64, kind: Kind, examples_of: impl Fn(usize, Topic, &mut Chance) -> Vec<Example>) -> Synthetic {
    let mut chance = Chance::new(seed);
    let (mut prompts, mut topics, mut examples) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = std::collections::HashSet::new();
    while prompts.len() < count {
        let topic = Topic::random(&mut chance);
        let prompt = topic.prompt(&mut chance);
        // Each prompt once, as a file's reader counts them.
        if seen.insert(prompt.clone()) {
            examples.extend(examples_of(prompts.len(), topic, &mut chance));
            prompts.push(Prompt::Text(prompt));
            topics.push(topic);
        }
    }
    let models = MODELS.map(str::to_owned).to_vec();
    Synthetic { dataset: Dataset { kind, prompts, models, examples }, topics }
}

/// 1, ½ or 0 for the first of two models.
fn judge(difference: f32, chance: &mut Chance) -> f32 {
    let noise = chance.unit().clamp(1e-9, 1.0 - 1e-9);
    let seen = f64::from(difference) + (noise / (1.0 - noise)).ln();
    if seen.abs() < f64::from(TIE) {
        return 0.5;
    }
    if seen > 0.0 { 1.0 } else { 0.0 }
}
