//! The numbers: every family and every format against what Hugging Face transformers computed with the same weights.
//!
//! The models and their answers are described in `crates/testkit/fixtures/models/README.md`.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use checkpoint::Checkpoint;
use engine::{Adapter, BLOCK_TOKENS, Model, Run, Wanted};
use kernels::KvElement;
use serde_json::Value;

/// What float32 all the way may be off, relative to the length of the vector of logits.
const FLOAT32: f32 = 1e-3;
const CACHE_BYTES: usize = 64 << 20;

/// How near a model has to come.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Nearness {
    /// Within 1e-3, and the same greedy tokens.
    Same,
    /// At most so many times the error that rounding every activation to this gives in transformers itself.
    Yardstick(&'static str, f32),
}

pub(crate) const BF16: Nearness = Nearness::Yardstick("bf16_activations", 2.0);
pub(crate) const INT8: Nearness = Nearness::Yardstick("int8_activations", 2.0);

struct Fixture {
    model: Model,
    adapter: Option<Adapter>,
    blocks: Vec<u32>,
    expected: Value,
}

impl Fixture {
    fn load(name: &str) -> Self {
        Self::with(name, None)
    }

    /// An adapter, on the model that it is for.
    fn load_adapter(name: &str) -> Self {
        let directory = directory(&format!("adapters/{name}"));
        let expected: Value = serde_json::from_str(&fs::read_to_string(directory.join("expected.json")).unwrap()).unwrap();
        let Self { model, blocks, .. } = Self::load(expected["base"].as_str().unwrap());
        let adapter = checkpoint::Adapter::open(&directory, model.architecture()).unwrap();
        Self { adapter: Some(model.adapter(&adapter).unwrap()), model, blocks, expected }
    }

    fn with(name: &str, element: Option<KvElement>) -> Self {
        let directory = directory(name);
        let gguf = directory.join("model.gguf");
        let checkpoint = Checkpoint::open(if gguf.is_file() { &gguf } else { &directory }).unwrap();
        let (architecture, weights) = (checkpoint.architecture, checkpoint.weights);
        let blocks = architecture.context.div_ceil(BLOCK_TOKENS) as u32;
        let threads = NonZeroUsize::new(2).unwrap();
        let model = Model::load(architecture, weights, threads, CACHE_BYTES, element, 1, &mut |_| {}).unwrap();
        let expected = fs::read_to_string(directory.join("expected.json")).unwrap();
        Self { model, adapter: None, blocks: (0..blocks).collect(), expected: serde_json::from_str(&expected).unwrap() }
    }

    fn prompts(&self) -> Vec<Prompt> {
        self.expected["prompts"].as_array().unwrap().iter().map(Prompt::read).collect()
    }

    /// The logits of the wanted tokens of one run.
    fn run(&mut self, tokens: &[u32], start: usize, wanted: Wanted) -> Vec<f32> {
        let run = Run { tokens, start, blocks: &self.blocks, wanted, adapter: self.adapter.as_ref() };
        let rows = self.model.forward(&[run]);
        self.model.logits(0..rows).to_vec()
    }

    fn greedy(&mut self, prompt: &[u32], count: usize) -> Vec<u32> {
        let mut logits = self.run(prompt, 0, Wanted::Last);
        let mut tokens = vec![likeliest(&logits)];
        while tokens.len() < count {
            let start = prompt.len() + tokens.len() - 1;
            logits = self.run(&tokens[tokens.len() - 1..], start, Wanted::Last);
            tokens.push(likeliest(&logits));
        }
        tokens
    }
}

struct Prompt {
    tokens: Vec<u32>,
    greedy: Vec<u32>,
    last: Vec<f32>,
    all: Option<Vec<f32>>,
}

impl Prompt {
    fn read(value: &Value) -> Self {
        let ids = |value: &Value| value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
        let all = value["all_logits"].as_array().map(|rows| rows.iter().flat_map(numbers).collect());
        Self { tokens: ids(&value["prompt"]), greedy: ids(&value["greedy"]), last: numbers(&value["last_logits"]), all }
    }
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

pub(crate) fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models").join(name)
}

fn likeliest(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    best.0 as u32
}

/// ‖found − expected‖ / ‖expected‖
fn relative_error(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let square = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>().sqrt();
    let difference = square(&mut found.iter().zip(expected).map(|(found, expected)| found - expected));
    difference / square(&mut expected.iter().copied())
}

fn check(name: &str, nearness: Nearness) {
    check_fixture(name, Fixture::load(name), nearness);
}

pub(crate) fn check_adapter(name: &str, nearness: Nearness) {
    check_fixture(name, Fixture::load_adapter(name), nearness);
}

#[expect(clippy::print_stdout, reason = "the measured error is worth seeing, with --nocapture or when a test fails")]
fn check_fixture(name: &str, mut fixture: Fixture, nearness: Nearness) {
    let bound = match nearness {
        Nearness::Same => FLOAT32,
        Nearness::Yardstick(yardstick, times) => {
            times * fixture.expected["relative_error_of"][yardstick].as_f64().unwrap() as f32
        }
    };
    let mut worst = 0.0_f32;
    for prompt in fixture.prompts() {
        let logits = fixture.run(&prompt.tokens, 0, Wanted::Last);
        worst = worst.max(relative_error(&logits, &prompt.last));
        if let Some(all) = &prompt.all {
            worst = worst.max(relative_error(&fixture.run(&prompt.tokens, 0, Wanted::All), all));
        }
        if matches!(nearness, Nearness::Same) {
            let length = prompt.tokens.len();
            assert_eq!(fixture.greedy(&prompt.tokens, prompt.greedy.len()), prompt.greedy, "{name}, prompt of {length}");
        }
    }
    println!("{name}: relative error {worst:.1e}, at most {bound:.1e}");
    assert!(worst <= bound, "{name}: relative error {worst}, at most {bound}");
}

/// Exact weights, so that all there is of an error comes from the keys and values.
#[test]
#[expect(clippy::print_stdout, reason = "the measured error is worth seeing, with --nocapture or when a test fails")]
fn keys_and_values_of_fewer_bits_are_near_however_a_prompt_is_cut() {
    for (element, bound) in [(KvElement::F16, 2e-3), (KvElement::Bf16, 1e-2), (KvElement::I8, 2e-2)] {
        let mut fixture = Fixture::with("hf/llama", Some(element));
        for Prompt { tokens, last, .. } in fixture.prompts() {
            let logits = fixture.run(&tokens, 0, Wanted::Last);
            let error = relative_error(&logits, &last);
            println!("{element:?}, prompt of {}: relative error {error:.1e}, at most {bound:.1e}", tokens.len());
            assert!(error <= bound, "{element:?}: relative error {error}, at most {bound}");
            let half = tokens.len() / 2;
            fixture.run(&tokens[..half.max(1)], 0, Wanted::Nothing);
            assert_eq!(fixture.run(&tokens[half..], half, Wanted::Last), logits, "{element:?}");
        }
    }
}

#[test]
fn llama_is_the_same() {
    check("hf/llama", Nearness::Same);
}

#[test]
fn llama_with_yarn_in_shards_is_the_same() {
    check("hf/llama-yarn-sharded", Nearness::Same);
}

#[test]
fn llama_with_linear_scaling_in_f16_is_near() {
    check("hf/llama-linear-f16", BF16);
}

#[test]
fn llama_with_llama3_scaling_in_bf16_is_near() {
    check("hf/llama-llama3-bf16", BF16);
}

#[test]
fn mistral_with_a_window_is_the_same() {
    check("hf/mistral", Nearness::Same);
}

#[test]
fn qwen2_is_the_same() {
    check("hf/qwen2", Nearness::Same);
}

#[test]
fn qwen3_in_shards_is_the_same() {
    check("hf/qwen3-sharded", Nearness::Same);
}

#[test]
fn gpt2_is_the_same() {
    check("hf/gpt2", Nearness::Same);
}

#[test]
fn gguf_f32_is_the_same() {
    check("gguf/llama-f32", Nearness::Same);
}

#[test]
fn gguf_f16_is_near() {
    check("gguf/llama-f16", BF16);
    check("gguf/gpt2-f16", BF16);
}

#[test]
fn gguf_bf16_with_rope_factors_is_near() {
    check("gguf/llama-llama3-bf16", BF16);
}

#[test]
fn gguf_q8_0_is_near_for_every_family() {
    check("gguf/llama-q8_0", INT8);
    check("gguf/qwen2-q8_0", INT8);
    check("gguf/qwen3-q8_0", INT8);
}

#[test]
fn gguf_q4_0_is_near() {
    check("gguf/llama-q4_0", INT8);
}

#[test]
fn gguf_k_formats_are_near() {
    check("gguf/llama-q4_k", INT8);
    check("gguf/llama-q5_k", INT8);
    check("gguf/llama-q6_k", INT8);
}

/// However a prompt is cut into chunks, and whatever else runs in the step: the same bits.
#[test]
fn chunks_change_no_bit() {
    for name in ["hf/mistral", "hf/llama-llama3-bf16", "gguf/llama-q8_0", "gguf/llama-q4_k", "hf/gpt2"] {
        let mut fixture = Fixture::load(name);
        let prompt = fixture.prompts().pop().unwrap().tokens;
        let whole = fixture.run(&prompt, 0, Wanted::Last);
        for size in [1, 7, 16, 33] {
            let mut logits = Vec::new();
            for (index, chunk) in prompt.chunks(size).enumerate() {
                logits = fixture.run(chunk, index * size, Wanted::Last);
            }
            assert!(logits == whole, "{name} in chunks of {size}");
        }
    }
}
