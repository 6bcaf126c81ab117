//! One request, one answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use backend::{Error, Event, Events, Generation, Result};
use futures_core::Stream;
use futures_util::{FutureExt, StreamExt};
use tokio::task::unconstrained;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::Service;
use crate::account::cost;
use crate::classify::answer;
use crate::drain::{Ticket, cut_off};
use crate::fleet::{Lease, Member};
use crate::meter::{Meter, Metered, operation};

impl Service {
    /// Resolves when the generation runs, or is refused. Dropping the future, or the events, ends it.
    pub async fn generate(&self, generation: Generation) -> Result<Events> {
        let member = self.member(&generation.model)?;
        self.in_turn(member, generation, |member, generation| self.generate_on(member, generation)).await
    }

    /// By id or alias, if whoever asks may ask it.
    pub(crate) fn member(&self, name: &str) -> Result<Arc<Member>> {
        let member = self.inner.fleet.find(name)?;
        self.may_ask(&member)?;
        Ok(member)
    }

    async fn generate_on(&self, member: Arc<Member>, generation: Generation) -> Result<Events> {
        let ticket = self.inner.drain.enter()?;
        let mut meter = Meter::of(self.inner.metrics.clone(), &member.card(), operation(&generation.prompt));
        let settings = &self.inner.settings;
        let admit = async {
            let limit = member.model.check_length(generation.max_tokens, settings.max_tokens_limit)?;
            let lease = member.open().await?;
            let mut generation = generation;
            let own = member.model.defaults.or(lease.defaults);
            // Another server knows its model, and what this one would say.
            let defaults = if member.remote().is_some() { own } else { own.or(settings.defaults) };
            defaults.fill(&mut generation, limit);
            meter.asked(&generation);
            generation.tenant = generation.tenant.within(self.tenant());
            generation.hops = self.hops.clone();
            generation.adapter.clone_from(&lease.adapter);
            meter.pays(self.set_aside(cost(&mut generation, &*lease.backend)).await?);
            if member.remote().is_some() {
                // Its server may be at work before it says anything. Here, nothing is done for what waits for its turn.
                meter.runs();
            }
            let events = answer(&*lease.backend, generation).await?;
            meter.runs();
            Ok((events, lease))
        };
        let running = ticket.run(admit).await.inspect_err(|error| meter.error(error))?;
        Ok(Box::pin(Answer::new(running, meter, ticket)))
    }
}

/// The parts of one answer as they come.
type Parts<T> = Pin<Box<dyn Stream<Item = Result<T>> + Send>>;

/// The parts of one answer, with everything that has to end when they do.
pub(crate) struct Answer<T: Metered> {
    /// With the model, which stays open meanwhile. `None` once there is nothing more to come: what the backend held is free
    /// from then on.
    running: Option<(Parts<T>, Lease)>,
    meter: Meter,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
    _ticket: Ticket,
}

impl<T: Metered> Answer<T> {
    pub(crate) fn new(running: (Parts<T>, Lease), meter: Meter, ticket: Ticket) -> Self {
        let cancelled = Box::pin(ticket.cancelled.clone().cancelled_owned());
        Self { running: Some(running), meter, cancelled, _ticket: ticket }
    }

    /// The next event, held to the contract: what ends without `Done` has failed.
    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        // Taken out meanwhile: what panics is not to be asked again.
        let Some((mut parts, lease)) = self.running.take() else { return Poll::Ready(None) };
        if self.cancelled.as_mut().poll(context).is_ready() {
            self.running = Some((parts, lease));
            return Poll::Ready(Some(Err(cut_off())));
        }
        let part = parts.as_mut().poll_next(context);
        self.running = Some((parts, lease));
        let part = ready!(part);
        Poll::Ready(Some(part.unwrap_or_else(|| Err(Error::internal("the backend's events ended without Done")))))
    }
}

impl<T: Metered> Stream for Answer<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let part = ready!(self.poll_part(context));
        let mut ended = false;
        match &part {
            Some(Ok(part)) => {
                for event in part.events() {
                    self.meter.event(event);
                    ended |= matches!(event, Event::Done(_));
                }
            }
            Some(Err(error)) => {
                self.meter.error(error);
                ended = true;
            }
            None => {}
        }
        if ended {
            self.running = None;
        }
        Poll::Ready(part)
    }
}

impl<T: Metered> Drop for Answer<T> {
    /// What was made and not taken is paid for: a client that lets nothing through has the model work all the same.
    fn drop(&mut self) {
        let Some((parts, _)) = &mut self.running else { return };
        let meter = &mut self.meter;
        let untaken = async {
            while let Some(Ok(part)) = parts.next().await {
                part.events().iter().for_each(|event| meter.untaken(event));
            }
        };
        // As far as it is there; a task's budget is not to hide the rest.
        unconstrained(untaken).now_or_never();
    }
}
