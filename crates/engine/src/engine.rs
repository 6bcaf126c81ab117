//! The handle: checks a request, hands it to the worker, and gives back its events.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use backend::{
    Activity, Backend, BoxFuture, Classification, Classified, Encoded, Error, Events, Generation, ModelCard, ModelState,
    Prompt, Result, Task,
};
use checkpoint::{Architecture, Checkpoint};
use decoding::{Encoder, Prompts};
use thiserror::Error as ThisError;
use tokio::sync::oneshot;

use crate::classify::Classifier;
use crate::job::Job;
use crate::model::{Adapter, BLOCK_TOKENS, Fit, Model, ModelError, check_cache, part_of_cache};
use crate::scheduler::Limits;
use crate::settings::{EngineSettings, GuessSource, Memory, Progress, Speculation};
use crate::shared::Shared;
use crate::speculation::{DraftError, DraftModel};
use crate::worker::{Speculating, Worker};

/// Jobs on their way to the worker, which looks between two steps: as many as its queue takes, so that a burst during one
/// long step is not refused, but at least this many...
const LEAST_HAND_OVER: usize = 64;
/// ... and at most this many, for their places are memory.
const MOST_HAND_OVER: usize = 1 << 16;

/// Who a model's card says owns it.
pub const OWNER: &str = "llm-inference-api";

#[derive(Debug, ThisError)]
pub enum StartError {
    #[error("the model cannot be loaded")]
    Model(#[from] ModelError),
    #[error("the draft model does not fit")]
    Draft(#[from] DraftError),
    #[error("the engine's thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// A model in this process, run by a thread of its own.
#[derive(Debug)]
pub struct Engine {
    pub(crate) card: Arc<ModelCard>,
    memory: Memory,
    pub(crate) prompts: Prompts,
    pub(crate) classifier: Option<Classifier>,
    queue_timeout: Duration,
    shared: Arc<Shared>,
    architecture: Arc<Architecture>,
    /// Of adapters.
    fit: Fit,
    /// `None` only while it is being dropped.
    jobs: Option<SyncSender<Box<Job>>>,
    worker: Option<JoinHandle<()>>,
}

impl Engine {
    /// Whether it could be started, as far as the heads of the files tell: large models are packed for long, and that should not end in
    /// what could be known before.
    pub fn check(checkpoint: &Checkpoint, settings: &EngineSettings) -> Result<(), StartError> {
        let Checkpoint { architecture, weights, tokenizer, .. } = checkpoint;
        if let Some(draft) = draft_for(checkpoint, settings) {
            DraftModel::check(draft, tokenizer)?;
        }
        Ok(check_cache(architecture, weights, own_cache(checkpoint, settings), settings.kv_element)?)
    }

    /// Packs the weights, which takes seconds for large models, and starts the thread.
    pub fn start(
        checkpoint: Checkpoint,
        settings: EngineSettings,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Arc<Self>, StartError> {
        Self::check(&checkpoint, &settings)?;
        let kv_cache_bytes = own_cache(&checkpoint, &settings);
        let EngineSettings {
            id,
            created,
            version,
            threads,
            max_running,
            max_queued,
            queue_timeout,
            kv_cache_bytes: _, // `own_cache` of these.
            kv_element,
            step_tokens,
            speculation,
        } = settings;
        let Checkpoint { architecture, weights, classes, tokenizer, template, summary, .. } = checkpoint;
        // Where nothing is generated there is nothing to guess.
        let speculation = speculation.filter(|_| classes.is_none());
        let task = if classes.is_some() { Task::Classify } else { Task::Generate };
        let mut model =
            Model::load(architecture, weights, threads, kv_cache_bytes, kv_element, max_running.get(), progress)?;
        model.try_out(tokenizer.bos())?;
        let speculating = speculation.map(|speculation| Speculating::start(speculation, &model, progress)).transpose()?;
        let (architecture, fit) = (Arc::new(model.architecture().clone()), model.fit());
        let context = model.architecture().context.min(model.blocks() * BLOCK_TOKENS);
        warn_of_a_small_cache(context, model.architecture().context);
        let tokenizer = Arc::new(tokenizer);
        let vocabulary = model.architecture().vocabulary;
        let shared = Arc::new(Shared::default());
        let drafts = speculating.as_ref().map_or(Memory::default(), Speculating::memory);
        let memory =
            Memory { weights: model.weight_bytes() + drafts.weights, kv_cache: model.cache_bytes() + drafts.kv_cache };
        let card = Arc::new(ModelCard {
            id,
            parent: None,
            owner: OWNER.into(),
            task,
            created,
            version,
            context_length: context as u32,
            description: summary.to_string(),
            size: summary.bytes,
        });
        let limits = Limits { running: max_running.get(), step_tokens: step_tokens.get() };
        let hand_over = max_queued.saturating_add(max_running.get()).clamp(LEAST_HAND_OVER, MOST_HAND_OVER);
        let (jobs, receiver) = sync_channel(hand_over);
        let worker =
            Worker::new(model, Arc::clone(&tokenizer), limits, max_queued, speculating, Arc::clone(&shared), receiver);
        let worker = spawn(worker)?;
        Ok(Arc::new(Self {
            card,
            memory,
            prompts: Prompts::new(Encoder { tokenizer, template, vocabulary, context, task }, hand_over, queue_timeout),
            classifier: classes.map(Classifier::from),
            queue_timeout,
            shared,
            architecture,
            fit,
            jobs: Some(jobs),
            worker: Some(worker),
        }))
    }

    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// What the model is that adapters are to fit.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// What an adapter that was opened for this model takes in memory.
    pub fn adapter_bytes(&self, adapter: &checkpoint::Adapter) -> u64 {
        Adapter::bytes_of(adapter, self.fit)
    }

    /// Packs an adapter that was opened for this model, to be handed over with requests.
    pub fn adapter(&self, adapter: &checkpoint::Adapter) -> Result<backend::Adapter, ModelError> {
        Ok(backend::Adapter::new(Arc::new(Adapter::pack(adapter, self.fit)?)))
    }

    /// What comes with a request, if it was made for this model.
    pub(crate) fn own(&self, adapter: Option<backend::Adapter>) -> Result<Option<Arc<Adapter>>> {
        let Some(adapter) = adapter else { return Ok(None) };
        let own = adapter.get::<Adapter>().filter(|adapter| adapter.fits(self.fit));
        own.map(Some).ok_or_else(|| Error::internal("an adapter came with the request that was made for another model"))
    }

    pub(crate) fn check_draining(&self) -> Result<()> {
        if self.shared.is_draining() {
            let reason = "the server is shutting down".into();
            return Err(Error::Unavailable { reason, retry_after: Duration::from_secs(1) });
        }
        Ok(())
    }

    /// Resolves when the job runs. `admission` is the other end of what it is told by.
    pub(crate) async fn admit(&self, job: Job, admission: oneshot::Receiver<Result<()>>) -> Result<()> {
        self.hand_over(Box::new(job))?;
        match tokio::time::timeout(self.queue_timeout, admission).await {
            Ok(Ok(admission)) => admission,
            Ok(Err(_)) => Err(stopped()),
            Err(_) => {
                let reason = "the wait in the queue was too long";
                Err(Error::QueueFull { reason, retry_after: self.queue_timeout })
            }
        }
    }

    fn hand_over(&self, job: Box<Job>) -> Result<()> {
        match self.jobs.as_ref().map(|jobs| jobs.try_send(job)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => {
                Err(Error::QueueFull { reason: "too many requests at once", retry_after: Duration::from_secs(1) })
            }
            Some(Err(TrySendError::Disconnected(_))) | None => Err(stopped()),
        }
    }
}

impl Backend for Engine {
    fn card(&self) -> Arc<ModelCard> {
        Arc::clone(&self.card)
    }

    fn state(&self) -> ModelState {
        match &self.worker {
            Some(worker) if !worker.is_finished() => ModelState::Ready,
            _ => ModelState::Failed { reason: "the engine has stopped".into() },
        }
    }

    fn activity(&self) -> Activity {
        self.shared.activity(Instant::now())
    }

    fn generate(&self, generation: Generation) -> BoxFuture<'_, Result<Events>> {
        Box::pin(self.start_generation(generation))
    }

    fn classify(&self, classification: Classification) -> BoxFuture<'_, Result<Classified>> {
        Box::pin(self.run_classification(classification))
    }

    fn encode<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Option<Encoded>>> {
        Box::pin(async { Ok(Some(self.prompts.tokens(prompt, None).await?.into())) })
    }

    fn drain(&self) {
        self.shared.drain();
    }
}

impl Drop for Engine {
    /// The worker ends after the step that it is in.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(worker) = self.worker.take()
            && worker.join().is_err()
        {
            tracing::error!(model = %self.card.id, "the engine's thread ended in a panic");
        }
    }
}

/// The model that is to guess for this one. Where nothing is generated there is nothing to guess.
fn draft_for<'a>(checkpoint: &Checkpoint, settings: &'a EngineSettings) -> Option<&'a Checkpoint> {
    match &settings.speculation {
        Some(Speculation { source: GuessSource::Model(draft), .. }) if checkpoint.classes.is_none() => Some(draft),
        _ => None,
    }
}

/// What of the memory for keys and values is left to a model beside the one that guesses for it.
fn own_cache(checkpoint: &Checkpoint, settings: &EngineSettings) -> usize {
    let EngineSettings { kv_cache_bytes, kv_element, .. } = *settings;
    let part = |draft: &Checkpoint| {
        let Checkpoint { architecture, weights, .. } = checkpoint;
        part_of_cache(kv_cache_bytes, kv_element, (architecture, weights), (&draft.architecture, &draft.weights))
    };
    draft_for(checkpoint, settings).map_or(kv_cache_bytes, part)
}

fn spawn(worker: Worker) -> Result<JoinHandle<()>, StartError> {
    std::thread::Builder::new().name("engine".into()).spawn(|| worker.run()).map_err(StartError::Thread)
}

fn warn_of_a_small_cache(context: usize, of_the_model: usize) {
    if context < of_the_model {
        tracing::warn!(
            context,
            of_the_model,
            "the KV cache does not hold the model's whole context; with more memory for it the context is longer"
        );
    }
}

pub(crate) fn stopped() -> Error {
    Error::Unavailable { reason: "the engine has stopped".into(), retry_after: Duration::from_secs(10) }
}
