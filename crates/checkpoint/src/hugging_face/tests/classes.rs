//! What a classifier's `config.json` says of its classes.

use std::path::Path;

use serde_json::{Value, json};

use crate::hugging_face::config::read;
use crate::hugging_face::fields::Fields;
use crate::{Classes, Result, Scoring};

fn classes(own: &Value) -> Result<Classes> {
    let mut config = json!({
        "architectures": ["LlamaForSequenceClassification"], "model_type": "llama", "vocab_size": 10, "hidden_size": 16,
        "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 4,
    });
    for (name, value) in own.as_object().unwrap() {
        config[name] = value.clone();
    }
    let config = read(&Fields::parse(Path::new("config.json"), config.to_string().as_bytes())?)?;
    Ok(config.classes.unwrap())
}

#[test]
fn what_is_not_said_is_as_transformers_has_it() {
    let expected = Classes { labels: vec!["LABEL_0".into(), "LABEL_1".into()], scoring: Scoring::OneOf, padding: None };
    assert_eq!(classes(&json!({})).unwrap(), expected);
    assert_eq!(classes(&json!({"num_labels": 3})).unwrap().labels, ["LABEL_0", "LABEL_1", "LABEL_2"]);
}

#[test]
fn labels_are_in_the_order_of_their_numbers() {
    let labels: serde_json::Map<_, _> = (0..11).rev().map(|index| (index.to_string(), format!("l{index}").into())).collect();
    let labels = classes(&json!({"id2label": labels, "num_labels": 7})).unwrap().labels;
    assert_eq!((labels.len(), labels[2].as_str(), labels[10].as_str()), (11, "l2", "l10"));
    assert_eq!(classes(&json!({"id2label": {"0": 5, "1": "five"}})).unwrap().labels, ["5", "five"]);
}

#[test]
fn the_problem_decides_what_the_scores_are() {
    let scoring =
        |problem: &str, count: usize| classes(&json!({"problem_type": problem, "num_labels": count})).unwrap().scoring;
    assert_eq!(scoring("regression", 1), Scoring::Value);
    assert_eq!(scoring("multi_label_classification", 3), Scoring::EachByItself);
    assert_eq!(scoring("single_label_classification", 3), Scoring::OneOf);
    assert_eq!(scoring("single_label_classification", 1), Scoring::EachByItself);
}

#[test]
fn a_padding_token_of_minus_one_is_none() {
    assert_eq!(classes(&json!({"pad_token_id": -1})).unwrap().padding, None);
    assert_eq!(classes(&json!({"pad_token_id": 0})).unwrap().padding, Some(0));
}

#[test]
fn what_no_classifier_can_have_is_refused() {
    let cases = [
        (json!({"id2label": {}}), "id2label: expected a label for each number from 0 on, found labels for []"),
        (json!({"id2label": {"0": "a", "2": "b"}}), "expected a label for each number from 0 on, found labels for [0, 2]"),
        (json!({"id2label": {"a": "0"}}), "id2label: expected whole numbers as keys, found \"a\""),
        (json!({"id2label": {"0": null}}), "id2label.0: expected a string, found null"),
        (json!({"id2label": ["a"]}), "id2label: expected an object, found [\"a\"]"),
        (json!({"num_labels": 0}), "num_labels: expected 1 to"),
        (json!({"problem_type": "mystery"}), "problem_type: expected regression, single_label_classification or"),
        (json!({"pad_token_id": "<pad>"}), "pad_token_id: expected a whole number, found \"<pad>\""),
    ];
    for (own, expected) in cases {
        let error = classes(&own).unwrap_err().to_string();
        assert!(error.contains(expected), "{own}: {error}");
    }
}
