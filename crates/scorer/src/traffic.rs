//! What was answered by whom and how it was liked: kept in files, and made into examples to learn from.

mod log;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use log::Log;

use crate::prompt::{named, values};

/// A line of the files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    Answer(Answer),
    Rating(Rating),
}

/// An answer that somebody got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What the answer calls itself: `chatcmpl-…`.
    pub id: String,
    /// Seconds since 1970.
    pub at: u64,
    /// Whose it is; others cannot rate it. None where no accounts are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    pub model: String,
    /// What was asked, or where that was not to be kept, figures of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<BTreeMap<String, f32>>,
    /// Whether it was sent to its end.
    pub whole: bool,
}

/// What somebody thought of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rating {
    pub id: String,
    pub at: u64,
    /// 0 to 1.
    pub rating: f32,
}

#[derive(Serialize)]
struct Example<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<&'a BTreeMap<String, f32>>,
    model: &'a str,
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<f32>,
}

impl Answer {
    /// Without the text of its prompt.
    #[must_use]
    pub fn anonymous(self) -> Self {
        let features = self.prompt.as_deref().map(|prompt| named(&values(prompt)));
        Self { prompt: None, features: features.or(self.features), ..self }
    }
}

/// The answers that were rated, as JSON lines of `prompt` (or `features`), `model, score`, and `cost` where an answer of the model has one:
/// what a scorer is trained on. Of several ratings of one answer the last counts.
pub fn examples(directory: &Path, costs: &BTreeMap<String, f32>) -> std::io::Result<String> {
    let mut ratings = HashMap::new();
    let mut answers = Vec::new();
    for line in log::lines(directory)? {
        match line {
            Line::Answer(answer) => answers.push(answer),
            Line::Rating(Rating { id, rating, .. }) => drop(ratings.insert(id, rating)),
        }
    }
    Ok(answers.iter().fold(String::new(), |mut text, answer| {
        if let Some(rating) = ratings.get(&answer.id) {
            let Answer { prompt, features, model, .. } = answer;
            let (prompt, features) = (prompt.as_deref(), features.as_ref());
            let example = Example { prompt, features, model, score: *rating, cost: costs.get(model).copied() };
            text.extend(serde_json::to_string(&example));
            text.push('\n');
        }
        text
    }))
}
