//! From a model's files to a running mistral.rs.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use checkpoint::{Checkpoint, WeightFiles};
use mistralrs::core::{
    AdapterPaths, GGUFLoaderBuilder, GGUFSpecificConfig, Loader, LocalModelPaths, MistralRsBuilder, ModelPaths,
    NormalLoaderBuilder, NormalSpecificConfig, Pipeline,
};
use mistralrs::{
    DefaultSchedulerMethod, IsqType, MemoryGpuConfig, MistralRs, ModelDType, PagedAttentionConfig, PagedCacheType,
    SchedulerConfig, paged_attn_supported,
};
use serde_json::{Map, Value};
use tempfile::TempDir;
use thiserror::Error as ThisError;
use tokio::sync::Mutex;

use crate::description::{self, Unknown};
use crate::device::Device;
use crate::engine::MistralSettings;

/// What the KV cache may take of a GPU's memory, with the weights, where nobody says how much: vLLM's share.
const GPU_SHARE: f32 = 0.9;

/// Why a model cannot be run.
#[derive(Debug, ThisError)]
pub enum StartError {
    #[error(transparent)]
    Files(#[from] checkpoint::Error),
    #[error(transparent)]
    Unknown(#[from] Unknown),
    #[error("its weights cannot be quantised to {format}: mistral.rs does that to safetensors, and to fewer formats")]
    Quantization { format: String },
    #[error("the device {device} cannot be used: {reason}")]
    Device { device: Device, reason: String },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("mistral.rs cannot load it: {0}")]
    Mistral(String),
}

/// Whether mistral.rs would run the model as what it is, as far as its description goes.
pub(crate) fn check(path: &Path, checkpoint: &Checkpoint) -> Result<(), StartError> {
    match WeightFiles::of(path)? {
        WeightFiles::Safetensors { directory, .. } => {
            description::config(checkpoint, &original(&directory.join("config.json"))?)?;
        }
        WeightFiles::Gguf(_) => description::check_gguf(checkpoint)?,
    }
    Ok(())
}

/// A model in mistral.rs.
pub(crate) struct Running {
    pub(crate) runner: Arc<MistralRs>,
    /// Tokens of a sequence, as mistral.rs has it.
    pub(crate) context: usize,
    /// Sequences that it can run at the same time.
    pub(crate) at_once: usize,
}

type Loaded = Arc<Mutex<dyn Pipeline + Send + Sync>>;

/// Takes as long as reading the weights.
pub(crate) fn load(path: &Path, checkpoint: &Checkpoint, settings: &MistralSettings) -> Result<Running, StartError> {
    // mistral.rs wants to be started within a runtime, which is none of the caller's: whoever loads models may wait.
    let started = thread::scope(|scope| scope.spawn(|| start(path, checkpoint, settings)).join());
    started.unwrap_or_else(|panic| Err(StartError::Mistral(said(&*panic))))
}

fn start(path: &Path, checkpoint: &Checkpoint, settings: &MistralSettings) -> Result<Running, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| StartError::Mistral(error.to_string()))?;
    let pipeline = match WeightFiles::of(path)? {
        WeightFiles::Safetensors { directory, files } => safetensors(&directory, files, checkpoint, settings)?,
        WeightFiles::Gguf(file) => gguf(&file, checkpoint, settings)?,
    };
    runtime.block_on(async {
        let metadata = pipeline.lock().await.get_metadata();
        // Without its cache in blocks, mistral.rs mixes up sequences of different lengths: one was given the words of another.
        let (scheduler, at_once) = match metadata.cache_config.clone() {
            Some(config) => {
                let most = settings.max_running.get();
                (SchedulerConfig::PagedAttentionMeta { max_num_seqs: most, config }, most)
            }
            None => (SchedulerConfig::DefaultScheduler { method: DefaultSchedulerMethod::Fixed(NonZeroUsize::MIN) }, 1),
        };
        let runner = MistralRsBuilder::new(pipeline, scheduler, false, None)
            // It would share prefixes between those who must not learn of each other's.
            .with_no_prefix_cache(true)
            // What ends an answer is decided where tokens are chosen.
            .with_disable_eos_stop(true)
            .build()
            .await;
        Ok(Running { runner, context: metadata.max_seq_len, at_once })
    })
}

fn safetensors(
    directory: &Path,
    files: Vec<PathBuf>,
    checkpoint: &Checkpoint,
    settings: &MistralSettings,
) -> Result<Loaded, StartError> {
    let told = tell(directory, checkpoint)?;
    let paths = paths(directory.join("tokenizer.json"), told.path().join("config.json"), files);
    let loader =
        NormalLoaderBuilder::new(NormalSpecificConfig::default(), None, None, Some(settings.id.clone()), false, None);
    let loader = loader.build(None).map_err(failed)?;
    let isq = settings.quantization.as_deref().map(format).transpose()?;
    run(&*loader, paths, settings, isq)
}

fn gguf(file: &Path, checkpoint: &Checkpoint, settings: &MistralSettings) -> Result<Loaded, StartError> {
    description::check_gguf(checkpoint)?;
    if let Some(format) = settings.quantization.clone() {
        return Err(StartError::Quantization { format });
    }
    // The tokenizer is in the file too.
    let paths = paths(PathBuf::new(), PathBuf::new(), vec![file.into()]);
    let config = GGUFSpecificConfig::default();
    let loader = GGUFLoaderBuilder::new(None, None, settings.id.clone(), Vec::new(), config, false, None).build();
    run(&*loader, paths, settings, None)
}

fn run(
    loader: &dyn Loader,
    paths: LocalModelPaths<PathBuf>,
    settings: &MistralSettings,
    isq: Option<IsqType>,
) -> Result<Loaded, StartError> {
    let (device, paths) = (settings.device, Box::new(paths) as Box<dyn ModelPaths>);
    let place = device.place().map_err(|error| StartError::Device { device, reason: error.to_string() })?;
    let paged = paged_attention(settings)?;
    // A GPU computes in 16 bits; on a processor these are slower than 32.
    let dtype = if device == Device::Cpu { ModelDType::F32 } else { ModelDType::Auto };
    loader.load_model_from_path(&paths, &dtype, &place, true, device.map(), isq, paged).map_err(failed)
}

/// mistral.rs's cache in blocks is for GPUs alone.
fn paged_attention(settings: &MistralSettings) -> Result<Option<PagedAttentionConfig>, StartError> {
    if settings.device == Device::Cpu || !paged_attn_supported() {
        return Ok(None);
    }
    let memory = match settings.kv_cache_bytes {
        Some(bytes) => MemoryGpuConfig::MbAmount((bytes.get() >> 20).max(1)),
        None => MemoryGpuConfig::Utilization(GPU_SHARE),
    };
    PagedAttentionConfig::new(None, memory, PagedCacheType::Auto).map(Some).map_err(failed)
}

/// A directory with a `config.json` that mistral.rs understands.
fn tell(directory: &Path, checkpoint: &Checkpoint) -> Result<TempDir, StartError> {
    let config = description::config(checkpoint, &original(&directory.join("config.json"))?)?;
    let told = TempDir::new().map_err(at(&std::env::temp_dir()))?;
    let file = told.path().join("config.json");
    fs::write(&file, config.to_string()).map_err(at(&file))?;
    Ok(told)
}

/// `config.json` as it is.
fn original(file: &Path) -> Result<Map<String, Value>, StartError> {
    let text = fs::read(file).map_err(at(file))?;
    serde_json::from_slice(&text).map_err(|error| at(file)(error.into()))
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> StartError {
    let path = path.to_owned();
    move |source| StartError::Io { path, source }
}

fn paths(tokenizer: PathBuf, config: PathBuf, weights: Vec<PathBuf>) -> LocalModelPaths<PathBuf> {
    LocalModelPaths {
        tokenizer_filename: tokenizer,
        config_filename: config,
        template_filename: None,
        filenames: weights,
        adapter_paths: AdapterPaths::None,
        gen_conf: None,
        preprocessor_config: None,
        processor_config: None,
        chat_template_json_filename: None,
    }
}

/// The format of ours in mistral.rs's words.
fn format(name: &str) -> Result<IsqType, StartError> {
    match name.to_ascii_lowercase().as_str() {
        "q8_0" => Ok(IsqType::Q8_0),
        "q4_0" => Ok(IsqType::Q4_0),
        "q4_k" => Ok(IsqType::Q4K),
        "q5_k" => Ok(IsqType::Q5K),
        "q6_k" => Ok(IsqType::Q6K),
        _ => Err(StartError::Quantization { format: name.to_owned() }),
    }
}

fn failed(error: impl std::fmt::Display) -> StartError {
    StartError::Mistral(format!("{error:#}"))
}

/// What a panic says: mistral.rs ends in one where a file is not as it expects.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it has stopped").to_owned()
}
