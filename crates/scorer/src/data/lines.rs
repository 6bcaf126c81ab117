//! Examples as JSON, one object a line.

use std::fmt::Write;

use serde_json::json;

use super::row::{Row, Written};
use super::{Dataset, Example};
use crate::prompt::{Prompt, named};

pub(super) fn read(text: &str) -> impl Iterator<Item = (u64, Result<Row, String>)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(index, line)| (index as u64 + 1, row(line)))
}

fn row(line: &str) -> Result<Row, String> {
    let written: Written = serde_json::from_str(line).map_err(|error| without_place(&error))?;
    Row::try_from(written)
}

/// Every text that is read is one line, so that "at line 1 column 5" would say what is not so.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.clone(), |(reason, _)| format!("{reason} (column {})", error.column()))
}

/// What [`read`] reads as the same dataset.
pub(super) fn write(dataset: &Dataset) -> String {
    dataset.examples.iter().fold(String::new(), |mut lines, example| {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{}", object(dataset, example));
        lines
    })
}

fn object(dataset: &Dataset, example: &Example) -> serde_json::Value {
    let prompt = &dataset.prompts[example.prompt];
    let mut object = match prompt {
        Prompt::Text(text) => json!({"prompt": text}),
        Prompt::Features(features) => json!({"features": named(features)}),
    };
    let verdict = verdict(dataset, example);
    if let (Some(object), serde_json::Value::Object(verdict)) = (object.as_object_mut(), verdict) {
        object.extend(verdict);
    }
    object
}

fn verdict(dataset: &Dataset, example: &Example) -> serde_json::Value {
    let Example { prompt: _, model, rival, credit, cost } = *example;
    let model = &dataset.models[model];
    let Some(rival) = rival else {
        return json!({"model": model, "score": credit, "cost": cost});
    };
    let winner = match credit {
        1.0 => "model_a",
        0.0 => "model_b",
        _ => "tie",
    };
    json!({"model_a": model, "model_b": dataset.models[rival], "winner": winner})
}
