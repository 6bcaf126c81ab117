//! Every kind of rotary positions against what transformers makes of the same settings (`fixtures/rope/make.py`).

use std::path::Path;

use serde_json::{Value, json};

use crate::Position;
use crate::hugging_face::fields::Fields;
use crate::hugging_face::rope::{Reach, read};

fn reach(config: &Value, head_dim: usize) -> Reach {
    let fields = Fields::parse(Path::new("config.json"), config.to_string().as_bytes()).unwrap();
    read(&fields, head_dim, 8192).unwrap()
}

#[test]
fn frequencies_are_those_of_transformers() {
    let cases: Value = serde_json::from_str(include_str!("../../../fixtures/rope/expected.json")).unwrap();
    for (name, case) in cases.as_object().unwrap() {
        let head_dim = case["config"]["head_dim"].as_u64().unwrap_or(32) as usize;
        let position = reach(&case["config"], head_dim).rope.position();
        let Position::Rope { inverse_frequencies, attention_factor } = position else { panic!("{name}: {position:?}") };
        let expected: Vec<f32> = serde_json::from_value(case["inverse_frequencies"].clone()).unwrap();
        assert_eq!(inverse_frequencies.len(), expected.len(), "{name}");
        for (found, expected) in inverse_frequencies.iter().zip(&expected) {
            // transformers computes in f32, in several roundings.
            assert!((found - expected).abs() <= 1e-6 * expected, "{name}: {found} instead of {expected}");
        }
        let expected = case["attention_factor"].as_f64().unwrap() as f32;
        assert!((attention_factor - expected).abs() < 1e-6, "{name}: {attention_factor} instead of {expected}");
    }
}

#[test]
fn stretched_positions_reach_over_a_longer_context() {
    let linear = reach(&json!({"rope_scaling": {"type": "linear", "factor": 4.0}}), 32);
    assert_eq!((linear.context, linear.warning), (4 * 8192, None));
    let yarn = json!({"rope_scaling": {"type": "yarn", "factor": 8.0, "original_max_position_embeddings": 2048}});
    assert_eq!(reach(&yarn, 32).context, 16_384);
}

#[test]
fn scaling_that_depends_on_the_length_ends_at_the_original_context() {
    let dynamic = reach(&json!({"rope_scaling": {"type": "dynamic", "factor": 4.0}}), 32);
    assert_eq!(dynamic.context, 8192);
    let expected = "dynamic rope scaling: the context is limited to the original 8192 tokens";
    assert_eq!(dynamic.warning.as_deref(), Some(expected));
    let factors = json!({
        "type": "longrope", "short_factor": [1.0, 1.0], "long_factor": [2.0, 2.0], "original_max_position_embeddings": 1024,
    });
    let longrope = reach(&json!({"rope_scaling": factors}), 4);
    assert_eq!(longrope.context, 1024);
    assert!(longrope.warning.is_some());
}
