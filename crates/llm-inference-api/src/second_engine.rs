//! Models that mistral.rs runs: which those are, and where.

use std::path::Path;

use anyhow::{Context, Result, bail};
use checkpoint::Checkpoint;
use mistralrs_engine::{Device, MistralEngine, MistralSettings};
use registry::{Entry, Source};

use crate::assemble;
use crate::runner::Runner;
use crate::settings::{self, EngineName, Placement, Speculation, types};

/// Where mistral.rs is to run a model; `None` leaves it to the native engine. What had to be decided otherwise than it was asked
/// for is in the log.
pub(crate) fn device(entry: &Entry, checkpoint: &Checkpoint, settings: &types::EngineSettings) -> Option<Device> {
    let Placement { engine, device } = settings.placement;
    let asked = device.map(placed);
    let there = asked.filter(|device| device.is_there());
    if let (Some(device), None) = (asked, there) {
        tracing::warn!(model = %entry.id, %device, "this device is not there: the processor runs the model");
    }
    match engine {
        Some(EngineName::Native) => None,
        Some(EngineName::Mistralrs) if asked.is_some() => Some(there.unwrap_or(Device::Cpu)),
        Some(EngineName::Mistralrs) => Some(Device::gpu().unwrap_or_else(|| {
            tracing::info!(model = %entry.id, "there is no GPU for mistral.rs: it runs the model on the processor");
            Device::Cpu
        })),
        None if asked.is_some() => there.filter(|device| *device != Device::Cpu),
        None => Device::gpu().filter(|_| suits(entry, checkpoint, settings)),
    }
}

/// Whether a model is to run on a GPU, as far as that can be said before it is opened: then it takes no memory of this machine.
pub(crate) fn is_on_gpu(placement: Placement) -> bool {
    let Placement { engine, device } = placement;
    let device = device.map_or_else(Device::gpu, |device| Some(placed(device)).filter(|device| device.is_there()));
    engine != Some(EngineName::Native) && device.is_some_and(|device| device != Device::Cpu)
}

fn placed(device: settings::Device) -> Device {
    match device {
        settings::Device::Cpu => Device::Cpu,
        settings::Device::Cuda(index) => Device::Cuda(index),
        settings::Device::Metal => Device::Metal,
    }
}

/// Nobody said which engine: then a model that only the native one runs as it is meant stays with it.
fn suits(entry: &Entry, checkpoint: &Checkpoint, settings: &types::EngineSettings) -> bool {
    let Source::Path(path) = &entry.source else { return false };
    let why_not = if entry.adapter.is_some() {
        Some("mistral.rs takes no adapters".to_owned())
    } else if settings.quantization.value.0.is_some() {
        Some(format!("mistral.rs quantises otherwise than {} says", settings.quantization.said()))
    } else {
        MistralEngine::check(path, checkpoint).err().map(|error| error.to_string())
    };
    if let Some(why_not) = &why_not {
        tracing::info!(model = %entry.id, "the native engine runs the model: {why_not}");
    }
    why_not.is_none()
}

/// Said once at the start of a program that was built for GPUs.
pub(crate) fn say_where() {
    if cfg!(any(feature = "cuda", feature = "metal")) && Device::gpu().is_none() {
        tracing::warn!("no GPU is there, for which this program was built: the processor runs the models");
    }
}

/// Loads a model there.
pub(crate) fn start(
    entry: &Entry,
    checkpoint: Checkpoint,
    device: Device,
    settings: &types::EngineSettings,
    warnings: &mut Vec<String>,
) -> Result<Runner> {
    let types::EngineSettings {
        quantization,
        threads: _, // It takes all processors, or none.
        kv_cache_bytes,
        kv_cache_type,
        max_running,
        max_queued,
        queue_timeout,
        speculation,
        speculation_tokens: _,
        draft_model: _,
        placement: _,        // What came of it is `device`.
        own_quantization: _, // It is in `quantization`.
    } = settings;
    if speculation.value != Speculation::Off {
        warnings.push(format!(
            "{} is for the native engine, and mistral.rs runs this model: nothing is guessed",
            speculation.said()
        ));
    }
    if kv_cache_type.value.0.is_some() {
        warnings.push(format!("{} is for the native engine, and mistral.rs runs this model", kv_cache_type.said()));
    }
    let created = assemble::created(&entry.source);
    let settings = MistralSettings {
        id: entry.id.clone(),
        owner: engine::OWNER.into(),
        created,
        version: assemble::version(entry, created),
        device,
        quantization: quantization.value.0.map(|_| quantization.value.name().to_owned()),
        max_running: max_running.value,
        max_queued: max_queued.value,
        queue_timeout: queue_timeout.value,
        kv_cache_bytes: (kv_cache_bytes.origin != types::Origin::Default).then_some(kv_cache_bytes.value),
    };
    let engine = MistralEngine::start(path(entry)?, checkpoint, settings)
        .with_context(|| format!("the model {:?} cannot be started by mistral.rs", entry.id))?;
    Ok(Runner::Mistral(engine))
}

fn path(entry: &Entry) -> Result<&Path> {
    match &entry.source {
        Source::Path(path) => Ok(path),
        Source::Embedded => bail!("the model {:?} is a part of this program, and mistral.rs reads files", entry.id),
        Source::Remote(_) | Source::Origin(_) => bail!("the files of {} are not on this machine", entry.source),
    }
}
