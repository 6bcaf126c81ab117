//! sentence-transformers and PyTorch, doing the same: they encode the prompts and run a network of the same widths.

use std::io::{BufRead, BufReader, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use scorer::prompt::FEATURES;
use scorer::synthetic::MODELS;
use serde_json::json;

pub(super) const NAME: &str = "sentence-transformers";

/// It is told the prompts on its first line, and to score them on each line that follows; it answers with seconds.
const PROGRAM: &str = include_str!("peer.py");

#[derive(Debug)]
pub(super) struct SentenceTransformers {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl SentenceTransformers {
    pub(super) fn start(python: &Path, directory: &Path, threads: NonZeroUsize, prompts: &[String]) -> Result<Self> {
        let mut command = Command::new(python);
        command.args(["-c", PROGRAM]).arg(directory).args([
            threads.to_string(),
            FEATURES.to_string(),
            MODELS.len().to_string(),
        ]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", python.display()))?;
        let input = child.stdin.take().context("no way in")?;
        let output = BufReader::new(child.stdout.take().context("no way out")?);
        let mut peer = Self { child, input, output };
        peer.say(&json!(prompts).to_string())?;
        let ready = peer.hear()?;
        ensure!(ready == "ready", "{NAME} cannot be asked: is it installed for {}?", python.display());
        Ok(peer)
    }

    /// Seconds for all prompts.
    pub(super) fn score(&mut self) -> Result<f64> {
        self.say("")?;
        self.hear()?.parse().with_context(|| format!("{NAME} failed"))
    }

    fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.input, "{line}")?;
        Ok(self.input.flush()?)
    }

    fn hear(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for SentenceTransformers {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
