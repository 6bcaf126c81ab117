//! The handle: checks a request, hands it to mistral.rs when it is its turn, and gives back its events.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use backend::{
    Activity, Backend, BoxFuture, Classification, Classified, Encoded, Error, Event, Events, FinishReason, Generation,
    ModelCard, ModelState, Prompt, Result, Task,
};
use checkpoint::{Checkpoint, Tokenizer};
use decoding::{Encoder, Prompts, Sampler, Utterance};
use mistralrs::{Constraint, MistralRs, NormalRequest, Request, RequestMessage, Response, SamplingParams};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::answer::{Answer, Line};
use crate::chooser::{Chooser, Then};
use crate::description;
use crate::device::Device;
use crate::load::{self, Running, StartError};
use crate::tally::Tally;
use crate::turns::{Seat, Turns};

/// Long prompts that are tokenised or wait for it, at least.
const LEAST_HAND_OVER: usize = 64;
/// Responses of mistral.rs to one choice, besides one a token.
const OTHER_RESPONSES: usize = 4;

/// How a model is to be run.
#[derive(Debug, Clone)]
pub struct MistralSettings {
    /// The name that the model is served under.
    pub id: String,
    /// Who the card says owns it.
    pub owner: String,
    pub created: SystemTime,
    pub version: String,
    pub device: Device,
    /// What the weights are to be encoded in, as "q8_0"; without, as they are stored.
    pub quantization: Option<String>,
    /// Sequences that are computed at the same time. A request for `n` answers is `n` sequences.
    pub max_running: NonZeroUsize,
    /// Requests that wait for their turn; one more is refused.
    pub max_queued: usize,
    /// How long a request waits before it is refused.
    pub queue_timeout: Duration,
    /// On a GPU; without, what the weights leave of nine tenths of its memory.
    pub kv_cache_bytes: Option<NonZeroUsize>,
}

/// What a model holds of this machine's memory, in bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub weights: u64,
    /// The most that the KV cache can take.
    pub kv_cache: u64,
}

impl Memory {
    /// Of a model on the processor, which computes in 32 bits: weights that are not quantised are held so.
    fn of(checkpoint: &Checkpoint, settings: &MistralSettings, context: usize) -> Self {
        if settings.device != Device::Cpu {
            return Self::default();
        }
        let Checkpoint { architecture, summary, .. } = checkpoint;
        let per_token = 2 * size_of::<f32>() * architecture.layers * architecture.kv_heads * architecture.head_dim;
        let whole = summary.parameters * size_of::<f32>() as u64;
        let quantised = settings.quantization.is_some() || summary.format.starts_with('Q');
        Self {
            weights: if quantised { summary.bytes } else { whole },
            // One sequence at a time.
            kv_cache: (per_token * context) as u64,
        }
    }
}

/// A model in this process, run by mistral.rs.
pub struct MistralEngine {
    card: Arc<ModelCard>,
    memory: Memory,
    tokenizer: Arc<Tokenizer>,
    prompts: Prompts,
    turns: Arc<Turns>,
    /// Sequences that mistral.rs gets at the same time.
    at_once: usize,
    tally: Arc<Tally>,
    runner: Arc<MistralRs>,
    draining: AtomicBool,
}

impl fmt::Debug for MistralEngine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MistralEngine").field("card", &self.card).finish_non_exhaustive()
    }
}

impl MistralEngine {
    /// Loads the model that was opened from this path, which takes as long as reading its weights.
    pub fn start(path: &Path, checkpoint: Checkpoint, settings: MistralSettings) -> Result<Arc<Self>, StartError> {
        let Running { runner, context, at_once } = load::load(path, &checkpoint, &settings)?;
        let of_the_model = checkpoint.architecture.context;
        let context = context.min(description::context(&checkpoint.architecture));
        if context < of_the_model {
            let model = &settings.id;
            tracing::warn!(%model, context, of_the_model, "by mistral.rs the model's context ends with its sliding window");
        }
        let memory = Memory::of(&checkpoint, &settings, context);
        let MistralSettings { id, owner, created, version, device, max_running, max_queued, queue_timeout, .. } = settings;
        let Checkpoint { architecture, tokenizer, template, summary, .. } = checkpoint;
        let tokenizer = Arc::new(tokenizer);
        let card = Arc::new(ModelCard {
            id,
            parent: None,
            owner,
            task: Task::Generate,
            created,
            version,
            context_length: context as u32,
            description: format!("{summary}, by mistral.rs on {device}"),
            size: summary.bytes,
        });
        let (vocabulary, task) = (architecture.vocabulary, Task::Generate);
        let encoder = Encoder { tokenizer: Arc::clone(&tokenizer), template, vocabulary, context, task };
        let places = max_queued.saturating_add(max_running.get()).max(LEAST_HAND_OVER);
        Ok(Arc::new(Self {
            card,
            memory,
            tokenizer,
            prompts: Prompts::new(encoder, places, queue_timeout),
            turns: Turns::new(at_once, max_queued, queue_timeout),
            at_once,
            tally: Arc::new(Tally::new(Instant::now())),
            runner,
            draining: AtomicBool::new(false),
        }))
    }

    /// Whether mistral.rs would run the model that was opened from this path as what it is.
    pub fn check(path: &Path, checkpoint: &Checkpoint) -> Result<(), StartError> {
        load::check(path, checkpoint)
    }

    pub fn memory(&self) -> Memory {
        self.memory
    }

    async fn start_generation(&self, mut generation: Generation) -> Result<Events> {
        self.check_draining()?;
        refuse_what_it_cannot(&generation)?;
        let prompt = self.prompts.tokens(&generation.prompt, generation.encoded.take()).await?;
        generation.check_prompt_tokens(prompt.len())?;
        let encoder = self.prompts.encoder();
        let max_new = encoder.completion_length(&generation, prompt.len())?;
        encoder.check_bias(&generation)?;
        let echo = generation.echo.map(|_| self.tokenizer.decode(&prompt));
        if max_new == 0 {
            return Ok(nothing_but(&prompt, echo, generation.choices.get()));
        }
        let choices = generation.choices.get();
        let seat = self.turns.enter(generation.priority, usize::from(choices)).await?;
        self.tally.prompt(prompt.len(), Instant::now());
        let lines = self.begin(&generation, &prompt, max_new, seat)?;
        Ok(Box::pin(Answer::new(prompt.len(), echo, lines)))
    }

    /// One choice is one request to mistral.rs. As many are handed over as may run at once, each of the others by the end of one
    /// before it.
    fn begin(&self, asked: &Generation, prompt: &[u32], max_new: usize, seat: Seat) -> Result<Vec<Line>> {
        let sender = self.runner.get_sender(None).map_err(|error| stopped(&error))?;
        let (choices, seat) = (asked.choices.get(), Arc::new(seat));
        let mut waiting: VecDeque<Request> = VecDeque::new();
        let mut lines = Vec::new();
        for choice in (0..choices).rev() {
            // A request that waits is behind the one that will run `at_once` places before it.
            let next = if waiting.len() >= self.at_once { waiting.pop_back() } else { None };
            let then = next.map(|request| Then::new(sender.clone(), request));
            let (request, line) = self.choice(asked, prompt, max_new, choice, (Arc::clone(&seat), then));
            waiting.push_front(request);
            lines.push(line);
        }
        for request in waiting {
            hand_over(&sender, request)?;
        }
        Ok(lines)
    }

    fn choice(
        &self,
        asked: &Generation,
        prompt: &[u32],
        max_new: usize,
        choice: u16,
        held: (Arc<Seat>, Option<Then>),
    ) -> (Request, Line) {
        let continues = !matches!(asked.prompt, Prompt::Chat(_));
        let sampler = Sampler::new(&asked.sampling, choice, prompt);
        let utterance = Utterance::new(&self.tokenizer, &asked.stop, max_new, continues);
        // Room for all that can come.
        let (sender, steps) = mpsc::channel(max_new + 1);
        let (response, responses) = mpsc::channel(max_new + OTHER_RESPONSES);
        let (tokenizer, tally) = (Arc::clone(&self.tokenizer), Arc::clone(&self.tally));
        let logprobs = asked.logprobs.map(backend::TopLogprobs::get);
        let chooser = Chooser::new(tokenizer, sampler, utterance, logprobs, tally, sender, held);
        (request(prompt.to_vec(), max_new, chooser, response), Line::new(choice, steps, responses))
    }

    fn check_draining(&self) -> Result<()> {
        if self.draining.load(Ordering::Acquire) {
            let reason = "the server is shutting down".into();
            return Err(Error::Unavailable { reason, retry_after: Duration::from_secs(1) });
        }
        Ok(())
    }
}

fn hand_over(sender: &mpsc::Sender<Request>, request: Request) -> Result<()> {
    sender.try_send(request).map_err(|error| match error {
        TrySendError::Full(_) => {
            Error::QueueFull { reason: "too many requests at once", retry_after: Duration::from_secs(1) }
        }
        TrySendError::Closed(_) => stopped(&"it takes no requests"),
    })
}

/// A request for one answer, of which mistral.rs computes the logits and nothing else.
fn request(prompt: Vec<u32>, max_new: usize, chooser: Chooser, response: mpsc::Sender<Response>) -> Request {
    // What the chooser leaves has one greatest logit, which is taken without chance.
    let sampling = SamplingParams { temperature: Some(0.0), max_len: Some(max_new), ..SamplingParams::neutral() };
    Request::Normal(Box::new(NormalRequest {
        messages: RequestMessage::CompletionTokens(prompt),
        sampling_params: sampling,
        response,
        return_logprobs: false,
        // So that it looks after every token whether anybody still listens.
        is_streaming: true,
        id: 0,
        constraint: Constraint::None,
        suffix: None,
        tools: None,
        tool_choice: None,
        logits_processors: Some(vec![Arc::new(chooser)]),
        return_raw_logits: false,
        web_search_options: None,
        model_id: None,
        truncate_sequence: false,
    }))
}

fn refuse_what_it_cannot(generation: &Generation) -> Result<()> {
    if generation.adapter.is_some() {
        return Err(Error::unsupported("model", "mistral.rs has no adapters that come with a request"));
    }
    if generation.echo.is_some() && generation.logprobs.is_some() {
        return Err(Error::unsupported("echo", "mistral.rs does not tell the logarithms of a prompt"));
    }
    Ok(())
}

/// The answer to a request for the prompt alone.
fn nothing_but(prompt: &[u32], echo: Option<String>, choices: u16) -> Events {
    let tokens = prompt.len() as u32;
    let begin = Event::Prompt { tokens, cached: 0, echo, logprobs: Vec::new() };
    let ends = (0..choices).map(|choice| Event::Finished { choice, reason: FinishReason::Length, stop: None });
    let usage = backend::Usage { prompt_tokens: tokens, ..backend::Usage::default() };
    let events: Vec<_> = std::iter::once(begin).chain(ends).chain([Event::Done(usage)]).map(Ok).collect();
    Box::pin(futures_util::stream::iter(events))
}

fn stopped(reason: &dyn fmt::Display) -> Error {
    tracing::error!(%reason, "mistral.rs has stopped");
    Error::Unavailable { reason: "the engine has stopped".into(), retry_after: Duration::from_secs(10) }
}

impl Backend for MistralEngine {
    fn card(&self) -> Arc<ModelCard> {
        Arc::clone(&self.card)
    }

    fn state(&self) -> ModelState {
        ModelState::Ready
    }

    fn activity(&self) -> Activity {
        let (running, waiting) = self.turns.counts();
        self.tally.activity(running, waiting, Instant::now())
    }

    fn generate(&self, generation: Generation) -> BoxFuture<'_, Result<Events>> {
        Box::pin(self.start_generation(generation))
    }

    fn classify(&self, _classification: Classification) -> BoxFuture<'_, Result<Classified>> {
        Box::pin(std::future::ready(Err(Error::unsupported("model", "it writes texts and classifies none"))))
    }

    fn encode<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Option<Encoded>>> {
        Box::pin(async { Ok(Some(self.prompts.tokens(prompt, None).await?.into())) })
    }

    fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }
}
