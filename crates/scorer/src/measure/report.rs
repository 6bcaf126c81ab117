//! The figures of several ways to choose, side by side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::strong_weak::Gap;
use super::{Curve, Predictions, accuracy, calibration};
use crate::baseline::Elo;
use crate::chance::Chance;
use crate::data::{Dataset, Example, Part};
use crate::prompt::Prompt;
use crate::{FitError, Scorer, Training, Type, fit};

/// What is not there could not be measured with this dataset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Of comparisons that were decided, the share in which the winner is scored higher. Chance is 0.5.
    pub pairwise_accuracy: Option<f64>,
    /// Of all comparisons, with ties as what cannot be got right.
    pub pairwise_accuracy_ties_wrong: Option<f64>,
    pub auc: Option<f64>,
    /// Mean share of the gap between the weak and the strong model that is recovered. Chance is 0.5.
    pub apgr: Option<f64>,
    /// Share of calls to the strong model that recovers half of the gap.
    pub cpt50: Option<f64>,
    pub cpt80: Option<f64>,
    /// Mean quality over all budgets.
    pub aiq: Option<f64>,
    /// Expected calibration error.
    pub calibration_error: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub prompts: usize,
    pub examples: usize,
    /// The models between which APGR and CPT are measured.
    pub strong: String,
    pub weak: String,
    /// The scorer's own.
    pub scorer: Figures,
    /// Of the simple ways: `random`, `best_single`, `elo`, `knn`, `linear`.
    pub beside: BTreeMap<String, Figures>,
}

/// A report, and the lines from which it was made.
#[derive(Debug, Clone)]
pub struct Measured {
    pub report: Report,
    /// What the curves are of: cost, or the share of calls to the strong model.
    pub by_cost: bool,
    /// Of each way to choose, the scorer's first.
    pub curves: Vec<(String, Curve)>,
    /// Each model alone, if the curves are by cost.
    pub singles: Vec<(String, f64, f64)>,
}

/// Measures a scorer on the part of a dataset that its training holds out, beside the simple ways, which are fitted anew on
/// the training part. Prompts that were trained on are never measured with, not even in another file. Examples of models that
/// the scorer does not know are left out.
pub fn measure(scorer: &Scorer, dataset: &Dataset, training: &Training) -> Result<Measured, FitError> {
    if !dataset.prompts.iter().all(|prompt| scorer.inputs.can_read(prompt)) {
        return Err(FitError::NoTexts);
    }
    let held_out = known_to(scorer, dataset, dataset.part(training.split, Part::HeldOut));
    let trained = dataset.part(training.split, Part::Training);
    let field = Field::new(dataset, &trained, held_out);
    let mut ways = vec![(scorer.method.kind().name().to_owned(), field.predictions_of(scorer))];
    ways.push(("random".to_owned(), field.random(training.options.seed)));
    ways.push(("best_single".to_owned(), field.constant(|model| if model == field.strong { 1.0 } else { 0.0 })));
    for kind in [Type::Elo, Type::Knn, Type::Linear] {
        let baseline = fit(dataset, &Training { kind, ..training.clone() }, |_| ())?;
        ways.push((kind.name().to_owned(), field.predictions_of(&baseline)));
    }
    Ok(field.measured(&ways))
}

fn known_to(scorer: &Scorer, dataset: &Dataset, examples: Vec<Example>) -> Vec<Example> {
    let known: Vec<bool> = dataset.models.iter().map(|model| scorer.models.contains(model)).collect();
    let is_known = |example: &Example| known[example.model] && example.rival.is_none_or(|rival| known[rival]);
    examples.into_iter().filter(is_known).collect()
}

/// What all ways are measured on.
struct Field<'a> {
    dataset: &'a Dataset,
    held_out: Vec<Example>,
    comparisons: Vec<Example>,
    strong: usize,
    weak: usize,
    gap: Option<Gap>,
    budget: Option<Budget>,
}

impl<'a> Field<'a> {
    fn new(dataset: &'a Dataset, trained: &[Example], held_out: Vec<Example>) -> Self {
        let strengths = Elo::fit(dataset.models.len(), trained).strengths;
        let by_strength = |one: &usize, other: &usize| strengths[*one].total_cmp(&strengths[*other]);
        let strong = (0..strengths.len()).max_by(by_strength).unwrap_or(0);
        let weak = (0..strengths.len()).min_by(by_strength).unwrap_or(0);
        Self {
            dataset,
            comparisons: accuracy::comparisons(&held_out),
            strong,
            weak,
            gap: Gap::find(&held_out, strong, weak),
            budget: Budget::find(trained, &held_out, dataset.models.len()),
            held_out,
        }
    }

    fn measured(&self, ways: &[(String, Vec<Vec<f32>>)]) -> Measured {
        let mut figures: Vec<_> = ways.iter().map(|(name, predictions)| (name.clone(), self.figures(predictions))).collect();
        let scorer = figures.remove(0).1;
        let mut prompts: Vec<usize> = self.held_out.iter().map(|example| example.prompt).collect();
        prompts.sort_unstable();
        prompts.dedup();
        let report = Report {
            prompts: prompts.len(),
            examples: self.held_out.len(),
            strong: self.dataset.models[self.strong].clone(),
            weak: self.dataset.models[self.weak].clone(),
            scorer,
            beside: figures.into_iter().collect(),
        };
        let curves = ways.iter().filter_map(|(name, predictions)| Some((name.clone(), self.curve(predictions)?))).collect();
        Measured { report, by_cost: self.budget.is_some(), curves, singles: self.singles() }
    }

    fn figures(&self, predictions: &Predictions) -> Figures {
        let recovered = self.gap.as_ref().map(|gap| gap.recovered(predictions));
        Figures {
            pairwise_accuracy: rounded(accuracy::pairwise(predictions, &self.comparisons)),
            pairwise_accuracy_ties_wrong: rounded(accuracy::ties_wrong(predictions, &self.comparisons)),
            auc: rounded(accuracy::auc(predictions, &self.comparisons)),
            apgr: rounded(recovered.as_ref().map(|recovered| recovered.apgr)),
            cpt50: rounded(recovered.as_ref().and_then(|recovered| recovered.cpt50)),
            cpt80: rounded(recovered.as_ref().and_then(|recovered| recovered.cpt80)),
            aiq: rounded(self.budget.as_ref().map(|budget| budget.aiq(&budget.curve(predictions)))),
            calibration_error: rounded(calibration::error(predictions, &self.held_out)),
        }
    }

    fn curve(&self, predictions: &Predictions) -> Option<Curve> {
        match (&self.budget, &self.gap) {
            (Some(budget), _) => Some(budget.curve(predictions)),
            (None, gap) => gap.as_ref().map(|gap| gap.recovered(predictions).curve),
        }
    }

    fn singles(&self) -> Vec<(String, f64, f64)> {
        let points = self.budget.as_ref().map(Budget::singles).unwrap_or_default();
        self.dataset.models.iter().zip(points).map(|(model, (cost, quality))| (model.clone(), cost, quality)).collect()
    }

    fn predictions(&self, mut of: impl FnMut(&Prompt) -> Vec<f32>) -> Vec<Vec<f32>> {
        let mut predictions = vec![Vec::new(); self.dataset.prompts.len()];
        for example in &self.held_out {
            if predictions[example.prompt].is_empty() {
                predictions[example.prompt] = of(&self.dataset.prompts[example.prompt]);
            }
        }
        predictions
    }

    /// By the dataset's numbers. A model that the scorer does not know is never its choice, and no example has it.
    fn predictions_of(&self, scorer: &Scorer) -> Vec<Vec<f32>> {
        let place = |model: &String| scorer.models.iter().position(|known| known == model);
        let numbers: Vec<Option<usize>> = self.dataset.models.iter().map(place).collect();
        let all: Vec<usize> = (0..scorer.models.len()).collect();
        self.predictions(|prompt| {
            let scores = scorer.log_odds_of(prompt, &all);
            numbers.iter().map(|number| number.map_or(f32::NEG_INFINITY, |number| scores[number])).collect()
        })
    }

    fn random(&self, seed: u64) -> Vec<Vec<f32>> {
        let mut chance = Chance::new(seed);
        self.predictions(|_| (0..self.dataset.models.len()).map(|_| chance.within(1.0)).collect())
    }

    fn constant(&self, of: impl Fn(usize) -> f32) -> Vec<Vec<f32>> {
        self.predictions(|_| (0..self.dataset.models.len()).map(&of).collect())
    }
}

/// To four digits: more would be noise, and these come back from JSON as they were.
fn rounded(figure: Option<f64>) -> Option<f64> {
    figure.map(|figure| (figure * 1e4).round() / 1e4)
}
