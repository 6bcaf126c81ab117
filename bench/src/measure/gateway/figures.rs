//! What the rounds come to: what each adds to going straight, ours beside the others and beside the goals.

use super::{CHUNKS, CLIENTS, Measured, PERCENTS, RATES, Rounds};
use crate::measure::report::{Figure, Report};
use crate::measure::statistics::median;

const GOAL: &str = "goal";
/// Milliseconds that may be added to each percentile at the highest rate, where there is a goal.
const ADDED: [Option<f64>; PERCENTS.len()] = [Some(0.2), None, Some(1.0)];
/// Microseconds that may be added to each chunk of a stream.
const ADDED_TO_CHUNK: f64 = 20.0;

/// Straight first, then ours, then the others.
pub(super) fn push(all: &[Measured], report: &mut Report) {
    let [direct, ours, others @ ..] = all else { return };
    let beside = |figure: Figure, values: &dyn Fn(&Rounds) -> Vec<f64>| {
        others.iter().fold(figure, |figure, other| figure.beside(other.name, &values(&other.rounds)))
    };
    let mut push = |name: String, unit, goal: Option<f64>, values: &dyn Fn(&Rounds) -> Vec<f64>| {
        let figure = beside(Figure::new(name, median(&values(&ours.rounds)), unit), values);
        report.push(goal.into_iter().fold(figure, |figure, goal| figure.beside(GOAL, &[goal])));
    };
    for (at, rate) in RATES.into_iter().enumerate() {
        for (of, percent) in PERCENTS.into_iter().enumerate() {
            let goal = ADDED[of].filter(|_| at + 1 == RATES.len());
            let name = format!("{rate} requests/s: added at {percent} %");
            push(name, "ms", goal, &|rounds| added(&rounds.waits[at][of], &direct.rounds.waits[at][of]));
        }
    }
    push(format!("{CLIENTS} clients: requests"), "/s", None, &|rounds| rounds.most.clone());
    push(format!("{CLIENTS} clients: requests of one processor"), "/s", None, &|rounds| rounds.most_of_processor.clone());
    push(format!("a stream of {CHUNKS}: added to a chunk"), "µs", Some(ADDED_TO_CHUNK), &|rounds| {
        added(&rounds.chunk, &direct.rounds.chunk)
    });
    push("memory at most".into(), "MB", None, &|rounds| rounds.resident.iter().map(|bytes| bytes / 1e6).collect());
    report.note(format!(
        "straight: {:.2} ms at the median of {} requests/s, {:.0} requests/s of {CLIENTS} clients, {:.1} µs a chunk",
        median(&direct.rounds.waits[RATES.len() - 1][0]),
        RATES[RATES.len() - 1],
        median(&direct.rounds.most),
        median(&direct.rounds.chunk),
    ));
}

/// Round by round, because the machine's speed moves between them.
fn added(through: &[f64], straight: &[f64]) -> Vec<f64> {
    through.iter().zip(straight).map(|(through, straight)| through - straight).collect()
}
