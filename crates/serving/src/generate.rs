//! One request, one answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use backend::{Error, Event, Events, Generation, Result};
use futures_core::Stream;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::Service;
use crate::account::most_tokens;
use crate::classify::answer;
use crate::drain::{Ticket, shutting_down};
use crate::fleet::Lease;
use crate::meter::{Meter, operation};

impl Service {
    /// Resolves when the generation runs, or is refused. Dropping the future, or the events, ends it.
    pub async fn generate(&self, generation: Generation) -> Result<Events> {
        let member = self.inner.fleet.find(&generation.model)?;
        self.may_ask(member)?;
        let ticket = self.inner.drain.enter()?;
        let mut meter = Meter::start(self.inner.metrics.clone(), member.card().id.clone(), operation(&generation.prompt));
        let settings = &self.inner.settings;
        let admit = async {
            let limit = member.model.check_length(&generation, settings.max_tokens_limit)?;
            let lease = member.open().await?;
            let mut generation = generation;
            let defaults = member.model.defaults.or(lease.defaults).or(settings.defaults);
            defaults.fill(&mut generation, limit);
            meter.asked(&generation);
            generation.tenant = self.tenant();
            meter.pays(self.set_aside(most_tokens(&generation, &*lease.backend)).await?);
            let events = answer(&*lease.backend, generation).await?;
            Ok((events, lease))
        };
        let admitted = tokio::select! {
            admitted = admit => admitted,
            () = ticket.cancelled.cancelled() => Err(shutting_down()),
        };
        let running = admitted.inspect_err(|error| meter.error(error))?;
        Ok(Box::pin(Answer::new(running, meter, ticket)))
    }
}

/// The events of one generation, with everything that has to end when they do.
struct Answer {
    /// With the model, which stays open meanwhile. `None` once there is nothing more to come: what the backend held is free
    /// from then on.
    running: Option<(Events, Lease)>,
    meter: Meter,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
    _ticket: Ticket,
}

impl Answer {
    fn new(running: (Events, Lease), meter: Meter, ticket: Ticket) -> Self {
        let cancelled = Box::pin(ticket.cancelled.clone().cancelled_owned());
        Self { running: Some(running), meter, cancelled, _ticket: ticket }
    }

    /// The next event, held to the contract: what ends without `Done` has failed.
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        let Some((events, _)) = &mut self.running else { return Poll::Ready(None) };
        if self.cancelled.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(shutting_down())));
        }
        let event = ready!(events.as_mut().poll_next(context));
        Poll::Ready(Some(event.unwrap_or_else(|| Err(Error::internal("the backend's events ended without Done")))))
    }
}

impl Stream for Answer {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = ready!(self.poll_event(context));
        match &event {
            Some(Ok(event)) => self.meter.event(event),
            Some(Err(error)) => self.meter.error(error),
            None => {}
        }
        if matches!(event, Some(Ok(Event::Done(_)) | Err(_))) {
            self.running = None;
        }
        Poll::Ready(event)
    }
}
