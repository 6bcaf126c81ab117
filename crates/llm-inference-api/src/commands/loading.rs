//! Loading models where somebody waits for it.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::Result;
use engine::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use registry::Entry;

use crate::assemble::{self, Loaded};
use crate::settings::{size, types};

/// Loads a model with so much memory for its KV cache, with a bar where stderr is a terminal, and says what is worth knowing in the
/// log. `draft` is loaded with it, to guess for it.
pub(crate) fn load(
    entry: Entry,
    draft: Option<&Entry>,
    settings: &types::EngineSettings,
    kv_cache: usize,
) -> Result<Loaded> {
    let bar = bar(&entry);
    let started = Instant::now();
    let loaded = assemble::load(entry, draft, settings, kv_cache, &mut |Progress { done, total }| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let loaded = loaded?;
    for warning in &loaded.warnings {
        tracing::warn!(model = %loaded.entry.id, "{warning}");
    }
    let (card, memory) = (loaded.backend().card(), loaded.memory());
    tracing::info!(
        model = %card.id, description = %card.description, source = %loaded.entry.source, context = card.context_length,
        weight_bytes = memory.weights, kv_cache_bytes = memory.kv_cache, seconds = started.elapsed().as_secs_f64(),
        "loaded"
    );
    Ok(loaded)
}

fn bar(entry: &Entry) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let bar = ProgressBar::new(1).with_message(format!("loading {} ({})", entry.id, size(entry.size)));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {wide_bar} {percent:>3} % {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
