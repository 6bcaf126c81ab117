//! Texts as vectors.

use backend::{Embedded, Embedding, Error, Event, Result, Task};
use telemetry::Operation;

use crate::Service;
use crate::account::cost_to_embed;
use crate::meter::Meter;

impl Service {
    /// All of them together. Dropping the future ends it after the step that is being computed.
    pub async fn embed(&self, embedding: Embedding) -> Result<Embedded> {
        let member = self.inner.fleet.find(&embedding.model)?;
        self.may_ask(&member)?;
        let ticket = self.inner.drain.enter()?;
        let mut meter = Meter::of(self.inner.metrics.clone(), &member.card(), Operation::Embed);
        let embed = async {
            let lease = member.open().await?;
            if lease.backend.card().task != Task::Embed {
                return Err(Error::unsupported("model", "it makes no embeddings"));
            }
            let mut embedding = Embedding { tenant: self.tenant(), ..embedding };
            meter.pays(self.set_aside(cost_to_embed(&mut embedding, &*lease.backend)).await?);
            meter.runs();
            lease.backend.embed(embedding).await
        };
        let embedded = ticket.run(embed).await.inspect_err(|error| meter.error(error))?;
        meter.event(&Event::Done(embedded.usage));
        Ok(embedded)
    }
}
