//! LoRA adapters: the numbers of PEFT, and sequences with several of them and with none in one step.

use std::num::NonZeroUsize;
use std::sync::Arc;

use backend::{Backend, Generation, TopLogprobs};
use checkpoint::Checkpoint;
use engine::{Adapter, Engine, EngineSettings, GuessSource, Model, Run, Speculation, Wanted};

use crate::client::{Answers, ask, fixture, greedy, prompt, settings, start};
use crate::parity::{BF16, INT8, Nearness, check_adapter, directory};

/// Those for the tiny llama.
const ADAPTERS: [&str; 3] = ["llama", "llama-attention-rslora-f16", "llama-mlp-bf16"];

#[test]
fn an_adapter_of_every_family_is_the_same() {
    for name in ["llama", "llama-attention-rslora-f16", "llama-mlp-bf16", "llama-gguf", "mistral", "qwen2", "qwen3", "gpt2"]
    {
        check_adapter(name, Nearness::Same);
    }
}

#[test]
fn an_adapter_beside_rounded_weights_is_near() {
    check_adapter("llama-llama3-bf16", BF16);
    check_adapter("llama-q8_0", INT8);
}

fn open(name: &str, model: &Model) -> Adapter {
    let files = checkpoint::Adapter::open(&directory(&format!("adapters/{name}")), model.architecture()).unwrap();
    model.adapter(&files).unwrap()
}

fn load(name: &str) -> Model {
    let directory = directory(name);
    let gguf = directory.join("model.gguf");
    let Checkpoint { architecture, weights, .. } =
        Checkpoint::open(if gguf.is_file() { &gguf } else { &directory }).unwrap();
    Model::load(architecture, weights, NonZeroUsize::new(2).unwrap(), 64 << 20, None, 16, &mut |_| {}).unwrap()
}

/// Sixteen sequences in a step: four of each of three adapters and of the base, in turn.
struct Sixteen {
    tokens: Vec<Vec<u32>>,
    blocks: Vec<Vec<u32>>,
}

impl Sixteen {
    fn new() -> Self {
        let blocks = |index: u32| (index * 8..index * 8 + 8).collect();
        let tokens = (0..16).map(|index| prompt(index, 1 + 5 * index as usize)).collect();
        Self { tokens, blocks: (0..16).map(blocks).collect() }
    }

    fn run<'a>(&'a self, index: usize, decode: Option<&'a [u32]>, adapters: &'a [Adapter]) -> Run<'a> {
        let (tokens, start) = match decode {
            Some(token) => (token, self.tokens[index].len()),
            None => (&self.tokens[index][..], 0),
        };
        Run { tokens, start, blocks: &self.blocks[index], wanted: Wanted::Last, adapter: adapters.get(index % 4) }
    }
}

/// The logits of each of the runs.
fn logits(model: &mut Model, runs: &[Run<'_>]) -> Vec<Vec<f32>> {
    let rows = model.forward(runs);
    let all = model.logits(0..rows);
    all.chunks(all.len() / rows).map(<[f32]>::to_vec).collect()
}

#[test]
fn three_adapters_and_the_base_in_a_step_of_sixteen_give_what_each_gives_alone() {
    for name in ["hf/llama", "gguf/llama-q8_0"] {
        let mut model = load(name);
        let adapters = ADAPTERS.map(|name| open(name, &model));
        let sixteen = Sixteen::new();
        for decode in [None, Some(&[42][..])] {
            let runs: Vec<_> = (0..16).map(|index| sixteen.run(index, decode, &adapters)).collect();
            let together = logits(&mut model, &runs);
            for (index, run) in runs.iter().enumerate() {
                assert!(logits(&mut model, &[*run])[0] == together[index], "{name}, sequence {index}, {decode:?}");
            }
        }
        let of_one_prompt: Vec<_> =
            (0..4).map(|index| Run { adapter: adapters.get(index), ..sixteen.run(3, None, &adapters) }).collect();
        let different = of_one_prompt.iter().map(|run| logits(&mut model, &[*run])).collect::<Vec<_>>();
        assert!(different.windows(2).all(|pair| pair[0] != pair[1]), "{name}: adapters that change nothing prove nothing");
    }
}

/// With an adapter of the tiny llama, or the model itself for a number beyond them.
fn with(engine: &Engine, adapter: usize, generation: Generation) -> Generation {
    let name = ADAPTERS.get(adapter);
    let adapter = name.map(|name| {
        let files = checkpoint::Adapter::open(&fixture(&format!("adapters/{name}")), engine.architecture()).unwrap();
        engine.adapter(&files).unwrap()
    });
    Generation { adapter, logprobs: TopLogprobs::new(2).ok(), ..generation }
}

fn mixed(engine: &Engine) -> Vec<Generation> {
    (0..16).map(|index| with(engine, index % 4, greedy(prompt(index as u32 / 4, 40), 24))).collect()
}

async fn all_at_once(engine: &Arc<Engine>) -> Vec<Answers> {
    let mut tasks = tokio::task::JoinSet::new();
    for (index, generation) in mixed(engine).into_iter().enumerate() {
        let engine = Arc::clone(engine);
        tasks.spawn(async move { (index, ask(&engine, generation).await) });
    }
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answers)| answers).collect()
}

async fn one_by_one(engine: &Engine) -> Vec<Answers> {
    let mut answers = Vec::new();
    for generation in mixed(engine) {
        answers.push(ask(engine, generation).await);
    }
    answers
}

/// The prompts are the same for all adapters, so that a prefix of the wrong one would show.
#[tokio::test(flavor = "multi_thread")]
async fn sixteen_requests_at_once_give_what_each_gives_alone() {
    let together = all_at_once(&start(settings())).await;
    let alone = one_by_one(&start(settings())).await;
    for (together, alone) in together.iter().zip(&alone) {
        assert_eq!(together.choices, alone.choices);
    }
    let texts: std::collections::HashSet<_> = alone[..4].iter().map(|answers| &answers.only().text).collect();
    assert_eq!(texts.len(), 4, "each says something else");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_ahead_changes_no_token_of_an_adapter() {
    let plain = one_by_one(&start(settings())).await;
    let draft = Checkpoint::open(&fixture("hf/llama")).unwrap();
    for source in [GuessSource::Ngram, GuessSource::Model(Box::new(draft))] {
        let speculation = Speculation { source, tokens: NonZeroUsize::new(4).unwrap(), adaptive: false };
        let engine = start(EngineSettings { speculation: Some(speculation), ..settings() });
        for (guessed, plain) in all_at_once(&engine).await.iter().zip(&plain) {
            assert_eq!(guessed.choices, plain.choices);
        }
        assert!(engine.activity().draft_tokens > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_is_found_again_with_the_same_adapter_alone() {
    let engine = start(settings());
    let first = with(&engine, 0, greedy(prompt(1, 100), 8));
    let again = first.clone();
    assert_eq!(ask(&engine, first).await.usage.cached_tokens, 0);
    assert_eq!(ask(&engine, again).await.usage.cached_tokens, 96);
    // The same files, loaded anew, are another generation.
    for other in [with(&engine, 0, greedy(prompt(1, 100), 8)), greedy(prompt(1, 100), 8)] {
        assert_eq!(ask(&engine, other).await.usage.cached_tokens, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_for_another_model_is_no_ones_mistake_but_ours() {
    let engine = start(settings());
    let other = Engine::start(Checkpoint::open(&fixture("hf/gpt2")).unwrap(), settings(), &mut |_| {}).unwrap();
    let generation = with(&engine, 0, greedy(prompt(1, 10), 8));
    let Err(error) = other.generate(generation).await else { panic!("an adapter of another model was taken") };
    assert_eq!(error.kind(), backend::Kind::Internal);
}
