//! What was answered by whom and how it was liked: kept in files, and made into examples to learn from.

mod log;

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use log::Log;

/// A line of the files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    Answer(Answer),
    Rating(Rating),
}

/// An answer that somebody got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    pub prompt: String,
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
    prompt: &'a str,
    model: &'a str,
    score: f32,
}

/// The answers that were rated, as JSON lines of `prompt, model, score`: what a scorer is trained on. Of several ratings of one
/// answer the last counts.
pub fn examples(directory: &Path) -> std::io::Result<String> {
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
            let example = Example { prompt: &answer.prompt, model: &answer.model, score: *rating };
            text.extend(serde_json::to_string(&example));
            text.push('\n');
        }
        text
    }))
}
