//! Says once that the collector is away, and once that it is back, however often either is seen.

use std::sync::{Mutex, PoisonError};

use super::collector::{Error, Signal};

/// What is known of one collector. Both signals share it, so that one outage is one warning.
#[derive(Debug)]
pub(super) struct Outage {
    endpoint: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    traces_fail: bool,
    metrics_fail: bool,
    announced: bool,
}

/// What is worth a line.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Away,
    Back,
}

impl State {
    /// Some collectors take traces and no metrics: that is one outage that never ends, not one after each batch.
    fn note(&mut self, signal: Signal, failed: bool) -> Option<News> {
        match signal {
            Signal::Traces => self.traces_fail = failed,
            Signal::Metrics => self.metrics_fail = failed,
        }
        let fails = self.traces_fail || self.metrics_fail;
        if fails == self.announced {
            return None;
        }
        self.announced = fails;
        Some(if fails { News::Away } else { News::Back })
    }
}

impl Outage {
    pub(super) fn new(endpoint: String) -> Self {
        Self { endpoint, state: Mutex::default() }
    }

    pub(super) fn note(&self, signal: Signal, outcome: &Result<(), Error>) {
        let news = self.state.lock().unwrap_or_else(PoisonError::into_inner).note(signal, outcome.is_err());
        let (endpoint, signal) = (&self.endpoint, signal.name());
        match (news, outcome) {
            (Some(News::Away), Err(error)) => tracing::warn!(
                endpoint,
                %error,
                "the collector takes no {signal}; until it does they are dropped, and nothing more is said of it. \
                 OTEL_EXPORTER_OTLP_ENDPOINT says where it is, and OTEL_SDK_DISABLED=true that there is none"
            ),
            (Some(News::Back), _) => tracing::info!(endpoint, "the collector takes traces and metrics again"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end() {
        let mut state = State::default();
        let seen = [
            (Signal::Traces, true),
            (Signal::Metrics, true),
            (Signal::Traces, true),
            (Signal::Traces, false),
            (Signal::Metrics, false),
            (Signal::Metrics, false),
            (Signal::Metrics, true),
        ];
        let news: Vec<_> = seen.into_iter().map(|(signal, failed)| state.note(signal, failed)).collect();
        assert_eq!(news, [Some(News::Away), None, None, None, Some(News::Back), None, Some(News::Away)]);
    }

    #[test]
    fn a_collector_that_takes_one_of_the_two_is_told_once() {
        let mut state = State::default();
        let batches = [(Signal::Traces, false), (Signal::Metrics, true)].into_iter().cycle().take(20);
        let news: Vec<_> = batches.filter_map(|(signal, failed)| state.note(signal, failed)).collect();
        assert_eq!(news, [News::Away]);
    }
}
