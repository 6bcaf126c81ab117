//! What the clients saw of each server, and what each of them took, as figures.

use anyhow::Result;

use super::clients::Load;
use super::http::Contender;
use super::report::{Figure, Limit, Report, Share};
use super::statistics::median;

/// Something that a load has, or a server.
struct Reading<Of, Value> {
    name: &'static str,
    unit: &'static str,
    of: fn(&Of) -> Value,
}

const LOAD: [Reading<Load, f64>; 6] = [
    Reading { name: "requests", unit: "/s", of: Load::requests },
    Reading { name: "first token, median", unit: "s", of: |load| load.first(50) },
    Reading { name: "first token, 95 %", unit: "s", of: |load| load.first(95) },
    Reading { name: "between tokens, median", unit: "s", of: |load| load.between(50) },
    Reading { name: "between tokens, 95 %", unit: "s", of: |load| load.between(95) },
    Reading { name: "taken by the clients themselves", unit: "of a processor", of: Load::own_share },
];

const MEGABYTES: &str = "MB";

const PROCESS: [Reading<Contender, Result<Option<f64>>>; 4] = [
    Reading {
        name: "ready after",
        unit: "s",
        of: |of| Ok(of.process.as_ref().map(|process| process.ready_after().as_secs_f64())),
    },
    Reading {
        name: "memory when loaded",
        unit: MEGABYTES,
        of: |of| Ok(of.loaded.map(|resident| resident.now as f64 / 1e6)),
    },
    Reading {
        name: "memory after the load",
        unit: MEGABYTES,
        of: |of| Ok(of.resident()?.map(|resident| resident.now as f64 / 1e6)),
    },
    Reading {
        name: "memory at most",
        unit: MEGABYTES,
        of: |of| Ok(of.resident()?.map(|resident| resident.peak as f64 / 1e6)),
    },
];

/// The first of the contenders is ours. `alone` is what the engine without a server reached in each round, in tokens a second;
/// `allowed` are the bytes of the model's file and of the KV cache.
pub(super) fn push(
    report: &mut Report,
    clients: usize,
    alone: &[f64],
    contenders: &[Contender],
    allowed: u64,
) -> Result<()> {
    let Some((ours, others)) = contenders.split_first() else { return Ok(()) };
    let name = |what: &str| format!("{clients} clients: {what}");
    report.push(Figure::new(name("engine alone"), median(alone), "tokens/s"));
    let of_engine = |(load, alone): (&Load, &f64)| {
        let rate = load.rate();
        (rate, Share { share: rate / alone, of: Limit::Engine })
    };
    let rounds: Vec<_> = ours.loads.iter().zip(alone).map(of_engine).collect();
    report.push(beside(Figure::of_rounds(name("output"), &rounds, "tokens/s"), others, Load::rate));
    for Reading { name: what, unit, of } in LOAD {
        let values: Vec<_> = ours.loads.iter().map(of).collect();
        report.push(beside(Figure::new(name(what), median(&values), unit), others, of));
    }
    for Reading { name: what, unit, of } in PROCESS {
        let Some(value) = of(ours)? else { continue };
        let mut figure = Figure::new(name(what), value, unit);
        if unit == MEGABYTES {
            figure = figure.share(Share { share: value * 1e6 / allowed as f64, of: Limit::FileAndCache });
        }
        for other in others {
            figure = figure.beside(other.name, of(other)?.as_slice());
        }
        report.push(figure);
    }
    Ok(())
}

fn beside(figure: Figure, others: &[Contender], of: fn(&Load) -> f64) -> Figure {
    let values = |other: &Contender| other.loads.iter().map(of).collect::<Vec<_>>();
    others.iter().fold(figure, |figure, other| figure.beside(other.name, &values(other)))
}
