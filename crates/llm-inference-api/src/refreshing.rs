//! Newer versions of what is served, looked for again and again.

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use registry::{Declared, Entry, Origin};
use serving::{AdapterSource, Service};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Looks for newer versions of these models, and of the adapters that are served by then, as often as is said; zero: never.
pub(crate) async fn refresh(service: Service, models: Vec<String>, every: Duration) -> Infallible {
    if every.is_zero() {
        return std::future::pending().await;
    }
    let mut looks = FuturesUnordered::new();
    let mut looked_for = HashSet::new();
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let ids = models.iter().cloned().chain(changing_adapters(&service));
                for id in ids.filter(|id| looked_for.insert(id.clone())) {
                    let service = &service;
                    // Each for itself: a download of one may take an hour.
                    looks.push(async move {
                        // A failure is in the log, and the old version answers on.
                        let _ = service.refresh(&id).await;
                        id
                    });
                }
            }
            Some(id) = looks.next() => drop(looked_for.remove(&id)),
        }
    }
}

/// The models of which there may be a newer version in MLflow at any time.
pub(crate) fn changing(entries: &[Entry]) -> Vec<String> {
    entries.iter().filter(|entry| entry.origin().is_some_and(changes)).map(|entry| entry.id.clone()).collect()
}

/// The adapters of which that is so, now.
fn changing_adapters(service: &Service) -> impl Iterator<Item = String> {
    let changes =
        |source: &AdapterSource| matches!(source.place().parse(), Ok(Declared::Origin(origin)) if changes(&origin));
    service.adapter_sources().into_iter().filter(move |(_, source)| changes(source)).map(|(id, _)| id)
}

fn changes(origin: &Origin) -> bool {
    matches!(origin, Origin::MlFlow(model) if !model.is_fixed())
}
