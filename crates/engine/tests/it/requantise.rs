//! Weights in fewer bits: less memory, and nearly the same numbers.

use backend::{Backend as _, TopLogprobs};
use checkpoint::Checkpoint;
use engine::Engine;
use kernels::Format;

use crate::client::{ask, fixture, greedy, prompt, settings};

/// The logarithms of the five tokens that it thinks likeliest after a prompt, the bytes of its weights, and what it says it is.
async fn measured(format: Option<Format>) -> (Vec<f32>, u64, String) {
    let mut checkpoint = Checkpoint::open(&fixture("hf/llama")).unwrap();
    if let Some(format) = format {
        assert!(!checkpoint.requantise(format).changes_nothing());
    }
    let engine = Engine::start(checkpoint, settings(), &mut |_| {}).unwrap();
    let generation = backend::Generation { logprobs: TopLogprobs::new(5).ok(), ..greedy(prompt(1, 16), 1) };
    let answer = ask(&engine, generation).await;
    let logprobs = answer.only().logprobs[0].top.iter().map(|alternative| alternative.logprob).collect();
    (logprobs, engine.memory().weights, engine.card().description.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_bits_take_a_quarter_of_the_memory_and_move_a_logarithm_little() {
    let (exact, whole, _) = measured(None).await;
    let (rounded, quarter, description) = measured(Some(Format::Q8_0)).await;
    // 34 bytes for 32 elements of 4, and what the layout adds.
    assert!(quarter * 10 < whole * 3, "{quarter} of {whole} bytes");
    for (exact, rounded) in exact.iter().zip(&rounded) {
        assert!((exact - rounded).abs() < 0.1, "{exact} and {rounded}");
    }
    assert_ne!(exact, rounded);
    assert!(description.ends_with("F32 encoded as Q8_0"), "{description}");
}
