//! The handle, asked for a text: checks what only this model can know, and gives back the events of the answer.

use backend::{Error, Events, Generation, Prompt, Result};
use tokio::sync::{mpsc, oneshot};

use crate::Engine;
use crate::events::EventStream;
use crate::job::{Asked, Job, Reader};

impl Engine {
    /// Resolves when the answer is begun.
    pub(crate) async fn start_generation(&self, generation: Generation) -> Result<Events> {
        if self.classifier.is_some() {
            return Err(Error::unsupported("model", "it classifies texts and writes none"));
        }
        self.check_draining()?;
        let mut generation = generation;
        let adapter = self.own(generation.adapter.take())?;
        let encoded = generation.encoded.take();
        let prompt = self.prompts.tokens(&generation.prompt, encoded).await?;
        generation.check_prompt_tokens(prompt.len())?;
        let max_new = self.prompts.encoder().completion_length(&generation, prompt.len())?;
        self.prompts.encoder().check_bias(&generation)?;
        let (admitted, admission) = oneshot::channel();
        let (sender, events) = mpsc::channel(Job::most_events(max_new, generation.choices.get()));
        let asked = Asked {
            prompt,
            max_new,
            continues: !matches!(generation.prompt, Prompt::Chat(_)),
            sampling: generation.sampling,
            stop: generation.stop,
            choices: generation.choices.get(),
            logprobs: generation.logprobs,
            echo: generation.echo.is_some(),
            priority: generation.priority,
            tenant: generation.tenant,
            adapter,
        };
        self.admit(Job { asked, admitted, reader: Reader::Events(sender) }, admission).await?;
        Ok(Box::pin(EventStream::new(events)))
    }
}
