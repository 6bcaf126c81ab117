//! Examples as JSON, one object a line.

use super::row::{Row, Written};

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
