//! A sentence encoder behind the contract of all that answers.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use backend::{
    Activity, Backend, BoxFuture, Classification, Classified, Embedded, Embedding, Encoded, Error, Events, Generation,
    ModelCard, ModelState, Prompt, Result, Task, Usage,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::SentenceModel;
use crate::model::steps;
use crate::pooling::normalise;

/// Longer texts than this are tokenised on a thread for blocking work: it takes a millisecond.
const TOKENISED_INLINE: usize = 4096;

/// What an encoder is called, and how many may ask it.
#[derive(Debug, Clone)]
pub struct EmbedderSettings {
    pub id: String,
    pub owner: String,
    pub created: SystemTime,
    pub version: String,
    /// Requests that may be here at once.
    pub most_waiting: usize,
    /// How long one may wait for each of its turns.
    pub patience: Duration,
}

/// Requests take turns, step by step: a large one does not hold up the others until its end.
#[derive(Debug)]
pub struct Embedder {
    model: Arc<SentenceModel>,
    card: Arc<ModelCard>,
    patience: Duration,
    places: Semaphore,
    turn: Arc<Semaphore>,
    /// Requests that are here.
    here: AtomicU32,
    tokens: AtomicU64,
    draining: AtomicBool,
}

impl Embedder {
    pub fn new(model: Arc<SentenceModel>, settings: EmbedderSettings) -> Self {
        let EmbedderSettings { id, owner, created, version, most_waiting, patience } = settings;
        let card = ModelCard {
            id,
            parent: None,
            owner,
            task: Task::Embed,
            created,
            version,
            context_length: model.most_tokens() as u32,
            description: model.summary.to_string(),
            size: model.summary.bytes,
        };
        Self {
            model,
            card: Arc::new(card),
            patience,
            places: Semaphore::new(most_waiting.clamp(1, Semaphore::MAX_PERMITS)),
            turn: Arc::new(Semaphore::new(1)),
            here: AtomicU32::new(0),
            tokens: AtomicU64::new(0),
            draining: AtomicBool::new(false),
        }
    }

    async fn answer(&self, embedding: Embedding) -> Result<Embedded> {
        if self.draining.load(Ordering::Relaxed) {
            let reason = "the server is shutting down".into();
            return Err(Error::Unavailable { reason, retry_after: Duration::from_secs(1) });
        }
        let _place = self.places.try_acquire().map_err(|_| self.crowded("too many requests at once"))?;
        let _here = Here::enter(&self.here);
        let dimensions = self.dimensions(embedding.dimensions)?;
        let tokens = match embedding.encoded {
            Some(encoded) => encoded,
            None => self.tokens(embedding.inputs).await?,
        };
        let tokens: Arc<[Vec<u32>]> = self.checked(&tokens, embedding.cut)?.into();
        let count = tokens.iter().map(|tokens| tokens.len() as u64).sum();
        let mut vectors = Vec::with_capacity(tokens.len());
        for step in steps(&tokens).map(<[_]>::len).collect::<Vec<_>>() {
            vectors.extend(self.step(&tokens, vectors.len()..vectors.len() + step).await?);
        }
        for vector in vectors.iter_mut().filter(|vector| vector.len() > dimensions) {
            vector.truncate(dimensions);
            normalise(vector);
        }
        self.tokens.fetch_add(count, Ordering::Relaxed);
        let prompt_tokens = u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Embedded { vectors, usage: Usage { prompt_tokens, ..Usage::default() } })
    }

    async fn step(&self, tokens: &Arc<[Vec<u32>]>, range: std::ops::Range<usize>) -> Result<Vec<Vec<f32>>> {
        let turn = self.turn().await?;
        let (model, tokens) = (Arc::clone(&self.model), Arc::clone(tokens));
        let work = move || {
            let vectors = model.embed(&tokens[range]);
            // Also where nobody waits for it any more, the turn ends with the work.
            drop(turn);
            vectors
        };
        let vectors = spawn_blocking(work).await.map_err(Error::internal)?;
        if vectors.iter().flatten().all(|number| number.is_finite()) {
            Ok(vectors)
        } else {
            Err(Error::internal("a vector has a number that is none"))
        }
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let turn = timeout(self.patience, Arc::clone(&self.turn).acquire_owned()).await;
        turn.map_err(|_| self.crowded("the wait in the queue was too long"))?.map_err(Error::internal)
    }

    fn crowded(&self, reason: &'static str) -> Error {
        Error::QueueFull { reason, retry_after: self.patience.min(Duration::from_secs(5)) }
    }

    fn dimensions(&self, asked: Option<NonZeroUsize>) -> Result<usize> {
        let all = self.model.dimensions();
        match asked.map_or(all, NonZeroUsize::get) {
            dimensions if dimensions <= all => Ok(dimensions),
            dimensions => {
                let reason =
                    backend::OutOfRange::new(dimensions.to_string(), format!("at most {all}, as many as this model has"));
                Err(Error::OutOfRange { parameter: "dimensions".into(), reason })
            }
        }
    }

    /// Beside the others' steps: tokenising has no turns.
    async fn tokens(&self, inputs: Vec<Prompt>) -> Result<Vec<Encoded>> {
        if inputs.iter().map(length).sum::<usize>() <= TOKENISED_INLINE {
            return inputs.iter().map(|input| tokens(&self.model, input)).collect();
        }
        let model = Arc::clone(&self.model);
        let encode = move || inputs.iter().map(|input| tokens(&model, input)).collect();
        spawn_blocking(encode).await.map_err(Error::internal)?
    }

    /// Of each text what the model looks at.
    fn checked(&self, texts: &[Encoded], cut: bool) -> Result<Vec<Vec<u32>>> {
        let (context, vocabulary) = (self.model.most_tokens(), self.model.architecture.vocabulary);
        let parameter = |index: usize| if texts.len() > 1 { format!("input[{index}]") } else { "input".to_owned() };
        let check = |(index, tokens): (usize, &Encoded)| {
            let mut tokens = tokens.to_vec();
            if tokens.is_empty() {
                return Err(Error::invalid(parameter(index), "must not be empty"));
            }
            if let Some(token) = tokens.iter().find(|token| **token as usize >= vocabulary) {
                let last = vocabulary - 1;
                let reason = format!("token {token} is outside the vocabulary, whose last is {last}");
                return Err(Error::invalid(parameter(index), reason));
            }
            if tokens.len() > context && !cut {
                let prompt = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
                return Err(Error::ContextLength {
                    parameter: parameter(index),
                    context: context as u32,
                    prompt,
                    completion: 0,
                });
            }
            self.model.cut(&mut tokens);
            Ok(tokens)
        };
        texts.iter().enumerate().map(check).collect()
    }
}

/// In bytes; tokens count as the work of copying them.
fn length(input: &Prompt) -> usize {
    match input {
        Prompt::Text(text) => text.len(),
        Prompt::Tokens(tokens) => tokens.len(),
        Prompt::Chat(_) => 0,
    }
}

fn tokens(model: &SentenceModel, input: &Prompt) -> Result<Encoded> {
    match input {
        Prompt::Text(text) => Ok(model.tokens(text).map_err(Error::internal)?.into()),
        Prompt::Tokens(tokens) => Ok(tokens.as_slice().into()),
        Prompt::Chat(_) => Err(Error::unsupported("messages", "this model embeds texts")),
    }
}

/// Counts somebody as long as they are here.
struct Here<'a>(&'a AtomicU32);

impl<'a> Here<'a> {
    fn enter(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Backend for Embedder {
    fn card(&self) -> Arc<ModelCard> {
        Arc::clone(&self.card)
    }

    fn state(&self) -> ModelState {
        ModelState::Ready
    }

    /// One request is computed at a time.
    fn activity(&self) -> Activity {
        let here = self.here.load(Ordering::Relaxed);
        let (running, waiting) = (here.min(1), here.saturating_sub(1));
        Activity { running, waiting, prompt_tokens: self.tokens.load(Ordering::Relaxed), ..Activity::default() }
    }

    fn generate(&self, _: Generation) -> BoxFuture<'_, Result<Events>> {
        Box::pin(std::future::ready(Err(Error::unsupported("model", "it embeds texts and writes none"))))
    }

    fn classify(&self, _: Classification) -> BoxFuture<'_, Result<Classified>> {
        Box::pin(std::future::ready(Err(Error::unsupported("model", "it embeds texts and classifies none"))))
    }

    fn embed(&self, embedding: Embedding) -> BoxFuture<'_, Result<Embedded>> {
        Box::pin(self.answer(embedding))
    }

    fn encode<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Option<Encoded>>> {
        Box::pin(async { Ok(self.tokens(vec![prompt.clone()]).await?.pop()) })
    }

    fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}
