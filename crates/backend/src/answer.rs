//! The trait itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;

use crate::{
    Activity, Classification, Classified, Embedded, Embedding, Encoded, Error, Event, Generation, ModelCard, ModelState,
    Passage, Pieces, Prompt, Result, UpstreamReading,
};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The answer as it comes, in the order that [`Event`] describes. An `Err` is the last item.
///
/// Dropping it ends the generation within one step and frees what it held, wherever it was.
pub type Events = Pin<Box<dyn Stream<Item = Result<Event>> + Send>>;

/// Something that answers for one model.
pub trait Backend: Send + Sync + std::fmt::Debug {
    fn card(&self) -> Arc<ModelCard>;

    fn state(&self) -> ModelState;

    fn activity(&self) -> Activity;

    /// Resolves once the request has been checked, has waited its turn and is running: every refusal that can be made is
    /// made here, so that whoever waits has not sent a status yet. Dropping the future gives up the place in the queue.
    fn generate(&self, generation: Generation) -> BoxFuture<'_, Result<Events>>;

    /// Resolves when the text has been classified. Dropping the future ends that, wherever it was, as with an answer's events.
    ///
    /// A model does one of all this, as its card says, and refuses the rest.
    fn classify(&self, classification: Classification) -> BoxFuture<'_, Result<Classified>>;

    /// Resolves when the texts have been embedded. Dropping the future ends that after the step that is being computed.
    fn embed(&self, embedding: Embedding) -> BoxFuture<'_, Result<Embedded>> {
        let _ = embedding;
        Box::pin(std::future::ready(Err(Error::unsupported("model", "it makes no embeddings"))))
    }

    /// The tokens of a prompt, for whoever has to know how many they are before it is asked, and then hands them over with it.
    /// `None` where this cannot be said here: the model is somewhere else.
    fn encode<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Option<Encoded>>> {
        let _ = prompt;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Whether requests in OpenAI's words can be handed to it as they are.
    fn relays(&self) -> bool {
        false
    }

    /// As [`generate`](Self::generate), for a request that nobody has translated. To be called only where
    /// [`relays`](Self::relays) says so.
    fn relay(&self, passage: Passage) -> BoxFuture<'_, Result<Pieces>> {
        let refusal = Error::internal(format!("a request for {:?} was handed to a model that takes none", passage.model));
        Box::pin(std::future::ready(Err(refusal)))
    }

    /// The servers that answer for it, where it is a group of them.
    fn upstreams(&self) -> Vec<UpstreamReading> {
        Vec::new()
    }

    /// Refuses what comes from now on; what runs goes on.
    fn drain(&self);
}
