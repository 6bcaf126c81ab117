//! A model's own steps: a prompt, one sequence after it, and several sequences together.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use checkpoint::Checkpoint;
use engine::{BLOCK_TOKENS, Model, Run, Wanted};

use super::report::{Report, Row};

/// Tokens of a prompt that one step takes, as the server has it by default.
const CHUNK: usize = 256;
const CACHE_BYTES: usize = 1 << 30;

#[derive(Debug, Clone, Copy)]
pub(super) struct Workload {
    pub(super) threads: NonZeroUsize,
    pub(super) prompt: usize,
    pub(super) generate: usize,
    pub(super) sequences: usize,
}

/// A loaded model and what a token costs it.
struct Subject {
    model: Model,
    vocabulary: usize,
    /// Blocks that each sequence has.
    blocks: usize,
    /// Operations of a token in the matrix products: two for each weight that is not an embedding.
    operations: f64,
    /// Bytes that a step reads at least.
    bytes: f64,
    integer: bool,
}

pub(super) fn measure(path: &Path, workload: Workload, report: &mut Report) -> Result<()> {
    let Workload { prompt, generate, sequences, .. } = workload;
    let start = Instant::now();
    let mut subject = Subject::load(path, workload)?;
    report.push(Row::speed("loading", start.elapsed().as_secs_f64(), "s"));

    let mut times = Vec::new();
    for sequence in 0..sequences {
        times.push(subject.prefill(sequence, prompt));
    }
    let fastest = times.iter().min().copied().unwrap_or_default();
    subject.report(report, &format!("prompt of {prompt}"), prompt, prompt.div_ceil(CHUNK), fastest);

    let alone = subject.decode(1, prompt, generate);
    subject.report(report, "1 sequence", generate, generate, alone);
    let together = subject.decode(sequences, prompt, generate);
    subject.report(report, &format!("{sequences} sequences"), sequences * generate, generate, together);
    Ok(())
}

impl Subject {
    fn load(path: &Path, workload: Workload) -> Result<Self> {
        let checkpoint = Checkpoint::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let length = workload.prompt + workload.generate;
        let (architecture, weights, summary) = (checkpoint.architecture, checkpoint.weights, checkpoint.summary);
        ensure!(length <= architecture.context, "{length} tokens are more than the model's {}", architecture.context);
        let vocabulary = architecture.vocabulary;
        // Embeddings that are the head as well are multiplied with; others are only looked up.
        let looked_up = if weights.head.is_some() { vocabulary * architecture.hidden } else { 0 };
        let share = 1.0 - looked_up as f64 / summary.parameters as f64;
        let integer = !matches!(summary.format.as_str(), "F32" | "F16" | "BF16");
        let sequences = workload.sequences;
        let model = Model::load(architecture, weights, workload.threads, CACHE_BYTES, sequences, &mut |_| {})?;
        let blocks = length.div_ceil(BLOCK_TOKENS);
        ensure!(blocks * sequences <= model.blocks(), "{sequences} sequences do not fit into the cache");
        Ok(Self {
            model,
            vocabulary,
            blocks,
            operations: 2.0 * summary.parameters as f64 * share,
            bytes: summary.bytes as f64 * share,
            integer,
        })
    }

    fn blocks_of(&self, sequence: usize) -> Vec<u32> {
        (0..self.blocks).map(|block| (sequence * self.blocks + block) as u32).collect()
    }

    /// Some token, another one at each place: what it is does not change the work.
    fn token(&self, sequence: usize, position: usize) -> u32 {
        ((sequence * 7919 + position * 104_729) % self.vocabulary) as u32
    }

    fn prefill(&mut self, sequence: usize, length: usize) -> Duration {
        let tokens: Vec<u32> = (0..length).map(|position| self.token(sequence, position)).collect();
        let blocks = self.blocks_of(sequence);
        let start = Instant::now();
        for (index, chunk) in tokens.chunks(CHUNK).enumerate() {
            let first = index * CHUNK;
            let last = first + chunk.len() == length;
            let wanted = if last { Wanted::Last } else { Wanted::Nothing };
            let rows = self.model.forward(&[Run { tokens: chunk, start: first, blocks: &blocks, wanted }]);
            self.model.logits(0..rows);
        }
        start.elapsed()
    }

    fn decode(&mut self, sequences: usize, prompt: usize, steps: usize) -> Duration {
        let blocks: Vec<_> = (0..sequences).map(|sequence| self.blocks_of(sequence)).collect();
        let start = Instant::now();
        for position in prompt..prompt + steps {
            let tokens: Vec<u32> = (0..sequences).map(|sequence| self.token(sequence, position)).collect();
            let runs: Vec<_> = tokens
                .chunks(1)
                .zip(&blocks)
                .map(|(tokens, blocks)| Run { tokens, start: position, blocks, wanted: Wanted::Last })
                .collect();
            let rows = self.model.forward(&runs);
            self.model.logits(0..rows);
        }
        start.elapsed()
    }

    /// So many tokens in so many steps, in this time.
    fn report(&self, report: &mut Report, name: &str, tokens: usize, steps: usize, time: Duration) {
        let seconds = time.as_secs_f64();
        let row = Row::speed(name, tokens as f64 / seconds, "tokens/s");
        let Some(limits) = report.limits else { return report.push(row) };
        let arithmetic = if self.integer { limits.integer } else { limits.float };
        let of_memory = self.bytes * steps as f64 / seconds / limits.bytes;
        let of_arithmetic = self.operations * tokens as f64 / seconds / arithmetic;
        report.push(row.of_limit(of_memory, of_arithmetic));
    }
}
