//! What `config.json` says of a classifier: `id2label`, `num_labels`, `problem_type`, `pad_token_id`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::{Fields, shown};
use crate::{Classes, Result, Scoring};

/// What transformers takes where nothing is said.
const DEFAULT_COUNT: usize = 2;
/// Far above any classifier there is.
const MOST: usize = 1 << 20;

pub(super) fn read(config: &Fields) -> Result<Classes> {
    let labels = labels(config)?;
    let scoring = scoring(config, labels.len())?;
    Ok(Classes { labels, scoring, padding: padding(config)? })
}

/// `id2label`, or else as many made-up ones as `num_labels` says: in this order transformers has them too.
fn labels(config: &Fields) -> Result<Vec<String>> {
    if let Some(map) = config.object(&["id2label"])? {
        return labels_of(config, &map);
    }
    let count = config.count(&["num_labels"])?.unwrap_or(DEFAULT_COUNT);
    if count == 0 || count > MOST {
        return Err(config.wrong("num_labels", format!("1 to {MOST}"), count.to_string()));
    }
    Ok((0..count).map(|index| format!("LABEL_{index}")).collect())
}

fn labels_of(config: &Fields, map: &Fields) -> Result<Vec<String>> {
    let mut by_index = BTreeMap::new();
    for (key, label) in map.entries() {
        let index: usize = key.parse().map_err(|_| config.wrong("id2label", "whole numbers as keys", format!("{key:?}")))?;
        by_index.insert(index, label_text(map, key, label)?);
    }
    // Sorted and all different: the last is the number of those before it if and only if none is missing.
    match by_index.last_key_value() {
        Some((last, _)) if *last + 1 == by_index.len() => Ok(by_index.into_values().collect()),
        _ => {
            let keys = by_index.keys().map(usize::to_string).collect::<Vec<_>>().join(", ");
            Err(config.wrong("id2label", "a label for each number from 0 on", format!("labels for [{keys}]")))
        }
    }
}

/// Some who fine-tune have the numbers of their data set as labels.
fn label_text(map: &Fields, key: &str, label: &Value) -> Result<String> {
    match label {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(map.wrong(key, "a string", shown(other))),
    }
}

fn scoring(config: &Fields, classes: usize) -> Result<Scoring> {
    match config.text(&["problem_type"])? {
        Some("regression") => Ok(Scoring::Value),
        Some("multi_label_classification") => Ok(Scoring::EachByItself),
        // The probability of the only one of several would always be 1.
        None | Some("single_label_classification") if classes == 1 => Ok(Scoring::EachByItself),
        None | Some("single_label_classification") => Ok(Scoring::OneOf),
        Some(other) => {
            let expected = "regression, single_label_classification or multi_label_classification";
            Err(config.wrong("problem_type", expected, format!("{other:?}")))
        }
    }
}

/// Configurations of the first Llamas say -1, which is the number of no token.
fn padding(config: &Fields) -> Result<Option<u32>> {
    match config.value(&["pad_token_id"]) {
        None => Ok(None),
        Some(value) => match value.as_i64() {
            Some(number) => Ok(u32::try_from(number).ok()),
            None => Err(config.wrong("pad_token_id", "a whole number", shown(value))),
        },
    }
}
