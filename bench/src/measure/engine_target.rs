//! The engine in this process, asked by way of the contract that the server uses too.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use backend::{Activity, Backend, Event, Generation, MaxTokens, Prompt, Sampling, Stop, Temperature, Tenant};
use checkpoint::Checkpoint;
use engine::{Engine, EngineSettings, Speculation};
use futures_util::StreamExt;

use super::clients::{Answer, Target};
use super::subject::cache_bytes_per_token;

/// Nothing is refused for having waited: what is measured is how long it takes.
const PATIENCE: Duration = Duration::from_hours(1);

pub(super) struct EngineTarget {
    engine: Arc<Engine>,
    /// Counts runs: what one left in the cache of prefixes is none of the next one's.
    run: AtomicUsize,
    /// Words of the vocabulary.
    pub(super) vocabulary: usize,
    /// Bytes of keys and values of a token.
    pub(super) cache_bytes: usize,
}

impl EngineTarget {
    /// With room for `sequences` of `tokens` each, all of which run together.
    pub(super) fn start(
        path: &Path,
        threads: NonZeroUsize,
        sequences: NonZeroUsize,
        tokens: usize,
        speculation: Option<Speculation>,
    ) -> Result<Self> {
        let checkpoint = Checkpoint::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let cache_bytes = cache_bytes_per_token(&checkpoint.architecture, &checkpoint.weights);
        let vocabulary = checkpoint.architecture.vocabulary;
        let settings = EngineSettings {
            id: "measured".into(),
            created: SystemTime::UNIX_EPOCH,
            version: String::new(),
            threads,
            max_running: sequences,
            max_queued: sequences.get(),
            queue_timeout: PATIENCE,
            kv_cache_bytes: sequences.get() * tokens * cache_bytes,
            kv_element: None,
            step_tokens: EngineSettings::STEP_TOKENS,
            speculation,
        };
        let engine = Engine::start(checkpoint, settings, &mut |_| {})?;
        Ok(Self { engine, run: AtomicUsize::new(0), vocabulary, cache_bytes })
    }

    /// What it has done so far.
    pub(super) fn activity(&self) -> Activity {
        self.engine.activity()
    }

    /// From now on nothing is known of any prompt.
    pub(super) fn begin_run(&self) {
        self.run.fetch_add(1, Ordering::Relaxed);
    }
}

impl Target for EngineTarget {
    async fn ask(&self, prompt: &[u32], tokens: usize) -> Result<Answer> {
        let start = Instant::now();
        let mut events = self.engine.generate(generation(prompt, tokens, self.run.load(Ordering::Relaxed))?).await?;
        let mut answer = Answer::default();
        while let Some(event) = events.next().await {
            match event? {
                Event::Text { tokens, .. } if tokens > 0 => answer.pieces.push(start.elapsed()),
                Event::Done(usage) => answer.tokens = usage.completion_tokens as usize,
                Event::Text { .. } | Event::Prompt { .. } | Event::Finished { .. } => {}
            }
        }
        Ok(answer)
    }
}

/// Greedy, and past every end of text.
fn generation(prompt: &[u32], tokens: usize, run: usize) -> Result<Generation> {
    Ok(Generation {
        sampling: Sampling { temperature: Temperature::new(0.0).ok(), ..Sampling::default() },
        stop: Stop::new(Vec::new(), true)?,
        max_tokens: MaxTokens::new(u32::try_from(tokens)?),
        tenant: Tenant::named(&run.to_string()),
        ..Generation::new("measured", Prompt::Tokens(prompt.to_vec()))
    })
}
