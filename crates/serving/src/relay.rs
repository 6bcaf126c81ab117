//! A request that is handed on in the client's own words, to a model that runs on other servers.

use backend::{Endpoint, Error, Passage, Pieces, Result};
use telemetry::Operation;

use crate::Service;
use crate::drain::shutting_down;
use crate::fleet::Member;
use crate::generate::Answer;
use crate::meter::Meter;

/// A token is seldom less.
const BYTES_OF_A_TOKEN: usize = 3;

impl Service {
    /// Whether requests for the model of this name are to be handed on.
    pub fn relays(&self, name: &str) -> bool {
        self.inner.fleet.find(name).is_ok_and(|member| member.remote().is_some())
    }

    /// Resolves when the answer begins. Dropping the future, or the answer, ends it.
    pub async fn relay(&self, passage: Passage) -> Result<Pieces> {
        let member = self.member(&passage.model)?;
        let mut answered = self.relay_on(member, passage.clone()).await;
        for fallback in self.fallbacks(member).filter(|fallback| fallback.remote().is_some()) {
            if !answered.as_ref().is_err_and(Error::is_its_models) {
                break;
            }
            answered = self.relay_on(fallback, passage.clone()).await;
        }
        answered
    }

    /// Of the models that may be asked in the place of this one, the first that runs here: what it is asked has to be translated.
    pub fn fallback_here(&self, name: &str) -> Option<String> {
        let member = self.member(name).ok()?;
        let here = self.fallbacks(member).find(|fallback| fallback.remote().is_none());
        here.map(|member| member.card().id.clone())
    }

    async fn relay_on(&self, member: &Member, mut passage: Passage) -> Result<Pieces> {
        let ticket = self.inner.drain.enter()?;
        let mut meter = Meter::start(self.inner.metrics.clone(), member.card().id.clone(), operation(passage.endpoint));
        let admit = async {
            let limit = member.model.check_length(passage.max_tokens, self.inner.settings.max_tokens_limit)?;
            let lease = member.open().await?;
            passage.tenant = self.tenant();
            let most = most_tokens(&passage, passage.max_tokens.unwrap_or(limit).get());
            meter.pays(self.set_aside(std::future::ready(Ok(most))).await?);
            let pieces = lease.backend.relay(passage).await?;
            Ok((pieces, lease))
        };
        let admitted = tokio::select! {
            admitted = admit => admitted,
            () = ticket.cancelled.cancelled() => Err(shutting_down()),
        };
        let running = admitted.inspect_err(|error| meter.error(error))?;
        Ok(Box::pin(Answer::new(running, meter, ticket)))
    }
}

/// Prompt and answers together, as far as can be said here.
fn most_tokens(passage: &Passage, each: u32) -> u64 {
    let prompt = passage.body.len().div_ceil(BYTES_OF_A_TOKEN) as u64;
    prompt + u64::from(each) * u64::from(passage.choices)
}

const fn operation(endpoint: Endpoint) -> Operation {
    match endpoint {
        Endpoint::ChatCompletions => Operation::Chat,
        Endpoint::Completions => Operation::TextCompletion,
    }
}
