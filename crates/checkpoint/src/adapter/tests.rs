//! What is read, and what is refused by its name.

use std::fs;
use std::path::{Path, PathBuf};

use kernels::Rows;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{Adapter, CONFIG, LayerUpdates, WEIGHTS};
use crate::{Architecture, Checkpoint};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models").join(name)
}

fn architecture(model: &str) -> Architecture {
    Checkpoint::open(&fixture(model)).unwrap().architecture
}

/// A copy of an adapter, with other entries in its configuration.
fn changed(name: &str, entries: Value) -> TempDir {
    let (from, to) = (fixture(&format!("adapters/{name}")), tempfile::tempdir().unwrap());
    let mut config: Map<String, Value> = serde_json::from_slice(&fs::read(from.join(CONFIG)).unwrap()).unwrap();
    let Value::Object(entries) = entries else { panic!("entries of an object") };
    config.extend(entries);
    fs::write(to.path().join(CONFIG), Value::Object(config).to_string()).unwrap();
    fs::copy(from.join(WEIGHTS), to.path().join(WEIGHTS)).unwrap();
    to
}

/// Why the llama's adapter is refused when its configuration says this.
fn refusal(entries: Value) -> String {
    let directory = changed("llama", entries);
    shown(&Adapter::open(directory.path(), &architecture("hf/llama")).unwrap_err(), directory.path())
}

fn shown(error: &crate::Error, directory: &Path) -> String {
    error.to_string().replace(&directory.display().to_string(), "DIR")
}

#[test]
fn ranks_and_scales_differ_by_module() {
    let adapter = Adapter::open(&fixture("adapters/llama"), &architecture("hf/llama")).unwrap();
    let LayerUpdates { attention, output, mlp, down } = &adapter.layers[1];
    let ranks = |updates: &super::Updates| updates.downs.iter().map(Rows::rows).collect::<Vec<_>>();
    let scales = |updates: &super::Updates| updates.ups.iter().flatten().map(|up| up.scale).collect::<Vec<_>>();
    assert_eq!((ranks(attention), scales(attention)), (vec![6, 4, 4], vec![8.0 / 6.0, 2.0, 2.0]));
    assert_eq!((ranks(output), scales(output)), (vec![4], vec![0.75]));
    assert_eq!((ranks(mlp), ranks(down), scales(down)), (vec![4, 4], vec![2], vec![4.0]));
    assert_eq!(scales(&adapter.layers[0].mlp), [2.0, 5.0]);
    assert_eq!((adapter.summary.rank, adapter.summary.modules), (6, 14));
    assert_eq!(adapter.summary.base.as_deref(), Some("hf/llama"));
}

#[test]
fn rslora_divides_by_the_root_of_the_rank() {
    let adapter = Adapter::open(&fixture("adapters/llama-attention-rslora-f16"), &architecture("hf/llama")).unwrap();
    let attention = &adapter.layers[0].attention;
    assert!(attention.ups[1].is_none() && adapter.layers[0].mlp.downs.is_empty());
    assert!((attention.ups[0].as_ref().unwrap().scale - 4.0 / 8.0_f32.sqrt()).abs() < 1e-6);
}

#[test]
fn the_fused_attention_of_gpt2_shares_what_comes_first() {
    let adapter = Adapter::open(&fixture("adapters/gpt2"), &architecture("hf/gpt2")).unwrap();
    let LayerUpdates { attention, mlp, .. } = &adapter.layers[0];
    assert_eq!((attention.downs.len(), attention.ups.len(), mlp.ups.len()), (1, 3, 1));
    assert!(attention.ups.iter().flatten().all(|up| up.down == 0 && up.weight.rows() == 32));
}

#[test]
fn only_some_layers_are_changed() {
    let adapter = Adapter::open(&fixture("adapters/qwen2"), &architecture("hf/qwen2")).unwrap();
    let changed: Vec<_> = adapter.layers.iter().map(|layer| !layer.attention.downs.is_empty()).collect();
    assert_eq!(changed, [false, true]);
}

#[test]
fn what_is_not_computed_here_is_refused_by_its_name() {
    let refusals = [
        json!({"use_dora": true}),
        json!({"modules_to_save": ["lm_head"]}),
        json!({"bias": "lora_only"}),
        json!({"lora_bias": true}),
        json!({"trainable_token_indices": [1]}),
        json!({"init_lora_weights": "pissa_niter_4"}),
        json!({"use_qalora": true}),
        json!({"peft_type": "ADALORA"}),
        json!({"layer_replication": [[0, 2]]}),
    ]
    .map(refusal);
    assert_all(
        &refusals,
        &[
            "DIR/adapter_config.json: DoRA (use_dora) is not supported",
            "DIR/adapter_config.json: whole modules in an adapter (modules_to_save) is not supported",
            "DIR/adapter_config.json: an adapter that changes biases (bias: lora_only) is not supported",
            "DIR/adapter_config.json: a bias in an adapter (lora_bias) is not supported",
            "DIR/adapter_config.json: embeddings of single tokens in an adapter (trainable_token_indices) is not supported",
            "DIR/adapter_config.json: an adapter that begins with a part of the base model (init_lora_weights: pissa_niter_4) and is not converted is not supported",
            "DIR/adapter_config.json: use_qalora is not supported",
            "DIR/adapter_config.json: an adapter of the kind ADALORA, other than LORA, is not supported",
            "DIR/adapter_config.json: repeated layers (layer_replication) is not supported",
        ],
    );
}

fn assert_all(found: &[String], expected: &[&str]) {
    assert_eq!(found, expected);
}

#[test]
fn an_adapter_for_another_base_names_the_first_matrix_that_does_not_fit() {
    let directory = fixture("adapters/llama");
    let error = |model: &str| shown(&Adapter::open(&directory, &architecture(model)).unwrap_err(), &directory);
    assert_eq!(
        error("hf/mistral"),
        "DIR/adapter_model.safetensors: tensor \"base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight\": \
         expected shape [64, 6], found [32, 6]"
    );
    assert_eq!(
        error("hf/gpt2"),
        "DIR/adapter_model.safetensors: tensor \"base_model.model.model.layers.0.mlp.down_proj.lora_A.weight\": expected only \
         what target_modules means of a gpt2 of 2 layers: attn.c_attn, attn.c_proj, mlp.c_fc, mlp.c_proj, found this"
    );
}

#[test]
fn what_the_configuration_and_the_file_do_not_both_have_is_refused() {
    assert_all(
        &[refusal(json!({"target_modules": ["q_proj"]})), refusal(json!({"r": 5}))],
        &[
            "DIR/adapter_model.safetensors: tensor \"base_model.model.model.layers.0.mlp.down_proj.lora_A.weight\": expected only \
         what target_modules means of a llama of 2 layers: self_attn.q_proj, self_attn.k_proj, self_attn.v_proj, \
         self_attn.o_proj, mlp.gate_proj, mlp.up_proj, mlp.down_proj, found this",
            "DIR/adapter_model.safetensors: tensor \"base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight\": expected \
         shape [5, 32], found [4, 32]",
        ],
    );
    let directory = changed("llama-mlp-bf16", json!({"target_modules": ["gate_proj", "up_proj", "down_proj", "o_proj"]}));
    let error = Adapter::open(directory.path(), &architecture("hf/llama")).unwrap_err();
    assert_eq!(
        shown(&error, directory.path()),
        "DIR/adapter_model.safetensors: tensor \"base_model.model.model.layers.0.self_attn.o_proj.lora_A.weight\": expected \
         this tensor, found no tensor of this name"
    );
}

#[test]
fn all_linear_means_every_module_of_every_layer() {
    let directory = changed("llama", json!({"target_modules": "all-linear"}));
    assert_eq!(Adapter::open(directory.path(), &architecture("hf/llama")).unwrap().summary.modules, 14);
}

#[test]
fn half_an_adapter_is_none() {
    let directory = changed("llama", json!({}));
    let open = || shown(&Adapter::open(directory.path(), &architecture("hf/llama")).unwrap_err(), directory.path());
    let weights = directory.path().join(WEIGHTS);
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    assert!(open().contains("expected data within the file's"), "{}", open());
    fs::rename(&weights, directory.path().join("adapter_model.bin")).unwrap();
    assert_eq!(
        open(),
        "DIR: adapter_model.bin, which is a program and not only data, in place of adapter_model.safetensors is not supported"
    );
    fs::remove_file(directory.path().join("adapter_model.bin")).unwrap();
    assert_eq!(open(), "DIR: no model here: looked for adapter_model.safetensors beside adapter_config.json");
    fs::remove_file(directory.path().join(CONFIG)).unwrap();
    assert!(open().ends_with("looked for an adapter: adapter_config.json and adapter_model.safetensors, or one GGUF file"));
}

#[test]
fn a_resized_vocabulary_is_refused() {
    let directory = changed("llama", json!({}));
    let file = directory.path().join(WEIGHTS);
    let bytes = fs::read(&file).unwrap();
    let sound = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let rows = vec![0; 8];
    let embeddings = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![2, 1], &rows).unwrap();
    let mut tensors = sound.tensors();
    tensors.push(("base_model.model.model.embed_tokens.weight".to_owned(), embeddings));
    let changed = safetensors::serialize(tensors, None).unwrap();
    fs::write(&file, changed).unwrap();
    assert_eq!(
        shown(&Adapter::open(directory.path(), &architecture("hf/llama")).unwrap_err(), directory.path()),
        "DIR/adapter_model.safetensors: a resized vocabulary, or embeddings in an adapter \
         (base_model.model.model.embed_tokens.weight) is not supported"
    );
}
