//! One line of a file, with what it means checked.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Kind;
use crate::prompt::Prompt;

#[derive(Debug)]
pub(super) struct Row {
    pub(super) prompt: Prompt,
    pub(super) verdict: Verdict,
}

#[derive(Debug)]
pub(super) enum Verdict {
    /// `credit` is that of the first model.
    Pair {
        models: [String; 2],
        credit: f32,
    },
    Score {
        model: String,
        score: f32,
        cost: Option<f32>,
    },
}

/// The columns as they are written.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Written {
    pub(super) prompt: Option<String>,
    /// In place of it, by their names. Only JSON can hold them.
    #[serde(default)]
    pub(super) features: Option<BTreeMap<String, f32>>,
    pub(super) model_a: Option<String>,
    pub(super) model_b: Option<String>,
    pub(super) winner: Option<String>,
    pub(super) model: Option<String>,
    pub(super) score: Option<f32>,
    pub(super) cost: Option<f32>,
}

impl Row {
    pub(super) fn models(&self) -> impl Iterator<Item = &str> {
        let (first, second) = match &self.verdict {
            Verdict::Pair { models: [first, second], .. } => (first, Some(second)),
            Verdict::Score { model, .. } => (model, None),
        };
        std::iter::once(first).chain(second).map(String::as_str)
    }

    pub(super) fn kind(&self) -> Kind {
        match self.verdict {
            Verdict::Pair { .. } => Kind::Pairs,
            Verdict::Score { .. } => Kind::Scores,
        }
    }
}

impl TryFrom<Written> for Row {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { prompt, features, model_a, model_b, winner, model, score, cost } = written;
        let prompt = match (prompt.filter(|prompt| !prompt.trim().is_empty()), features) {
            (Some(_), Some(_)) => return Err("either prompt or features".to_owned()),
            (Some(text), None) => Prompt::Text(text),
            (None, Some(features)) => Prompt::of_features(features)?,
            (None, None) => return Err("prompt is missing".to_owned()),
        };
        let pair = model_a.is_some() || model_b.is_some() || winner.is_some();
        let verdict = match (pair, model.is_some() || score.is_some()) {
            (true, true) => return Err("either model_a, model_b and winner, or model and score".to_owned()),
            (true, false) => pair_of(filled(model_a, "model_a")?, filled(model_b, "model_b")?, &filled(winner, "winner")?)?,
            (false, _) => score_of(filled(model, "model")?, score.ok_or("score is missing")?, cost)?,
        };
        Ok(Self { prompt, verdict })
    }
}

fn pair_of(first: String, second: String, winner: &str) -> Result<Verdict, String> {
    if first == second {
        return Err(format!("model_a and model_b are both {first}"));
    }
    let credit = match winner {
        "model_a" => 1.0,
        "model_b" => 0.0,
        // As the files of Chatbot Arena have it.
        "tie" | "both_bad" | "tie (bothbad)" => 0.5,
        name if name == first => 1.0,
        name if name == second => 0.0,
        other => return Err(format!("winner is {other}, not model_a, model_b, tie, both_bad, {first} or {second}")),
    };
    Ok(Verdict::Pair { models: [first, second], credit })
}

fn score_of(model: String, score: f32, cost: Option<f32>) -> Result<Verdict, String> {
    if !(0.0..=1.0).contains(&score) {
        return Err(format!("score is {score}, not between 0 and 1"));
    }
    match cost.filter(|cost| !cost.is_finite() || *cost < 0.0) {
        Some(cost) => Err(format!("cost is {cost}, not 0 or more")),
        None => Ok(Verdict::Score { model, score, cost }),
    }
}

fn filled(value: Option<String>, name: &str) -> Result<String, String> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| format!("{name} is missing"))
}
