//! A model that is replaced while it answers: its new state is opened beside it and tried, and takes its place between two requests.

use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Classification, Embedding, Generation, MaxTokens, Priority, Prompt, Scale, Task, Tenant};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::garage::Garage;
use super::slots::{Leaving, NotRenewed, Renewal};
use super::{OpenError, Opened};

/// How long the first answer of a new model may take.
const WARM_UP: Duration = Duration::from_mins(1);
/// What it is asked.
const WARM_UP_PROMPT: &str = "Hello";

impl Garage {
    /// Looks whether there is a newer state of a model that is open, or with `anyway` one that was in vain before, and puts it into the
    /// other's place; whether it did. What was begun goes on though nobody waits for it.
    pub(super) async fn renew(self: &Arc<Self>, slot: usize, anyway: bool) -> Result<bool, OpenError> {
        let garage = Arc::clone(self);
        let renewed = self.renewals.spawn(async move {
            let renewed = garage.look_and_renew(slot, anyway).await;
            garage.note(slot, renewed.as_ref().err());
            renewed
        });
        renewed.await.unwrap_or_else(|_| Err(OpenError::new("looking for a newer state panicked")))
    }

    async fn look_and_renew(self: &Arc<Self>, slot: usize, anyway: bool) -> Result<bool, OpenError> {
        // Whoever comes while it is done sees what came of it.
        let _turn = self.turns[slot].lock().await;
        let garage = Arc::clone(self);
        let look = tokio::task::spawn_blocking(move || garage.models[slot].opener.has_news(anyway));
        if !look.await.map_err(|error| OpenError::new(error.to_string()))?? {
            return Ok(false);
        }
        let has_room = self.make_room_beside(slot).await?;
        if has_room { self.replace(slot).await } else { Ok(false) }
    }

    /// Sets memory aside; not where the model is not open any more, so that whoever wants it next opens what is newest.
    async fn make_room_beside(self: &Arc<Self>, slot: usize) -> Result<bool, OpenError> {
        let mut changes = self.changes();
        let deadline = Instant::now() + self.patience;
        loop {
            let renewal = self.slots().renew(slot);
            match renewal {
                Renewal::Open => return Ok(true),
                Renewal::Close(models) => self.close_all(models),
                Renewal::Wait => {}
                Renewal::Refuse(NotRenewed::NotOpen) => return Ok(false),
                Renewal::Refuse(NotRenewed::NoRoom { bytes, budget }) => {
                    return Err(OpenError::new(format!(
                        "another one of {bytes} bytes beside it is more than the {budget} that all models may take together \
                         (LLM_MODEL_MEMORY_BYTES); a restart loads it"
                    )));
                }
            }
            if timeout_at(deadline, changes.changed()).await.is_err() {
                return Err(OpenError::new("all models that could make room for another one beside it are in use"));
            }
        }
    }

    /// Whether another one answers from now on.
    async fn replace(self: &Arc<Self>, slot: usize) -> Result<bool, OpenError> {
        let garage = Arc::clone(self);
        let brought = tokio::task::spawn_blocking(move || garage.bring(slot)).await;
        let brought = brought.unwrap_or_else(|error| Err(OpenError::new(error.to_string())));
        let model = brought.inspect_err(|_| {
            self.slots().not_renewed(slot);
            self.has_changed();
        })?;
        if let Err(error) = warm(&*model.backend).await {
            self.models[slot].opener.does_not_answer(&error);
            let bytes = model.bytes;
            self.slots().rejected(slot, bytes);
            self.retire(slot, model, bytes);
            return Err(error);
        }
        let garage = Arc::clone(self);
        // Should this be lost, only what is remembered of it is.
        let _ = tokio::task::spawn_blocking(move || garage.models[slot].opener.answers()).await;
        Ok(self.swap(slot, model))
    }

    fn swap(self: &Arc<Self>, slot: usize, model: Opened) -> bool {
        let bytes = model.bytes;
        let card = model.backend.card();
        let Leaving { took_over, retired, surplus } = self.slots().renewed(slot, model, bytes);
        if took_over {
            tracing::info!(model = %card.id, version = %card.version, "a newer version answers from now on");
            self.shows(slot, card);
        }
        self.close_all(surplus);
        if let Some((old, bytes)) = retired {
            self.retire(slot, old, bytes);
        }
        self.has_changed();
        took_over
    }

    /// Its memory is free when the last request that has it is over.
    fn retire(self: &Arc<Self>, slot: usize, old: Opened, bytes: u64) {
        let garage = Arc::clone(self);
        let mut changes = self.changes();
        self.renewals.spawn(async move {
            // Each lease tells when it has ended.
            while Arc::strong_count(&old.backend) > 1 && changes.changed().await.is_ok() {}
            // Blocks for the step that it is in.
            let _ = tokio::task::spawn_blocking(move || drop(old)).await;
            garage.slots().retired(slot, bytes);
            garage.has_changed();
        });
    }
}

fn classification(model: &str, prompt: Prompt) -> Classification {
    Classification {
        model: model.to_owned(),
        prompt,
        encoded: None,
        truncation: None,
        scale: Scale::default(),
        adapter: None,
        priority: Priority::default(),
        tenant: Tenant::default(),
    }
}

fn embedding(model: &str, prompt: Prompt) -> Embedding {
    let inputs = vec![prompt];
    Embedding { model: model.to_owned(), inputs, encoded: None, dimensions: None, cut: true, tenant: Tenant::default() }
}

/// What cannot answer must not take the place of what can; and the first request is not to wait for pages and caches.
async fn warm(backend: &dyn Backend) -> Result<(), OpenError> {
    let card = backend.card();
    let prompt = Prompt::Text(WARM_UP_PROMPT.to_owned());
    let answer = async {
        match card.task {
            Task::Classify => return backend.classify(classification(&card.id, prompt)).await.map(|_| ()),
            Task::Embed => return backend.embed(embedding(&card.id, prompt)).await.map(|_| ()),
            Task::Generate => {}
        }
        let generation = Generation { max_tokens: Some(MaxTokens::MIN), ..Generation::new(card.id.clone(), prompt) };
        let mut events = backend.generate(generation).await?;
        while let Some(event) = events.next().await {
            event?;
        }
        Ok(())
    };
    let answered = timeout(WARM_UP, answer).await;
    let failed = |reason: String| OpenError::new(format!("it was loaded and does not answer: {reason}"));
    answered.map_err(|_| failed("it takes too long".into()))?.map_err(|error| failed(error.to_string()))
}
