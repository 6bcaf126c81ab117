//! A model that was trained on top of another and is kept as an adapter: it answers by that, whatever is asked of it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use backend::{
    Activity, Backend, BoxFuture, Classification, Classified, Encoded, Events, Generation, ModelCard, ModelState, Prompt,
};
use checkpoint::Adapter;
use engine::Engine;

use crate::adapting;

#[derive(Debug)]
pub(crate) struct Tuned {
    engine: Arc<Engine>,
    adapter: backend::Adapter,
    card: Arc<ModelCard>,
    /// Of the adapter in memory.
    pub(crate) bytes: u64,
}

impl Tuned {
    pub(crate) fn open(engine: &Arc<Engine>, path: &Path) -> Result<Self> {
        let opened = Adapter::open(path, engine.architecture());
        let opened = opened.with_context(|| format!("what was trained on top of the model {:?}", engine.card().id))?;
        let (adapter, bytes) = (engine.adapter(&opened)?, engine.adapter_bytes(&opened));
        let card = engine.card();
        let description = format!("{}; {}", card.description, adapting::described(&opened.summary));
        let card = Arc::new(ModelCard { description, size: card.size + bytes, ..ModelCard::clone(&card) });
        Ok(Self { engine: Arc::clone(engine), adapter, card, bytes })
    }
}

impl Backend for Tuned {
    fn card(&self) -> Arc<ModelCard> {
        Arc::clone(&self.card)
    }

    fn state(&self) -> ModelState {
        self.engine.state()
    }

    fn activity(&self) -> Activity {
        self.engine.activity()
    }

    fn generate(&self, generation: Generation) -> BoxFuture<'_, backend::Result<Events>> {
        self.engine.generate(Generation { adapter: Some(self.adapter.clone()), ..generation })
    }

    fn classify(&self, classification: Classification) -> BoxFuture<'_, backend::Result<Classified>> {
        self.engine.classify(Classification { adapter: Some(self.adapter.clone()), ..classification })
    }

    fn encode<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, backend::Result<Option<Encoded>>> {
        self.engine.encode(prompt)
    }

    fn drain(&self) {
        self.engine.drain();
    }
}
