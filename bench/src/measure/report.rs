//! What was measured.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::listing::Listing;
use super::statistics::median;

#[derive(Debug)]
pub(super) struct Report {
    pub(super) machine: String,
    model: Option<String>,
    pub(super) figures: Vec<Figure>,
    /// Under their titles.
    pub(super) listings: Vec<(&'static str, Listing)>,
    /// What else one should know to read the figures.
    pub(super) notes: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    pub(super) share: Option<Share>,
    /// Others' values of the same.
    pub(super) beside: Vec<(&'static str, f64)>,
}

/// What part of a limit a figure is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share {
    pub(super) share: f64,
    pub(super) of: Limit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// Read bandwidth.
    Memory,
    Arithmetic,
    /// The engine in this process, without a server around it.
    Engine,
    /// The model's file and the KV cache.
    FileAndCache,
    /// A step of one sequence.
    Step,
    /// A request that has only what is new of this one.
    RestAlone,
    /// The same on the model alone, without adapters or a draft model.
    ModelAlone,
}

impl Limit {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Arithmetic => "arithmetic",
            Self::Engine => "engine",
            Self::FileAndCache => "file + KV",
            Self::Step => "a step",
            Self::RestAlone => "the rest alone",
            Self::ModelAlone => "the model alone",
        }
    }
}

impl Figure {
    pub(super) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, share: None, beside: Vec::new() }
    }

    /// The medians over several rounds.
    pub(super) fn of_rounds(name: impl Into<String>, rounds: &[(f64, Share)], unit: &'static str) -> Self {
        let values: Vec<f64> = rounds.iter().map(|(value, _)| *value).collect();
        let figure = Self::new(name, median(&values), unit);
        let Some((_, first)) = rounds.first() else { return figure };
        // A round may have been nearer to the other limit.
        let shares: Vec<f64> =
            rounds.iter().filter(|(_, share)| share.of == first.of).map(|(_, share)| share.share).collect();
        figure.share(Share { share: median(&shares), of: first.of })
    }

    pub(super) fn share(mut self, share: Share) -> Self {
        self.share = Some(share);
        self
    }

    /// Another's values of the same, of which the median counts; nothing if there are none.
    pub(super) fn beside(mut self, name: &'static str, values: &[f64]) -> Self {
        if !values.is_empty() {
            self.beside.push((name, median(values)));
        }
        self
    }

    fn json(&self) -> Value {
        let share = self.share.map(|share| json!({"of": share.of.name(), "share": share.share}));
        let beside =
            |(name, value): &(&'static str, f64)| json!({"name": name, "value": value, "ratio": self.value / value});
        let beside: Vec<_> = self.beside.iter().map(beside).collect();
        json!({"name": self.name, "value": self.value, "unit": self.unit, "limit": share, "beside": beside})
    }
}

impl Report {
    pub(super) fn new(threads: NonZeroUsize, model: Option<&Path>) -> Self {
        let isa = kernels::Isa::detect();
        let model = model.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let machine = format!("{}, {isa}, {threads} threads", processor());
        Self { machine, model, figures: Vec::new(), listings: Vec::new(), notes: Vec::new() }
    }

    pub(super) fn push(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    pub(super) fn list(&mut self, title: &'static str, listing: Listing) {
        self.listings.push((title, listing));
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The first line of a table.
    pub(super) fn title(&self) -> String {
        match &self.model {
            Some(model) => format!("{model} on {}", self.machine),
            None => self.machine.clone(),
        }
    }

    pub(super) fn json(&self) -> Value {
        let figures: Vec<_> = self.figures.iter().map(Figure::json).collect();
        let listings: Map<_, _> =
            self.listings.iter().map(|(title, listing)| ((*title).to_owned(), listing.json())).collect();
        json!({
            "machine": self.machine,
            "model": self.model,
            "figures": figures,
            "listings": listings,
            "notes": self.notes,
        })
    }
}

/// As Linux calls it.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim()));
    name.unwrap_or("an unknown processor").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_of_rounds_has_their_medians() {
        let round = |value, share| (value, Share { share, of: Limit::Memory });
        let rounds = [round(30.0, 0.5), round(90.0, 0.9), round(40.0, 0.6)];
        let figure = Figure::of_rounds("decode", &rounds, "tokens/s").beside("llama.cpp", &[10.0, 20.0, 90.0]);
        let json = figure.json();
        assert_eq!(json["value"], 40.0);
        assert_eq!(json["limit"]["share"], 0.6);
        assert_eq!(json["beside"][0]["ratio"], 2.0);
    }
}
