//! What the catalogue says of a name behind which a scorer chooses who answers.

use serving::{Candidate, Route, Rule};

use super::Place;
use super::keys::Reading;
use super::yaml::{Key, Node};
use crate::settings::parse::{self, Expected};

const ROUTE: [&str; 6] = ["scorer", "candidates", "costs", "rule", "threshold", "cost_weight"];

/// What has been read of it.
#[derive(Debug, Default)]
struct Draft {
    scorer: Option<String>,
    candidates: Vec<String>,
    costs: Vec<f32>,
    rule: Kind,
    threshold: Option<f32>,
    cost_weight: Option<f32>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    Best,
    Cheapest,
    LessCost,
}

impl Reading<'_> {
    /// A route without its names and fallbacks, which are those of the entry that it stands in.
    pub(super) fn route(&mut self, place: Place, node: Node) -> Option<Route> {
        let before = self.problems.len();
        let mut draft = Draft::default();
        for (Key { name, line }, node) in self.entries(place.clone(), node, "models.route") {
            let place = self.place(line);
            self.route_field(&mut draft, &name, place, node);
        }
        if self.problems.len() > before {
            return None;
        }
        match made(draft) {
            Ok(route) => Some(route),
            Err(what) => {
                self.malformed(place, format!("models.route {what}"));
                None
            }
        }
    }

    fn route_field(&mut self, draft: &mut Draft, name: &str, place: Place, node: Node) {
        match name {
            "scorer" => draft.scorer = self.parsed("models.route.scorer", place, node, false, scorer),
            "candidates" => {
                let names = self.parsed("models.route.candidates", place, node, true, parse::model_ids);
                draft.candidates = names.unwrap_or_default();
            }
            "costs" => draft.costs = self.parsed("models.route.costs", place, node, true, costs).unwrap_or_default(),
            "rule" => draft.rule = self.parsed("models.route.rule", place, node, false, rule).unwrap_or_default(),
            "threshold" => draft.threshold = self.parsed("models.route.threshold", place, node, false, number),
            "cost_weight" => draft.cost_weight = self.parsed("models.route.cost_weight", place, node, false, not_negative),
            _ => self.unknown_in(place, "models.route", name, &ROUTE),
        }
    }
}

fn made(draft: Draft) -> Result<Route, &'static str> {
    let Draft { scorer, candidates, costs, rule, threshold, cost_weight } = draft;
    let scorer = scorer.ok_or("needs a scorer: {scorer: dense_network/mine, candidates: [a, b]}")?;
    if candidates.is_empty() {
        return Err("needs candidates, a list of models");
    }
    let rule = match (rule, threshold, cost_weight) {
        (Kind::Best, None, None) => Rule::Best,
        (Kind::Cheapest, Some(threshold), None) => Rule::Cheapest { threshold },
        (Kind::LessCost, None, Some(weight)) => Rule::LessCost { weight },
        (Kind::Best, ..) => return Err("has the rule best, which takes no threshold and no cost_weight"),
        (Kind::Cheapest, ..) => return Err("has the rule cheapest, which needs a threshold and takes no cost_weight"),
        (Kind::LessCost, ..) => return Err("has the rule less_cost, which needs a cost_weight and takes no threshold"),
    };
    match (rule, costs.len()) {
        (Rule::Best, 0) => {}
        (Rule::Best, _) => return Err("has costs, which the rule best does not look at"),
        (_, count) if count == candidates.len() => {}
        _ => return Err("needs costs, a list of one for each candidate"),
    }
    let costs = costs.into_iter().chain(std::iter::repeat(0.0));
    let candidates = candidates.into_iter().zip(costs).map(|(model, cost)| Candidate { model, cost }).collect();
    Ok(Route { id: String::new(), aliases: Vec::new(), scorer, candidates, rule, fallbacks: Vec::new() })
}

fn scorer(text: &str) -> Result<String, Expected> {
    let name = scorer::files::Name::parse(text.trim()).map(|name| name.to_string());
    name.map_err(|_| Expected("type/name, as dense_network/mine"))
}

fn rule(text: &str) -> Result<Kind, Expected> {
    match text.trim() {
        "best" => Ok(Kind::Best),
        "cheapest" => Ok(Kind::Cheapest),
        "less_cost" => Ok(Kind::LessCost),
        _ => Err(Expected("best, cheapest or less_cost")),
    }
}

fn costs(text: &str) -> Result<Vec<f32>, Expected> {
    text.split(',').map(not_negative).collect()
}

fn not_negative(text: &str) -> Result<f32, Expected> {
    number(text).ok().filter(|number| *number >= 0.0).ok_or(Expected("a number, at least 0"))
}

fn number(text: &str) -> Result<f32, Expected> {
    text.trim().parse().ok().filter(|number: &f32| number.is_finite()).ok_or(Expected("a number"))
}
