//! Weights that are no numbers.

use checkpoint::Checkpoint;
use engine::Engine;

use crate::client::{fixture, settings};

/// Why a model is not started whose weights were changed so.
fn refusal(damage: impl FnOnce(&mut checkpoint::Weights)) -> String {
    let mut checkpoint = Checkpoint::open(&fixture("hf/llama")).unwrap();
    damage(&mut checkpoint.weights);
    let refused = Engine::start(checkpoint, settings(), &mut |_| {}).unwrap_err();
    std::error::Error::source(&refused).unwrap().to_string()
}

#[test]
fn a_model_that_computes_no_numbers_is_not_started() {
    for damage in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let first = refusal(|weights| weights.layers[0].attention_norm.weight[3] = damage);
        let last = refusal(|weights| weights.final_norm.weight[3] = damage);
        for refusal in [first, last] {
            assert_eq!(refusal, "what the model computes is no number: a weight is damaged, a NaN or infinite");
        }
    }
}
