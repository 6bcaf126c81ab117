//! A second request that begins as an earlier one did: its first token should come as soon as if the rest were all of it.

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::Result;

use super::Plan;
use super::clients::{self, Load};
use super::engine_target::EngineTarget;
use super::report::{Figure, Limit, Report, Share};
use super::workload::Workload;

/// Tokens that both requests begin with.
const PREFIX: usize = 1000;
/// Tokens that the second has behind them.
const NEW: [usize; 2] = [100, 256];

pub(super) fn measure(plan: &Plan, path: &Path, report: &mut Report) -> Result<()> {
    plan.now("the same beginning");
    let longest = PREFIX + NEW.iter().max().unwrap_or(&0) + 1;
    // Room for what the rounds leave behind, so that nothing has to be let go.
    let sequences = NonZeroUsize::MIN.saturating_add(2 * plan.rounds());
    let target = EngineTarget::start(path, plan.threads, sequences, longest.next_multiple_of(64), None)?;
    for new in NEW {
        let mut rounds = Vec::new();
        for round in 0..plan.rounds() {
            let workload = Workload { vocabulary: target.vocabulary, seed: (round * 1000 + new) as u64 };
            let ask = |prompt: Vec<u32>| clients::run(&target, &[prompt], 1, 1).map(|load: Load| load.first(50));
            let prefix = workload.tokens("prefix", PREFIX);
            ask(prefix.clone())?;
            let alone = ask(workload.tokens("alone", new))?;
            let second = ask([prefix, workload.tokens("new", new)].concat())?;
            rounds.push((second, Share { share: second / alone, of: Limit::RestAlone }));
        }
        let name = format!("first token, {new} new behind {PREFIX} known");
        report.push(Figure::of_rounds(name, &rounds, "s"));
    }
    Ok(())
}
