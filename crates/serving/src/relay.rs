//! A request that is handed on in the client's own words, to a model that runs on other servers.

use std::fmt;
use std::sync::Arc;

use backend::{Endpoint, MaxTokens, Passage, Pieces, Result, estimated_tokens};
use telemetry::Operation;

use crate::account::Cost;
use crate::fleet::Member;
use crate::generate::Answer;
use crate::meter::Meter;
use crate::{Defaults, Service};

/// Who answers a request that was to be handed on.
pub enum Relayed<T> {
    /// A server, in its own words.
    There(Pieces),
    /// A model that runs here, because none of those servers could.
    Here(T),
}

impl<T> fmt::Debug for Relayed<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if matches!(self, Self::There(_)) { "There" } else { "Here" })
    }
}

impl Service {
    /// Whether there is any model of which requests are handed on.
    pub fn relays_any(&self) -> bool {
        self.inner.fleet.models().iter().any(|member| member.remote().is_some())
    }

    /// Whether requests for the model of this name are to be handed on.
    pub fn relays(&self, name: &str) -> bool {
        self.inner.fleet.find(name).is_ok_and(|member| member.remote().is_some())
    }

    /// Resolves when the answer begins. Dropping the future, or the answer, ends it. `here` asks a model of this id that runs here, in the
    /// place of the one that cannot answer: what such a model is asked has to be translated first.
    pub async fn relay<T, F>(&self, passage: Passage, here: impl Fn(String) -> F) -> Result<Relayed<T>>
    where
        F: Future<Output = Result<T>>,
    {
        let member = self.member(&passage.model)?;
        let here = &here;
        self.in_turn(member, passage, |member, passage| async move {
            match member.remote() {
                Some(_) => self.relay_on(member, passage).await.map(Relayed::There),
                None => here(member.card().id.clone()).await.map(Relayed::Here),
            }
        })
        .await
    }

    async fn relay_on(&self, member: Arc<Member>, mut passage: Passage) -> Result<Pieces> {
        let ticket = self.inner.drain.enter()?;
        let mut meter = Meter::of(self.inner.metrics.clone(), &member.card(), operation(passage.endpoint));
        let admit = async {
            let limit = member.model.check_length(passage.max_tokens, self.inner.settings.max_tokens_limit)?;
            let lease = member.open().await?;
            passage.tenant = self.tenant();
            passage.hops = self.hops.clone();
            let context = lease.backend.card().context_length;
            fill(&mut passage, member.model.defaults, limit, context);
            let cost = cost(&passage, context);
            meter.pays(self.set_aside(std::future::ready(Ok(cost))).await?);
            meter.runs();
            let pieces = lease.backend.relay(passage).await?;
            Ok((pieces, lease))
        };
        let running = ticket.run(admit).await.inspect_err(|error| meter.error(error))?;
        Ok(Box::pin(Answer::new(running, meter, ticket)))
    }
}

/// What the model's owner wants where the client says nothing. An answer has its limit also where the client names none, unless
/// prompt and limit might exceed the context: servers refuse that, and the context is limit enough. `context`: 0 if it is not known.
fn fill(passage: &mut Passage, defaults: Defaults, limit: MaxTokens, context: u32) {
    let Defaults { temperature, top_p, top_k, min_p, repetition_penalty, max_tokens } = defaults;
    let most = Defaults::most_tokens(max_tokens, limit);
    let longest = passage.body.len() as u64 + u64::from(most.get());
    if passage.max_tokens.is_none() && (context == 0 || longest <= u64::from(context)) {
        passage.max_tokens = Some(most);
        passage.unsaid.push(("max_tokens", most.to_string()));
    }
    let others = [
        ("temperature", temperature.map(|value| value.get().to_string())),
        ("top_p", top_p.map(|value| value.get().to_string())),
        ("top_k", top_k.map(|value| value.to_string())),
        ("min_p", min_p.map(|value| value.get().to_string())),
        ("repetition_penalty", repetition_penalty.map(|value| value.get().to_string())),
    ];
    passage.unsaid.extend(others.into_iter().filter_map(|(name, json)| Some((name, json?))));
}

/// As far as can be said here: where nobody says how many tokens, as many as the context has.
fn cost(passage: &Passage, context: u32) -> Cost {
    let prompt = estimated_tokens(passage.body.len());
    let each = passage.max_tokens.map_or(context, MaxTokens::get);
    Cost { prompt, most: u64::from(prompt) + u64::from(each) * u64::from(passage.choices) }
}

const fn operation(endpoint: Endpoint) -> Operation {
    match endpoint {
        Endpoint::ChatCompletions => Operation::Chat,
        Endpoint::Completions => Operation::TextCompletion,
    }
}
