//! Names behind which a scorer chooses who answers.

use std::sync::Arc;
use std::time::Duration;

use backend::{Error, ModelState, Result};
use tokio::time::timeout;

use crate::fleet::Member;
use crate::{Service, Unscored};

/// How long a choice may take. It takes a millisecond, unless the scorer has other work.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of a prompt by which is chosen: what comes after that changes little, and takes long.
const MOST_OF_A_PROMPT: usize = 100_000;

/// A name, and who may answer to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub id: String,
    pub aliases: Vec<String>,
    /// `type/name`
    pub scorer: String,
    /// The scorer has to know them by their names here.
    pub candidates: Vec<Candidate>,
    pub rule: Rule,
    /// Names of models that are asked, the first of them first, while the scorer cannot choose.
    pub fallbacks: Vec<String>,
}

/// Who may answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// An id or an alias.
    pub model: String,
    /// Of an answer, in whatever unit those of the others are in.
    pub cost: f32,
}

/// Whose answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// That of the best score.
    Best,
    /// The cheapest one's of those that score at least so much; where none does, that of the best score.
    Cheapest { threshold: f32 },
    /// That of the best score, less the cost times this.
    LessCost { weight: f32 },
}

/// Who is to answer a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Names of models: the one that is wanted, then those in its place while it cannot answer. There is at least one.
    pub order: Vec<String>,
    /// Of each candidate; none where the scorer could not choose.
    pub scores: Vec<(String, f32)>,
}

impl Route {
    /// By id or alias.
    pub fn is_named(&self, name: &str) -> bool {
        self.id == name || self.aliases.iter().any(|alias| alias == name)
    }
}

impl Rule {
    /// The places of (score, cost), the best one first; of equals the one that was named first.
    fn order(self, scored: &[(f32, f32)]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..scored.len()).collect();
        let falling = |one: f32, other: f32| other.total_cmp(&one);
        order.sort_by(|one, other| {
            let ((score, cost), (rival, rivals_cost)) = (scored[*one], scored[*other]);
            match self {
                Self::Best => falling(score, rival),
                Self::LessCost { weight } => falling(score - weight * cost, rival - weight * rivals_cost),
                Self::Cheapest { threshold } => match (score >= threshold, rival >= threshold) {
                    (true, true) => cost.total_cmp(&rivals_cost).then(falling(score, rival)),
                    (false, false) => falling(score, rival),
                    (good, _) => (!good).cmp(&good),
                },
            }
        });
        order
    }
}

impl Service {
    /// Whether there are any names behind which a scorer chooses, for whomever.
    pub fn has_routes(&self) -> bool {
        !self.inner.routes.is_empty()
    }

    /// Whether a scorer chooses behind this name.
    pub fn is_route(&self, name: &str) -> bool {
        self.route(name).is_some()
    }

    /// The names behind which a scorer chooses, as far as whoever asks may ask them, or one of the candidates.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        let may_ask = |candidate: &Candidate| self.member(&candidate.model).is_ok();
        self.inner.routes.iter().filter(move |route| self.allows_route(route) || route.candidates.iter().any(may_ask))
    }

    fn allows_route(&self, route: &Route) -> bool {
        self.allows_name(&route.id) || route.aliases.iter().any(|alias| self.allows_name(alias))
    }

    /// A handle by which this name is asked. Whoever may ask the name may be answered by everybody behind it.
    #[must_use]
    pub fn through(&self, name: &str) -> Self {
        match (self.route(name), self.asker.clone()) {
            (Some(route), Some(asker)) if self.allows_route(route) => {
                let models = route.candidates.iter().map(|candidate| candidate.model.clone());
                self.on_behalf_of(Some(asker.with(models.chain(route.fallbacks.iter().cloned()))))
            }
            _ => self.clone(),
        }
    }

    /// Names behind which a scorer chooses are models to whoever asks.
    pub(crate) fn with_routes(&self, error: Error) -> Error {
        match error {
            Error::UnknownModel { parameter, model, mut known } => {
                known.extend(self.inner.routes.iter().map(|route| route.id.clone()));
                Error::UnknownModel { parameter, model, known }
            }
            other => other,
        }
    }

    /// By id or alias.
    pub(crate) fn route(&self, name: &str) -> Option<&Route> {
        self.inner.routes.iter().find(|route| route.is_named(name))
    }

    /// Who is to answer this prompt, of those that whoever asks may ask. `None`: the name is a model's, or nobody's.
    pub async fn choose(&self, name: &str, prompt: Option<&str>) -> Result<Option<Choice>> {
        let Some(route) = self.route(name) else { return Ok(None) };
        let candidates: Vec<(&Candidate, Arc<Member>)> =
            route.candidates.iter().filter_map(|candidate| Some((candidate, self.member(&candidate.model).ok()?))).collect();
        if candidates.is_empty() {
            return Err(Error::Forbidden { reason: format!("this key may ask none of the models behind {name:?}") });
        }
        match self.scores(route, &candidates, prompt).await {
            Ok(scores) => Ok(Some(chosen(route.rule, &candidates, &scores))),
            Err(error) => {
                tracing::warn!(route = route.id, scorer = route.scorer, %error, "no scorer chooses: the fallbacks are asked");
                Ok(Some(self.unchosen(route, &candidates)))
            }
        }
    }

    async fn scores(
        &self,
        route: &Route,
        candidates: &[(&Candidate, Arc<Member>)],
        prompt: Option<&str>,
    ) -> Result<Vec<f32>, Unscored> {
        let prompt = prompt.ok_or_else(|| Error::invalid("prompt", "has no text that a scorer could read"))?;
        let prompt = prompt[..prompt.floor_char_boundary(MOST_OF_A_PROMPT)].to_owned();
        let models: Vec<String> = candidates.iter().map(|(candidate, _)| candidate.model.clone()).collect();
        let scorers = &self.inner.scorers;
        let score = async {
            let open = scorers.open(&route.scorer, PATIENCE).await?;
            let work = move || open.saved.scorer.candidates(&models).map(|candidates| candidates.score(&[prompt]));
            Ok::<_, Unscored>(scorers.in_turn(PATIENCE, work).await?.map_err(Error::internal)?)
        };
        let scores = timeout(PATIENCE, score).await.map_err(|_| Error::Timeout { after: PATIENCE })??;
        scores.into_iter().next().ok_or_else(|| Error::internal("one prompt has no scores").into())
    }

    /// The fallbacks, then the others as they were named.
    fn unchosen(&self, route: &Route, candidates: &[(&Candidate, Arc<Member>)]) -> Choice {
        let mut order: Vec<String> = Vec::new();
        let fallbacks = route.fallbacks.iter().filter(|name| self.member(name).is_ok()).cloned();
        for name in fallbacks.chain(candidates.iter().map(|(candidate, _)| candidate.model.clone())) {
            if !order.contains(&name) {
                order.push(name);
            }
        }
        Choice { order, scores: Vec::new() }
    }
}

fn chosen(rule: Rule, candidates: &[(&Candidate, Arc<Member>)], scores: &[f32]) -> Choice {
    let scored: Vec<(f32, f32)> =
        candidates.iter().zip(scores).map(|((candidate, _), score)| (*score, candidate.cost)).collect();
    let mut order = rule.order(&scored);
    // One that is down is asked last and not never: it may have come back.
    order.sort_by_key(|place| matches!(candidates[*place].1.state().0, ModelState::Failed { .. }));
    let name = |place: usize| candidates[place].0.model.clone();
    let by_name = scores.iter().enumerate().map(|(place, score)| (name(place), *score)).collect();
    Choice { order: order.into_iter().map(name).collect(), scores: by_name }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_rule_wants_another() {
        // (score, cost)
        let scored = [(0.9, 10.0), (0.8, 2.0), (0.7, 1.0), (0.1, 0.5)];
        assert_eq!(Rule::Best.order(&scored), [0, 1, 2, 3]);
        assert_eq!(Rule::Cheapest { threshold: 0.75 }.order(&scored), [1, 0, 2, 3]);
        assert_eq!(Rule::Cheapest { threshold: 0.95 }.order(&scored), [0, 1, 2, 3]);
        assert_eq!(Rule::LessCost { weight: 0.1 }.order(&scored), [1, 2, 3, 0]);
    }

    fn rules() -> impl Strategy<Value = Rule> {
        prop_oneof![
            Just(Rule::Best),
            (-1.0f32..2.0).prop_map(|threshold| Rule::Cheapest { threshold }),
            (0.0f32..2.0).prop_map(|weight| Rule::LessCost { weight }),
        ]
    }

    proptest! {
        /// Everybody is in the order once, and whoever is better in score and cheaper is never behind.
        #[test]
        fn nobody_is_left_out_nor_put_behind_who_is_worse_in_all(
            rule in rules(),
            scored in prop::collection::vec((-1.0f32..2.0, 0.0f32..9.0), 1..8),
        ) {
            let order = rule.order(&scored);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..scored.len()).collect::<Vec<_>>());
            for (rank, place) in order.iter().enumerate() {
                for behind in &order[rank + 1..] {
                    let ((score, cost), (other, others_cost)) = (scored[*place], scored[*behind]);
                    prop_assert!(!(other > score && others_cost < cost), "{:?}", order);
                }
            }
        }
    }
}
