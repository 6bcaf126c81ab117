//! What the server costs as a gateway: the same requests to a server that answers at once, straight and through whoever stands
//! between, in turn.

mod contenders;
mod figures;
mod load;
mod processors;

use std::time::Duration;

use anyhow::{Context, Result};

use self::contenders::{Contender, LITELLM, NGINX, Stand};
use super::report::Report;
use super::resident::Resident;
use super::statistics::percentile;
use super::{Plan, release};
use xtask::repository;

/// Requests a second that all of them can answer, and one that LiteLLM cannot.
const RATES: [u32; 2] = [100, 1000];
const MOST_OF_LITELLM: u32 = 100;
const CLIENTS: usize = 64;
const TIME: Duration = Duration::from_secs(5);
const STREAMS: usize = 20;
const CHUNKS: usize = 500;
/// Percentiles of how long clients wait.
const PERCENTS: [usize; 3] = [50, 95, 99];

/// What was measured of one of them, a value for each round.
#[derive(Debug, Default)]
struct Rounds {
    /// For each rate each percentile, in milliseconds.
    waits: [[Vec<f64>; PERCENTS.len()]; RATES.len()],
    /// Requests a second at most, and for each second of a processor.
    most: Vec<f64>,
    most_of_processor: Vec<f64>,
    /// How long a stream takes for each of its chunks, in microseconds.
    chunk: Vec<f64>,
    /// In bytes, at most so far.
    resident: Vec<f64>,
}

struct Measured {
    name: &'static str,
    contender: Contender,
    rounds: Rounds,
}

pub(super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    plan.now("building the server");
    let binary = plan.options.server.clone().map_or_else(release::server, Ok)?;
    plan.now("starting the servers");
    let (stand, upstream) = Stand::upstream(repository::root().join("target/bench/gateway"))?;
    let measured = |name, contender| Measured { name, contender, rounds: Rounds::default() };
    let mut all = vec![measured("direct", upstream), measured("gateway", stand.ours(&binary)?)];
    for (name, contender) in [(NGINX, stand.nginx()?), (LITELLM, stand.litellm()?)] {
        match contender {
            Some(contender) => all.push(measured(name, contender)),
            None => report.note(format!("{name} is not installed")),
        }
    }
    // The first round is to warm up.
    for round in 0..=plan.rounds() {
        for one in &mut all {
            plan.now(format!("round {round}: {}", one.name));
            one.measure(round > 0).with_context(|| format!("{} failed", one.name))?;
        }
    }
    figures::push(&all, report);
    // Those behind end last.
    all.iter_mut().rev().for_each(|one| drop(one.contender.process.stop()));
    Ok(())
}

impl Measured {
    /// One round, which is kept if it counts.
    fn measure(&mut self, counts: bool) -> Result<()> {
        let target = &self.contender.target;
        let process = self.contender.process.process();
        let mut waits = Vec::new();
        for rate in RATES.into_iter().filter(|rate| self.name != LITELLM || *rate <= MOST_OF_LITELLM) {
            waits.push(target.at_rate(rate, TIME)?);
        }
        let before = processors::time(process)?;
        let most = target.at_most(CLIENTS, TIME)?;
        let taken = processors::time(process)?.saturating_sub(before);
        let streams = target.streams(STREAMS, CHUNKS)?;
        if counts {
            for (times, values) in waits.iter().zip(&mut self.rounds.waits) {
                PERCENTS.iter().zip(values).for_each(|(percent, values)| values.push(percentile(times, *percent) * 1e3));
            }
            self.rounds.most.push(most);
            self.rounds.most_of_processor.push(most * TIME.as_secs_f64() / taken.as_secs_f64());
            self.rounds.chunk.push(percentile(&streams, 50) * 1e6 / CHUNKS as f64);
            self.rounds.resident.push(Resident::of(process)?.peak as f64);
        }
        Ok(())
    }
}
