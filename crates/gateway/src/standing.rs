//! All that is known of one server now.

use std::time::Duration;

use backend::UpstreamReading;
use tokio::time::Instant;

use crate::balance::Candidate;
use crate::beginnings::Beginnings;
use crate::breaker::{Breaker, Pass};
use crate::failure::{Failure, KINDS, Verdict};
use crate::health::{EVERY_WHILE_DOWN, Health};
use crate::latency::Latency;
use crate::question::hash;
use crate::settings::UpstreamSettings;

#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Stands for its address and what it calls the model.
    name: u64,
    breaker: Breaker,
    pub(crate) health: Health,
    latency: Latency,
    pub(crate) in_flight: u32,
    /// It asked to be left alone until then.
    rests_until: Option<Instant>,
    requests: u64,
    failures: [u64; KINDS.len()],
    beginnings: Beginnings,
    pub(crate) without_usage: u64,
}

impl Standing {
    pub(crate) fn of(settings: &UpstreamSettings) -> Self {
        Self { name: hash(&(&settings.address, &settings.model)), ..Self::default() }
    }

    /// When a request may be sent to it, as far as can be said.
    pub(crate) fn opens_at(&self, now: Instant) -> Instant {
        if self.health.is_up() { self.breaker.opens_at(now) } else { now + 2 * EVERY_WHILE_DOWN }
    }

    pub(crate) fn is_open(&self, now: Instant) -> bool {
        self.opens_at(now) == now
    }

    pub(crate) fn has_room(&self, settings: &UpstreamSettings) -> bool {
        settings.max_concurrent.is_none_or(|most| self.in_flight < most.get())
    }

    pub(crate) fn rests(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|until| until > now)
    }

    pub(crate) fn candidate(&self, index: usize, settings: &UpstreamSettings, now: Instant) -> Candidate {
        let (weight, latency) = (settings.weight.get(), self.latency.seconds(now));
        Candidate { index, name: self.name, weight, in_flight: self.in_flight, latency }
    }

    /// A request is sent to it.
    pub(crate) fn take(&mut self, now: Instant) -> Pass {
        self.in_flight += 1;
        self.requests += 1;
        self.breaker.pass(now)
    }

    pub(crate) fn began(&mut self, took: Duration, now: Instant) {
        self.beginnings.observe(took);
        self.latency.observe(took, now);
    }

    pub(crate) fn is_there(&mut self, pass: &mut Pass) {
        self.breaker.is_there(pass);
    }

    pub(crate) fn answered(&mut self, pass: &mut Pass, now: Instant) {
        self.breaker.answered(pass, now);
    }

    pub(crate) fn succeeded(&mut self, pass: Pass) {
        self.breaker.succeeded(pass);
    }

    /// `request` stands for what was asked.
    pub(crate) fn failed(&mut self, pass: Pass, failure: &Failure, request: u64, now: Instant) {
        self.failures[failure.number()] += 1;
        match failure.verdict() {
            Verdict::Fault => self.breaker.failed(pass, now),
            Verdict::Doubt => self.breaker.doubted(pass, request, now),
            Verdict::Refusal => self.breaker.succeeded(pass),
            Verdict::Busy { until_in } => {
                self.rests_until = self.rests_until.max(Some(now + until_in));
                self.breaker.succeeded(pass);
            }
        }
    }

    /// `waited`: for how long, where nothing has come of it.
    pub(crate) fn given_up(&mut self, pass: Pass, waited: Option<Duration>, now: Instant) {
        if let Some(waited) = waited {
            self.latency.at_least(waited, now);
        }
        self.breaker.given_up(pass, now);
    }

    pub(crate) fn reading(&self, settings: &UpstreamSettings, now: Instant) -> UpstreamReading {
        UpstreamReading {
            address: settings.address.to_string(),
            usable: self.is_open(now),
            breaker: self.breaker.state(),
            in_flight: self.in_flight,
            requests: self.requests,
            failures: KINDS.into_iter().zip(self.failures).collect(),
            beginnings: self.beginnings.reading(),
            latency_seconds: self.latency.seconds(now),
            without_usage: self.without_usage,
        }
    }
}
