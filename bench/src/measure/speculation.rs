//! A draft model that guesses, beside the same requests without one.

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context, Result};
use checkpoint::Checkpoint;
use engine::{GuessSource, Speculation};

use super::Plan;
use super::clients;
use super::engine_target::EngineTarget;
use super::report::{Figure, Limit, Report, Share};
use super::workload::{LONGEST, Workload};

/// The server's default.
const GUESSES: NonZeroUsize = NonZeroUsize::new(10).unwrap();

pub(super) fn measure(plan: &Plan, path: &Path, draft: &Path, report: &mut Report) -> Result<()> {
    plan.now("loading the models");
    let generate = plan.options.generate.get();
    let sequences = plan.options.clients.iter().copied().max().unwrap_or(NonZeroUsize::MIN);
    let room = (LONGEST + generate).next_multiple_of(64);
    let plain = EngineTarget::start(path, plan.threads, sequences, room, None)?;
    let source = Checkpoint::open(draft).with_context(|| format!("cannot open {}", draft.display()))?;
    let source = GuessSource::Model(Box::new(source));
    let speculation = Speculation { source, tokens: GUESSES, adaptive: true };
    // Twice, for the draft model's keys and values are no larger than the model's own.
    let guessing = EngineTarget::start(path, plan.threads, sequences, 2 * room, Some(speculation))?;
    for clients in plan.options.clients.iter().map(|count| count.get()) {
        let workload = |round| Workload { vocabulary: plain.vocabulary, seed: (1000 * clients + round) as u64 };
        let requests = clients * plan.options.requests.get();
        // What steps cost is learned first.
        clients::run(&guessing, &workload(0).prompts(clients), clients, generate)?;
        let before = guessing.activity();
        let mut rounds = Vec::new();
        for round in 1..=plan.rounds() {
            plan.now(format!("round {round}: {clients} at a time, with and without a draft model"));
            let prompts = workload(round).prompts(requests);
            let rate = |target| Ok::<_, anyhow::Error>(clients::run(target, &prompts, clients, generate)?.rate());
            let (alone, guessed) = (rate(&plain)?, rate(&guessing)?);
            rounds.push((guessed, Share { share: guessed / alone, of: Limit::ModelAlone }));
        }
        let after = guessing.activity();
        let (drafted, accepted) = (after.draft_tokens - before.draft_tokens, after.accepted_tokens - before.accepted_tokens);
        let who = if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") };
        report.push(Figure::of_rounds(format!("draft model, {who}"), &rounds, "tokens/s"));
        // Where guesses do not pay there are none.
        if drafted > 0 {
            let right = 100.0 * accepted as f64 / drafted as f64;
            report.push(Figure::new(format!("guesses that came true, {who}"), right, "%"));
        }
    }
    Ok(())
}
